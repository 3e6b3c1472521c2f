"""CDISC controlled terminology as NCI EVS publishes it: a tab-separated text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Synonym
from medclip.knowledge.source import Reader, Source
from medclip.knowledge.sources._origin import digest_of, origin_of
from medclip.knowledge.sources._rows import read_named_rows

__all__ = ["READER"]

_COLUMNS = ("Code", "Codelist Code", "CDISC Submission Value", "CDISC Synonym(s)", "CDISC Definition")

_SUFFIX = re.compile(r" by [A-Z]+ Finding$")


def _sniff(path: Path, head: bytes) -> bool:
    first = head.partition(b"\n")[0]
    return b"Codelist Code\t" in first and b"CDISC Submission Value" in first


def _read(path: Path) -> Source:
    """One code list is a source of its own, so that several can lie side by side; a file of many is one source."""
    lists = {row["Codelist Code"] for row in read_named_rows(path, _COLUMNS) if row["Codelist Code"]}
    if not lists:
        raise KnowledgeError(f"{path} holds no term of a code list")
    name = f"cdisc-{lists.pop().lower()}" if len(lists) == 1 else "cdisc"
    digest = digest_of([path])
    return Source(origin_of(name, version="", digest=digest, paths=[path]), _concepts(path), digest=digest)


def _concepts(path: Path) -> Iterator[Concept]:
    """A term of several code lists becomes one concept."""
    merged: dict[str, Concept] = {}
    for row in read_named_rows(path, _COLUMNS):
        concept = _concept(row)
        known = merged.get(concept.id)
        merged[concept.id] = _both(known, concept) if known else concept
    yield from merged.values()


def _concept(row: dict[str, str]) -> Concept:
    synonyms = dict.fromkeys(text.strip() for text in row["CDISC Synonym(s)"].split(";"))
    # NCI tells the finding from the diagnosis by a suffix, which is no part of the name.
    synonyms[_SUFFIX.sub("", row.get("NCI Preferred Term", ""))] = None
    code_list = row["Codelist Code"]
    return Concept(
        id=f"CDISC:{row['Code']}",
        term=row["CDISC Submission Value"],
        definition=row["CDISC Definition"],
        synonyms=tuple(Synonym(text) for text in synonyms if text and text != row["CDISC Submission Value"]),
        parents=(f"CDISC:{code_list}",) if code_list else (),
        same_as=(f"NCIT:{row['Code']}",),
    )


def _both(first: Concept, second: Concept) -> Concept:
    texts = [*first.synonyms, Synonym(second.term), *second.synonyms]
    return Concept(
        id=first.id,
        term=first.term,
        definition=first.definition or second.definition,
        synonyms=tuple(dict.fromkeys(one for one in texts if one.text != first.term)),
        parents=tuple(dict.fromkeys((*first.parents, *second.parents))),
        same_as=first.same_as,
    )


READER = Reader("cdisc", "CDISC terminology (tab-separated text of NCI EVS)", _sniff, _read)
