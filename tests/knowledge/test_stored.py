"""A store with the catalogue and one more source, asked as the prompt builder does."""

from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.errors import KnowledgeError
from medclip.knowledge.source import read_source
from medclip.knowledge.store import KnowledgeStore, open_store
from medclip.knowledge.stored import StoredKnowledge

OBO = """format-version: 1.2
data-version: releases/2026-01-01
ontology: doid

[Term]
id: DOID:1
name: heart rhythm disease

[Term]
id: DOID:0060224
name: atrial fibrillation
is_a: DOID:1 ! heart rhythm disease
xref: HP:0005110

[Term]
id: DOID:0050650
name: familial atrial fibrillation
is_a: DOID:0060224 ! atrial fibrillation

[Term]
id: DOID:0050651
name: withdrawn fibrillation
is_a: DOID:0060224 ! atrial fibrillation
is_obsolete: true
"""

CATALOGUE = """
[[concept]]
id = "ecg:arrhythmia"
term = "arrhythmia"
definition = "Any rhythm that is not sinus rhythm."
appearance = ["Arrhythmia.", "The rhythm is disturbed."]
absence = ["The rhythm is regular."]

[[concept]]
id = "ecg:atrial-fibrillation"
term = "atrial fibrillation"
definition = "Irregular rhythm without P waves."
parents = ["ecg:arrhythmia"]
appearance = ["Atrial fibrillation.", "No P waves are seen."]
absence = ["A P wave precedes every QRS complex."]
ids = { doid = "DOID:0060224" }
"""


@pytest.fixture
def store(tmp_path: Path) -> KnowledgeStore:
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "small.toml").write_text(CATALOGUE)
    (tmp_path / "doid.obo").write_text(OBO)
    store = open_store(tmp_path / "knowledge.sqlite", catalogue=tmp_path / "catalogue")
    store.add(read_source(tmp_path / "doid.obo"))
    return store


def test_a_kind_that_only_another_source_knows_is_a_kind_of_the_finding(store: KnowledgeStore) -> None:
    knowledge = StoredKnowledge(store)
    assert knowledge.descendants("ecg:atrial-fibrillation") == {"DOID:0060224", "DOID:0050650"}
    assert knowledge.ancestors("ecg:atrial-fibrillation") == {"ecg:arrhythmia", "DOID:1"}
    assert [concept.id for concept in knowledge.by_name("Familial atrial fibrillation")] == ["DOID:0050650"]


def test_every_concept_keeps_its_own_source(store: KnowledgeStore) -> None:
    knowledge = StoredKnowledge(store)
    assert knowledge.origin("ecg:atrial-fibrillation").source == "medclip"
    assert knowledge.origin("DOID:0050650").source == "doid"
    assert knowledge.get("DOID:0050650").term == "familial atrial fibrillation"
    with pytest.raises(KnowledgeError, match="no such concept: received DOID:99"):
        knowledge.get("DOID:99")
