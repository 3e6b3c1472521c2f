"""The one path from a recording to what an encoder takes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.signal import resample_poly

from medclip.core.errors import ConfigError, SignalError
from medclip.core.input_spec import InputSpec
from medclip.core.sample import Sample
from medclip.core.waveform_spec import WaveformSpec
from medclip.modalities.ecg.leads import DERIVED_LEADS, INDEPENDENT_LEADS, STANDARD_LEADS

SPEC = WaveformSpec("ecg", 500.0, 10.0, STANDARD_LEADS, derived_channels=DERIVED_LEADS)


def recording(
    names: tuple[str, ...] = STANDARD_LEADS, *, rate_hz: float = 500, n_samples: int = 5000, seed: int = 0
) -> Sample:
    """Return a recording in which each channel differs, whose limb leads obey Einthoven and Goldberger."""
    noise = np.random.default_rng(seed).standard_normal((len(STANDARD_LEADS), n_samples)) + np.arange(12)[:, None]
    leads = dict(zip(STANDARD_LEADS, noise, strict=True))
    one, two = leads["I"], leads["II"]
    leads |= {"III": two - one, "aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2}
    array = np.stack([leads.get(name, noise[0]) for name in names]).astype(np.float32)
    return Sample("ecg", array, "r", sampling_rate_hz=rate_hz, channel_names=names, patient_id="secret")


def test_a_recording_that_is_as_expected_comes_through_bit_for_bit() -> None:
    sample = recording()
    prepared = SPEC.prepare(sample)
    np.testing.assert_array_equal(prepared.values, sample.array)
    assert prepared.values.dtype == np.float32
    assert prepared.mask.dtype == np.bool_
    assert prepared.mask.shape == (5000,)
    assert prepared.mask.all()
    assert prepared.notes == ()
    assert isinstance(SPEC, InputSpec)
    assert SPEC.shape == prepared.values.shape


@pytest.mark.parametrize("seed", range(3))
def test_channels_are_found_by_name_in_any_order(seed: int) -> None:
    """Such as MIMIC-IV-ECG's, where aVF comes before aVL."""
    swapped = (*STANDARD_LEADS[:4], "aVF", "aVL", *STANDARD_LEADS[6:])
    shuffled = tuple(np.random.default_rng(seed).permutation(STANDARD_LEADS).tolist())
    expected = recording().array
    for names in (swapped, shuffled, (*shuffled, "V7", "X")):
        sample = recording(names)
        assert not np.array_equal(sample.array[:12], expected)
        np.testing.assert_array_equal(SPEC.prepare(sample).values, expected)


def test_leads_that_follow_from_others_are_computed_and_said() -> None:
    full, eight = recording(), recording(INDEPENDENT_LEADS)
    prepared = SPEC.prepare(eight)
    np.testing.assert_allclose(prepared.values, full.array, atol=2e-6)
    assert prepared.notes == ("computed III, aVR, aVL, aVF from the recorded channels",)


@pytest.mark.parametrize(("gone", "lacking"), [(("V3",), "V3"), (("I", "III"), "I, III, aVR, aVL, aVF")])
def test_a_lead_that_cannot_be_computed_is_missed(gone: tuple[str, ...], lacking: str) -> None:
    sample = recording(tuple(name for name in INDEPENDENT_LEADS if name not in gone))
    prepared = SPEC.prepare(sample)
    absent = lacking.split(", ")
    assert f"{lacking} not recorded: left empty" in prepared.notes
    assert SPEC.absent(sample) == tuple(absent)
    for row, name in enumerate(STANDARD_LEADS):
        assert prepared.values[row].any() == (name not in absent)
    with pytest.raises(SignalError, match=f"the recording lacks {lacking}: received .*allowed: at least 12 of I, II"):
        dataclasses.replace(SPEC, minimum_channels=12).prepare(sample)


def test_few_leads_are_taken_unless_the_model_asks_for_more() -> None:
    sample = recording(("II", "V1", "V5"))
    few = SPEC.prepare(sample)
    np.testing.assert_array_equal(few.values[[1, 6, 10]], sample.array)
    assert not few.values[[0, 2, 3, 4, 5, 7, 8, 9, 11]].any()
    assert few.notes == ("I, III, aVR, aVL, aVF, V2, V3, V4, V6 not recorded: left empty",)
    with pytest.raises(SignalError, match="received II, V1, V5; allowed: at least 4") as error:
        dataclasses.replace(SPEC, minimum_channels=4).prepare(sample)
    assert "secret" not in str(error.value)
    for refuse in (SPEC.prepare, SPEC.windows):
        with pytest.raises(SignalError, match="received X, MLII; allowed: at least 1 of I, II"):
            refuse(recording(("X", "MLII")))


