"""Lists of places, such as "i, avl and v4,5,6": read in any spelling, written in one.

What a place is called, and in which order places are listed, is said by the lines of kind `name` of a
glossary.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from medclip.modalities.report.words import Word

__all__ = ["PlaceList", "Places"]

_NUMBERED = re.compile(r"([a-z]+)(\d+)")
_SEPARATORS = frozenset(" ,/&+-")
_SHORTEST_RUN = 3


class PlaceList(NamedTuple):
    """A list of places found in a text."""

    end: int
    """Position after its last word."""
    text: str
    """The list in its one spelling."""


class Places:
    """Reads and writes lists of the places named by `names`, pairs of (written words, canonical name).

    >>> from medclip.modalities.report.words import cut_words
    >>> names = [(("i",), "i"), (("f",), "avf"), (("v4",), "v4"), (("v5",), "v5"), (("v6",), "v6")]
    >>> places = Places(names, and_words={"and"}, to_words={"to"}, may_omit_comma=False)
    >>> text = places.spell_out("v4,5,6, f and i")
    >>> words, _ = cut_words(text)
    >>> places.find(words, [word.text for word in words], 0)
    PlaceList(end=6, text='i, avf, v4-v6')
    """

    def __init__(
        self,
        names: Iterable[tuple[tuple[str, ...], str]],
        *,
        and_words: set[str],
        to_words: set[str],
        may_omit_comma: bool,
    ) -> None:
        self._names = dict(names)
        self._order = {name: index for index, name in enumerate(dict.fromkeys(self._names.values()))}
        self._in_order = list(self._order)
        self._and_words = and_words
        self._to_words = to_words
        self._may_omit_comma = may_omit_comma
        self._first_words = {words[0] for words in self._names}
        self._longest_name = max((len(words) for words in self._names), default=0)
        numbered = {match[1] for name in self._order if (match := _NUMBERED.fullmatch(name))}
        stems = "|".join(sorted(numbered, key=lambda stem: (-len(stem), stem)))
        more = r"(?:\s?[,-]\s?\d{1,2}\b(?![.:/]\d))*"
        self._series = re.compile(rf"\b({stems})\s?(\d{{1,2}})({more})") if stems else None

    def spell_out(self, text: str) -> str:
        """Repeat the letter of a series: "v4,5,6" becomes "v4,v5,v6"."""
        return self._series.sub(self._spell_out_series, text) if self._series else text

    def _spell_out_series(self, match: re.Match[str]) -> str:
        numbers = re.findall(r"\d+|\D+", match[2] + match[3])
        members = [match[1] + part.strip() if part.isdigit() else part for part in numbers]
        is_known = all(member in self._order for member in members[::2])
        return "".join(member.strip() for member in members) if is_known else match[0]

    def find(self, words: Sequence[Word], keys: Sequence[str], start: int) -> PlaceList | None:
        """Return the longest list that starts at position `start`, or None.

        Args:
            words: The words of the text.
            keys: Their keys, the spelling under which `names` lists them.
            start: Position of the first word.
        """
        if keys[start] not in self._first_words:
            return None
        end, name = self._name_at(words, keys, start)
        if name is None:
            return None
        members = [name]
        while end < len(words):
            after, is_range = self._separator_at(words, keys, end, name)
            following_end, following = self._name_at(words, keys, after)
            if following is None:
                break
            members += self._between(name, following) if is_range else []
            members.append(following)
            end, name = following_end, following
        return PlaceList(end, self._write(members))

    def _name_at(self, words: Sequence[Word], keys: Sequence[str], start: int) -> tuple[int, str | None]:
        if not 0 <= start < len(keys):
            return start, None
        for length in range(min(self._longest_name, len(keys) - start), 0, -1):
            name = self._names.get(tuple(keys[start : start + length]))
            is_plain = all(word.before.isspace() for word in words[start + 1 : start + length])
            if name and is_plain and not self._is_half_a_word(words, keys, start + length):
                return start + length, name
        return start, None

    def _is_half_a_word(self, words: Sequence[Word], keys: Sequence[str], end: int) -> bool:
        return end < len(words) and words[end].before == "-" and keys[end] not in self._first_words

    def _separator_at(self, words: Sequence[Word], keys: Sequence[str], position: int, name: str) -> tuple[int, bool]:
        """Return where the next name should start, -1 if nowhere, and whether a range leads to it."""
        before = words[position].before
        if not _SEPARATORS.issuperset(before):
            return -1, False
        if keys[position] in self._and_words or keys[position] in self._to_words:
            following = words[position + 1 : position + 2]
            is_plain = bool(following) and following[0].before.isspace()
            return (position + 1 if is_plain else -1), keys[position] in self._to_words
        if before.strip():
            return position, before.strip() == "-"
        is_clear = len(name) > 1 and len(words[position].text) > 1
        return (position if self._may_omit_comma and is_clear else -1), False

    def _between(self, first: str, last: str) -> list[str]:
        if _letters(first) != _letters(last):
            return []
        names = self._in_order[self._order[first] : self._order[last]]
        return [name for name in names[1:] if _letters(name) == _letters(first)]

    def _write(self, members: Iterable[str]) -> str:
        ordered = sorted(set(members), key=self._order.__getitem__)
        runs = itertools.groupby(enumerate(ordered), lambda pair: _run_of(*pair))
        return ", ".join(_write_run([name for _, name in run]) for _, run in runs)


def _write_run(names: list[str]) -> str:
    if len(names) >= _SHORTEST_RUN and _NUMBERED.fullmatch(names[0]):
        return f"{names[0]}-{names[-1]}"
    *first, last = (name.split(" ") for name in names)
    if first and len(last) > 1:
        return f"{', '.join(' '.join(words[:-1]) for words in first)} and {' '.join(last)}"
    return ", ".join(names)


def _run_of(position: int, name: str) -> tuple[str, int]:
    """Return what neighbours in one run share: their noun, or their letter and what they lag behind."""
    if " " in name:
        return name.rsplit(" ", 1)[-1], 0
    match = _NUMBERED.fullmatch(name)
    return (match[1], int(match[2]) - position) if match else (name, position)


def _letters(name: str) -> frozenset[str]:
    return frozenset(name.rstrip("0123456789"))
