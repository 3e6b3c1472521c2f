"""MIMIC-IV-ECG from a generated folder in its exact layout, with the tables' rows in different orders.

The first three defects that are known of MERL's preprocessing are each a test here: leads by position, missing samples
that make a record constant, and reports joined by row order with a split by record.
"""

from __future__ import annotations

import csv
import itertools
import pickle
from pathlib import Path

import numpy as np
import pytest
import wfdb

from medclip.core.dataset import Dataset
from medclip.core.errors import ConfigError, DatasetError, LabelError
from medclip.core.modality import find_dataset
from medclip.core.splits import patient_split
from medclip.core.waveform_spec import WaveformSpec
from medclip.modalities.ecg.datasets.mimic_iv_ecg import open_mimic_iv_ecg
from medclip.modalities.ecg.leads import STANDARD_LEADS

# The order in which MIMIC-IV-ECG stores the leads: aVF before aVL.
STORED_LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
# study -> (patient, statements); two patients have two recordings, in no order.
STUDIES = {
    40000005: (10000032, ["Sinus rhythm", "", "  Normal ECG "]),
    40000001: (10000117, ["Atrial fibrillation with rapid ventricular response", "Abnormal ECG"]),
    40000004: (10000032, ["*** Report made without knowledge of patient ***"]),
    40000002: (10000248, []),
    40000003: (10000117, ["Sinus rhythm", "Normal ECG"]),
}
RECORD_FIELDS = ["subject_id", "study_id", "file_name", "ecg_time", "path"]
REPORTS = [f"report_{number}" for number in range(18)]
MEASUREMENTS = ["bandwidth", "filtering", "rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end"]
MEASUREMENT_FIELDS = ["subject_id", "study_id", "cart_id", "ecg_time", *REPORTS, *MEASUREMENTS]
MEASUREMENT_FIELDS += ["p_axis", "qrs_axis", "t_axis"]


def path_of(study: int) -> str:
    """Return the path of a study as ``record_list.csv`` gives it."""
    subject = STUDIES[study][0]
    return f"files/p{str(subject)[:4]}/p{subject}/s{study}/{study}"


def signal_of(study: int) -> np.ndarray:
    """Return float ``(12, 5000)`` in mV with whole steps of 1/200 mV; rows are in the stored order."""
    return np.random.default_rng(study).integers(-300, 300, (12, 5000)) / 200.0


def write_table(path: Path, fields: list[str], rows: list[dict[str, object]]) -> None:
    """Write rows as CSV; absent fields stay empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(rows)


def write_tables(folder: Path, record_order: list[int], measurement_order: list[int]) -> None:
    """Write both tables with their rows in the orders given."""
    time = {"ecg_time": "2180-07-23 08:44:00"}
    records = [{"subject_id": STUDIES[s][0], "study_id": s, "file_name": s, "path": path_of(s)} for s in record_order]
    write_table(folder / "record_list.csv", RECORD_FIELDS, [time | record for record in records])
    measurements = [
        {"subject_id": STUDIES[s][0], "study_id": s, "rr_interval": 659}
        | dict(zip(REPORTS, STUDIES[s][1], strict=False))
        for s in measurement_order
    ]
    write_table(folder / "machine_measurements.csv", MEASUREMENT_FIELDS, [time | row for row in measurements])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write all studies; in 40000004 forty samples of lead V2 are missing."""
    root = tmp_path_factory.mktemp("mimic-iv-ecg-1.0")
    write_tables(root, list(STUDIES), sorted(STUDIES))
    for study in STUDIES:
        signal = signal_of(study)
        if study == 40000004:
            signal[STORED_LEADS.index("V2"), 1000:1040] = np.nan
        stem = root / path_of(study)
        stem.parent.mkdir(parents=True)
        wfdb.wrsamp(
            stem.name,
            500,
            ["mV"] * 12,
            list(STORED_LEADS),
            signal.T,
            fmt=["16"] * 12,
            adc_gain=[200.0] * 12,
            baseline=[0] * 12,
            write_dir=str(stem.parent),
        )
    return root


