"""Cut a report into words that remember what stood before them, so that nothing is lost on the way back."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Word", "cut_phrase", "cut_words"]

# A plural in brackets belongs to its word: contraction(s), qrs(t). A "#" inside a word is an umlaut that a
# device lost.
_LETTER = r"(?:[^\W_]|#(?=[^\W_])|(?<=[^\W_])#)"
_WORD = re.compile(rf"\d+(?:[.,:/x]\d+)+|{_LETTER}+(?:\([a-z]{{1,2}}\))?|&")
_TIGHT = re.compile(r"\S*")
_PHRASE_WORD = re.compile(rf"#(?![^\W_])|{_WORD.pattern}")


class Word(NamedTuple):
    """One word of a report."""

    text: str
    """The word as written."""
    before: str
    """Blanks and punctuation between the previous word and this one."""
    group: int
    """Which blank-separated group it is part of: the two halves of "st-t" share a group."""


def cut_words(text: str) -> tuple[list[Word], str]:
    """Return the words of `text` and what follows the last one.

    >>> words, rest = cut_words("st-t changes, contraction(s).")
    >>> [(word.text, word.before, word.group) for word in words]
    [('st', '', 0), ('t', '-', 0), ('changes', ' ', 1), ('contraction(s)', ', ', 2)]
    >>> rest
    '.'
    """
    return _cut(_WORD, text)


def cut_phrase(source: str) -> tuple[list[Word], str]:
    """Cut a glossary phrase, in which "#" stands for a list of places.

    >>> [word.text for word in cut_phrase("flat in #, tall in #")[0]]
    ['flat', 'in', '#', 'tall', 'in', '#']
    """
    return _cut(_PHRASE_WORD, source)


def _cut(pattern: re.Pattern[str], text: str) -> tuple[list[Word], str]:
    words: list[Word] = []
    end = group = 0
    for match in pattern.finditer(text):
        start, next_end = match.span()
        before = text[end:start]
        if words and before and (before == " " or not _TIGHT.fullmatch(before)):
            group += 1
        words.append(Word(text[start:next_end], before, group))
        end = next_end
    return words, text[end:]
