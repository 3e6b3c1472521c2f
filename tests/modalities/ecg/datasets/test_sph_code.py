"""SPH, CODE-15% and CODE-test: tables with records in HDF5 files."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from ecg_folders import codes_of, signal, write_csv, write_h5, write_tracings
from scipy.io import loadmat

from medclip.core.errors import ConfigError, DatasetError, FormatError
from medclip.modalities.ecg.datasets.code15 import open_code15
from medclip.modalities.ecg.datasets.code_test import open_code_test
from medclip.modalities.ecg.datasets.sph import open_sph

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
SPH = {"ECG_ID": "A00001", "AHA_Code": "22;23", "Patient_ID": "S00001", "Age": "55", "Sex": "M", "N": "5000"}
SPH_ROWS = [
    SPH,
    SPH | {"ECG_ID": "A00002", "AHA_Code": "60+310;147+367", "Sex": "F"},
    SPH | {"ECG_ID": "A00003", "AHA_Code": "1", "Patient_ID": "S00002"},
]
FLAGS = ("1dAVb", "RBBB", "LBBB", "SB", "AF", "ST")
EXAM: dict[str, Any] = {"exam_id": 1169160, "age": 38, "is_male": True, "nn_predicted_age": 40.1}
EXAM |= {**dict.fromkeys(FLAGS, False), "patient_id": 523632, "death": "", "timey": "", "normal_ecg": True}
EXAM |= {"trace_file": "exams_part0.hdf5"}
EXAMS = [
    EXAM,
    EXAM | {"exam_id": 2873686, "RBBB": True, "AF": True, "normal_ecg": False, "is_male": False},
    EXAM | {"exam_id": 168405, "patient_id": 1724173, "trace_file": "exams_part1.hdf5", "1dAVb": True},
]


def tracing(seed: int, n_samples: int = 2800) -> np.ndarray:
    """Return a generated tracing ``(4096, 12)`` with zeros at both ends, as CODE-15 stores it."""
    found = np.zeros((4096, 12), np.float32)
    start = (4096 - n_samples) // 2
    found[start : start + n_samples] = signal(seed, n_samples).T / 300.0 + 0.001
    return found


def write_sph(folder: Path, rows: list[dict[str, str]] = SPH_ROWS) -> Path:
    """Write the layout of figshare."""
    write_csv(folder / "metadata.csv", rows)
    for number, row in enumerate(rows):
        write_h5(folder / f"records/{row['ECG_ID']}.h5", signal(number, 5000) / 1000)
    return folder


def write_code15(folder: Path, rows: list[dict[str, Any]] = EXAMS) -> Path:
    """Write the layout of Zenodo."""
    write_csv(folder / "exams.csv", rows)
    for part in sorted({row["trace_file"] for row in rows}):
        inside = [row["exam_id"] for row in rows if row["trace_file"] == part]
        write_tracings(folder / part, np.stack([tracing(exam_id % 100) for exam_id in inside]), inside)
    return folder


def write_code_test(folder: Path, n_records: int = 3) -> Path:
    """Write the layout of Zenodo's archive; record 0 has a block, record 1 atrial fibrillation."""
    people = [{"age": 40 + row, "sex": "MF"[row % 2]} for row in range(n_records)]
    write_csv(folder / "attributes.csv", people)
    labels = [dict.fromkeys(FLAGS, 0) for _ in range(n_records)]
    write_csv(folder / "annotations/dnn.csv", labels)
    labels[0] |= {"1dAVb": 1}
    labels[1] |= {"AF": 1}
    write_csv(folder / "annotations/gold_standard.csv", labels)
    write_tracings(folder / "ecg_tracings.hdf5", np.stack([tracing(row, 4000) for row in range(n_records)]))
    return folder


