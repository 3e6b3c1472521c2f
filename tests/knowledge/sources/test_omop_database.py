"""An OMOP vocabulary in a real PostgreSQL, asked by a user who may only read."""

from __future__ import annotations

import psycopg
import pytest
from postgres_server import PASSWORD, PostgresServer
from test_readers import OMOP_CONCEPTS, OMOP_RELATIONSHIPS, OMOP_SYNONYMS

from medclip.core.errors import KnowledgeError
from medclip.core.label_set import Finding
from medclip.knowledge.match import match_finding
from medclip.knowledge.sources.omop_database import OmopDatabase

TABLES = """
CREATE SCHEMA cdm;
CREATE TABLE cdm.concept (concept_id integer, concept_name varchar(255), domain_id varchar(20), vocabulary_id
    varchar(20), concept_class_id varchar(20), standard_concept varchar(1), concept_code varchar(50), valid_start_date
    date, valid_end_date date, invalid_reason varchar(1));
CREATE TABLE cdm.concept_synonym (concept_id integer, concept_synonym_name varchar(1000), language_concept_id integer);
CREATE TABLE cdm.concept_relationship (concept_id_1 integer, concept_id_2 integer, relationship_id varchar(20),
    valid_start_date date, valid_end_date date, invalid_reason varchar(1));
CREATE TABLE cdm.concept_ancestor (ancestor_concept_id integer, descendant_concept_id integer,
    min_levels_of_separation integer, max_levels_of_separation integer);
CREATE TABLE cdm.vocabulary (vocabulary_id varchar(20), vocabulary_name varchar(255), vocabulary_reference varchar(255),
    vocabulary_version varchar(255), vocabulary_concept_id integer);
INSERT INTO cdm.vocabulary VALUES ('None', 'OMOP', 'OMOP', 'v5.0 30-AUG-24', 44819096);
"""


@pytest.fixture(scope="module")
def cdm(postgres: PostgresServer) -> str:
    url = postgres.new_database()
    with psycopg.connect(url) as connection:
        connection.execute(TABLES)
        for i, name, domain, vocabulary, code, reason in OMOP_CONCEPTS:
            connection.execute(
                "INSERT INTO cdm.concept VALUES (%s, %s, %s, %s, 'X', 'S', %s, '1970-01-01', '2099-12-31', %s)",
                (i, name, domain, vocabulary, code, reason or None),
            )
        for row in OMOP_SYNONYMS:
            connection.execute("INSERT INTO cdm.concept_synonym VALUES (%s, %s, %s)", row)
        for one, other, kind, reason in OMOP_RELATIONSHIPS:
            connection.execute(
                "INSERT INTO cdm.concept_relationship VALUES (%s, %s, %s, '1970-01-01', '2099-12-31', %s)",
                (one, other, kind, reason or None),
            )
        for child in (313217, 314665, 44784217):
            connection.execute("INSERT INTO cdm.concept_ancestor VALUES (44784217, %s, 0, 1)", (child,))
    return url


@pytest.fixture
def omop(cdm: str) -> OmopDatabase:
    return OmopDatabase(cdm, "cdm")


def ids(entries: object) -> list[str]:
    return [entry.concept.id for entry in entries]


def test_concepts_are_found_in_place(omop: OmopDatabase) -> None:
    entry = omop.get("OMOP:313217")
    assert entry is not None
    assert (entry.origin.source, entry.origin.version) == ("omop", "v5.0 30-AUG-24")
    assert entry.concept.parents == ("OMOP:44784217",)
    assert entry.concept.same_as == ("SNOMEDCT:49436004",)
    assert entry.concept.names() == ("Atrial fibrillation", "AF", "Auricular fibrillation")
    assert ids(omop.by_name("ATRIAL fibrillation")) == ["OMOP:313217"]
    assert ids(omop.by_name("auricular fibrillations")) == ["OMOP:313217"]
    for text in ("AF", "Vorhofflimmern", "Old fibrillation", "Aspirin", "'; DROP TABLE cdm.concept; --"):
        assert omop.by_name(text) == ()
    assert ids(omop.search("atrial fibrillation"))[0] == "OMOP:313217"
    assert set(ids(omop.search("atrial"))) == {"OMOP:313217", "OMOP:314665", "OMOP:35207784"}
    assert omop.get("OMOP:99") is None
    assert omop.get("HP:1") is None


def test_relations(omop: OmopDatabase) -> None:
    assert omop.ancestors("OMOP:313217") == {"OMOP:44784217"}
    assert omop.descendants("OMOP:44784217") == {"OMOP:313217", "OMOP:314665"}
    assert omop.same_as("OMOP:313217") == {"OMOP:35207784", "SNOMEDCT:49436004"}


def test_findings_are_matched_in_place(omop: OmopDatabase) -> None:
    match = match_finding(Finding("AFIB", "atrial fibrillation"), omop)
    assert (match.grade, ids(match.exact)) == ("exact", ["OMOP:313217"])


def test_nothing_can_be_written(omop: OmopDatabase) -> None:
    with pytest.raises(KnowledgeError, match="read-only"), omop._reading() as connection:
        connection.exec_driver_sql("DELETE FROM cdm.concept")
    assert omop.get("OMOP:313217") is not None


def test_what_is_no_such_database_is_named(cdm: str) -> None:
    with pytest.raises(KnowledgeError, match="has no concept, concept_ancestor") as raised:
        OmopDatabase(cdm, "public")
    assert PASSWORD not in str(raised.value)
    with pytest.raises(KnowledgeError, match="no plain word"):
        OmopDatabase(cdm, 'public"; DROP')
    with pytest.raises(KnowledgeError, match="PostgreSQL"):
        OmopDatabase("/some/file.sqlite")
