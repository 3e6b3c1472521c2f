"""An OMOP vocabulary as Athena hands it out: a folder with CONCEPT.csv and its companions, tab-separated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Synonym
from medclip.knowledge.source import Link, Reader, Source
from medclip.knowledge.sources._omop import DOMAINS, ENGLISH, IS_A, MAPS_TO, reference
from medclip.knowledge.sources._origin import digest_of, origin_of
from medclip.knowledge.sources._rows import read_named_rows

__all__ = ["READER"]

_FILES = ("CONCEPT", "CONCEPT_SYNONYM", "CONCEPT_RELATIONSHIP", "VOCABULARY")
_CONCEPT = ("concept_id", "concept_name", "domain_id", "vocabulary_id", "concept_code", "invalid_reason")
_SYNONYM = ("concept_id", "concept_synonym_name", "language_concept_id")
_RELATIONSHIP = ("concept_id_1", "concept_id_2", "relationship_id", "invalid_reason")
_VOCABULARY = ("vocabulary_id", "vocabulary_version")
# The row of the whole delivery.
_ALL = "None"


def _sniff(path: Path, head: bytes) -> bool:
    return path.is_dir() and (path / "CONCEPT.csv").is_file()


def _read(path: Path) -> Source:
    files = {name: path / f"{name}.csv" for name in _FILES}
    lacking = [file.name for file in files.values() if not file.is_file()]
    if lacking:
        raise KnowledgeError(f"{path} lacks files of an OMOP vocabulary: {', '.join(lacking)}")
    versions = {row["vocabulary_id"]: row["vocabulary_version"] for row in _rows(files, "VOCABULARY", _VOCABULARY)}
    digest = digest_of(list(files.values()))
    origin = origin_of("omop", version=versions.get(_ALL, ""), digest=digest, paths=[])
    # Its trees come from many vocabularies.
    return Source(origin, _concepts(files), _links(files), digest=digest, may_have_cycles=True)


def _concepts(files: dict[str, Path]) -> Iterator[Concept]:
    kept = {row["concept_id"] for row in _rows(files, "CONCEPT", _CONCEPT) if row["domain_id"] in DOMAINS}
    synonyms: dict[str, list[str]] = {}
    for row in _rows(files, "CONCEPT_SYNONYM", _SYNONYM):
        if row["concept_id"] in kept and row["language_concept_id"] == ENGLISH:
            synonyms.setdefault(row["concept_id"], []).append(row["concept_synonym_name"])
    parents: dict[str, list[str]] = {}
    for child, parent in _related(files, IS_A):
        if child in kept:
            parents.setdefault(child, []).append(f"OMOP:{parent}")
    for row in _rows(files, "CONCEPT", _CONCEPT):
        if row["concept_id"] in kept:
            yield _concept(row, synonyms.get(row["concept_id"], []), parents.get(row["concept_id"], []))


def _concept(row: dict[str, str], synonyms: list[str], parents: list[str]) -> Concept:
    elsewhere = reference(row["vocabulary_id"], row["concept_code"])
    return Concept(
        id=f"OMOP:{row['concept_id']}",
        term=row["concept_name"],
        synonyms=tuple(Synonym(text) for text in dict.fromkeys(synonyms) if text != row["concept_name"]),
        parents=tuple(dict.fromkeys(parents)),
        same_as=(elsewhere,) if elsewhere else (),
        is_obsolete=bool(row["invalid_reason"]),
    )


def _links(files: dict[str, Path]) -> Iterator[Link]:
    for one, other in _related(files, MAPS_TO):
        if one != other:
            yield Link(f"OMOP:{one}", f"OMOP:{other}")


def _related(files: dict[str, Path], relationship: str) -> Iterator[tuple[str, str]]:
    for row in _rows(files, "CONCEPT_RELATIONSHIP", _RELATIONSHIP):
        if row["relationship_id"] == relationship and not row["invalid_reason"]:
            yield row["concept_id_1"], row["concept_id_2"]


def _rows(files: dict[str, Path], name: str, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    return read_named_rows(files[name], columns)


READER = Reader("omop", "OMOP vocabulary (folder with CONCEPT.csv)", _sniff, _read)
