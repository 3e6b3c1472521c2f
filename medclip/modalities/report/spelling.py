"""Find the known word that an unknown one was meant to be, when one slip of the keyboard lies between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["SlipIndex"]

_SHORTEST_WORD = 6


class SlipIndex:
    """Known words by all spellings that lack one letter (symmetric deletion).

    A slip is one letter too many, too few, another or two neighbours swapped. Short words are not corrected,
    since one letter more often makes another word there; nor are words with two candidates, nor the first
    letter, on which much
    hangs: typical, atypical.

    >>> index = SlipIndex(["sinusrhythmus", "anterior", "inferior", "typical"])
    >>> index.find("sinusryhthmus"), index.find("inferor"), index.find("interior"), index.find("atypical")
    ('sinusrhythmus', 'inferior', 'inferior', None)
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._known: dict[str, set[str]] = {}
        for word in words:
            if len(word) >= _SHORTEST_WORD:
                for spelling in _deletions(word):
                    self._known.setdefault(spelling, set()).add(word)

    def find(self, word: str) -> str | None:
        """Return the only known word that is one slip away from `word`, or None."""
        if len(word) < _SHORTEST_WORD:
            return None
        found = {known for spelling in _deletions(word) for known in self._known.get(spelling, ())}
        found = {known for known in found if known[0] == word[0] and _is_one_slip(word, known)}
        return found.pop() if len(found) == 1 else None


def _deletions(word: str) -> Iterator[str]:
    yield word
    for position in range(len(word)):
        yield word[:position] + word[position + 1 :]


def _is_one_slip(first: str, second: str) -> bool:
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    one, two = first[start:], second[start:]
    if one[1:] == two[1:] or one[1:] == two or one == two[1:]:
        return True
    return one[:2] == two[:2][::-1] and one[2:] == two[2:]
