"""ICD-10-CM as NCHS and CMS publish it: the order file, or the list of codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Synonym
from medclip.knowledge.source import Reader, Source
from medclip.knowledge.sources._origin import digest_of, origin_of
from medclip.knowledge.sources._packed import read_lines

__all__ = ["READER"]

# Columns 1-5 order number, 7-13 code, 15 whether it may be billed, 17-76 short and 78 onwards long title.
_ORDER = re.compile(r"^\d{5} ([A-Z]\d[0-9A-Z]{1,5}) *([01]) (.{60}) (.+)$")
_CODES = re.compile(r"^([A-Z]\d[0-9A-Z]{1,5}) +(\S.*)$")
_CATEGORY = 3


def _sniff(path: Path, head: bytes) -> bool:
    lines = head.decode("utf-8", "replace").splitlines()[:20][:-1] or [head.decode("utf-8", "replace").rstrip()]
    return all(_ORDER.match(line) for line in lines) or all(_CODES.match(line) for line in lines)


def _read(path: Path) -> Source:
    digest = digest_of([path])
    return Source(origin_of("icd10cm", version="", digest=digest, paths=[path]), _concepts(path), digest=digest)


def _concepts(path: Path) -> Iterator[Concept]:
    titles = dict(_titles(path))
    for code, (title, short) in titles.items():
        above = [code[:length] for length in range(len(code) - 1, _CATEGORY - 1, -1) if code[:length] in titles]
        yield Concept(
            id=_id(code),
            term=title,
            # The short title is an abbreviated one, not a synonym.
            synonyms=(Synonym(short, "related"),) if short and short != title else (),
            parents=(_id(above[0]),) if above else (),
        )


def _titles(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    for number, line in read_lines(path):
        if order := _ORDER.match(line):
            yield order.group(1), (order.group(4).strip(), order.group(3).strip())
        elif codes := _CODES.match(line):
            yield codes.group(1), (codes.group(2).strip(), "")
        elif line.strip():
            raise KnowledgeError(f"line {number} of {path} is no ICD-10-CM code with its title", received=line[:80])


def _id(code: str) -> str:
    dotted = f"{code[:_CATEGORY]}.{code[_CATEGORY:]}" if len(code) > _CATEGORY else code
    return f"ICD10CM:{dotted}"


READER = Reader("icd10cm", "ICD-10-CM (order file or code list)", _sniff, _read)
