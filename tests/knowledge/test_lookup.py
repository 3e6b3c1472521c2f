"""The catalogue in memory."""

from __future__ import annotations

import pytest

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Origin, Synonym
from medclip.knowledge.lookup import CatalogueKnowledge, fold_name

A = Concept("x:a", "Pulmonary œdema")
B = Concept("x:b", "b disease", parents=("x:a",), synonyms=(Synonym("Bee-disease"), Synonym("broad b", "broad")))
C = Concept("x:c", "c", parents=("x:b", "x:a"))


def test_relations_are_transitive_and_leave_out_the_concept_itself() -> None:
    knowledge = CatalogueKnowledge((A, B, C))
    assert knowledge.ancestors("x:c") == {"x:a", "x:b"}
    assert knowledge.descendants("x:a") == {"x:b", "x:c"}
    assert knowledge.descendants("x:c") == frozenset()


def test_names_are_found_folded_and_only_exact_ones() -> None:
    knowledge = CatalogueKnowledge((A, B, C), origin=Origin("mine", "2", "CC0-1.0"))
    assert knowledge.by_name("BEE disease") == (B,)
    assert knowledge.by_name("broad b") == ()
    assert knowledge.by_name("bee") == ()
    assert knowledge.origin("x:b").source == "mine"


def test_one_name_of_two_concepts_gives_both() -> None:
    twin = Concept("x:d", "B disease")
    assert CatalogueKnowledge((B, twin, A)).by_name("b disease") == (B, twin)


def test_unknown_id_and_circles_are_refused() -> None:
    with pytest.raises(KnowledgeError, match="no such concept: received x:z"):
        CatalogueKnowledge((A,)).get("x:z")
    with pytest.raises(KnowledgeError, match="kind of itself"):
        CatalogueKnowledge((Concept("x:p", "p", parents=("x:q",)), Concept("x:q", "q", parents=("x:p",))))


def test_folding_drops_accents_capitals_and_punctuation() -> None:
    assert fold_name("  Ménière's  Disease ") == "meniere s disease"
