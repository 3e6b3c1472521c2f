"""EchoNext and MIMIC-IV-ECG-Ext-ICD: labels that come from elsewhere than the ECG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ecg_folders import codes_of, open_codes, signal, write_csv, write_record

from medclip.core.errors import ConfigError, DatasetError, FormatError, LabelError
from medclip.core.label_set import LabelSet
from medclip.modalities.ecg.datasets.echonext import open_echonext
from medclip.modalities.ecg.datasets.mimic_iv_ecg_icd import open_mimic_iv_ecg_icd

FLAGS = LabelSet.load("echonext").codes
VALUES = ("lvef_value", "ivs_measurement", "lvpw_measurement", "aortic_stenosis_value", "aortic_regurgitation_value")
VALUES += ("mitral_regurgitation_value", "tricuspid_regurgitation_value", "pulmonary_regurgitation_value")
VALUES += ("rv_systolic_function_value", "pericardial_effusion_value", "pasp_value", "tr_max_velocity_value")
ECG: dict[str, Any] = {"ecg_key": "e1", "patient_key": "p1", "split": "train", "age_at_ecg": 70, "sex": "Female"}
ECG |= {**dict.fromkeys(FLAGS, 0), **dict.fromkeys(VALUES, "none")}
ECGS = [
    ECG | {"lvef_lte_45_flag": 1, "shd_moderate_or_greater_flag": 1, "pasp_value": "", "lvef_value": 30.0},
    ECG | {"ecg_key": "e2", "patient_key": "p2", "split": "test", "ivs_measurement": "", "tr_max_velocity_value": ""},
    ECG | {"ecg_key": "e3", "sex": "Male"},
]
STAY = {"file_name": "x", "study_id": "40000001", "subject_id": "10000001", "strat_fold": "3", "all_diag_hosp": "[]"}
STAY |= {"all_diag_all": "['I480', 'I214', 'Z951', 'J189']", "hosp_diag_hosp": "[]", "ed_diag_ed": "['R079']"}
STAY |= {"ed_diag_hosp": "[]", "fold": "3"}
STAYS = [
    STAY,
    STAY | {"study_id": "40000002", "all_diag_all": "[]"},
    STAY | {"study_id": "40000003", "subject_id": "10000002", "strat_fold": "19", "all_diag_all": "['J189']"},
]


def write_echonext(folder: Path, rows: list[dict[str, Any]] = ECGS) -> Path:
    """Write the layout of PhysioNet; the waveforms of a split are in the order of the table."""
    write_csv(folder / "echonext_metadata_100k.csv", rows)
    for split in sorted({row["split"] for row in rows}):
        inside = [number for number, row in enumerate(rows) if row["split"] == split]
        stored = np.stack([signal(number, 2500).T[None] / 300.0 for number in inside])
        np.save(folder / f"EchoNext_{split}_waveforms.npy", stored)
    return folder


def test_echonext(tmp_path: Path) -> None:
    dataset = open_echonext(write_echonext(tmp_path))
    assert [codes_of(dataset, "echonext", row) for row in range(3)] == [
        {"lvef_lte_45_flag", "shd_moderate_or_greater_flag"},
        set(),
        set(),
    ]
    assert [(record.patient_id, record.fold) for record in dataset.records] == [
        ("p1", "train"),
        ("p2", "test"),
        ("p1", "train"),
    ]
    for row in range(3):
        np.testing.assert_allclose(dataset[row].array, signal(row, 2500) / 300, rtol=1e-5)
    sample = dataset[2]
    assert (sample.sampling_rate_hz, sample.array.dtype) == (250.0, np.float32)
    assert sample.attributes == {"age": 70.0, "sex": "male", "amplitude_is_calibrated": False}


def test_what_was_not_measured_is_open(tmp_path: Path) -> None:
    dataset = open_echonext(write_echonext(tmp_path))
    assert [open_codes(dataset, "echonext", row) for row in range(3)] == [
        {"pasp_gte_45_flag"},
        {"lvwt_gte_13_flag", "tr_max_gte_32_flag"},
        set(),
    ]
    assert not np.isnan(open_echonext(tmp_path, unmeasured="absent").labels("echonext").values).any()
    with pytest.raises(ConfigError, match="received no; allowed: open, absent"):
        open_echonext(tmp_path, unmeasured="no")


def test_the_table_of_echonext_alone(tmp_path: Path) -> None:
    write_csv(tmp_path / "echonext_metadata_100k.csv", ECGS)
    dataset = open_echonext(tmp_path)
    assert dataset.labels("echonext").values.shape == (3, 12)
    with pytest.raises(DatasetError, match="file of record e1 of EchoNext is not there"):
        dataset[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "valid"}, "no such split: received valid; allowed: train, val, test, no_split"),
        ({"ecg_key": "e3"}, "more than once: received e3"),
        ({"pasp_gte_45_flag": "yes"}, "line 2 of .* cannot be used .pasp_gte_45_flag is neither 0 nor 1"),
        ({"age_at_ecg": "old"}, "line 2 of .* cannot be used"),
    ],
)
def test_bad_echonext(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    write_csv(tmp_path / "echonext_metadata_100k.csv", [ECG | change, ECGS[2]])
    with pytest.raises(DatasetError, match=message) as error:
        open_echonext(tmp_path)
    assert "\n" not in str(error.value)


def test_waveforms_of_another_version(tmp_path: Path) -> None:
    dataset = open_echonext(write_echonext(tmp_path))
    path = tmp_path / "EchoNext_train_waveforms.npy"
    np.save(path, np.load(path)[:1])
    with pytest.raises(FormatError, match="does not hold record e3: received 1 x 1 x 2500 x 12"):
        dataset[2]
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(FormatError, match="truncated or no NumPy file"):
        dataset[0]
    np.save(path, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(FormatError, match="truncated or no NumPy file"):
        dataset[0]


def test_discharge_diagnoses(tmp_path: Path) -> None:
    write_csv(tmp_path / "records_w_diag_icd10.csv", STAYS)
    dataset = open_mimic_iv_ecg_icd(tmp_path)
    assert [record.record_id for record in dataset.records] == ["40000001", "40000002", "40000003"]
    assert [(record.patient_id, record.fold) for record in dataset.records][1:] == [
        ("10000001", "3"),
        ("10000002", "19"),
    ]
    assert codes_of(dataset, "icd10-heart", 0) == {"I48", "I21", "Z95"}
    values = dataset.labels("icd10-heart").values
    assert np.isnan(values[1]).all()
    assert (values[2] == 0).all()
    assert codes_of(open_mimic_iv_ecg_icd(tmp_path, diagnoses="ed_diag_ed"), "icd10-heart", 0) == {"R07"}
    with pytest.raises(LabelError, match="no such label set: received icd; allowed: icd10-heart"):
        dataset.labels("icd")
    with pytest.raises(ConfigError, match="no such diagnoses: received all; allowed: all_diag_all"):
        open_mimic_iv_ecg_icd(tmp_path, diagnoses="all")


def test_signals_come_from_mimic_iv_ecg(tmp_path: Path) -> None:
    write_csv(tmp_path / "labels/records_w_diag_icd10.csv", STAYS)
    with pytest.raises(DatasetError, match=r"no signals of its own\. Open it with signals="):
        open_mimic_iv_ecg_icd(tmp_path / "labels")[0]
    write_record(tmp_path / "ecg/files/p1000/p10000001/s40000001/40000001", signal(1, 5000))
    dataset = open_mimic_iv_ecg_icd(tmp_path / "labels", signals=tmp_path / "ecg")
    sample = dataset[0]
    np.testing.assert_array_equal(sample.array, signal(1, 5000) / np.float32(1000))
    assert (sample.patient_id, sample.labels["I48"], sample.labels["I50"]) == ("10000001", 1.0, 0.0)
    with pytest.raises(DatasetError, match="files of study 40000002 of MIMIC-IV-ECG are not there"):
        dataset[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study_id": "40000003"}, "lists a study more than once"),
        ({"study_id": "x"}, "line 2 of .* has no whole number"),
        ({"strat_fold": "20"}, "no such split: received 20"),
        ({"subject_id": "10000002"}, "line 3 of .* puts a patient in a second fold"),
        ({"all_diag_all": "I48"}, "line 2 of .* holds no list of codes: received I48"),
    ],
)
def test_bad_tables_of_diagnoses(tmp_path: Path, change: dict[str, str], message: str) -> None:
    write_csv(tmp_path / "records_w_diag_icd10.csv", [STAY | change, STAYS[2]])
    with pytest.raises(DatasetError, match=message) as error:
        open_mimic_iv_ecg_icd(tmp_path)
    assert "\n" not in str(error.value)