def test_sph(tmp_path: Path) -> None:
    dataset = open_sph(write_sph(tmp_path))
    assert [codes_of(dataset, "sph", row) for row in range(3)] == [{"22", "23"}, {"60", "147"}, {"1"}]
    assert [record.patient_id for record in dataset.records] == ["S00001", "S00001", "S00002"]
    assert dataset.records[0].fold == dataset.records[1].fold
    sample = dataset[1]
    assert sample.attributes == {"age": 55.0, "sex": "female", "aha_codes": "60+310;147+367"}
    assert (sample.sampling_rate_hz, sample.record_id) == (500.0, "A00002")
    np.testing.assert_array_equal(sample.array, (signal(1, 5000) / 1000).astype(np.float16).astype(np.float32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AHA_Code": "22,23"}, "line 2 of .* has no usable AHA_Code: received 22,23"),
        ({"AHA_Code": ""}, "line 2 of .* has no usable AHA_Code"),
        ({"AHA_Code": "221"}, "record A00001 of SPH has a code that version 1 does not use: received 221"),
        ({"Age": "x"}, "line 2 of .* has no usable Age: received x"),
        ({"Patient_ID": ""}, "line 2 of .* names no patient"),
        ({"ECG_ID": "A00003"}, "more than once: received A00003"),
        ({"ECG_ID": "/etc/A00001"}, "names a file outside its folder"),
    ],
)
def test_bad_sph(tmp_path: Path, change: dict[str, str], message: str) -> None:
    write_csv(tmp_path / "metadata.csv", [SPH | change, SPH_ROWS[2]])
    with pytest.raises(DatasetError, match=message) as error:
        open_sph(tmp_path)
    assert "\n" not in str(error.value)


def test_incomplete_sph(tmp_path: Path) -> None:
    write_sph(tmp_path)
    (tmp_path / "records/A00002.h5").unlink()
    with pytest.raises(DatasetError, match="file of record A00002 of SPH is not there"):
        open_sph(tmp_path)[1]
    write_csv(tmp_path / "other/metadata.csv", [{"ECG_ID": "A00001", "AHA_Code": "1", "Age": "1", "Sex": "M"}])
    with pytest.raises(DatasetError, match="lacks columns that its data card declares: Patient_ID"):
        open_sph(tmp_path / "other")


@needs_data
def test_real_sph() -> None:
    folder = DATA / "ecg_sets/sph"
    dataset = open_sph(folder)
    assert [codes_of(dataset, "sph", row) for row in (0, 1, 3, 5)] == [{"22", "23"}, {"1"}, {"23"}, {"106"}]
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        lengths = [int(row["N"]) for row in csv.DictReader(file)]
    for row, length in enumerate(lengths):
        sample = dataset[row]
        assert sample.array.shape == (12, length)
        with h5py.File(folder / f"{sample.record_id}.h5") as file:
            np.testing.assert_array_equal(sample.array, file["ecg"][()].astype(np.float32))