def test_a_lead_of_nothing_but_gaps_is_as_absent_as_one_that_was_not_recorded() -> None:
    sample = recording(("I", "II", "V1"))
    array = sample.array.copy()
    array[1] = np.nan
    array[2, 1:] = np.nan
    expected = tuple(name for name in STANDARD_LEADS if name not in ("I", "V1"))
    assert SPEC.absent(sample.replace(array=array)) == expected
    assert SPEC.absent(recording()) == ()
    assert not SPEC.prepare(sample.replace(array=array)).values[[1, 2, 3, 4, 5]].any()


def test_short_recordings_are_refused_or_padded_and_masked() -> None:
    with pytest.raises(SignalError, match="too short: received 2 s; allowed: at least 3 s"):
        SPEC.prepare(recording(n_samples=1000))
    prepared = SPEC.prepare(recording(n_samples=3000))
    assert prepared.values.shape == (12, 5000)
    np.testing.assert_array_equal(prepared.mask, np.arange(5000) < 3000)
    assert not prepared.values[:, 3000:].any()
    np.testing.assert_array_equal(prepared.values[:, :3000], recording(n_samples=3000).array)
    assert prepared.notes == ("6.0 s recorded: the rest is masked",)


@pytest.mark.parametrize("rate_hz", [500, 250, 1000, 499.98])
def test_one_sample_less_is_as_long_to_everybody_but_a_computer(rate_hz: float) -> None:
    ten_seconds = dataclasses.replace(SPEC, minimum_duration_s=10.0)
    n_samples = round(10 * rate_hz) - 1
    prepared = ten_seconds.prepare(recording(rate_hz=rate_hz, n_samples=n_samples))
    assert prepared.mask.sum() >= 4998
    assert not [note for note in prepared.notes if "masked" in note]
    with pytest.raises(SignalError, match="too short"):
        ten_seconds.prepare(recording(rate_hz=rate_hz, n_samples=n_samples - 1))


def test_an_empty_recording_is_too_short_even_if_any_length_is_taken() -> None:
    anything = dataclasses.replace(SPEC, minimum_duration_s=0.0, scaling="minmax")
    with pytest.raises(SignalError, match="too short: received 0 s"):
        anything.prepare(recording(n_samples=0))
    assert anything.prepare(recording(n_samples=1)).mask.sum() == 1


def test_long_recordings_are_cut_to_their_middle() -> None:
    sample = recording(n_samples=30_000)
    prepared = SPEC.prepare(sample)
    np.testing.assert_array_equal(prepared.values, sample.array[:, 12_500:17_500])
    assert prepared.notes == ("used 25.0 to 35.0 s of 60.0 s",)
    assert SPEC.prepare(recording(n_samples=5001)).notes == ()


@pytest.mark.parametrize(("rate_hz", "up", "down"), [(1000, 1, 2), (250, 2, 1), (100, 5, 1), (360, 25, 18)])
def test_other_rates_are_resampled_and_said(rate_hz: int, up: int, down: int) -> None:
    sample = recording(rate_hz=rate_hz, n_samples=10 * rate_hz)
    prepared = SPEC.prepare(sample)
    expected = resample_poly(sample.array.astype(np.float64), up, down, axis=-1, padtype="edge")
    np.testing.assert_allclose(prepared.values, expected, atol=2e-5)
    assert prepared.notes == (f"resampled from {rate_hz} Hz to 500 Hz",)


def test_a_clock_that_is_a_little_off_is_not_called_resampling() -> None:
    assert SPEC.prepare(recording(rate_hz=499.98)).notes == ()


