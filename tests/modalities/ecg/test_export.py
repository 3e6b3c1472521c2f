"""Recordings written and read back: equal within the steps of the format, and by other programs."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import edfio
import numpy as np
import pyedflib
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

import medclip
from medclip.core.errors import InputError, OutputError
from medclip.core.sample import Sample
from medclip.modalities.ecg.export import write
from medclip.modalities.ecg.leads import STANDARD_LEADS

ENDINGS = ("hea", "edf", "csv", "npz")


def waveform(
    array: np.ndarray, *, rate_hz: float = 500, names: tuple[str, ...] = STANDARD_LEADS, **more: object
) -> Sample:
    return Sample("ecg", array, "r1", patient_id="ID-SECRET", sampling_rate_hz=rate_hz, channel_names=names, **more)


def walk(seed: int, n_leads: int = 12, n_samples: int = 1000) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(0, 0.02, (n_leads, n_samples)), axis=1).astype(np.float32)


def largest_step(row: np.ndarray) -> float:
    """Half of what 16 bits can tell apart in the range of a lead, and a little for its limits."""
    known = row[np.isfinite(row)].astype(np.float64)
    return (
        0.0 if known.size == 0 else 0.51 * max(float(np.ptp(known)), 1e-3) / 65530 + float(np.abs(known).max()) * 2e-6
    )


def has_short_duration(n_samples: int, rate_hz: int) -> bool:
    """Tell whether records of some whole number of samples last a time that eight characters state exactly."""
    sizes = (size for size in range(1, n_samples + 1) if n_samples % size == 0)
    return any((Fraction(size, rate_hz) * 10**6).denominator == 1 for size in sizes)


@st.composite
def recordings(draw: st.DrawFn) -> Sample:
    """Any twelve leads: flat, tiny, huge, shifted; of any usual rate and length."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_samples = draw(st.integers(1, 300))
    scales = draw(st.lists(st.sampled_from([0.0, 1e-3, 0.1, 2.0, 30.0]), min_size=12, max_size=12))
    shifts = draw(st.lists(st.sampled_from([0.0, 0.0, -3.3, 250.0]), min_size=12, max_size=12))
    array = rng.normal(0, 1, (12, n_samples)) * np.array(scales)[:, None] + np.array(shifts)[:, None]
    step = draw(st.sampled_from([None, 0.001, 0.0025, 0.00488]))
    array = array if step is None else np.rint(array / step) * step
    rate_hz = draw(st.sampled_from([100.0, 250.0, 257.0, 360.0, 400.0, 500.0, 1000.0]))
    report = draw(st.sampled_from([None, "Sinus rhythm", "Vorhofflimmern, Rate über 100"]))
    attributes = draw(st.sampled_from([{}, {"age": 61.0, "sex": "female"}]))
    return waveform(array.astype(np.float32), rate_hz=rate_hz, report=report, attributes=attributes)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=20, deadline=None)
@given(sample=recordings(), gap=st.booleans())
def test_any_recording_is_read_back_equal(sample: Sample, ending: str, gap: bool) -> None:
    array = sample.array.copy()
    if gap and ending != "edf":
        array[3, : array.shape[1] // 2] = np.nan
        array[5] = np.nan
    sample = sample.replace(array=array)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a.{ending}")
        if ending == "edf" and not has_short_duration(array.shape[1], int(sample.sampling_rate_hz)):
            with pytest.raises(InputError, match="sampling rate exactly"):
                write(sample, path)
            return
        write(sample, path)
        back = medclip.read(path)
    assert (back.sampling_rate_hz, back.channel_names) == (sample.sampling_rate_hz, sample.channel_names)
    assert back.report == sample.report
    assert back.patient_id is None
    assert dict(back.attributes) == {k: v for k, v in sample.attributes.items() if ending != "edf" or k != "age"}
    np.testing.assert_array_equal(np.isnan(back.array), np.isnan(array))
    for stored, row in zip(back.array, array, strict=True):
        exact = ending in ("csv", "npz")
        np.testing.assert_allclose(stored, row, atol=0 if exact else largest_step(row), rtol=0)


@pytest.mark.parametrize("step_mv", [0.001, 0.0025, 0.005])
def test_steps_that_devices_have_lose_nothing_in_wfdb(tmp_path: Path, step_mv: float) -> None:
    array = (np.rint(walk(1) / step_mv) * step_mv).astype(np.float32)
    write(waveform(array), tmp_path / "a.hea")
    np.testing.assert_allclose(medclip.read(tmp_path / "a.hea").array, array, rtol=3e-7, atol=0)


@pytest.mark.parametrize("ending", ["hea", "csv", "npz"])
def test_missing_samples_stay_missing(tmp_path: Path, ending: str) -> None:
    array = walk(6)
    array[2, 100:200] = np.nan
    array[7] = np.nan
    write(waveform(array), tmp_path / f"a.{ending}")
    np.testing.assert_allclose(medclip.read(tmp_path / f"a.{ending}").array, array, atol=1e-4, equal_nan=True)


def test_other_programs_read_what_is_written(tmp_path: Path) -> None:
    sample = waveform(walk(2), report="Sinus rhythm", attributes={"sex": "male"})
    for ending in ENDINGS:
        write(sample, tmp_path / f"a.{ending}", overwrite=True)
    record = wfdb.rdrecord(str(tmp_path / "a"))
    np.testing.assert_allclose(record.p_signal.T, sample.array, atol=1e-4)
    assert (record.fs, tuple(record.sig_name), record.units[0]) == (500, STANDARD_LEADS, "mV")
    other = edfio.read_edf(tmp_path / "a.edf")
    assert [signal.label for signal in other.signals] == [f"ECG {name}" for name in STANDARD_LEADS]
    np.testing.assert_allclose(np.stack([s.data for s in other.signals]) / 1e3, sample.array, atol=1e-4)
    assert [(note.onset, note.text) for note in other.annotations] == [(0, "Sinus rhythm")]
    with pyedflib.EdfReader(str(tmp_path / "a.edf")) as third:
        assert third.getSampleFrequencies().tolist() == [500] * 12
        np.testing.assert_allclose(third.readSignal(7) / 1e3, sample.array[7], atol=1e-4)
    table = np.loadtxt(tmp_path / "a.csv", delimiter=",", skiprows=1, dtype=np.float32)
    np.testing.assert_array_equal(table.T, sample.array)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["ecg"], sample.array)


