"""The chest imaging part of the catalogue: complete, in sentences of its own, without a finding that names another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest

from medclip.core.label_set import LabelSet
from medclip.core.named_files import find_label_set_file, label_set_names
from medclip.knowledge.catalogue.read import CATALOGUE_FOLDER, read_catalogue
from medclip.knowledge.concept import Concept, Description

MODALITIES = ("cxr", "ct")
CATALOGUE = {concept.id: concept for concept in read_catalogue() if concept.id.split(":")[0] in MODALITIES}
LABEL_SETS = {name: LabelSet.load(name) for name in label_set_names() if find_label_set_file(name)[0] in MODALITIES}
SIZES = {
    "chexpert": 14,
    "chexpert-5": 5,
    "nih-chestxray14": 14,
    "padchest": 89,
    "vindr-cxr": 28,
    "cxr-lt": 26,
    "ct-rate": 18,
    "rad-chestct": 16,
    "rsna-pneumonia": 2,
    "siim-pneumothorax": 1,
    "covid-chestxray": 8,
    "lidc-idri": 1,
    "lung-pet-ct-dx": 4,
    "inspect": 3,
    "merlin": 30,
    "simulated-ct": 8,
    "simulated-cxr": 8,
}
ID_FORMS = {
    "HP": r"\d{7}",
    "DOID": r"\d+",
    "MONDO": r"\d{7}",
    "NCIT": r"C\d+",
    "SNOMEDCT": r"\d{6,18}",
    "UMLS": r"C\d{7}",
}
NEGATION = re.compile(r"\b(?:no|not|without|neither|nor|free of|absence of)\b")


def described(concept: Concept) -> Description:
    """Return what the catalogue says beyond the definition."""
    assert concept.description is not None
    return concept.description


def folded(text: str) -> str:
    """Compare words only."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


NAMES = {id: [folded(name) for name in concept.names()] for id, concept in CATALOGUE.items()}


def ancestors(id: str) -> list[str]:
    """Return parents, their parents and so on, the nearest first."""
    found: list[str] = []
    waiting = list(CATALOGUE[id].parents)
    while waiting:
        parent = waiting.pop(0)
        if parent not in found:
            found.append(parent)
            waiting.extend(CATALOGUE[parent].parents)
    return found


@cache
def asserted(sentence: str) -> str:
    """Return what a sentence says, each part up to a word of negation, between blanks."""
    parts = re.split(r"\bbut\b", sentence.lower())
    return " | ".join(["", *(folded(NEGATION.split(part)[0]) for part in parts), ""])


def asserted_names(sentence: str, concept: Concept) -> list[str]:
    """Names of a concept that a sentence uses without negating them."""
    return [name for name in NAMES[concept.id] if f" {name} " in asserted(sentence)]


def each_sentence() -> Iterator[tuple[str, str]]:
    """Every appearance and absence with the concept it belongs to."""
    for id, concept in CATALOGUE.items():
        for sentence in (*described(concept).appearance, *described(concept).absence):
            yield id, sentence


def test_every_image_label_set_is_there_in_full() -> None:
    assert {name: len(labels) for name, labels in LABEL_SETS.items()} == SIZES


@pytest.mark.parametrize("name", LABEL_SETS)
def test_every_finding_has_a_concept_with_definition_and_both_wordings(name: str) -> None:
    labels = LABEL_SETS[name]
    for finding in labels.findings:
        concept = CATALOGUE[finding.concept]
        assert finding.concept.startswith(f"{labels.modality}:")
        assert finding.name == concept.term
        assert len(described(concept).appearance) >= 2
        assert len(described(concept).absence) >= 1
        assert described(concept).region
        assert len(concept.definition.split()) >= 10
    assert len({finding.concept for finding in labels.findings}) == len(labels)


@pytest.mark.parametrize("name", LABEL_SETS)
def test_parents_within_a_label_set_are_the_nearest_ancestors(name: str) -> None:
    code_of = {finding.concept: finding.code for finding in LABEL_SETS[name].findings}
    for finding in LABEL_SETS[name].findings:
        nearest = next((code_of[id] for id in ancestors(finding.concept) if id in code_of), "")
        assert finding.parent == nearest


def test_only_the_normal_examination_is_of_normal_polarity() -> None:
    normal = {
        (name, finding.code)
        for name, labels in LABEL_SETS.items()
        for finding in labels.findings
        if finding.polarity == "normal"
    }
    assert normal == {
        ("chexpert", "No Finding"),
        ("cxr-lt", "No Finding"),
        ("vindr-cxr", "No finding"),
        ("padchest", "normal"),
        ("rsna-pneumonia", "Normal"),
        ("covid-chestxray", "No Finding"),
        ("simulated-cxr", "Normal"),
    }
    for name, code in normal:
        assert LABEL_SETS[name].finding(code).concept == "cxr:no-finding"