def test_records(folder: Path) -> None:
    dataset = find_dataset("mimic-iv-ecg")[1].open(folder)
    assert isinstance(dataset, Dataset)
    assert (dataset.name, dataset.modality, dataset.version, len(dataset)) == ("mimic_iv_ecg", "ecg", "1.0", 5)
    assert [record.record_id for record in dataset.records] == [str(study) for study in STUDIES]
    assert [record.record_id for record in dataset.records[1:4:2]] == ["40000001", "40000002"]
    assert dataset.records[-1].record_id == "40000003"
    assert dataset.label_sets == ()
    with pytest.raises(LabelError, match="no labels"):
        dataset.labels("ptbxl-superclass")
    with pytest.raises(IndexError):
        dataset.records[5]


def test_reports_are_joined_by_study_whatever_the_order_of_rows(tmp_path: Path) -> None:
    """MERL joins by row order and gives most records the report of another patient."""
    expected = {
        "40000005": "Sinus rhythm. Normal ECG",
        "40000001": "Atrial fibrillation with rapid ventricular response. Abnormal ECG",
        "40000004": "*** Report made without knowledge of patient ***",
        "40000002": None,
        "40000003": "Sinus rhythm. Normal ECG",
    }
    orders = list(itertools.permutations(STUDIES))[::7]
    for records, measurements in zip(orders, reversed(orders), strict=True):
        write_tables(tmp_path, list(records), list(measurements))
        dataset = open_mimic_iv_ecg(tmp_path)
        assert {record.record_id: record.report for record in dataset.records} == expected
        assert {record.record_id: int(record.patient_id) for record in dataset.records} == {
            str(study): subject for study, (subject, _) in STUDIES.items()
        }


