"""Chapman-Shaoxing-Ningbo: whole acronyms by default, MERL's substrings on request, and codes that acronyms share."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ecg_folders import codes_of, open_codes, signal, write_challenge

from medclip.core.cards import load_card
from medclip.core.dataset import LabelTable, RecordInfo
from medclip.core.errors import ConfigError, DatasetError
from medclip.core.label_set import LabelSet
from medclip.modalities.ecg.datasets._csn_labels import acronyms_of_snomed, readings_of
from medclip.modalities.ecg.datasets._recordings import Entry, Recordings
from medclip.modalities.ecg.datasets._snomed import ids_of_codes
from medclip.modalities.ecg.datasets._wfdb_folder import read_wfdb
from medclip.modalities.ecg.datasets.csn import open_csn

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
RECORDS = {
    "WFDBRecords/01/010/JS00001": "164889003,164931005",  # AFIB, STTU
    "WFDBRecords/01/010/JS00002": "427084000,164909002",  # ST, and LBBB, LBBBB or LFBBB
    "WFDBRecords/11/111/JS10647": "251146004,270492004,698252002",  # LVQRSAL, 1AVB, and IVB or IDC
    "WFDBRecords/45/455/JS45551": "195101003,164865005",  # WAVN or SAAWR, and MI
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write four records in the layout of PhysioNet."""
    return write_challenge(tmp_path_factory.mktemp("csn"), RECORDS)


def test_records(folder: Path) -> None:
    dataset = open_csn(folder)
    assert (dataset.name, dataset.version) == ("csn", "1.0.0")
    assert dataset.label_sets == ("csn", "csn-merl38", "cinc2021")
    assert [record.record_id for record in dataset.records] == ["JS00001", "JS00002", "JS10647", "JS45551"]
    assert [record.attributes["source"] for record in dataset.records] == ["chapman_shaoxing"] * 2 + ["ningbo"] * 2
    np.testing.assert_array_equal(dataset[3].array, signal(3) / np.float32(1000))
    assert "dx" not in dataset[3].attributes


def test_labels_are_whole_codes(folder: Path) -> None:
    dataset = open_csn(folder)
    assert [codes_of(dataset, "csn-merl38", row) for row in range(4)] == [
        {"AFIB", "STTU"},
        {"ST", "LBBB"},
        {"1AVB"},  # LVQRSAL is none of the 38
        {"MI"},
    ]
    assert codes_of(dataset, "cinc2021", 0) == {"AF"}


def test_of_acronyms_that_share_a_code_only_the_broadest_is_certain(folder: Path) -> None:
    dataset = open_csn(folder)
    assert [codes_of(dataset, "csn", row) for row in range(4)] == [
        {"AFIB", "STTU"},
        {"ST", "LBBB"},
        {"LVQRSAL", "1AVB", "IVB"},
        {"MI"},
    ]
    assert [open_codes(dataset, "csn", row) for row in range(4)] == [
        set(),
        {"LBBBB", "LFBBB"},
        {"IDC"},
        {"WAVN", "SAAWR", "MIBW", "MIFW", "MILW", "MISW"},
    ]
    shared = {snomed for ids in ids_of_codes("csn").values() for snomed in ids}
    assert shared - set(acronyms_of_snomed()) == {"195101003"}


def test_merl_finds_acronyms_inside_others(folder: Path) -> None:
    dataset = open_csn(folder, label_reading="merl")
    assert [codes_of(dataset, "csn-merl38", row) for row in range(3)] == [
        {"AFIB", "AF", "STTU", "ST"},
        {"ST", "LBBB"},
        {"SA", "1AVB", "AVB", "VB"},
    ]
    with pytest.raises(ConfigError, match="received substring; allowed: exact, merl"):
        open_csn(folder, label_reading="substring")


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no record of Chapman-Shaoxing-Ningbo.*medclip data download csn"):
        open_csn(write_challenge(tmp_path / "other", {"E00001": "426783006"}))
    with pytest.raises(DatasetError, match="more than once: received JS00001"):
        open_csn(write_challenge(tmp_path / "doubled", {"a/JS00001": "426783006", "b/JS00001": "426783006"}))
    with pytest.raises(DatasetError, match=r"record JS00001 .* does not use: received AFIB"):
        open_csn(write_challenge(tmp_path / "unknown", {"JS00001": "AFIB"}))


def read_merl() -> tuple[list[Entry], dict[str, np.ndarray], np.ndarray]:
    """Return the records of MERL's three tables, MERL's labels by name, and which records are in its test table."""
    rows = []
    for part in ("train", "val", "test"):
        with (DATA / f"merl/data_split/chapman/chapman_{part}.csv").open(newline="", encoding="utf-8") as file:
            rows += [(part, row) for row in csv.DictReader(file)]
    entries = [
        Entry(RecordInfo(Path(row["ecg_path"]).stem, "", None, part, {}), "", frozenset(row["diagnose"].split(",")))
        for part, row in rows
    ]
    codes = LabelSet.load("csn-merl38").codes
    theirs = {code: np.array([row[code] == "1" for _, row in rows]) for code in codes}
    return entries, theirs, np.array([part == "test" for part, _ in rows])


def labels_of(entries: list[Entry], label_reading: str) -> LabelTable:
    """Read the records' acronyms in MERL's label set."""
    readings = readings_of(label_reading, has_snomed=False)
    return Recordings(Path(), load_card("csn"), entries, readings=readings, read=read_wfdb).labels("csn-merl38")


@needs_data
def test_merls_own_tables_are_reproduced_and_their_false_positives_counted() -> None:
    entries, theirs, is_test = read_merl()
    assert len(entries) == 23_026
    merl, exact = labels_of(entries, "merl"), labels_of(entries, "exact")
    wrong: Counter[str] = Counter()
    for column, code in enumerate(merl.codes):
        np.testing.assert_array_equal(merl.values[:, column] == 1, theirs[code], err_msg=code)
        right = np.array([code in (entry.tokens or ()) for entry in entries])
        np.testing.assert_array_equal(exact.values[:, column] == 1, right, err_msg=code)
        assert not (right & ~theirs[code]).any()
        wrong[code] = int((theirs[code] & ~right).sum())
    assert +wrong == {"AF": 1413, "ST": 1184, "VB": 913, "AVB": 737, "SA": 721, "CR": 141, "2AVB": 16}
    assert wrong.total() == 5125
    bigeminy = merl.codes.index("VB")
    assert merl.values[is_test, bigeminy].sum() == 169
    assert exact.values[is_test, bigeminy].sum() == 0
    assert exact.values[:, bigeminy].sum() == 3


@needs_data
def test_merls_acronyms_follow_from_the_codes() -> None:
    entries, _, _ = read_merl()
    used = {token for entry in entries for token in entry.tokens or ()}
    ids = ids_of_codes("csn")
    assert {acronyms_of_snomed(merl=True)[ids[token][0]] for token in used} == used


@needs_data
def test_real_records() -> None:
    dataset = open_csn(DATA / "ecg_sets/cinc2021")
    assert len(dataset) == 20
    row = [record.record_id for record in dataset.records].index("JS20000")
    assert codes_of(dataset, "csn", row) == {"APB", "ST", "IVB"}
    assert dataset[row].array.shape == (12, 5000)