def with_gap(start: int, stop: int, *, lead: int = 1, value: float = np.nan) -> Sample:
    """Return a recording with a run of missing values in one lead."""
    sample = recording()
    sample.array[lead, start:stop] = value
    return sample


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_short_gap_is_bridged_by_a_straight_line(value: float) -> None:
    sample = with_gap(100, 200, value=value)
    prepared = SPEC.prepare(sample)
    before, after = float(sample.array[1, 99]), float(sample.array[1, 200])
    np.testing.assert_allclose(prepared.values[1, 99:201], np.linspace(before, after, 102), atol=1e-6)
    rest = np.ones(5000, bool)
    rest[100:200] = False
    np.testing.assert_array_equal(prepared.values[:, rest], sample.array[:, rest])
    assert prepared.notes == ("II: 100 of 5000 samples missing, interpolated",)
    assert prepared.mask.all()


def test_gaps_at_the_ends_hold_the_nearest_value() -> None:
    sample = with_gap(0, 10)
    sample.array[1, 4990:] = np.nan
    row = SPEC.prepare(sample).values[1]
    assert (row[:10] == sample.array[1, 10]).all()
    assert (row[4990:] == sample.array[1, 4989]).all()


def test_more_than_a_fifth_missing_empties_the_lead() -> None:
    assert SPEC.prepare(with_gap(0, 1000)).notes == ("II: 1000 of 5000 samples missing, interpolated",)
    prepared = SPEC.prepare(with_gap(0, 1001))
    assert prepared.notes == ("II: 1001 of 5000 samples missing, left empty",)
    assert not prepared.values[1].any()
    assert prepared.values[0].any()


def test_a_record_without_a_usable_lead_is_refused() -> None:
    sample = recording()
    sample.array[:] = np.nan
    with pytest.raises(SignalError, match="no usable samples"):
        SPEC.prepare(sample)
    sample.array[:] = np.inf
    with pytest.raises(SignalError, match="no usable samples"):
        SPEC.prepare(sample)


def test_what_the_model_does_not_take_cannot_stand_in_for_what_it_does() -> None:
    sample = recording((*STANDARD_LEADS, "X"))
    sample.array[:12] = np.nan
    with pytest.raises(SignalError, match="no usable samples"):
        SPEC.prepare(sample)


def test_a_gap_in_a_lead_the_model_does_not_take_is_no_matter() -> None:
    sample = recording((*STANDARD_LEADS, "X"))
    sample.array[12, :] = np.nan
    assert SPEC.prepare(sample).notes == ()


def test_a_lead_computed_from_an_empty_one_is_empty_and_not_wrong() -> None:
    """III would otherwise be a copy of II when I is missing."""
    sample = recording(INDEPENDENT_LEADS)
    sample.array[0, :] = np.nan
    prepared = SPEC.prepare(sample)
    assert not prepared.values[[0, 2, 3, 4, 5]].any()
    np.testing.assert_array_equal(prepared.values[1], sample.array[1])
    assert "III: 5000 of 5000 samples missing, left empty" in prepared.notes


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_short_gap_in_both_parts_of_a_computed_lead_is_bridged(value: float) -> None:
    sample = recording(INDEPENDENT_LEADS)
    sample.array[:2, 500:510] = value
    values = SPEC.prepare(sample).values
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values[2], values[1] - values[0], atol=1e-5)


def test_minmax_is_that_of_merls_released_code() -> None:
    sample = recording()
    values = SPEC_MINMAX.prepare(sample).values
    double = sample.array.astype(np.float64)
    np.testing.assert_allclose(values, (double - double.min()) / (double.max() - double.min()), atol=1e-6)
    assert values.min() == 0.0
    assert values.max() == 1.0


def test_minmax_covers_what_is_used_and_pads_with_0() -> None:
    sample = recording(n_samples=6000)
    sample.array[0, 0] = 1000.0
    assert SPEC_MINMAX.prepare(sample).values.max() == 1.0
    padded = SPEC_MINMAX.prepare(recording(n_samples=4000))
    assert not padded.values[:, 4000:].any()


def test_zscore_by_channel() -> None:
    sample = recording()
    values = SPEC_ZSCORE.prepare(sample).values
    double = sample.array.astype(np.float64)
    expected = (double - double.mean(axis=1, keepdims=True)) / double.std(axis=1, keepdims=True)
    np.testing.assert_allclose(values, expected, atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.1, -3.3, 7e-5, 1234.567])
def test_a_flat_channel_becomes_0_and_not_its_own_rounding(level: float) -> None:
    sample = recording()
    sample.array[4] = level
    assert not SPEC_ZSCORE.prepare(sample).values[4].any()
    sample.array[:] = level
    assert not SPEC_MINMAX.prepare(sample).values.any()