def test_a_patient_is_in_one_split_the_one_of_every_mimic_data_set(tmp_path: Path) -> None:
    """MERL splits by record, so that patients with several recordings are on both sides."""
    rows = [{"subject_id": 10_000_000 + n // 5, "study_id": 40_000_000 + n, "path": "x"} for n in range(5000)]
    write_table(tmp_path / "record_list.csv", RECORD_FIELDS, rows)
    write_table(tmp_path / "machine_measurements.csv", MEASUREMENT_FIELDS, [])
    halves = {"train": 0.5, "test": 0.5}
    for seed, fractions in ((0, None), (3, halves)):
        records = open_mimic_iv_ecg(tmp_path, split_seed=seed, split_fractions=fractions).records
        options = {} if fractions is None else {"fractions": fractions}
        assert [r.fold for r in records] == [patient_split(r.patient_id, seed, **options) for r in records]
        assert len({(r.patient_id, r.fold) for r in records}) == 1000
        assert len({r.fold for r in records}) > 1


def test_leads_are_taken_by_name(folder: Path) -> None:
    """MERL takes them by position, and trains with aVF and aVL exchanged."""
    sample = open_mimic_iv_ecg(folder)[1]
    assert sample.channel_names == STORED_LEADS
    np.testing.assert_array_equal(sample.array, signal_of(40000001).astype(np.float32))
    spec = WaveformSpec("ecg", 500.0, 10.0, STANDARD_LEADS)
    prepared = spec.prepare(sample).values
    for lead in ("aVL", "aVF"):
        expected = signal_of(40000001)[STORED_LEADS.index(lead)].astype(np.float32)
        np.testing.assert_array_equal(prepared[STANDARD_LEADS.index(lead)], expected)


@pytest.mark.parametrize("scaling", ["none", "minmax"])
def test_missing_samples_leave_the_rest_of_the_record_alone(folder: Path, scaling: str) -> None:
    """MERL's repair does nothing, its scaling spreads the NaN, and the record becomes a constant."""
    sample = open_mimic_iv_ecg(folder)[2]
    assert np.isnan(sample.array).sum() == 40
    values = WaveformSpec("ecg", 500.0, 10.0, STORED_LEADS, scaling=scaling).prepare(sample).values
    assert np.isfinite(values).all()
    assert (values.std(axis=1) > 0.1).all()
    if scaling == "none":
        expected = signal_of(40000004).astype(np.float32)
        touched = values != expected
        assert touched[STORED_LEADS.index("V2"), 1000:1040].all()
        assert touched.sum() == 40


def test_samples_carry_what_the_index_knows(folder: Path) -> None:
    dataset = pickle.loads(pickle.dumps(open_mimic_iv_ecg(folder)))  # as a worker process receives it
    for index, sample in enumerate(dataset):
        info = dataset.records[index]
        assert (sample.record_id, sample.patient_id, sample.report) == (info.record_id, info.patient_id, info.report)
        assert sample.labels == {}


@pytest.mark.parametrize(("minimum", "n_records"), [(0, 5), (1, 4), (4, 4), (6, 2), (7, 1), (8, 1), (9, 0)])
def test_short_reports_can_be_left_out(folder: Path, minimum: int, n_records: int) -> None:
    dataset = open_mimic_iv_ecg(folder, minimum_report_words=minimum)
    assert len(dataset) == n_records
    assert [sample.record_id for sample in dataset] == [record.record_id for record in dataset.records]


def test_paths_that_do_not_follow_from_the_numbers_are_kept(folder: Path, tmp_path: Path) -> None:
    text = (folder / "record_list.csv").read_text()
    (tmp_path / "record_list.csv").write_text(text.replace(path_of(40000003), "waves/third"))
    (tmp_path / "machine_measurements.csv").write_text((folder / "machine_measurements.csv").read_text())
    (tmp_path / "waves").mkdir()
    for suffix in (".hea", ".dat"):
        content = (folder / path_of(40000003)).with_suffix(suffix).read_bytes()
        (tmp_path / f"waves/third{suffix}").write_bytes(content.replace(b"40000003", b"third"))
    assert open_mimic_iv_ecg(tmp_path)[4].record_id == "40000003"
    with pytest.raises(DatasetError, match="files of study 40000005 of MIMIC-IV-ECG are not there") as caught:
        open_mimic_iv_ecg(tmp_path)[0]
    assert "10000032" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "old", "new", "words"),
    [
        ("record_list.csv", "study_id", "study", "lacks columns that its data card declares: study_id"),
        ("machine_measurements.csv", "report_17", "report_x", "declares: report_17"),
        ("record_list.csv", "40000001", "forty", "line 3 .* no whole number"),
        ("record_list.csv", "40000001,40000001", "40000005,40000001", "more than once"),
        ("machine_measurements.csv", "40000002", "40000001", "describes a study more than once"),
        ("machine_measurements.csv", "10000248", "10000032", "to different patients: received 1 studies"),
        ("record_list.csv", "files/p1000/p10000117/s40000001", "files/../..", "outside its folder"),
    ],
)
def test_tables_that_make_no_sense(folder: Path, tmp_path: Path, table: str, old: str, new: str, words: str) -> None:
    for name in ("record_list.csv", "machine_measurements.csv"):
        text = (folder / name).read_text()
        (tmp_path / name).write_text(text.replace(old, new, 1) if name == table else text)
    with pytest.raises(DatasetError, match=words):
        open_mimic_iv_ecg(tmp_path)


def test_missing_tables_and_options_out_of_range(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no record_list.csv.*medclip data download mimic_iv_ecg"):
        open_mimic_iv_ecg(tmp_path)
    (tmp_path / "record_list.csv").write_text((folder / "record_list.csv").read_text())
    with pytest.raises(DatasetError, match=r"lacks machine_measurements.csv"):
        open_mimic_iv_ecg(tmp_path)
    with pytest.raises(ConfigError, match="negative"):
        open_mimic_iv_ecg(folder, minimum_report_words=-1)
    with pytest.raises(ConfigError, match="do not add up"):
        open_mimic_iv_ecg(folder, split_fractions={"train": 0.9})
