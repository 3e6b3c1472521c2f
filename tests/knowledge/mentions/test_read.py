"""The shipped phrases, and what is refused of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.errors import KnowledgeError
from medclip.core.label_set import Finding, LabelSet
from medclip.knowledge.concept import Concept
from medclip.knowledge.lookup import CatalogueKnowledge
from medclip.knowledge.mentions.read import Mention, label_mentions, read_mentions
from medclip.modalities.report.phrases import PhraseIndex

CHEST_SETS = ("chexpert", "nih-chestxray14", "padchest", "vindr-cxr", "cxr-lt", "ct-rate", "rad-chestct")


def test_the_shipped_phrases_are_of_concepts_and_can_be_searched_for() -> None:
    knowledge = CatalogueKnowledge()
    index: PhraseIndex[str] = PhraseIndex()
    for id, mention in read_mentions().items():
        knowledge.get(id)
        for phrase in (*mention.present, *mention.absent, *mention.other, *mention.unless):
            index.add(phrase, id)


@pytest.mark.parametrize("name", CHEST_SETS)
def test_every_finding_of_every_set_has_phrases(name: str) -> None:
    labels = LabelSet.load(name)
    mentions = label_mentions(labels, CatalogueKnowledge())
    assert tuple(mentions) == labels.codes
    assert [code for code in labels.codes if not mentions[code].present] == []


KNOWLEDGE = CatalogueKnowledge(
    [
        Concept("x:fracture", "bone fracture"),
        Concept("x:rib-fracture", "rib fracture", parents=("x:fracture",)),
        Concept("x:old-rib-fracture", "callus", parents=("x:rib-fracture",)),
    ]
)


def labels(*concepts: str) -> LabelSet:
    findings = tuple(Finding(concept, f"name of {concept}", concept=concept) for concept in concepts)
    return LabelSet("test", "none", findings)


def test_a_kind_without_a_label_speaks_for_what_it_is_a_kind_of() -> None:
    phrases = {"x:rib-fracture": Mention(("cracked rib",), absent=("ribs intact",))}
    alone = label_mentions(labels("x:fracture"), KNOWLEDGE, phrases)["x:fracture"]
    assert set(alone.present) == {"bone fracture|fractures", "rib fracture|fractures", "cracked rib", "callus|calluss"}
    both = label_mentions(labels("x:fracture", "x:rib-fracture"), KNOWLEDGE, phrases)
    assert both["x:fracture"].present == ("bone fracture|fractures",)
    assert "callus|calluss" in both["x:rib-fracture"].present


def test_that_a_kind_is_absent_says_nothing_of_the_whole() -> None:
    phrases = {"x:rib-fracture": Mention(("cracked rib",), absent=("ribs intact",))}
    assert label_mentions(labels("x:fracture"), KNOWLEDGE, phrases)["x:fracture"].absent == ()
    assert label_mentions(labels("x:rib-fracture"), KNOWLEDGE, phrases)["x:rib-fracture"].absent == ("ribs intact",)


def test_a_finding_without_a_concept_is_called_by_its_name() -> None:
    found = label_mentions(LabelSet("test", "none", (Finding("A", "ring shadow"),)), KNOWLEDGE, {})
    assert found["A"].present == ("ring shadow|shadows",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds other tables"),
        ("[[concept]]\nid = 'a'", "holds other tables"),
        ("[[mention]]\nid = 'a'", "other keys than it should"),
        ("[[mention]]\nid = 'a'\npresent = ['x']\nfoo = 1", "other keys than it should"),
        ("[[mention]]\npresent = ['x']", "needs every id once"),
        (
            "[[mention]]\nid = 'a'\npresent = ['x']\n[[mention]]\nid = 'a'\npresent = ['x']",
            "needs every id once: received a",
        ),
        ("[[mention]]\nid = 'a'\npresent = ['Upper Case']", "malformed phrases in present"),
        ("[[mention]]\nid = 'a'\npresent = ['x ..']", "malformed phrases in present"),
        ("[[mention]]\nid = 'a'\npresent = ['x']\nunless = 'y'", "malformed phrases in unless"),
        ("[[mention", "cannot be read"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.toml").write_text(content)
    with pytest.raises(KnowledgeError, match=message):
        read_mentions(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="holds no phrases"):
        read_mentions(tmp_path)
