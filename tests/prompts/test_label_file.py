"""Label sets from a file of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.errors import LabelError
from medclip.core.label_set import Finding
from medclip.knowledge.lookup import CatalogueKnowledge
from medclip.prompts.label_file import read_label_file
from medclip.prompts.subject import find_subjects


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_code_and_name_are_enough(tmp_path: Path, knowledge: CatalogueKnowledge) -> None:
    text = "\ufeffcode,name,parent,polarity,concept,equivalents\nA,a wave,,,,alpha wave;  first wave\n"
    text += "B,b,A,normal,ecg:afib,\n"
    labels, known = read_label_file(_write(tmp_path, text), modality="ecg", knowledge=knowledge)
    assert labels.name == "mine"
    assert labels.findings[1] == Finding("B", "b", "A", "normal", "", "ecg:afib")
    assert known.get(labels.findings[0].concept).names() == ("a wave", "alpha wave", "first wave")
    assert known.get("ecg:afib").term == "atrial fibrillation"
    assert known.origin("ecg:afib").source == "medclip"
    assert known.descendants("ecg:afib") == {"ecg:paroxysmal-afib"}
    assert len(known.by_name("atrial fibrillation")) == len(known.by_name("alpha wave")) == 1
    assert [name.text for name in find_subjects(labels, known)[0].names][:3] == ["a wave", "alpha wave", "first wave"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("code,label\nA,a\n", "lacks columns: name"),
        ("code,name\n", "needs every code once"),
        ("code,name\nA,a\nA,b\n", "needs every code once: received A"),
        ("code,name\n,a\n", "needs every code once"),
        ("code,name,polarity\nA,a,evil\n", "unknown polarities"),
        ('code,name\nA,"a\n', "no CSV file"),
    ],
)
def test_malformed_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read_label_file(_write(tmp_path, text), knowledge=CatalogueKnowledge(()))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="cannot be read"):
        read_label_file(tmp_path / "none.csv", knowledge=CatalogueKnowledge(()))