def test_nothing_that_identifies_is_written(tmp_path: Path) -> None:
    sample = waveform(walk(3), attributes={"age": 40.0, "sex": "female", "device": "ELI250"})
    for ending in ENDINGS:
        write(sample, tmp_path / f"a.{ending}", overwrite=True)
    for path in tmp_path.iterdir():
        assert b"SECRET" not in path.read_bytes()


def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    sample, gaps = waveform(walk(4)), walk(4)
    gaps[0, 0] = np.nan
    with pytest.raises(OutputError, match=r"allowed: \.hea, \.edf, \.csv, \.npz"):
        write(sample, tmp_path / "a.xyz")
    with pytest.raises(OutputError, match="has no such name"):
        write(sample, tmp_path / "a b.hea")
    with pytest.raises(InputError, match="no mark for missing samples"):
        write(sample.replace(array=gaps), tmp_path / "a.edf")
    with pytest.raises(InputError, match="sampling rate exactly"):
        write(sample.replace(sampling_rate_hz=499.9871234), tmp_path / "a.edf")
    with pytest.raises(InputError, match="name of a lead"):
        write(waveform(walk(4, 1), names=("a lead with a long name",)), tmp_path / "a.edf")
    with pytest.raises(InputError, match="only a waveform"):
        write(Sample("ecg", np.zeros((4, 4), np.float32), "r1"), tmp_path / "a.hea")
    with pytest.raises(InputError, match="only a waveform"):
        write(waveform(np.zeros((12, 0), np.float32)), tmp_path / "a.hea")
    with pytest.raises(InputError, match="infinite"):
        write(sample.replace(array=np.full_like(gaps, np.inf)), tmp_path / "a.csv")
    assert not list(tmp_path.iterdir())


def test_an_amplitude_that_is_not_calibrated_stays_so(tmp_path: Path) -> None:
    sample = waveform(walk(5), attributes={"amplitude_is_calibrated": False})
    for ending in ("hea", "edf"):
        with pytest.raises(InputError, match="is not calibrated"):
            write(sample, tmp_path / f"a.{ending}")
    for ending in ("csv", "npz"):
        write(sample, tmp_path / f"a.{ending}", overwrite=True)
        back = medclip.read(tmp_path / f"a.{ending}")
        np.testing.assert_array_equal(back.array, sample.array)
        assert back.attributes == {"amplitude_is_calibrated": False}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_there_is_replaced_only_on_request(tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"r.{ending}"
    first, second = waveform(walk(1)), waveform(walk(2))
    write(first, target)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OutputError, match=f"r.{ending} exists already. Choose another name, or say overwrite=True"):
        write(second, target)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    write(second, target, overwrite=True)
    np.testing.assert_allclose(medclip.read(target).array, second.array, atol=1e-3)


@pytest.mark.parametrize(("ending", "beside"), [("hea", "dat"), ("csv", "json"), ("npz", "json")])
def test_the_second_file_is_as_safe_as_the_first(tmp_path: Path, ending: str, beside: str) -> None:
    (tmp_path / f"r.{beside}").write_text("of another program")
    with pytest.raises(OutputError, match=f"r.{beside} exists already"):
        write(waveform(walk(1)), tmp_path / f"r.{ending}")
    assert [path.name for path in tmp_path.iterdir()] == [f"r.{beside}"]
