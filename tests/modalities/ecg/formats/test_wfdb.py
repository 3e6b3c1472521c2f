"""The WFDB reader beside ``wfdb.rdsamp``, on records of every storage format and layout."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import wfdb as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from wfdb_files import random_walk, write_record

from medclip.core.sniff import sniff as sniff_any
from medclip.modalities.ecg.formats.wfdb import FORMAT, read
from medclip.modalities.ecg.leads import STANDARD_LEADS


def expected(header: Path, **options: object) -> np.ndarray:
    """Samples as the reference reads them, ``(n_leads, n_samples)``, rounded once to single precision."""
    samples, _ = reference.rdsamp(str(header.with_suffix("")), **options)
    return np.asarray(samples.T.astype(np.float32))


def assert_same(header: Path) -> None:
    """Compare a record bit for bit with what the reference reads."""
    sample = read(header)
    _, fields = reference.rdsamp(str(header.with_suffix("")))
    np.testing.assert_array_equal(sample.array, expected(header))
    assert sample.array.dtype == np.float32
    assert sample.array.flags.c_contiguous
    assert sample.sampling_rate_hz == fields["fs"]


def write_header(folder: Path, *lines: str) -> Path:
    """Write a header from its lines, for signal files made by hand."""
    header = folder / f"{lines[0].split()[0].partition('/')[0]}.hea"
    header.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return header


@settings(max_examples=150, deadline=None)
@given(
    stored=arrays(np.int16, st.tuples(st.integers(1, 15), st.integers(1, 700))),
    gain=st.one_of(st.floats(1e-3, 1e5), st.integers(1, 10_000).map(float), st.just(-200.0)),
    baseline=st.integers(-(2**31), 2**31),
)
def test_any_gain_and_baseline_reads_as_the_reference_does(stored: np.ndarray, gain: float, baseline: int) -> None:
    leads = [f"L{number}" for number in range(len(stored))]
    with tempfile.TemporaryDirectory() as folder:
        header = write_record(Path(folder), "r", stored, leads, gain=f"{gain!r}({baseline})/mV")
        assert_same(header)


def test_wide_integers_are_rounded_once(tmp_path: Path) -> None:
    stored = np.random.default_rng(18).integers(-(2**31) + 1, 2**31, (1000, 2))
    options = {"fmt": ["32"] * 2, "adc_gain": [1000.0] * 2, "baseline": [0, 5]}
    reference.wrsamp("r", 500, ["mV"] * 2, ["I", "II"], d_signal=stored, write_dir=str(tmp_path), **options)
    assert_same(tmp_path / "r.hea")


def test_records_longer_than_a_block_read_as_the_reference_does(tmp_path: Path) -> None:
    for n_leads, n_samples in ((1, 65_536), (1, 65_537), (12, 5_461), (12, 5_462), (40, 5_000)):
        leads = [f"L{number}" for number in range(n_leads)]
        assert_same(write_record(tmp_path, f"r{n_leads}_{n_samples}", random_walk(0, n_leads, n_samples), leads))


@pytest.mark.parametrize("storage", ["80", "212", "16", "24", "32", "508", "516", "524"])
@pytest.mark.parametrize("n_samples", [1, 2, 3, 1000, 1001])
def test_every_format_the_reference_writes(tmp_path: Path, storage: str, n_samples: int) -> None:
    if storage in ("508", "516", "524"):
        pytest.importorskip("soundfile")
    signal = random_walk(1, 3, n_samples).T / 2000.0
    signal[3::7, 1] = np.nan
    reference.wrsamp("r", 500, ["mV"] * 3, ["I", "II", "V1"], signal, fmt=[storage] * 3, write_dir=str(tmp_path))
    assert_same(tmp_path / "r.hea")


@pytest.mark.parametrize("storage", ["8", "160", "310", "311"])
@pytest.mark.parametrize("n_frames", [3, 300, 500])
def test_formats_the_reference_only_reads(tmp_path: Path, storage: str, n_frames: int) -> None:
    n_bytes = {"8": 2 * n_frames, "160": 4 * n_frames}.get(storage, -(-2 * n_frames // 3) * 4)
    (tmp_path / "r.dat").write_bytes(np.random.default_rng(2).bytes(n_bytes))
    # Format 8 needs the initial values; for the others the random samples have no announced ones.
    initial = (" 5", " -7") if storage == "8" else ("", "")
    lines = [f"r.dat {storage} 100(3)/mV 10 0{value}" for value in initial]
    assert_same(write_header(tmp_path, f"r 2 250 {n_frames}", *lines))


def test_format_61_is_format_16_with_the_bytes_swapped(tmp_path: Path) -> None:
    stored = random_walk(17, 2, 400)
    (tmp_path / "r.dat").write_bytes(stored.T.astype(">i2").tobytes())
    header = write_header(tmp_path, "r 2 250 400", "r.dat 61 200/mV 16 0", "r.dat 61 200/mV 16 0")
    np.testing.assert_array_equal(read(header).array, stored.astype(np.float32) / np.float32(200))


def test_mat_files_of_the_challenges_have_24_bytes_before_the_samples(tmp_path: Path) -> None:
    stored = random_walk(3, 12, 5000)
    header = write_record(tmp_path, "A1", stored, STANDARD_LEADS, storage="16x1+24", suffix=".mat")
    samples = (tmp_path / "A1.mat").read_bytes()
    (tmp_path / "A1.mat").write_bytes(np.array([30, 12, 5000, 0, 4], "<i4").tobytes() + b"val\0" + samples)
    assert_same(header)
    np.testing.assert_array_equal(read(tmp_path / "A1.mat").array, read(header).array)


def test_leads_in_several_files(tmp_path: Path) -> None:
    signal = random_walk(4, 3, 900).T / 1000.0
    record = reference.Record(
        record_name="r", fs=250, n_sig=3, sig_len=900, p_signal=signal, units=["mV"] * 3, sig_name=["I", "II", "V1"]
    )
    record.fmt, record.file_name = ["16", "16", "212"], ["a.dat", "a.dat", "b.dat"]
    record.adc_gain, record.baseline = [500.0, 1000.0, 50.0], [3, -2, 1]
    record.set_d_features(do_adc=1)
    record.set_defaults()
    record.wrsamp(write_dir=str(tmp_path))
    assert_same(tmp_path / "r.hea")


def test_leads_with_the_same_number_of_samples_a_frame_keep_their_full_rate(tmp_path: Path) -> None:
    stored = [samples.astype(np.int64) for samples in random_walk(5, 2, 1200)]
    reference.wrsamp(
        "r",
        250,
        ["mV"] * 2,
        ["I", "II"],
        e_d_signal=stored,
        samps_per_frame=[4, 4],
        fmt=["16"] * 2,
        adc_gain=[200.0] * 2,
        baseline=[0, 7],
        write_dir=str(tmp_path),
    )
    sample = read(tmp_path / "r.hea")
    assert sample.sampling_rate_hz == 1000
    np.testing.assert_array_equal(sample.array, (np.array(stored) - [[0], [7]]).astype(np.float32) / np.float32(200))


def test_leads_with_different_numbers_of_samples_a_frame_are_averaged(tmp_path: Path) -> None:
    stored = [random_walk(6, 1, 1200)[0].astype(np.int64), random_walk(7, 1, 300)[0].astype(np.int64)]
    reference.wrsamp(
        "r",
        250,
        ["mV"] * 2,
        ["I", "II"],
        e_d_signal=stored,
        samps_per_frame=[4, 1],
        fmt=["16"] * 2,
        adc_gain=[200.0] * 2,
        baseline=[0, 7],
        write_dir=str(tmp_path),
    )
    sample = read(tmp_path / "r.hea")
    assert sample.sampling_rate_hz == 250
    exact = (stored[0].reshape(-1, 4).mean(axis=1) / 200.0, (stored[1] - 7.0) / 200.0)
    np.testing.assert_allclose(sample.array, exact, rtol=1e-5, atol=1e-6)
    # The reference averages in whole steps of 1/200 mV.
    np.testing.assert_allclose(sample.array, expected(tmp_path / "r.hea"), atol=1 / 200)


def test_skewed_leads_are_aligned(tmp_path: Path) -> None:
    (tmp_path / "r.dat").write_bytes(random_walk(8, 2, 300).T.astype("<i2").tobytes())
    header = write_header(tmp_path, "r 2 250 300", "r.dat 16 200/mV 16 0", "r.dat 16:5 200/mV 16 0")
    assert_same(header)
    assert np.isnan(read(header).array[1, -5:]).all()


@pytest.mark.parametrize("layout", ["fixed", "variable"])
def test_segments_are_put_together_by_lead(tmp_path: Path, layout: str) -> None:
    parts = [("a", ["I", "II"], 400), ("b", ["II", "I"] if layout == "variable" else ["I", "II"], 250)]
    parts += [("c", ["II"], 100)] if layout == "variable" else []
    for seed, (name, leads, length) in enumerate(parts):
        write_record(tmp_path, name, random_walk(seed, len(leads), length), leads, gain=f"{200 + seed}({seed})/mV")
    lines = [f"{name} {length}" for name, _, length in parts]
    if layout == "variable":
        write_header(tmp_path, "layout 2 500 0", "~ 0 200/mV 16 0 0 0 0 I", "~ 0 200/mV 16 0 0 0 0 II")
        lines = ["layout 0", lines[0], "~ 50", *lines[1:]]
    total = sum(int(line.split()[1]) for line in lines)
    header = write_header(tmp_path, f"whole/{len(lines)} 2 500 {total}", *lines)
    assert_same(header)
    assert read(header).channel_names == ("I", "II")


@pytest.mark.parametrize(
    ("unit", "encoding", "factor"),
    [
        ("V", "utf-8", 1e3),
        ("mV", "utf-8", 1.0),
        ("mv", "utf-8", 1.0),
        ("uV", "utf-8", 1e-3),
        ("\N{MICRO SIGN}V", "utf-8", 1e-3),
        ("\N{MICRO SIGN}V", "latin-1", 1e-3),
        ("\N{GREEK SMALL LETTER MU}V", "utf-8", 1e-3),
        ("nV", "utf-8", 1e-6),
    ],
)
def test_every_spelling_of_a_voltage(tmp_path: Path, unit: str, encoding: str, factor: float) -> None:
    stored = random_walk(9, 2, 600)
    header = write_record(tmp_path, "r", stored, ["I", "II"], gain=f"4.88(-3)/{unit}", encoding=encoding)
    np.testing.assert_allclose(read(header).array, (stored + 3.0) / 4.88 * factor, rtol=1e-6)


def test_missing_gain_unit_and_name_mean_what_the_standard_says(tmp_path: Path) -> None:
    stored = random_walk(10, 2, 50)
    (tmp_path / "r.dat").write_bytes(stored.T.astype("<i2").tobytes())
    header = write_header(tmp_path, "r 2", "r.dat 16", "r.dat 16 0 12 5 ")
    sample = read(header)
    assert sample.sampling_rate_hz == 250
    assert sample.channel_names == ("signal 0", "signal 1")
    assert sample.attributes == {"amplitude_is_calibrated": False}
    np.testing.assert_allclose(sample.array, (stored - [[0.0], [5.0]]) / 200.0, rtol=1e-6)
    assert "amplitude_is_calibrated" not in read(write_record(tmp_path, "s", stored, ["I", "II"])).attributes


def test_the_invalid_value_becomes_nan_and_its_neighbours_stay(tmp_path: Path) -> None:
    stored = random_walk(11, 3, 100)
    stored[1, 40:43] = -32768
    array = read(write_record(tmp_path, "r", stored, ["I", "II", "V1"])).array
    assert np.argwhere(np.isnan(array)).tolist() == [[1, 40], [1, 41], [1, 42]]


def test_lead_names_are_standard_and_order_is_kept(tmp_path: Path) -> None:
    names = ["avf", "AVL", "Lead II", "v1", "MLII", "vx"]
    sample = read(write_record(tmp_path, "r", random_walk(12, 6, 10), names))
    assert sample.channel_names == ("aVF", "aVL", "II", "V1", "MLII", "X")


def test_comments_give_age_sex_codes_and_report_and_nothing_else(tmp_path: Path) -> None:
    comments = ["Age: 63", "Sex: Male", "Dx: 426783006,59118001", "Name: A. Person", "Report: Sinus rhythm, RBBB"]
    sample = read(write_record(tmp_path, "r", random_walk(13, 1, 10), ["I"], comments=comments))
    assert sample.attributes == {"age": 63.0, "sex": "male", "dx": ("426783006", "59118001")}
    assert sample.report == "Sinus rhythm, RBBB"
    comments = ["<age>: 200", "<sex>: ?", "<diagnoses>:", "Rhythm: sinus.", "Patient: A. Person", "<bed>: 7", "x"]
    sample = read(write_record(tmp_path, "s", random_walk(13, 1, 10), ["I"], comments=comments))
    assert sample.attributes == {}
    assert sample.report == "Rhythm: sinus."
    assert sample.patient_id is None


@pytest.mark.parametrize("given_name", ["r.1.hea", "r.1.dat", "r.1"])
def test_a_record_may_be_named_in_any_way(tmp_path: Path, given_name: str) -> None:
    header = write_record(tmp_path, "r.1", random_walk(14, 1, 10), ["I"])
    assert header.name == "r.1.hea"
    assert read(tmp_path / given_name).record_id == "r.1"


def test_a_header_of_another_name_is_found_by_its_content(tmp_path: Path) -> None:
    header = write_record(tmp_path, "r", random_walk(15, 1, 10), ["I"])
    renamed = header.rename(tmp_path / "header.txt")
    assert sniff_any(renamed).name == "wfdb"
    assert read(renamed).record_id == "r"


def test_only_wfdb_files_are_taken_for_wfdb(tmp_path: Path) -> None:
    header = write_record(tmp_path, "r", random_walk(16, 2, 10), ["I", "II"])
    others = {
        "picture.hea": b"\x89PNG\r\n\x1a\n" + bytes(60),
        "table.csv": b"1 2 3\n4 5 6\n",
        "notes.txt": b"Two leads were recorded\nI and II\n",
        "empty.hea": b"",
        "r.mat": b"MATLAB 5.0 MAT-file, of another program",
        "other.dat": bytes(40),
    }
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
        assert not FORMAT.sniff(tmp_path / name, content[:4096]), name
    assert FORMAT.sniff(header, header.read_bytes()[:4096])
    assert FORMAT.sniff(tmp_path / "r.dat", (tmp_path / "r.dat").read_bytes()[:4096])