def test_every_concept_is_asked_for() -> None:
    used = {finding.concept for labels in LABEL_SETS.values() for finding in labels.findings}
    above = {id for concept in used for id in ancestors(concept)}
    assert set(CATALOGUE) == used | above


def test_sentences_are_sentences() -> None:
    for id, sentence in each_sentence():
        assert re.fullmatch(r"[A-Z][^.!?;]*(?:\d\.\d+[^.!?;]*)*\.", sentence), (id, sentence)
        assert len(sentence.split()) <= 40, (id, sentence)
        assert sentence.isascii(), (id, sentence)
    for id, concept in CATALOGUE.items():
        assert re.fullmatch(r"[A-Z].*\.", concept.definition), id


def test_no_sentence_is_said_of_two_concepts_of_a_modality_or_twice_of_one() -> None:
    counts = Counter((id.split(":")[0], folded(sentence)) for id, sentence in each_sentence())
    assert [said for said, count in counts.items() if count > 1] == []


def test_every_concept_is_denied_by_name_and_asserted_otherwise_too() -> None:
    for id, concept in CATALOGUE.items():
        denied = [one for one in described(concept).absence if NEGATION.search(one.lower())]
        assert denied, id
        assert not any(
            re.match(r"no\b", one.lower()) and id != "cxr:no-finding" for one in described(concept).appearance
        )
        assert any(not asserted_names(one, concept) for one in described(concept).appearance), id


def test_no_name_belongs_to_two_concepts_of_a_modality() -> None:
    counts = Counter((id.split(":")[0], folded(name)) for id, one in CATALOGUE.items() for name in one.names())
    assert [name for name, count in counts.items() if count > 1] == []
    assert all(len(name) > 4 for one in CATALOGUE.values() for name in one.names())


def test_no_term_is_a_bare_word_of_many_organs() -> None:
    bare = {"edema", "effusion", "mass", "nodule", "hernia", "fracture", "fibrosis", "infiltration", "consolidation"}
    bare |= {"emphysema", "opacity", "calcification", "lesion", "cyst", "cavity", "granuloma", "infiltrate", "metal"}
    assert [name for one in CATALOGUE.values() for name in one.names() if folded(name) in bare] == []


def test_no_appearance_asserts_what_it_excludes() -> None:
    for id, concept in CATALOGUE.items():
        others = {*described(concept).excludes, described(concept).opposite} - {None}
        for other in others:
            for sentence in described(concept).appearance:
                assert not asserted_names(sentence, CATALOGUE[str(other)]), (id, sentence, other)


@pytest.mark.parametrize("name", LABEL_SETS)
def test_no_appearance_names_another_finding_of_its_label_set_except_a_broader_one(name: str) -> None:
    ids = [finding.concept for finding in LABEL_SETS[name].findings]
    leaks = [
        (id, sentence, other)
        for id in ids
        for sentence in described(CATALOGUE[id]).appearance
        for other in ids
        if other != id and other not in ancestors(id) and names_alone(sentence, id, other)
    ]
    assert leaks == []


def names_alone(sentence: str, id: str, other: str) -> bool:
    """Tell whether a sentence uses a name of another concept that is no part of a longer name of its own."""
    return any(not any(name in own for own in NAMES[id]) for name in asserted_names(sentence, CATALOGUE[other]))


def test_exclusion_and_opposition_hold_both_ways() -> None:
    for id, concept in CATALOGUE.items():
        opposite = described(concept).opposite
        if opposite:
            assert described(CATALOGUE[opposite]).opposite == id
        for other in described(concept).excludes:
            assert other.split(":")[0] == id.split(":")[0]
            assert id == "cxr:no-finding" or id in described(CATALOGUE[other]).excludes
        assert id not in ancestors(id)


def test_a_finding_that_has_no_side_is_not_shown_on_one() -> None:
    for id, concept in CATALOGUE.items():
        place = f"{concept.term} {described(concept).region}"
        own = {side for side in ("left", "right") if re.search(rf"\b{side}\b", place)}
        said = {
            side
            for sentence in (*described(concept).appearance, *described(concept).absence)
            for side in ("left", "right")
            if re.search(rf"\b{side}\b(?! (?:angles|heart failure))", sentence.lower())
        }
        assert said <= own, (id, said)


def test_ids_elsewhere_are_well_formed() -> None:
    found = [id for concept in CATALOGUE.values() for id in concept.same_as]
    assert len(found) > 150
    for id in found:
        prefix, _, local = id.partition(":")
        assert re.fullmatch(ID_FORMS[prefix], local), id


def test_the_files_hold_nothing_but_this_catalogue() -> None:
    by_file = {path.name: path.read_text(encoding="utf-8") for path in CATALOGUE_FOLDER.glob("c[xt]*-*.toml")}
    ids = [id for text in by_file.values() for id in re.findall(r'^id = "(.*)"$', text, flags=re.MULTILINE)]
    assert sorted(ids) == sorted(CATALOGUE)
