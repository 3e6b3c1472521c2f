"""Find many phrases in a sentence at once, each written in a small language of words.

A phrase is words parted by blanks. A word may end in ``*`` (any ending), several words may be joined by ``|`` (any of
them), ``..`` stands for up to six further words, and `` + `` parts pieces that may stand in either order, at most
twelve words apart. Words are compared in lower case, with British and American spelling alike; a hyphen or a slash
parts words, and only ``..`` and `` + `` reach over a comma or a bracket.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from medclip.core.errors import InputError

__all__ = ["Hit", "PhraseIndex", "tokens_of"]

_LARGEST_GAP = 6
_LARGEST_DISTANCE = 12
_LONGEST_BEGINNING = 40
_MOST_WORDS_REMEMBERED = 200_000
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:[.,x]\d+)*|[,;:?()]|\.(?=\s|$)")
_PUNCTUATION = frozenset(",;:?().")
_BRITISH = re.compile(r"aem|\boe(?=[ds])|our\b|(?<=l)l(?=ed\b|ing\b)")
_AMERICAN = {"aem": "em", "oe": "e", "our": "or", "l": ""}

Value = TypeVar("Value")


class Hit(NamedTuple, Generic[Value]):
    """A phrase found in tokens ``start`` to ``end``, the latter not included."""

    start: int
    end: int
    value: Value


class _Step(NamedTuple):
    """A word of a phrase, and how many other words may stand before it."""

    word: int
    gap: int


class PhraseIndex(Generic[Value]):
    """Phrases with what each stands for."""

    def __init__(self) -> None:
        self._words: dict[tuple[str, ...], int] = {}
        self._whole: dict[str, list[int]] = {}
        self._beginnings: dict[str, list[int]] = {}
        self._patterns: dict[int, list[tuple[tuple[_Step, ...], tuple[tuple[_Step, ...], ...], Value]]] = {}
        self._known: dict[str, frozenset[int]] = {}

    def add(self, phrase: str, value: Value) -> None:
        """Add a phrase.

        Raises:
            InputError: It has no word, or begins or ends a piece with a gap.
        """
        pieces = tuple(self._piece(piece, phrase) for piece in phrase.split(" + "))
        self._patterns.setdefault(pieces[0][0].word, []).append((pieces[0], pieces[1:], value))
        self._known.clear()

    def find(self, tokens: tuple[str, ...]) -> list[Hit[Value]]:
        """Return every phrase found, in the order of where it begins."""
        words = [self._words_of(token) for token in tokens]
        found: list[Hit[Value]] = []
        for start, here in enumerate(words):
            for word in here:
                for first, others, value in self._patterns.get(word, ()):
                    span = self._span(first, others, start, words, tokens)
                    if span is not None:
                        found.append(Hit(*span, value))
        found.sort(key=lambda hit: hit[:2])
        return found

    def _piece(self, text: str, phrase: str) -> tuple[_Step, ...]:
        steps: list[_Step] = []
        gap = 0
        for word in text.lower().split():
            if word == "..":
                gap = _LARGEST_GAP
                continue
            steps.append(_Step(self._number(word), gap))
            gap = 0
        if not steps or gap or steps[0].gap:
            raise InputError(
                "a phrase is malformed",
                received=phrase,
                allowed="words, with '..' between two and ' + ' between pieces",
            )
        return tuple(steps)

    def _number(self, word: str) -> int:
        """Return the number of a word of a phrase, and let tokens that it stands for lead to it."""
        choices = tuple(sorted(_american(choice) for choice in word.split("|")))
        if choices not in self._words:
            self._words[choices] = len(self._words)
            for choice in choices:
                tokens = self._beginnings if choice.endswith("*") else self._whole
                tokens.setdefault(choice.rstrip("*"), []).append(self._words[choices])
        return self._words[choices]

    def _words_of(self, token: str) -> frozenset[int]:
        found = self._known.get(token)
        if found is None:
            plain = _american(token)
            lengths = range(1, 1 + min(len(plain), _LONGEST_BEGINNING))
            begun = (self._beginnings.get(plain[:length], ()) for length in lengths)
            found = frozenset([*self._whole.get(plain, ()), *(word for words in begun for word in words)])
            if len(self._known) < _MOST_WORDS_REMEMBERED:
                self._known[token] = found
        return found

    def _span(
        self,
        first: tuple[_Step, ...],
        others: tuple[tuple[_Step, ...], ...],
        start: int,
        words: list[frozenset[int]],
        tokens: tuple[str, ...],
    ) -> tuple[int, int] | None:
        end = _end_of(first, start, words, tokens)
        if end is None:
            return None
        low, high = start, end
        for piece in others:
            found = _nearest(piece, start, end, words, tokens)
            if found is None:
                return None
            low, high = min(low, found[0]), max(high, found[1])
        return low, high


@lru_cache(maxsize=100_000)
def tokens_of(sentence: str) -> tuple[str, ...]:
    """Return words, numbers and punctuation in lower case.

    >>> tokens_of("No pleural effusion-thickening, 1.5 cm.")
    ('no', 'pleural', 'effusion', 'thickening', ',', '1.5', 'cm', '.')
    """
    return tuple(_TOKEN.findall(sentence.lower()))


def _american(word: str) -> str:
    return _BRITISH.sub(lambda found: _AMERICAN[found[0]], word)


def _end_of(steps: tuple[_Step, ...], start: int, words: list[frozenset[int]], tokens: tuple[str, ...]) -> int | None:
    """Return the position behind the phrase that begins at ``start``; of several, the nearest."""
    if not 0 <= start < len(words) or steps[0].word not in words[start]:
        return None
    place = start + 1
    for step in steps[1:]:
        passed = 0
        while place < len(words) and step.word not in words[place]:
            if tokens[place] not in _PUNCTUATION:
                passed += 1
            if tokens[place] in _PUNCTUATION or passed > step.gap:
                return None
            place += 1
        if place == len(words):
            return None
        place += 1
    return place


def _nearest(
    piece: tuple[_Step, ...], start: int, end: int, words: list[frozenset[int]], tokens: tuple[str, ...]
) -> tuple[int, int] | None:
    behind = range(end, min(len(words), end + _LARGEST_DISTANCE))
    before = range(start - 1, max(-1, start - 1 - _LARGEST_DISTANCE), -1)
    for places in (behind, before):
        for place in places:
            if tokens[place] in (";", "."):
                break
            found = _end_of(piece, place, words, tokens)
            if found is not None:
                return place, found
    return None
