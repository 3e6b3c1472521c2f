"""SNOMED in Release Format 2: the snapshot files anywhere below a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Synonym
from medclip.knowledge.source import Reader, Source
from medclip.knowledge.sources._origin import digest_of, origin_of
from medclip.knowledge.sources._rows import read_named_rows

__all__ = ["READER"]

_FULLY_SPECIFIED_NAME = "900000000000003001"
_IS_A = "116680003"
_PREFERRED = "900000000000548007"
_TAG = re.compile(r" \([^()]*\)$")
_PATTERNS = {
    "concepts": "sct2_Concept_Snapshot*.txt*",
    "descriptions": "sct2_Description_Snapshot-en*.txt*",
    "definitions": "sct2_TextDefinition_Snapshot-en*.txt*",
    "relationships": "sct2_Relationship_Snapshot*.txt*",
    "language": "der2_cRefset_LanguageSnapshot-en*.txt*",
}
_REQUIRED = ("concepts", "descriptions", "relationships")


def _sniff(path: Path, head: bytes) -> bool:
    return path.is_dir() and next(path.rglob(_PATTERNS["concepts"]), None) is not None


def _read(path: Path) -> Source:
    files = {kind: sorted(path.rglob(pattern)) for kind, pattern in _PATTERNS.items()}
    lacking = [_PATTERNS[kind] for kind in _REQUIRED if not files[kind]]
    if lacking:
        raise KnowledgeError(f"{path} lacks files of a SNOMED snapshot: {', '.join(lacking)}")
    used = [file for found in files.values() for file in found]
    digest = digest_of(used)
    return Source(origin_of("snomedct", version="", digest=digest, paths=used), _concepts(files), digest=digest)


def _concepts(files: Mapping[str, list[Path]]) -> Iterator[Concept]:
    is_active = {row["id"]: row["active"] == "1" for row in _rows(files, "concepts", ("id", "active"))}
    preferred = {
        row["referencedComponentId"]
        for row in _rows(files, "language", ("active", "referencedComponentId", "acceptabilityId"))
        if row["active"] == "1" and row["acceptabilityId"] == _PREFERRED
    }
    named, chosen, full = _names(files, preferred)
    definitions = {row["conceptId"]: row["term"] for row in _active(files, "definitions", ("conceptId", "term"))}
    parents: dict[str, list[str]] = {}
    for row in _active(files, "relationships", ("sourceId", "destinationId", "typeId")):
        if row["typeId"] == _IS_A:
            parents.setdefault(row["sourceId"], []).append(f"SNOMEDCT:{row['destinationId']}")
    for id_, active in is_active.items():
        term = chosen.get(id_) or _TAG.sub("", full.get(id_, "")) or next(iter(named.get(id_, ())), id_)
        yield Concept(
            id=f"SNOMEDCT:{id_}",
            term=term,
            definition=definitions.get(id_, ""),
            synonyms=tuple(Synonym(text) for text in dict.fromkeys(named.get(id_, ())) if text != term),
            parents=tuple(dict.fromkeys(parents.get(id_, ()))),
            is_obsolete=not active,
        )


def _names(
    files: Mapping[str, list[Path]], preferred: set[str]
) -> tuple[dict[str, list[str]], dict[str, str], dict[str, str]]:
    """Synonyms, the preferred one, and the fully specified name, by concept."""
    named: dict[str, list[str]] = {}
    chosen: dict[str, str] = {}
    full: dict[str, str] = {}
    for row in _active(files, "descriptions", ("id", "conceptId", "typeId", "term")):
        if row["typeId"] == _FULLY_SPECIFIED_NAME:
            full[row["conceptId"]] = row["term"]
            continue
        named.setdefault(row["conceptId"], []).append(row["term"])
        if row["id"] in preferred:
            chosen.setdefault(row["conceptId"], row["term"])
    return named, chosen, full


def _active(files: Mapping[str, list[Path]], kind: str, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    return (row for row in _rows(files, kind, ("active", *columns)) if row["active"] == "1")


def _rows(files: Mapping[str, list[Path]], kind: str, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    for path in files[kind]:
        yield from read_named_rows(path, columns)


READER = Reader("snomed", "SNOMED (folder with the RF2 snapshot)", _sniff, _read)
