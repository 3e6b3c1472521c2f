"""PTB-XL's labels beside two independent derivations, on its own tables (the folder MEDCLIP_TEST_DATA)."""

from __future__ import annotations

import ast
import csv
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medclip.core.label_set import LabelSet
from medclip.modalities.ecg.datasets.ptbxl import Ptbxl, open_ptbxl

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")

# MERL's tables leave the underscores of PTB-XL's codes out.
FULL_CODES = {"ISC": "ISC_", "AVB": "_AVB", "NST": "NST_", "STD": "STD_", "NT": "NT_", "STE": "STE_", "TAB": "TAB_"}
MERL_FOLDERS = {"superclass": "super_class", "subclass": "sub_class", "form": "form", "rhythm": "rhythm"}
# Ten to twelve records of the sample are in none of MERL's tables, though PTB-XL gives them labels.
ABSENT_FROM_MERL = {"137", "139", "140", "141", "142", "143", "145", "456", "458", "459", "461", "462"}


@pytest.fixture(scope="module")
def dataset() -> Ptbxl:
    """Open the 2,664 sample records at the rate that lies there as files."""
    return open_ptbxl(DATA / "ptbxl_mini", sampling_rate_hz=100)


@pytest.mark.parametrize("name", list(MERL_FOLDERS))
def test_labels_are_those_of_merl(dataset: Ptbxl, name: str) -> None:
    table = dataset.labels(f"ptbxl-{name}")
    position = {record.record_id: index for index, record in enumerate(dataset.records)}
    compared = set()
    for path in sorted((DATA / "merl/data_split/ptbxl" / MERL_FOLDERS[name]).glob("*.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                index = position.get(row["ecg_id"])
                if index is None:
                    continue
                codes = [FULL_CODES.get(code, code) for code in list(row)[6:]]
                theirs = np.array([float(value) for value in list(row.values())[6:]])
                np.testing.assert_array_equal(table.select(codes).values[index], theirs, err_msg=row["ecg_id"])
                assert dataset.records[index].fold == row["strat_fold"]
                compared.add(row["ecg_id"])
    assessed = {record for record, index in position.items() if not np.isnan(table.values[index]).any()}
    assert compared <= assessed
    assert assessed - compared <= ABSENT_FROM_MERL


@pytest.mark.parametrize("name", ["superclass", "subclass", "form", "rhythm", "all"])
def test_labels_are_those_of_the_benchmark(dataset: Ptbxl, name: str) -> None:
    """The benchmark's rules written again, with pandas: the groups of all keys; records without any are dropped."""
    statements = pd.read_csv(DATA / "ptbxl_mini/scp_statements.csv", index_col=0)
    found = pd.read_csv(DATA / "ptbxl_mini/ptbxl_database.csv")["scp_codes"].map(ast.literal_eval)
    if name in ("superclass", "subclass"):
        column = {"superclass": "diagnostic_class", "subclass": "diagnostic_subclass"}[name]
        groups = statements[statements.diagnostic == 1.0][column].dropna().to_dict()
    else:
        kept = statements if name == "all" else statements[statements[name] == 1.0]
        groups = {code: code for code in kept.index}
    theirs = [{groups[code] for code in codes if code in groups} for codes in found]
    table = dataset.labels(f"ptbxl-{name}")
    assert set(table.codes) == set(groups.values())
    for row, codes in zip(table.values, theirs, strict=True):
        ours = {code for code, value in zip(table.codes, row, strict=True) if value == 1.0}
        assert ours == codes
        assert np.isnan(row).all() == (not codes)


def test_parents_are_those_of_the_statements() -> None:
    with (DATA / "ptbxl_mini/scp_statements.csv").open(newline="") as file:
        rows = {row[""]: row for row in csv.DictReader(file)}
    assert set(LabelSet.load("ptbxl-all").codes) == set(rows)
    for name in ("ptbxl-all", "ptbxl-form", "ptbxl-rhythm"):
        for finding in LabelSet.load(name).findings:
            assert finding.parent == rows[finding.code]["diagnostic_subclass"]
    superclasses = {row["diagnostic_subclass"]: row["diagnostic_class"] for row in rows.values()}
    for finding in LabelSet.load("ptbxl-subclass").findings:
        assert finding.parent == superclasses[finding.code]


def test_patients_stay_in_one_fold_and_sexes_have_their_heights(dataset: Ptbxl) -> None:
    folds: dict[str, set[str | None]] = {}
    for record in dataset.records:
        folds.setdefault(record.patient_id, set()).add(record.fold)
    assert all(len(found) == 1 for found in folds.values())
    heights = {
        sex: np.mean(
            [
                r.attributes["height_cm"]
                for r in dataset.records
                if r.attributes["sex"] == sex and "height_cm" in r.attributes
            ]
        )
        for sex in ("male", "female")
    }
    assert heights["male"] > heights["female"] + 8
    assert max(record.attributes.get("age", 0) for record in dataset.records) < 100


def test_samples_read(dataset: Ptbxl) -> None:
    sample = dataset[0]
    assert sample.array.shape == (12, 1000)
    assert {code for code, value in sample.labels.items() if value} == {"NORM", "LVOLT", "SR"}
