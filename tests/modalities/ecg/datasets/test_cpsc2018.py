"""CPSC2018 in the challenge's own form and in that of PhysioNet/CinC."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from ecg_folders import codes_of, open_codes, signal, write_challenge, write_csv
from scipy.io import savemat

from medclip.core.errors import DatasetError, LabelError
from medclip.core.label_set import LabelSet
from medclip.modalities.ecg.datasets._snomed import challenge_codes
from medclip.modalities.ecg.datasets.cpsc2018 import open_cpsc2018

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
COLUMNS = ("Recording", "First_label", "Second_label", "Third_label")
ROWS = [("A0001", "5", "", ""), ("A0002", "2", "5", "8"), ("A0003", "1", "", "")]


def write_native(folder: Path, rows: list[tuple[str, ...]] = ROWS) -> Path:
    """Write records in the layout of the challenge's first archive."""
    write_csv(folder / "TrainingSet1/REFERENCE.csv", [dict(zip(COLUMNS, row, strict=True)) for row in rows])
    for number, (name, *_) in enumerate(rows):
        structure = {"sex": "Female", "age": 40.0 + number, "data": signal(number, 3000) / 1000.0}
        savemat(folder / f"TrainingSet1/{name}.mat", {"ECG": structure})
    return folder


def test_its_own_form(tmp_path: Path) -> None:
    dataset = open_cpsc2018(write_native(tmp_path))
    assert (dataset.name, dataset.version, dataset.label_sets) == ("cpsc2018", "2018", ("cpsc2018",))
    assert [codes_of(dataset, "cpsc2018", row) for row in range(3)] == [{"RBBB"}, {"AF", "RBBB", "STD"}, {"Normal"}]
    sample = dataset[1]
    np.testing.assert_allclose(sample.array, signal(1, 3000) / 1000, atol=1e-6)
    assert (sample.sampling_rate_hz, sample.attributes) == (500.0, {"age": 41.0, "sex": "female"})
    assert (sample.record_id, sample.patient_id) == ("A0002", "A0002")


def test_the_form_of_the_challenges(tmp_path: Path) -> None:
    folder = write_challenge(tmp_path, {"g1/A0001": "59118001,164884008", "g1/A0002": "426783006"})
    dataset = open_cpsc2018(folder)
    assert dataset.label_sets == ("cpsc2018", "cinc2021")
    assert [codes_of(dataset, "cpsc2018", row) for row in range(2)] == [{"RBBB", "PVC"}, {"Normal"}]
    assert codes_of(dataset, "cinc2021") == {"CRBBB|RBBB"}
    assert "SB" in open_codes(dataset, "cinc2021")
    assert dataset[0].labels["PVC"] == 1


def test_three_archives_may_bring_the_same_table(tmp_path: Path) -> None:
    write_native(tmp_path)
    (tmp_path / "TrainingSet2").mkdir()
    second = tmp_path / "TrainingSet2/REFERENCE.csv"
    shutil.copy(tmp_path / "TrainingSet1/REFERENCE.csv", second)
    assert len(open_cpsc2018(tmp_path)) == 3
    second.write_text(second.read_text().replace("A0001,5", "A0001,6"))
    with pytest.raises(DatasetError, match=r"holds different files REFERENCE.csv"):
        open_cpsc2018(tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("A0001", "10", "", "")], "line 2 of .* has no usable label: received 10; allowed: 1 to 9"),
        ([("A0001", "", "", "")], "line 2 of .* has no usable label"),
        ([("A0001", "1", "", ""), ("A0001", "2", "", "")], "more than once: received A0001"),
        ([("../A0001", "1", "", "")], "names a file outside its folder"),
    ],
)
def test_bad_tables(tmp_path: Path, rows: list[tuple[str, ...]], message: str) -> None:
    write_csv(tmp_path / "REFERENCE.csv", [dict(zip(COLUMNS, row, strict=True)) for row in rows])
    with pytest.raises(DatasetError, match=message) as error:
        open_cpsc2018(tmp_path)
    assert "\n" not in str(error.value)


def test_missing_columns_and_files(tmp_path: Path) -> None:
    write_native(tmp_path)
    (tmp_path / "TrainingSet1/A0002.mat").unlink()
    with pytest.raises(DatasetError, match="file of record A0002 of CPSC2018 is not there"):
        open_cpsc2018(tmp_path)[1]
    shutil.copytree(tmp_path / "TrainingSet1", tmp_path / "again")
    with pytest.raises(DatasetError, match="more than once: received A0001"):
        open_cpsc2018(tmp_path)
    write_csv(tmp_path / "other/REFERENCE.csv", [{"Recording": "A0001", "First_label": "1"}])
    with pytest.raises(DatasetError, match=r"lacks columns .*: Second_label, Third_label"):
        open_cpsc2018(tmp_path / "other")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"holds no record of CPSC2018. Fetch them from http://2018.icbeb.org"):
        open_cpsc2018(tmp_path / "empty")
    with pytest.raises(LabelError, match="no such label set: received csn; allowed: cpsc2018"):
        open_cpsc2018(write_native(tmp_path / "fine")).labels("csn")


@needs_data
def test_real_labels_are_as_many_as_the_challenges_count() -> None:
    table = open_cpsc2018(DATA / "ecg_sets/cpsc2018").labels("cpsc2018")
    assert table.values.shape == (6877, 9)
    counts = dict(zip(table.codes, table.values.sum(axis=0).astype(int).tolist(), strict=True))
    snomed = {"AF": "164889003", "I-AVB": "270492004", "LBBB": "164909002", "RBBB": "59118001", "PAC": "284470004"}
    snomed |= {"Normal": "426783006", "PVC": "164884008", "STD": "429622005", "STE": "164931005"}
    assert counts == {code: challenge_codes()[snomed[code]]["cpsc2018"] for code in LabelSet.load("cpsc2018").codes}


@needs_data
def test_real_labels_are_those_of_merls_tables() -> None:
    dataset = open_cpsc2018(DATA / "ecg_sets/cpsc2018")
    theirs = {"AFIB": "AF", "VPC": "PVC", "NORM": "Normal", "1AVB": "I-AVB", "CRBBB": "RBBB", "CLBBB": "LBBB"}
    theirs |= {code: code for code in ("STE", "PAC", "STD")}
    table = dataset.labels("cpsc2018")
    row_of = {record.record_id: row for row, record in enumerate(dataset.records)}
    seen = set()
    for part in ("train", "val", "test"):
        with (DATA / f"merl/data_split/icbeb/icbeb_{part}.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                ours = table.values[row_of[row["filename"]]]
                expected = [float(row[name]) for name in theirs]
                assert [ours[table.codes.index(code)] for code in theirs.values()] == expected, row["filename"]
                seen.add(row["filename"])
    assert len(seen) == 6877


@needs_data
@pytest.mark.parametrize("name", ["A1980", "A1982", "A1983"])
def test_real_records(name: str) -> None:
    dataset = open_cpsc2018(DATA / "ecg_sets/cpsc2018")
    sample = dataset[[record.record_id for record in dataset.records].index(name)]
    assert sample.array.shape[0] == 12
    i, ii, iii = sample.array[:3]
    np.testing.assert_allclose(iii, ii - i, atol=0.02)  # Einthoven's law: the leads are in the order that is claimed
