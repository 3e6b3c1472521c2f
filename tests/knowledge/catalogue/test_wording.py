"""Phrases of reports reach their concepts, and malformed ones are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.errors import KnowledgeError
from medclip.core.label_set import LabelSet
from medclip.core.named_files import label_set_names
from medclip.knowledge.catalogue.read import read_catalogue

CONCEPTS = """
[[territory]]
key = "arm"

[[composed]]
territories = ["arm"]
id = "demo:{key}-pain"
term = "{key} pain"
definition = "Pain in the {key}."
appearance = ["{Key} pain."]
absence = ["A painless {key}."]

[[concept]]
id = "demo:fever"
term = "fever"
definition = "A temperature above 38 degrees."
excludes = ["demo:arm-pain"]
appearance = ["Fever."]
absence = ["Warm."]
"""
WORDING = """
[[wording]]
id = "demo:arm-pain"
present = ["painful arm", "sore arm"]
instead = ["well"]
"""


def read(folder: Path, wording: str):
    # "a.toml" is read first: a wording may precede its concept.
    (folder / "a.toml").write_text(wording)
    (folder / "b.toml").write_text(CONCEPTS)
    return {concept.id: concept.description for concept in read_catalogue(folder)}


def test_a_wording_reaches_its_concept_alone(tmp_path: Path) -> None:
    found = read(tmp_path, WORDING)
    assert found["demo:arm-pain"].wording == ("painful arm", "sore arm")
    assert found["demo:arm-pain"].wording_instead == ("well",)
    assert found["demo:arm-pain"].excludes == ("demo:fever",)
    assert (found["demo:fever"].wording, found["demo:fever"].wording_instead) == ((), ())


@pytest.mark.parametrize(
    ("wording", "message"),
    [
        (WORDING.replace("arm-pain", "leg-pain"), "a.toml, wording of demo:leg-pain: there is no such concept"),
        (WORDING.replace('"demo:arm-pain"', "[]"), "there is no such concept"),
        (WORDING + WORDING, "wording of demo:arm-pain is there already"),
        (WORDING + "absent = []\n", "other keys than it should: received absent, id, instead, present"),
        (WORDING.replace("instead", "# instead"), "other keys than it should: received id, present"),
        (WORDING.replace('["well"]', "[]"), "needs instead as a list of texts"),
        (WORDING.replace('["well"]', '"well"'), "needs instead as a list of texts"),
        (WORDING.replace('"sore arm"', '" sore arm"'), "needs present as a list of texts without outer blanks"),
        (WORDING.replace('"sore arm"', "1"), "needs present as a list of texts"),
        (WORDING.replace('"sore arm"', '"painful arm"'), "a phrase twice: received painful arm"),
        (WORDING.replace('"sore arm"', '"well"'), "a phrase twice: received well"),
        (WORDING.replace("[[wording]]", "[wording]"), r"needs wording as \[\[wording\]\]"),
    ],
)
def test_malformed_wordings_are_refused_in_one_line(tmp_path: Path, wording: str, message: str) -> None:
    with pytest.raises(KnowledgeError, match=message) as error:
        read(tmp_path, wording)
    assert "\n" not in str(error.value)


def test_every_finding_of_an_ecg_has_phrases_that_are_spelled_as_cleaned_reports_are() -> None:
    found = {concept.id: concept.description for concept in read_catalogue()}
    labels = [LabelSet.load(name) for name in label_set_names()]
    ids = {finding.concept for one in labels if one.modality == "ecg" for finding in one.findings}
    assert len(ids) > 100
    assert [id for id in sorted(ids) if not found[id].wording or not found[id].wording_instead] == []
    phrases = [text for one in found.values() for text in (*one.wording, *one.wording_instead)]
    assert [text for text in phrases if text != text.lower() or text.endswith(".") or not text.isascii()] == []
