"""The PhysioNet/CinC challenges: sources by name, equivalent codes, what was not assessed, and patients."""

from __future__ import annotations

import csv
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from ecg_folders import codes_of, open_codes, signal, write_challenge
from ptbxl_folder import write_ptbxl

from medclip.core.dataset import Dataset
from medclip.core.errors import ConfigError, DatasetError, LabelError
from medclip.core.label_set import LabelSet
from medclip.core.modality import find_dataset
from medclip.core.splits import LABELLED_FRACTIONS, patient_split
from medclip.modalities.ecg.datasets._cinc import source_of
from medclip.modalities.ecg.datasets._snomed import SOURCES, challenge_codes, ids_of_codes
from medclip.modalities.ecg.datasets.cinc2020 import open_cinc2020
from medclip.modalities.ecg.datasets.cinc2021 import open_cinc2021
from medclip.modalities.ecg.datasets.cpsc2018_extra import open_cpsc2018_extra
from medclip.modalities.ecg.datasets.georgia import open_georgia

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")

RECORDS = {
    "training/cpsc_2018/g1/A0001": "59118001",
    "training/cpsc_2018_extra/g1/Q0001": "63593006,713427006",
    "training/st_petersburg_incart/g1/I0001": "164884008",
    "training/ptb/g1/S0001": "164865005",
    "training/ptb-xl/g1/HR00001": "426783006,713427006",
    "training/georgia/g1/E00001": "17338001,164909002",
    "training/chapman_shaoxing/g1/JS00001": "164889003,59118001",
    "training/ningbo/g1/JS10647": "733534002",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write one record of each source in the layout of the challenge."""
    return write_challenge(tmp_path_factory.mktemp("cinc2021"), RECORDS)


def test_records_of_all_sources(folder: Path) -> None:
    dataset = find_dataset("cinc2021")[1].open(folder)
    assert isinstance(dataset, Dataset)
    assert (dataset.name, dataset.modality, dataset.version, len(dataset)) == ("cinc2021", "ecg", "1.0.3", 8)
    assert {record.record_id: record.attributes["source"] for record in dataset.records} == {
        "A0001": "cpsc2018",
        "E00001": "georgia",
        "HR00001": "ptbxl",
        "I0001": "incart",
        "JS00001": "chapman_shaoxing",
        "JS10647": "ningbo",
        "Q0001": "cpsc2018_extra",
        "S0001": "ptb",
    }
    first = dataset[0]
    np.testing.assert_array_equal(first.array, signal(0) / np.float32(1000))
    assert (first.record_id, first.attributes) == ("A0001", {"age": 61.0, "sex": "female", "source": "cpsc2018"})
    assert {code for code, value in first.labels.items() if value == 1} == {"CRBBB|RBBB"}
    assert pickle.loads(pickle.dumps(dataset))[3].record_id == "I0001"  # as a worker process receives it


def test_equivalent_codes_are_one_finding(folder: Path) -> None:
    dataset = open_cinc2021(folder)
    found = {record.record_id: codes_of(dataset, "cinc2021", row) for row, record in enumerate(dataset.records)}
    assert found == {
        "A0001": {"CRBBB|RBBB"},
        "E00001": {"PVC|VPB", "CLBBB|LBBB"},
        "HR00001": {"NSR", "CRBBB|RBBB"},
        "I0001": set(),
        "JS00001": {"AF", "CRBBB|RBBB"},
        "JS10647": {"CLBBB|LBBB"},
        "Q0001": {"PAC|SVPB", "CRBBB|RBBB"},
        "S0001": set(),
    }


def test_what_a_source_never_states_is_not_assessed_there(folder: Path) -> None:
    dataset = open_cinc2021(folder)
    stated = {"AF", "CLBBB|LBBB", "CRBBB|RBBB", "IAVB", "NSR", "PAC|SVPB"}
    assert open_codes(dataset, "cinc2021", 0) == set(LabelSet.load("cinc2021").codes) - stated
    as_scored = open_cinc2021(folder, absence="challenge").labels("cinc2021").values
    assert not np.isnan(as_scored).any()
    with pytest.raises(ConfigError, match="received zero; allowed: source, challenge"):
        open_cinc2021(folder, absence="zero")


def test_the_challenge_of_2020_scores_fewer_diagnoses(folder: Path) -> None:
    dataset = open_cinc2020(folder, absence="challenge")
    names = {record.record_id: row for row, record in enumerate(dataset.records)}
    assert codes_of(dataset, "cinc2020", names["E00001"]) == {"PVC|VPB", "LBBB"}
    assert codes_of(dataset, "cinc2020", names["JS10647"]) == set()
    assert (len(LabelSet.load("cinc2020")), len(LabelSet.load("cinc2021"))) == (24, 26)
    with pytest.raises(LabelError, match="no such label set: received cinc2021; allowed: cinc2020"):
        dataset.labels("cinc2021")


def test_sources_whose_patients_are_not_known_are_never_tested_on(folder: Path, tmp_path: Path) -> None:
    everyone_tests = {"test": 1.0}
    folds = {record.record_id: record.fold for record in open_cinc2021(folder, split_fractions=everyone_tests).records}
    assert {name for name, fold in folds.items() if fold == "train"} == {"I0001", "S0001", "HR00001"}
    write_ptbxl(tmp_path, [{"patient_id": "7.0"}], with_signals=False)
    dataset = open_cinc2021(folder, ptbxl_root=tmp_path, split_fractions=everyone_tests)
    known = {record.record_id: (record.patient_id, record.fold) for record in dataset.records}
    assert known["HR00001"] == ("ptbxl-7", "test")
    assert known["I0001"][1] == known["S0001"][1] == "train"


def test_splits_follow_the_patient_and_the_seed(folder: Path) -> None:
    for seed in (0, 1):
        for record in open_georgia(folder, split_seed=seed).records:
            assert record.fold == patient_split(record.patient_id, seed, fractions=LABELLED_FRACTIONS)


def test_one_source_of_the_folder(folder: Path) -> None:
    assert [record.record_id for record in open_georgia(folder).records] == ["E00001"]
    extra = open_cpsc2018_extra(folder)
    assert ([record.record_id for record in extra.records], extra.version) == (["Q0001"], "1.0.3")
    with pytest.raises(DatasetError, match=r"holds no record of Georgia .*\. Fetch them from https://physionet.org"):
        open_georgia(folder / "training/ptb")


def test_a_record_that_nobody_labelled_is_not_assessed(tmp_path: Path) -> None:
    dataset = open_georgia(write_challenge(tmp_path, {"E00001": "Unknown", "E00002": "426783006"}))
    values = dataset.labels("cinc2021").values
    assert np.isnan(values[0]).all()
    assert codes_of(dataset, "cinc2021", 1) == {"NSR"}


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ({"E00001": "426783006", "again/E00001": "426783006"}, "more than once: received E00001"),
        ({"E00001": "426783006,42678300"}, "E00001 .* a code that version 1.0.3 does not use: received 42678300"),
        ({"E00001": "426783006;164889003"}, "does not use: received 426783006;164889003"),
        ({"E00001": "426783006", "X1": "426783006"}, "belongs to no source .*: received X1"),
        ({}, "holds no record of PhysioNet/CinC Challenge 2021. Run medclip data download cinc2021"),
    ],
)
def test_bad_folders(tmp_path: Path, records: dict[str, str], message: str) -> None:
    with pytest.raises(DatasetError, match=message) as error:
        open_cinc2021(write_challenge(tmp_path, records))
    assert "\n" not in str(error.value)


def test_unknown_codes_can_be_accepted(tmp_path: Path) -> None:
    folder = write_challenge(tmp_path, {"E00001": "426783006,1"})
    assert codes_of(open_cinc2021(folder, unknown_codes="ignore"), "cinc2021") == {"NSR"}
    with pytest.raises(ConfigError, match="received maybe; allowed: error, ignore"):
        open_cinc2021(folder, unknown_codes="maybe")


def test_missing_files(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"needs a folder\. Give it, or run medclip data download cinc2021"):
        open_cinc2021(None)
    with pytest.raises(DatasetError, match=r"there is no folder .* with PhysioNet/CinC Challenge 2021"):
        open_cinc2021(tmp_path / "none")
    copied = Path(shutil.copytree(folder, tmp_path / "copy"))
    dataset = open_cinc2021(copied)
    (copied / "training/cpsc_2018/g1/A0001.hea").unlink()
    with pytest.raises(DatasetError, match=r"the file of record A0001 .* is not there.*medclip data download cinc2021"):
        dataset[0]


def test_names_of_the_sources() -> None:
    names = ["A6877", "Q3581", "I0074", "S0549", "HR21837", "E10344", "JS10646", "JS10647", "JS45551", "A12345", "js1"]
    assert [source_of(name) for name in names] == [*SOURCES, "ningbo", None, None]


def test_every_scored_code_is_one_that_the_challenge_knows() -> None:
    for label_set, n_codes in (("cinc2020", 27), ("cinc2021", 30)):
        ids = [snomed for found in ids_of_codes(label_set).values() for snomed in found]
        assert len(set(ids)) == len(ids) == n_codes
        assert set(ids) <= set(challenge_codes())
    with pytest.raises(LabelError, match="lacks the column snomed"):
        ids_of_codes("ptbxl-all")


@needs_data
@pytest.mark.parametrize("year", [2020, 2021])
def test_label_sets_hold_what_the_challenge_published(year: int) -> None:
    path = DATA / f"knowledge/cinc/{year}/dx_mapping_scored.csv"
    with path.open(newline="", encoding="utf-8-sig") as file:
        scored = {row.get("SNOMEDCTCode") or row["SNOMED CT Code"] for row in csv.DictReader(file)}
    assert {snomed for ids in ids_of_codes(f"cinc{year}").values() for snomed in ids} == scored


@needs_data
def test_real_records() -> None:
    dataset = open_cinc2021(DATA / "ecg_sets/cinc2021")
    assert len(dataset) == 50
    names = {record.record_id: row for row, record in enumerate(dataset.records)}
    sample = dataset[names["HR06000"]]  # its headers spell the unit "mv"
    stored = np.fromfile(DATA / "ecg_sets/cinc2021/HR06000.mat", "<i2", offset=24).reshape(5000, 12).T
    np.testing.assert_allclose(sample.array, stored / 1000, atol=1e-6)
    assert (sample.attributes["age"], sample.attributes["sex"]) == (59.0, "female")
    for name, row in names.items():
        header = (DATA / f"ecg_sets/cinc2021/{name}.hea").read_text()
        stated = set(header.split("# Dx: ")[1].split("\n")[0].split(","))
        expected = {code for code, ids in ids_of_codes("cinc2021").items() if stated & set(ids)}
        assert codes_of(dataset, "cinc2021", row) == expected
        assert not codes_of(dataset, "cinc2021", row) & open_codes(dataset, "cinc2021", row)
