"""Windows of a waveform: each is what the whole recording, resampled at once, holds there; a day costs no memory."""

from __future__ import annotations

import dataclasses
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from scipy.signal import resample_poly

from medclip.core.errors import ConfigError, SignalError
from medclip.core.resample import resample
from medclip.core.sample import Sample
from medclip.core.waveform_spec import WaveformSpec
from medclip.modalities.ecg.leads import DERIVED_LEADS, INDEPENDENT_LEADS, STANDARD_LEADS

SPEC = WaveformSpec("ecg", 100.0, 10.0, STANDARD_LEADS, derived_channels=DERIVED_LEADS)
RATES_HZ = (100, 128, 250, 257, 400, 500, 512, 977, 1000, 512.5)


def noise(rate_hz: float, duration_s: float, names: tuple[str, ...] = STANDARD_LEADS, seed: int = 0) -> Sample:
    array = 1 + np.random.default_rng(seed).standard_normal((len(names), round(duration_s * rate_hz)))
    return Sample("ecg", array.astype(np.float32), "r", sampling_rate_hz=rate_hz, channel_names=names)


@pytest.mark.parametrize("to_hz", [100.0, 500.0, 250.0])
@pytest.mark.parametrize("from_hz", RATES_HZ)
def test_a_window_is_what_the_whole_holds_there(from_hz: float, to_hz: float) -> None:
    """By SciPy in double precision over the whole recording, ends included."""
    spec = dataclasses.replace(SPEC, sampling_rate_hz=to_hz)
    sample = noise(from_hz, 43.21)
    ratio = Fraction(to_hz) / Fraction(from_hz)
    whole = resample_poly(sample.array.astype(float), ratio.numerator, ratio.denominator, axis=-1, padtype="edge")
    windows = spec.windows(sample, overlap=0.5)
    assert len(windows) == 8
    # Places are told in samples as recorded, so that they are off by less than one of those.
    for window in windows:
        prepared = window.prepare()
        start = round(window.place.start_s * to_hz)
        expected = [
            whole[:, at : at + spec.n_samples] for at in range(max(0, start - 1), start + 8) if at <= whole.shape[1]
        ]
        errors = [np.abs(prepared.values - part).max() for part in expected if part.shape == spec.shape]
        assert min(errors) < 1e-5
        assert prepared.mask.all()
    for window, whole_part in ((windows[0], whole[:, : spec.n_samples]), (windows[-1], whole[:, -spec.n_samples :])):
        np.testing.assert_allclose(window.prepare().values, whole_part, atol=1e-5)


def test_places_parts_and_notes() -> None:
    sample = noise(500, 60, INDEPENDENT_LEADS)
    windows = SPEC.windows(sample, overlap=0.5)
    assert [(window.place.start_s, window.place.stop_s) for window in windows] == [
        (5.0 * number, 5.0 * number + 10) for number in range(11)
    ]
    for window in windows:
        begin = round(window.place.start_s * 500)
        np.testing.assert_array_equal(window.part.array, sample.array[:, begin : begin + 5000])
        assert np.shares_memory(window.part.array, sample.array)
    assert windows[3].prepare().notes == (
        "computed III, aVR, aVL, aVF from the recorded channels",
        "resampled from 500 Hz to 100 Hz",
    )
    assert len(SPEC.windows(sample, overlap=0.0)) == 6
    assert len(SPEC.windows(sample, overlap=0.9)) == 51
    assert [str(window.place) for window in SPEC.windows(sample, at_most=3)] == [
        *("0:00 to 0:10", "0:25 to 0:35", "0:50 to 1:00")
    ]


@pytest.mark.parametrize("duration_s", [3.0, 7.3, 10.0, 10.4])
def test_what_is_no_longer_than_a_window_is_prepared_as_ever(duration_s: float) -> None:
    sample = noise(500, duration_s)
    (window,) = SPEC.windows(sample)
    assert window.part is sample
    expected, found = SPEC.prepare(sample), window.prepare()
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.mask, expected.mask)
    assert found.notes == expected.notes
    assert window.place.stop_s == pytest.approx(duration_s)


def test_the_one_window_in_the_middle_is_what_prepare_takes() -> None:
    sample = noise(257, 71.3)
    (window,) = SPEC.windows(sample, at_most=1)
    np.testing.assert_allclose(window.prepare().values, SPEC.prepare(sample).values, atol=1e-5)


def test_gaps_are_closed_in_each_window_and_the_recording_stays_as_it_is() -> None:
    sample = noise(500, 60)
    array = sample.array.copy()
    array[2, 1000:1100] = np.nan
    array[:, 20_000:] = np.nan
    gaps = sample.replace(array=array)
    before = array.copy()
    windows = SPEC.windows(gaps, overlap=0.0)
    first = windows[0].prepare()
    assert np.isfinite(first.values).all()
    assert [note for note in first.notes if "interpolated" in note] == [
        "III: 100 of 5051 samples missing, interpolated"
    ]
    with pytest.raises(SignalError, match="no usable samples"):
        windows[-1].prepare()
    np.testing.assert_array_equal(array, before)


def test_scaling_is_that_of_the_window() -> None:
    sample = noise(100, 30)
    ramp = sample.replace(array=(sample.array * np.linspace(1, 9, 3000)).astype(np.float32))
    windows = dataclasses.replace(SPEC, scaling="minmax").windows(ramp, overlap=0.0)
    for number, window in enumerate(windows):
        part = ramp.array[:, 1000 * number : 1000 * number + 1000]
        expected = (part - part.min()) / (part.max() - part.min())
        np.testing.assert_allclose(window.prepare().values, expected, atol=1e-6)


def test_bad_input() -> None:
    with pytest.raises(SignalError, match=r"too short: received 2\.9 s; allowed: at least 3 s"):
        SPEC.windows(noise(500, 2.9))
    with pytest.raises(SignalError, match="takes another kind of data"):
        SPEC.windows(dataclasses.replace(noise(500, 60), modality="eeg"))
    with pytest.raises(SignalError, match="cannot convert the sampling rate"):
        SPEC.windows(noise(200_000, 3.1, ("I",)))
    with pytest.raises(ConfigError, match="overlap of windows"):
        SPEC.windows(noise(500, 60), overlap=1.0)
    with pytest.raises(ConfigError, match="number of windows"):
        SPEC.windows(noise(500, 60), at_most=0)


@pytest.mark.slow
def test_a_day_is_worked_on_without_a_second_copy() -> None:
    """24 h of 12 leads at 50 Hz, 207 MB; resampled whole to 100 Hz they would take twice that at once."""
    rate_hz, n_samples = 50, 24 * 3600 * 50
    array = np.zeros((12, n_samples), np.float32)
    array[:, ::37] = 1
    day = Sample("ecg", array, "day", sampling_rate_hz=rate_hz, channel_names=STANDARD_LEADS)
    tracemalloc.start()
    windows = SPEC.windows(day, overlap=0.5)
    absent = SPEC.absent(day)
    n_full = sum(window.prepare().mask.all() for window in windows[::100])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(windows), n_full, absent) == (17_279, 173, ())
    assert peak < array.nbytes / 40
    last = resample(array[:, -5000:], rate_hz, 100)[:, -1000:]
    np.testing.assert_allclose(windows[-1].prepare().values, last, atol=1e-5)
