"""A bilingual glossary: one tab-separated file that says how short clinical phrases read in English.

Columns: source phrase, English phrase, kind, and an optional note. Lines that are empty or start with "# "
are skipped.

| kind      | a phrase of this kind ...                                                             |
|-----------|---------------------------------------------------------------------------------------|
| statement | says something complete and starts a statement; adjectives before it belong to it      |
| finding   | is the same, and may hang under a header                                               |
| header    | opens a list of findings; what stands after "|" is repeated for each of them           |
| verdict   | judges the whole recording: "normal [study]"; inside a statement the bracket goes      |
| adjective | belongs to the noun that follows                                                       |
| opener    | starts a statement and belongs to the noun that follows: no, suspected                 |
| modifier  | follows a statement and changes it; "{}" stands for the statement: "possible {}"       |
| word      | continues a statement                                                                  |
| link      | connects what precedes with what follows: with, in, not                                |
| name      | is a place in a list, such as i, avl, v4-v6; written "#" inside phrases                |
| prefix    | is the first part of a compound word                                                   |
| drop      | has no meaning of its own and is left out                                              |

In the source, "[x]" is optional and "a|b" are alternatives. A word with a full stop is an abbreviation: it
matches with and without the stop. Three directives describe the language: `@style telegram` (statements
follow each other without punctuation) or `@style prose`; `@spelling ä ae` (both spellings are equal);
`@ending er` (inflection that is ignored), save in words such as `@stem schwer`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from medclip.core.errors import InputError
from medclip.modalities.report.words import cut_phrase

__all__ = ["KINDS", "Entry", "Glossary"]

KINDS = (
    "statement",
    "finding",
    "header",
    "verdict",
    "adjective",
    "opener",
    "modifier",
    "word",
    "link",
    "name",
    "prefix",
    "drop",
)
_STYLES = ("telegram", "prose")
_MAY_SHARE_A_SOURCE = (
    {"adjective", "modifier"},
    {"opener", "modifier"},
    {"adjective", "verdict"},
    {"link", "name"},
)
_DIRECTIVES = "@style telegram|prose, @spelling WRITTEN FOLDED, @ending ENDING, @stem WORD, tabs between"
_COLUMNS = "source, English, kind and an optional note, tabs between"
_LONGEST_ENDING_LEAVES = 3
_OPTIONAL = re.compile(r"\[([^\]]+)\]")
_BRACKETED_PLURAL = re.compile(r"\((?:s|n|e|a|en|er|es)\)$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a glossary."""

    source: str
    english: str
    kind: str
    note: str = ""


