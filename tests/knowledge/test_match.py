from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.errors import KnowledgeError
from medclip.core.label_set import Finding
from medclip.knowledge.concept import Concept, Origin, Synonym
from medclip.knowledge.match import Wordings, match_finding
from medclip.knowledge.source import Source
from medclip.knowledge.store import KnowledgeStore, open_store


def concept(
    id_: str, term: str, *synonyms: str, parents: tuple[str, ...] = (), same_as: tuple[str, ...] = ()
) -> Concept:
    return Concept(id_, term, synonyms=tuple(map(Synonym, synonyms)), parents=parents, same_as=same_as)


HPO = (
    concept("HP:0", "Abnormality"),
    concept("HP:1", "Arrhythmia", parents=("HP:0",)),
    concept("HP:2", "Atrial fibrillation", "shared name", parents=("HP:1",)),
    concept("HP:3", "Atrial flutter", "AF", "shared name", "Atrial fibrillation", parents=("HP:1",)),
    concept("HP:4", "Right bundle branch block", "Right bundle branch block with other block", parents=("HP:1",)),
    concept("HP:5", "Mass", "Pulmonary mass", parents=("HP:0",)),
    concept("HP:6", "Pleural thickening", parents=("HP:0",)),
    concept("HP:7", "Apical opacity", "Apical pleural thickening", parents=("HP:1",)),
    concept("HP:8", "Left bundle branch block", parents=("HP:1",), same_as=("UMLS:C0023211",)),
    concept("HP:9", "Sexually transmitted disease", "STD", parents=("HP:0",)),
    concept("HP:0011717", "AV reentrant tachycardia", "AV nodal reentry tachycardia", parents=("HP:1",)),
)
DOID = (
    concept("DOID:1", "left bundle branch hemiblock", "Left bundle branch block", same_as=("UMLS:C0155702",)),
    concept("DOID:2", "auricular fibrillation", "Atrial fibrillation"),
)


@pytest.fixture
def known(tmp_path: Path, catalogue: Path) -> KnowledgeStore:
    store = open_store(tmp_path / "match.sqlite", catalogue=catalogue)
    store.add(Source(Origin("hpo", "1", "x"), HPO))
    store.add(Source(Origin("doid", "1", "x"), DOID))
    return store


def found(store: KnowledgeStore, text: str, *equivalents: str, broader: tuple[str, ...] = ()) -> tuple[str, set[str]]:
    match = match_finding(Finding("CODE", text), store, Wordings(equivalents, broader), families=("hpo", "doid"))
    return match.grade, {entry.concept.id for entry in match.entries or match.broader}


def test_grades(known: KnowledgeStore) -> None:
    assert found(known, "atrial fibrillation") == ("exact", {"HP:2", "DOID:2"})
    assert found(known, "quivering atria", "atrial fibrillation") == ("synonym", {"HP:2", "DOID:2"})
    assert found(known, "quivering atria", broader=("arrhythmia",)) == ("broader", {"HP:1"})
    assert found(known, "quivering atria") == ("none", set())


def test_the_text_of_the_data_set_is_looked_up_and_never_its_code(known: KnowledgeStore) -> None:
    match = match_finding(Finding("Atrial fibrillation", "x", text="Atrial Flutter"), known, families=("hpo",))
    assert [entry.concept.id for entry in match.exact] == ["HP:3"]
    assert match_finding(Finding("Arrhythmia", "nothing known"), known).grade == "none"
    named = match_finding(Finding("c", "Arrhythmia", text="misspelt arrythmia"), known, families=("hpo",))
    assert named.grade == "synonym"


def test_abbreviations_and_bare_words_are_not_looked_up(known: KnowledgeStore) -> None:
    for text in ("STD", "std", "AF", "Mass", "mass"):
        assert found(known, text) == ("none", set())
    assert found(known, "Mass", "pulmonary mass") == ("synonym", {"HP:5"})


def test_synonyms_that_name_something_else_do_not_count(known: KnowledgeStore) -> None:
    assert found(known, "shared name") == ("none", set())
    assert found(known, "left bundle branch block") == ("exact", {"HP:8"})
    assert found(known, "Right bundle branch block with other block") == ("none", set())
    assert found(known, "apical pleural thickening") == ("none", set())
    assert found(known, "AV nodal reentry tachycardia") == ("none", set())


def test_a_finding_may_name_its_concept(known: KnowledgeStore) -> None:
    finding = Finding("AF", "quivering", concept="ecg:atrial-fibrillation")
    match = match_finding(finding, known)
    assert match.grade == "synonym"
    assert {entry.concept.id for entry in match.synonym} == {"ecg:atrial-fibrillation", "HP:2", "DOID:2"}
    assert {"ecg:arrhythmia", "HP:1"} == {entry.concept.id for entry in match.broader}
    with pytest.raises(KnowledgeError, match="ecg:nowhere"):
        match_finding(Finding("AF", "x", concept="ecg:nowhere"), known)


def test_short_forms_inside_longer_names(known: KnowledgeStore) -> None:
    assert found(known, "atrioventricular reentrant tachycardia") == ("exact", {"HP:0011717"})
