"""The linter finds what is known to be wrong in the prompts that MERL published."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from medclip.knowledge.lookup import CatalogueKnowledge
from medclip.prompts.label_file import read_label_file
from medclip.prompts.lint import Problem, lint

DATA = os.environ.get("MEDCLIP_TEST_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="MEDCLIP_TEST_DATA is not set")
FOLDER = Path(DATA or "")
FILE = FOLDER / "merl" / "CKEPE_prompt.json"
# Columns of MERL's own test files in front of the labels.
_SPLITS = {
    "super": ("ptbxl/super_class/ptbxl_super_class_test.csv", 6),
    "sub": ("ptbxl/sub_class/ptbxl_sub_class_test.csv", 6),
    "form": ("ptbxl/form/ptbxl_form_test.csv", 6),
    "rhythm": ("ptbxl/rhythm/ptbxl_rhythm_test.csv", 6),
    "cpsc": ("icbeb/icbeb_test.csv", 7),
    "csn": ("chapman/chapman_test.csv", 3),
}


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    names = ("ptb_xl_scp", "csn_38_merl_melp_subset", "cpsc2018")
    labels = [
        read_label_file(FOLDER / "knowledge" / "label_sets" / f"{name}.csv", knowledge=CatalogueKnowledge(()))
        for name in names
    ]
    return lint(FILE, labels)


def _codes(split: str) -> list[str]:
    path, n_columns = _SPLITS[split]
    with (FOLDER / "merl" / "data_split" / path).open() as file:
        return next(csv.reader(file))[n_columns:]


def test_the_88_classes_that_share_a_phrase(problems: list[Problem]) -> None:
    content = json.loads(FILE.read_text())
    phrases = {code: {part.strip(" .").lower() for part in text.split(",")} - {""} for code, text in content.items()}
    known = {
        code for code, own in phrases.items() for other, theirs in phrases.items() if code != other and own & theirs
    }
    assert (len(content), len(known)) == (131, 88)
    assert known <= {problem.code for problem in problems if problem.check == "shared"}
    assert known <= {problem.code for problem in lint(FILE) if problem.check == "shared"}


def test_sibling_names_inside_the_six_label_sets(tmp_path: Path) -> None:
    names = {
        row["code"].rstrip("_"): (row["name"], row["equivalents"])
        for name in ("csn_38_merl_melp_subset", "cpsc2018", "ptb_xl_scp")
        for row in csv.DictReader((FOLDER / "knowledge" / "label_sets" / f"{name}.csv").open())
    }
    # Numbers of the README of the label sets, found there by exact phrases alone: a lower bound.
    for split, at_least in {"super": 0, "sub": 2, "form": 3, "rhythm": 3, "cpsc": 0, "csn": 11}.items():
        own = dict(names)
        if split == "csn":
            path = FOLDER / "knowledge" / "label_sets" / "csn_38_merl_melp_subset.csv"
            own |= {row["code"]: (row["name"], row["equivalents"]) for row in csv.DictReader(path.open())}
        path = tmp_path / f"{split}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["code", "name", "equivalents"])
            writer.writerows([code, *own.get(code, (code, ""))] for code in _codes(split))
        labels = read_label_file(path, knowledge=CatalogueKnowledge(()))
        found = {problem.code for problem in lint(FILE, [labels]) if problem.check == "sibling"}
        assert len(found) >= at_least, (split, sorted(found))


@pytest.mark.parametrize(
    ("code", "words", "check"),
    [
        ("NORM", "Sinus tachycardia", "sibling"),
        ("STDD", "ST segment elevation", "sibling"),
        ("STDD", "ST segment elevation", "opposites"),
        ("LAFB", "left bundle branch block (LAFB)", "shared"),
        ("AF", "Atrial Fibrillation", "sibling"),
        ("BIGU", "Based on the input", "talk"),
        ("CR", "counterclockwise rotation", "sibling"),
        ("ISCAL", "in anterolateral leads", "form"),
    ],
)
def test_what_is_known(problems: list[Problem], code: str, words: str, check: str) -> None:
    found = [
        problem for problem in problems if (problem.code, problem.check) == (code, check) and problem.phrase == words
    ]
    assert found
    lines = FILE.read_text().splitlines()
    for problem in found:
        assert lines[problem.line - 1][problem.column - 1 :].startswith(words)
        assert problem.reason
        assert problem.suggestion