def test_code15(tmp_path: Path) -> None:
    dataset = open_code15(write_code15(tmp_path))
    assert [codes_of(dataset, "code", row) for row in range(3)] == [set(), {"RBBB", "AF"}, {"1dAVb"}]
    assert not np.isnan(dataset.labels("code").values).any()
    assert [record.patient_id for record in dataset.records] == ["523632", "523632", "1724173"]
    assert dataset.records[0].fold == dataset.records[1].fold
    for row, exam in enumerate(EXAMS):
        sample = dataset[row]
        assert (sample.record_id, sample.sampling_rate_hz) == (str(exam["exam_id"]), 400.0)
        np.testing.assert_array_equal(sample.array, tracing(exam["exam_id"] % 100)[648:3448].T)
    attributes = dataset[1].attributes
    assert attributes == {"age": 38.0, "sex": "female", "is_normal": False, "amplitude_is_calibrated": False}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AF": "perhaps"}, "line 2 of .* cannot be used"),
        ({"exam_id": "x"}, "line 2 of .* cannot be used"),
        ({"exam_id": 168405}, "more than once: received 168405"),
        ({"trace_file": "../x.hdf5"}, "names a file outside its folder"),
    ],
)
def test_bad_code15(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    write_csv(tmp_path / "exams.csv", [EXAM | change, EXAMS[2]])
    with pytest.raises(DatasetError, match=message) as error:
        open_code15(tmp_path)
    assert "\n" not in str(error.value)


def test_incomplete_code15(tmp_path: Path) -> None:
    dataset = open_code15(write_code15(tmp_path))
    (tmp_path / "exams_part1.hdf5").unlink()
    with pytest.raises(DatasetError, match="file of record 168405 of CODE-15% is not there"):
        dataset[2]
    write_tracings(tmp_path / "exams_part1.hdf5", tracing(1)[None], [7])
    with pytest.raises(FormatError, match="no such record"):
        dataset[2]
    write_csv(tmp_path / "other/exams.csv", [{"exam_id": 1}])
    with pytest.raises(DatasetError, match="lacks columns that its data card declares: patient_id, trace_file"):
        open_code15(tmp_path / "other")


@needs_data
def test_real_tracings_of_code15(tmp_path: Path) -> None:
    folder = DATA / "ecg_sets/code15"
    with (folder / "meta.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = [name for name in EXAM if name in rows[0]]
    exams = [{name: row[name] for name in kept} for row in rows]
    write_csv(tmp_path / "exams.csv", exams)
    feats = {row["exam_id"]: loadmat(folder / f"org/code_15_{row['exam_id']}.mat")["feats"] for row in exams}
    for part in sorted({row["trace_file"] for row in exams}):
        inside = [row["exam_id"] for row in exams if row["trace_file"] == part]
        padded = np.zeros((len(inside), 4096, 12), np.float32)
        for stored, exam_id in zip(padded, inside, strict=True):
            n_samples = feats[exam_id].shape[1]
            start = (4096 - n_samples) // 2
            stored[start : start + n_samples] = feats[exam_id].T
        write_tracings(tmp_path / part, padded, [int(exam_id) for exam_id in inside])
    dataset = open_code15(tmp_path)
    assert len(dataset) == 10
    for row, exam in enumerate(exams):
        assert codes_of(dataset, "code", row) == {flag for flag in FLAGS if exam[flag] == "True"}
        expected = feats[exam["exam_id"]]
        recorded = np.flatnonzero((expected != 0).any(axis=0))
        np.testing.assert_array_equal(dataset[row].array, expected[:, recorded[0] : recorded[-1] + 1])


def test_code_test(tmp_path: Path) -> None:
    dataset = open_code_test(write_code_test(tmp_path))
    assert [codes_of(dataset, "code", row) for row in range(3)] == [{"1dAVb"}, {"AF"}, set()]
    assert {record.fold for record in dataset.records} == {"test"}
    sample = dataset[1]
    assert sample.attributes == {"age": 41.0, "sex": "female", "amplitude_is_calibrated": False}
    np.testing.assert_array_equal(sample.array, tracing(1, 4000)[48:4048].T)
    assert codes_of(open_code_test(tmp_path, annotator="dnn"), "code", 0) == set()
    with pytest.raises(ConfigError, match="no such annotator: received nurse; allowed: gold_standard, "):
        open_code_test(tmp_path, annotator="nurse")


def test_bad_code_test(tmp_path: Path) -> None:
    folder = write_code_test(tmp_path)
    gold = folder / "annotations/gold_standard.csv"
    whole = gold.read_text()
    gold.write_text(whole.rsplit("\n", 2)[0] + "\n")
    with pytest.raises(DatasetError, match="do not belong together: received 3 and 2 rows"):
        open_code_test(folder)
    gold.write_text(whole.replace("1,0,0", "2,0,0"))
    with pytest.raises(DatasetError, match=r"line 2 of .* another label than 0 and 1"):
        open_code_test(folder)
    gold.write_text(whole.replace("LBBB", "left"))
    with pytest.raises(DatasetError, match="lacks columns that its data card declares: LBBB"):
        open_code_test(folder)
