"""The UMLS Metathesaurus in Rich Release Format: a folder with MRCONSO.RRF and its companions.

The files are sorted by concept (CUI), so that they are read side by side, one concept at a time. With MRSTY.RRF only
findings, disorders and devices are kept; the whole has more than three million concepts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Synonym
from medclip.knowledge.source import Reader, Source
from medclip.knowledge.sources._ids import as_ids
from medclip.knowledge.sources._origin import digest_of, origin_of
from medclip.knowledge.sources._rows import read_columns

__all__ = ["READER"]

# Number of columns, the empty one behind the last bar included (NLM, UMLS Reference Manual, chapter 3).
_N_COLUMNS = {"MRCONSO": 19, "MRDEF": 9, "MRREL": 17, "MRSTY": 7}
_FILES = tuple(_N_COLUMNS)
# Columns of MRCONSO.
_LAT, _TS, _STT, _IS_PREFERRED, _SAB, _CODE, _STR, _SUPPRESS = 1, 2, 4, 6, 11, 13, 14, 16
# Abnormality, injury, function, disease, sign, finding, neoplasm, device, clinical attribute.
_CLINICAL = frozenset(
    "T019 T020 T033 T034 T037 T046 T047 T048 T049 T050 T074 T184 T190 T191 T201".split()  # noqa: SIM905
)
_PREFERRED_DEFINITIONS = ("NCI", "MSH", "HPO")


def _sniff(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return any(path.glob("MRCONSO.RRF*"))
    return re.match(rb"C\d{7}\|[A-Z]{3}\|[PS]\|L\d+\|", head) is not None


def _read(path: Path) -> Source:
    folder = path if path.is_dir() else path.parent
    found = {name: next(iter(sorted(folder.glob(f"{name}.RRF*"))), None) for name in _FILES}
    files = {name: file for name, file in found.items() if file is not None}
    if "MRCONSO" not in files:
        raise KnowledgeError(f"{folder} lacks MRCONSO.RRF")
    release = re.search(r"20\d{2}A[A-C]", str(folder.absolute()))
    digest = digest_of(list(files.values()))
    origin = origin_of("umls", version=release.group() if release else "", digest=digest, paths=[])
    # The Metathesaurus joins the trees of many vocabularies, which contradict each other here and there.
    return Source(origin, _concepts(files), digest=digest, may_have_cycles=True)


def _concepts(files: dict[str, Path]) -> Iterator[Concept]:
    names = _Groups("MRCONSO", files)
    others = {name: _Groups(name, files) for name in ("MRDEF", "MRREL", "MRSTY") if name in files}
    for cui, rows in names:
        definitions, relations, types = (
            others[name].of(cui) if name in others else [] for name in ("MRDEF", "MRREL", "MRSTY")
        )
        usable = [row for row in rows if row[_LAT] == "ENG" and row[_SUPPRESS] == "N"]
        if usable and ("MRSTY" not in others or any(row[1] in _CLINICAL for row in types)):
            yield _concept(cui, usable, definitions, relations)


def _concept(
    cui: str, rows: Sequence[list[str]], definitions: Sequence[list[str]], relations: Sequence[list[str]]
) -> Concept:
    best = next((row for row in rows if (row[_TS], row[_STT], row[_IS_PREFERRED]) == ("P", "PF", "Y")), rows[0])
    term = best[_STR]
    # CUI1 REL CUI2 reads: the second has this relation to the first.
    parents = (row[4] for row in relations if row[3] == "PAR" and row[14] == "N" and row[4] != cui)
    return Concept(
        id=f"UMLS:{cui}",
        term=term,
        definition=_definition(definitions),
        synonyms=tuple(Synonym(text) for text in dict.fromkeys(row[_STR] for row in rows) if text != term),
        parents=tuple(dict.fromkeys(f"UMLS:{parent}" for parent in parents)),
        same_as=tuple(dict.fromkeys(as_ids(_reference(row) for row in rows))),
    )


def _definition(rows: Sequence[list[str]]) -> str:
    stated = {row[4]: row[5] for row in rows if row[6] == "N"}
    first = next((stated[name] for name in _PREFERRED_DEFINITIONS if name in stated), None)
    return first if first is not None else next(iter(stated.values()), "")


def _reference(row: Sequence[str]) -> str:
    """HPO, MONDO and DOID codes carry their prefix already."""
    return row[_CODE] if ":" in row[_CODE] else f"{row[_SAB]}:{row[_CODE]}"


class _Groups:
    """Rows of one file by their first column, read forward only."""

    def __init__(self, name: str, files: dict[str, Path]) -> None:
        self._path = files[name]
        rows = read_columns(self._path, _N_COLUMNS[name], separator="|")
        self._groups = groupby(rows, key=lambda row: row[0])
        self._next: tuple[str, list[list[str]]] | None = None
        self._last = ""

    def __iter__(self) -> Iterator[tuple[str, list[list[str]]]]:
        for cui, rows in self._groups:
            if cui < self._last:
                raise KnowledgeError(
                    f"{self._path} is not sorted by concept", received=f"{cui} after {self._last}", action="sort it"
                )
            self._last = cui
            yield cui, list(rows)

    def of(self, cui: str) -> list[list[str]]:
        """Rows of a concept; asked for in rising order."""
        while self._next is None or self._next[0] < cui:
            self._next = next(iter(self), None)
            if self._next is None:
                return []
        return self._next[1] if self._next[0] == cui else []


READER = Reader("umls", "UMLS Metathesaurus (folder with MRCONSO.RRF)", _sniff, _read)
