"""Who is a sibling of whom."""

from __future__ import annotations

import dataclasses

import pytest

from medclip.core.errors import PromptError
from medclip.core.label_set import Finding, LabelSet
from medclip.knowledge.lookup import CatalogueKnowledge
from medclip.prompts.subject import find_subjects


def _siblings(labels: LabelSet, knowledge: CatalogueKnowledge) -> dict[str, tuple[str, ...]]:
    return {subject.finding.code: subject.siblings for subject in find_subjects(labels, knowledge)}


def test_parents_by_knowledge_are_no_siblings(labels: LabelSet, knowledge: CatalogueKnowledge) -> None:
    siblings = _siblings(labels, knowledge)
    assert siblings["AFIB"] == ("NORM", "AFLT", "LBBB", "ILBBB")
    assert siblings["SVARR"] == ("NORM", "LBBB", "ILBBB")


def test_parents_by_the_label_set_are_no_siblings_but_its_own_group_code_is_no_parent() -> None:
    labels = LabelSet("x", "x", (Finding("A", "a"), Finding("B", "b", parent="A"), Finding("C", "c", parent="B")))
    assert _siblings(labels, CatalogueKnowledge(())) == {"A": (), "B": (), "C": ()}
    labels = LabelSet("x", "x", (Finding("A", "a", parent="A"), Finding("B", "b", parent="A")))
    assert _siblings(labels, CatalogueKnowledge(())) == {"A": ("B",), "B": ("A",)}


def test_parents_in_a_circle_end() -> None:
    labels = LabelSet("x", "x", (Finding("A", "a", parent="B"), Finding("B", "b", parent="A")))
    assert _siblings(labels, CatalogueKnowledge(())) == {"A": (), "B": ()}


def test_two_codes_of_one_concept_are_no_siblings(knowledge: CatalogueKnowledge) -> None:
    labels = LabelSet("x", "ecg", (Finding("A", "a", concept="ecg:afib"), Finding("B", "b", concept="ecg:afib")))
    assert _siblings(labels, knowledge) == {"A": (), "B": ()}


def test_a_siblings_name_is_found_unless_it_is_part_of_the_own_name(
    labels: LabelSet, knowledge: CatalogueKnowledge
) -> None:
    subjects = {subject.finding.code: subject for subject in find_subjects(labels, knowledge)}
    assert subjects["AFIB"].named_sibling("coarse atrial flutters") == ("atrial flutter", "AFLT")
    assert subjects["AFIB"].named_sibling("cavotricuspid flutter") == ("cavotricuspid flutter", "AFLT")
    assert subjects["ILBBB"].named_sibling("incomplete left bundle branch block") is None
    assert subjects["ILBBB"].named_sibling("left bundle branch block") == ("left bundle branch block", "LBBB")
    assert subjects["SVARR"].named_sibling("atrial flutter") is None


def test_an_unknown_concept_is_named(labels: LabelSet, knowledge: CatalogueKnowledge) -> None:
    odd = dataclasses.replace(labels, findings=(Finding("X", "x", concept="ecg:nothing"),))
    with pytest.raises(PromptError, match="unknown concept for X: received ecg:nothing"):
        find_subjects(odd, knowledge)


def test_a_text_names_a_narrower_class_but_not_by_the_names_that_both_have(knowledge: CatalogueKnowledge) -> None:
    labels = LabelSet(
        "x",
        "ecg",
        (
            Finding("SVARR", "arrhythmia", concept="ecg:supraventricular-arrhythmia"),
            Finding("AFIB", "arrhythmia", concept="ecg:afib"),
            Finding("AFLT", "atrial flutter", concept="ecg:flutter"),
        ),
    )
    broad, narrow, _ = find_subjects(labels, knowledge)
    assert broad.named_narrower("old atrial fibrillations") == ("atrial fibrillation", "AFIB")
    assert broad.named_narrower("atrial flutter") == ("atrial flutter", "AFLT")
    assert broad.named_narrower("arrhythmia") is None
    assert narrow.named_narrower("supraventricular arrhythmia, atrial flutter, paroxysmal atrial fibrillation") is None
