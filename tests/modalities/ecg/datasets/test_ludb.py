"""LUDB: statements without their sites, gains that differ from lead to lead, and the real 200 records."""

from __future__ import annotations

import csv
import os
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import wfdb
from ecg_folders import codes_of, signal, write_csv, write_record

from medclip.core.errors import DatasetError
from medclip.modalities.ecg.datasets.ludb import open_ludb
from medclip.modalities.ecg.leads import STANDARD_LEADS

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
ROW = {
    "ID": "1",
    "Sex": "F\n",
    "Age": "51\n",
    "Rhythms": "Sinus bradycardia",
    "Electric axis of the heart": "Electric axis of the heart: left axis deviation",
    "Conduction abnormalities": "",
    "Extrasystolies": "Atrial extrasystole, type: single pac\nAtrial extrasystole: low atrial",
    "Hypertrophies": "",
    "Cardiac pacing": "",
    "Ischemia": "Undefined ischemia/scar/supp.nstemi: apical\nStemi: septal",
    "Non-specific repolarization abnormalities": "",
    "Other states": "",
}
SECOND = ROW | {"ID": "2", "Sex": "M\n", "Age": ">89\n", "Rhythms": "Atrial flutter, typical", "Ischemia": "\n"}


def write_ludb(folder: Path, rows: list[dict[str, str]]) -> Path:
    """Write a table and records with another gain and offset in every lead."""
    write_csv(folder / "ludb.csv", rows)
    for number, row in enumerate(rows):
        write_record(
            folder / f"data/{row['ID']}",
            signal(number),
            leads=[lead.lower() for lead in STANDARD_LEADS],
            gains=[2000.0 + 300 * lead for lead in range(12)],
            baselines=[10 * lead - 50 for lead in range(12)],
        )
    return folder


def test_records_and_labels(tmp_path: Path) -> None:
    dataset = open_ludb(write_ludb(tmp_path, [ROW, SECOND]))
    assert codes_of(dataset, "ludb", 0) == {
        "sinus-bradycardia",
        "left-axis",
        "atrial-extrasystole",
        "possible-ischemia",
        "stemi",
    }
    assert codes_of(dataset, "ludb", 1) == {"atrial-flutter", "left-axis", "atrial-extrasystole"}
    assert dataset.records[0].attributes == {"age": 51.0, "sex": "female"}
    assert dataset.records[1].attributes == {"age": 89.0, "age_is_lower_bound": True, "sex": "male"}
    assert dataset.records[0].report == (
        "Sinus bradycardia. Electric axis of the heart: left axis deviation. Atrial extrasystole, type: single pac. "
        "Atrial extrasystole: low atrial. Undefined ischemia/scar/supp.nstemi: apical. Stemi: septal"
    )
    sample = dataset[1]
    gains, offsets = 2000 + 300 * np.arange(12)[:, None], 10 * np.arange(12)[:, None] - 50
    np.testing.assert_allclose(sample.array, (signal(1) - offsets) / gains, rtol=1e-5)
    assert sample.channel_names == STANDARD_LEADS


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROW | {"Rhythms": "Sinus"}], "record 1 of LUDB has a code that version 1.0.1 does not use: received Sinus"),
        ([ROW, ROW], "holds a record of LUDB more than once: received 1"),
        ([ROW | {"Age": "old"}], "line .* has no usable Age: received old"),
        ([ROW | {"ID": "../1"}], "names a file outside its folder"),
        ([{key: value for key, value in ROW.items() if key != "Ischemia"}], "lacks columns .* declares: Ischemia"),
    ],
)
def test_bad_tables(tmp_path: Path, rows: list[dict[str, str]], message: str) -> None:
    write_csv(tmp_path / "ludb.csv", rows)
    with pytest.raises(DatasetError, match=message) as error:
        open_ludb(tmp_path)
    assert "\n" not in str(error.value)


def test_a_missing_record(tmp_path: Path) -> None:
    write_csv(tmp_path / "ludb.csv", [ROW])
    with pytest.raises(DatasetError, match=r"file of record 1 of LUDB is not there: .*medclip data download ludb"):
        open_ludb(tmp_path)[0]


@needs_data
def test_the_real_set(tmp_path: Path) -> None:
    folder = DATA / "ecg_sets/ludb"
    (tmp_path / "ludb.csv").symlink_to(folder / "ludb.csv")
    with tarfile.open(folder / "data.tar.xz") as archive:
        wanted = [member for member in archive if member.name.endswith((".hea", ".dat"))]
        archive.extractall(tmp_path, members=wanted, filter="data")
    dataset = open_ludb(tmp_path)
    assert len(dataset) == 200
    table = dataset.labels("ludb")
    counts = dict(zip(table.codes, table.values.sum(axis=0).astype(int).tolist(), strict=True))
    # What the publishers' README counts.
    rhythms = {"sinus-rhythm": 143, "sinus-tachycardia": 4, "sinus-bradycardia": 25, "sinus-arrhythmia": 8}
    rhythms |= {"irregular-sinus-rhythm": 2, "atrial-fibrillation": 15, "atrial-flutter": 3}
    axes = {"normal-axis": 75, "left-axis": 66, "vertical-axis": 26, "horizontal-axis": 20, "right-axis": 3}
    blocks = {"sa-block": 1, "av-block-1": 10, "av-block-3": 5, "irbbb": 29, "ilbbb": 6, "lafb": 16, "crbbb": 4}
    blocks |= {"clbbb": 4, "ivcd": 4, "lvh": 108, "lah": 102, "rvh": 3, "early-repolarization": 9}
    assert {code: counts[code] for code in rhythms | axes | blocks} == rhythms | axes | blocks
    assert Counter(record.attributes["sex"] for record in dataset.records) == {"female": 85, "male": 115}
    with (folder / "ludb.csv").open(newline="", encoding="utf-8") as file:
        has_pacemaker = sum(bool(row["Cardiac pacing"].strip()) for row in csv.DictReader(file))
    assert counts["pacing"] == has_pacemaker == 10
    for index in (0, 99, 199):
        sample = dataset[index]
        theirs = wfdb.rdrecord(str(tmp_path / "data" / sample.record_id))
        assert [name.lower() for name in sample.channel_names] == theirs.sig_name
        assert len(set(theirs.adc_gain)) > 1
        np.testing.assert_allclose(sample.array, theirs.p_signal.T, atol=1e-4)