@dataclass(frozen=True)
class Glossary:
    """The phrases of one language with their English and the spelling rules of the language.

    >>> lines = ["@ending\\ter", "kleiner\\tsmall\\tadjective", "befund[e]\\tfinding\\tfinding\\tany"]
    >>> glossary = Glossary.parse(lines, name="example")
    >>> glossary.entries[0]
    Entry(source='kleiner', english='small', kind='adjective', note='')
    >>> glossary.stem("kleiner"), glossary.stem("er")
    ('klein', 'er')
    >>> list(glossary.phrases(glossary.entries[1]))
    ['befund', 'befunde']
    """

    name: str
    style: str
    spellings: tuple[tuple[str, str], ...]
    endings: tuple[str, ...]
    stems: frozenset[str]
    entries: tuple[Entry, ...]

    @classmethod
    def load(cls, path: str | Path) -> Glossary:
        """Read a glossary file (UTF-8).

        Raises:
            InputError: The file is missing or not UTF-8, or a line is malformed or repeats an earlier one;
                the message names file and line.
        """
        path = Path(path)
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("cannot read the glossary", received=path, action=f"check the file ({error})") from error
        return cls.parse((line.rstrip("\r") for line in lines), name=str(path))

    @classmethod
    def parse(cls, lines: Iterable[str], *, name: str) -> Glossary:
        """Read a glossary from its lines; `name` stands for the file in error messages.

        Raises:
            InputError: A line is malformed or repeats an earlier one.
        """
        reader = _Reader(name)
        for number, line in enumerate(lines, start=1):
            if line.strip() and not line.startswith("# "):
                reader.read(line, number)
        glossary = cls(
            name,
            reader.style,
            tuple(reader.spellings),
            tuple(reader.endings),
            frozenset(reader.stems),
            tuple(reader.entries),
        )
        _refuse_duplicates(glossary, reader.numbers)
        return glossary

    def stem(self, word: str) -> str:
        """Return `word` in its one spelling and without inflection: the key under which it is found."""
        word = self.spell(word)
        if word.endswith(")"):
            word = _BRACKETED_PLURAL.sub("", word)
        if word in self.stems:
            return word
        for ending in self.endings:
            if word.endswith(ending) and len(word) - len(ending) >= _LONGEST_ENDING_LEAVES and word.isalpha():
                return word[: -len(ending)]
        return word

    def spell(self, word: str) -> str:
        """Return `word` in the one spelling of all its variants."""
        if not word.isascii() or "#" in word:
            for written, folded in self.spellings:
                word = word.replace(written, folded)
        return word

    @staticmethod
    def phrases(entry: Entry) -> Iterator[str]:
        """Yield every spelling that the source of `entry` stands for."""
        parts = [_alternatives(part) for part in entry.source.split(" ")]
        for chosen in itertools.product(*parts):
            yield " ".join(part for part in chosen if part)


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.style = "telegram"
        self.spellings: list[tuple[str, str]] = []
        self.endings: list[str] = []
        self.stems: set[str] = set()
        self.entries: list[Entry] = []
        self.numbers: list[int] = []

    def read(self, line: str, number: int) -> None:
        cells = [cell.strip() for cell in line.split("\t")]
        if cells[0].startswith("@"):
            self._read_directive(cells, number)
        else:
            self._read_entry(cells, number)

    def _read_directive(self, cells: list[str], number: int) -> None:
        if cells[0] == "@style" and len(cells) == 2 and cells[1] in _STYLES:
            self.style = cells[1]
        elif cells[0] == "@spelling" and len(cells) == 3:
            self.spellings.append((cells[1], cells[2]))
        elif cells[0] == "@ending" and len(cells) == 2 and cells[1]:
            self.endings = sorted([*self.endings, cells[1]], key=len, reverse=True)
        elif cells[0] == "@stem" and len(cells) == 2:
            self.stems.add(cells[1])
        else:
            raise self._error("unknown glossary directive", number, cells, _DIRECTIVES)

    def _read_entry(self, cells: list[str], number: int) -> None:
        if len(cells) not in (3, 4) or not cells[0]:
            raise self._error("malformed glossary line", number, cells, _COLUMNS)
        entry = Entry(cells[0].lower(), cells[1], cells[2], *cells[3:])
        if entry.kind not in KINDS:
            raise self._error("unknown kind of glossary line", number, cells, KINDS)
        if bool(entry.english) == (entry.kind == "drop"):
            raise self._error("glossary line without English, or a drop with English", number, cells, "one of the two")
        if entry.kind == "modifier" and "{}" not in entry.english:
            raise self._error("a modifier without the place of its statement", number, cells, '"possible {}"')
        if entry.kind == "header" and not re.search(r"\|.*\{\}", entry.english):
            raise self._error("a header without its repeated part", number, cells, '"abnormal wave:| probable {}"')
        self.entries.append(entry)
        self.numbers.append(number)

    def _error(self, what: str, number: int, cells: list[str], allowed: object) -> InputError:
        where = f"{self.name}, line {number}: {what}"
        return InputError(where, received=" | ".join(cells), allowed=allowed, action="mend this line")


def _refuse_duplicates(glossary: Glossary, numbers: list[int]) -> None:
    seen: dict[str, list[tuple[Entry, int]]] = {}
    for entry, number in zip(glossary.entries, numbers, strict=True):
        for phrase in glossary.phrases(entry):
            others = seen.setdefault(" ".join(glossary.stem(word.text) for word in cut_phrase(phrase)[0]), [])
            for other, first in others:
                if other is not entry and not _may_share_a_source(entry, other):
                    where = f"{glossary.name}, line {number}: the phrase is already on line {first}"
                    raise InputError(where, received=phrase, action="remove one of the two lines")
            others.append((entry, number))


def _may_share_a_source(entry: Entry, other: Entry) -> bool:
    kinds = {entry.kind, other.kind}
    return kinds in _MAY_SHARE_A_SOURCE or ("prefix" in kinds and len(kinds) == 2)


def _alternatives(part: str) -> list[str]:
    return [spelling for choice in part.split("|") for spelling in _with_and_without(choice)]


def _with_and_without(choice: str) -> list[str]:
    match = _OPTIONAL.search(choice)
    if match is None:
        return [choice]
    start, end = choice[: match.start()], choice[match.end() :]
    return [start + middle + rest for middle in ("", match[1]) for rest in _with_and_without(end)]