SPEC_MINMAX = dataclasses.replace(SPEC, scaling="minmax")
SPEC_ZSCORE = dataclasses.replace(SPEC, scaling="zscore")


@pytest.mark.parametrize("scaling", ["none", "minmax", "zscore"])
@pytest.mark.parametrize("rate_hz", [500.0, 100.0, 257.0])
def test_a_batch_is_its_members_bit_for_bit(scaling: str, rate_hz: float) -> None:
    spec = dataclasses.replace(SPEC, scaling=scaling, sampling_rate_hz=rate_hz, minimum_channels=8)
    flat = recording(seed=7)
    flat.array[:] = 0.0
    samples = [
        recording(seed=1),
        recording(seed=2),
        with_gap(10, 20),
        flat,
        recording(tuple(reversed(STANDARD_LEADS)), seed=3),
        recording(INDEPENDENT_LEADS, seed=4),
        recording(rate_hz=250, n_samples=2500, seed=5),
        recording(n_samples=4999, seed=6),
        recording(n_samples=30_000, seed=8),
        recording(seed=9),
    ]
    batch = spec.prepare_batch(samples)
    for row, sample in enumerate(samples):
        alone = spec.prepare(sample)
        np.testing.assert_array_equal(batch.values[row], alone.values)
        np.testing.assert_array_equal(batch.mask[row], alone.mask)
        assert batch.notes[row] == alone.notes
    assert batch.values.shape == (10, *spec.shape)
    assert np.isfinite(batch.values).all()


def test_an_empty_batch_has_the_shape_of_one() -> None:
    batch = SPEC.prepare_batch([])
    assert (batch.values.shape, batch.mask.shape, batch.notes) == ((0, 12, 5000), (0, 5000), ())


@pytest.mark.parametrize("scaling", ["none", "minmax", "zscore"])
def test_the_sample_is_never_changed(scaling: str) -> None:
    for sample in (with_gap(10, 30), recording(), recording(rate_hz=1000, n_samples=10_000)):
        kept = sample.array.copy()
        prepared = dataclasses.replace(SPEC, scaling=scaling).prepare(sample)
        prepared.values[:] = 99.0
        np.testing.assert_array_equal(sample.array, kept)


def test_other_data_is_refused() -> None:
    with pytest.raises(SignalError, match="another kind of data: received eeg; allowed: ecg"):
        SPEC.prepare(recording().replace(modality="eeg"))
    with pytest.raises(SignalError, match=r"not a waveform: received array of shape \(4, 4\)"):
        SPEC.prepare(Sample("ecg", np.zeros((4, 4), np.float32), "r"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampling_rate_hz": 0}, "needs a rate and a duration: received 0 Hz"),
        ({"sampling_rate_hz": float("nan")}, "needs a rate and a duration"),
        ({"sampling_rate_hz": "500"}, "needs numbers: received '500' Hz"),
        ({"duration_s": -1.0}, "needs a rate and a duration"),
        ({"duration_s": 0.001}, "at least one sample"),
        ({"duration_s": True}, "needs numbers"),
        ({"minimum_duration_s": -1}, "minimum_duration_s is out of range"),
        ({"minimum_duration_s": None}, "needs numbers"),
        ({"channel_names": ()}, "different channel names: received none"),
        ({"channel_names": ("I", "I")}, "different channel names"),
        ({"channel_names": "III"}, "no list of names: received III"),
        ({"channel_names": None}, "no list of names"),
        ({"channel_names": (1, 2)}, "no list of names"),
        ({"scaling": "max"}, "unknown scaling: received max; allowed: none, minmax, zscore"),
        ({"scaling": ["none"]}, "unknown scaling"),
        ({"minimum_channels": 0}, "minimum_channels is out of range: received 0; allowed: 1 to 12"),
        ({"minimum_channels": 13}, "minimum_channels is out of range"),
        ({"minimum_channels": 2.5}, "minimum_channels is out of range"),
        ({"derived_channels": [1]}, "derived_channels is malformed"),
        ({"derived_channels": {"III": {"I": "x"}}}, "derived_channels is malformed"),
        ({"derived_channels": {"III": {"I": float("inf")}}}, "no number"),
        ({"modality": 3}, "modality of an input specification is no text"),
        ({"unit": None}, "unit of an input specification is no text"),
    ],
)
def test_bad_values_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(SPEC, **changes)  # type: ignore[arg-type]
