"""Whether a phrase is whole: no torn piece of a list, no stray signs, no longer than the text encoder reads."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from medclip.prompts.words import to_words

__all__ = ["Length", "torn_phrase"]

_DANGLING = frozenset({"and", "or", "in", "of", "with", "on", "at", "to", "by", "from"})
_ROMAN = re.compile(r"i{1,3}|av[rlf]|v[1-9]r?|and")
_BYTES_PER_TOKEN = 4
# "In V1 there is an R wave" is a sentence, "in anterior leads" is not.
_FEW_WORDS = 4
# Quotation marks, dashes, degrees and comparisons, as reports have them.
_FURTHER_SIGNS = frozenset("\u2018\u2019\u201c\u201d\u2013\u2014\u2264\u2265\u00b1\u00b0\u03bc\u00d7")


@dataclass(frozen=True)
class Length:
    """How much a text encoder reads.

    Args:
        maximum: Tokens of one text.
        count: Counts the tokens of a text; a token per four bytes if None, which fits English word pieces.
    """

    maximum: int = 256
    count: Callable[[str], int] | None = None

    def excess(self, text: str) -> int:
        """Return by how many tokens a text is too long, 0 if it fits."""
        n_tokens = self.count(text) if self.count else -(-len(text.encode()) // _BYTES_PER_TOKEN)
        return max(0, n_tokens - self.maximum)


def torn_phrase(text: str) -> str | None:
    """Return what shows that a phrase is a piece of something, or None.

    >>> torn_phrase("in anterolateral leads")
    'it starts with "in"'
    """
    words = text.casefold().split()
    if not to_words(text):
        return "it has no words"
    if not text.isprintable() or _foreign(text):
        return "it has characters of no English text"
    if text.count("(") != text.count(")") or text.count("[") != text.count("]"):
        return "its brackets do not match"
    if re.search(r"[.,;:]{2,}|,\s*$", text):
        return "its punctuation is doubled"
    if words[0] in _DANGLING and len(words) <= _FEW_WORDS and words[:2] != ["at", "least"]:
        return f'it starts with "{words[0]}"'
    if words[-1].rstrip(".,;") in _DANGLING:
        return f'it ends with "{words[-1]}"'
    if all(_ROMAN.fullmatch(word.strip(".,;")) for word in words):
        return "it names leads only"
    return None


def _foreign(text: str) -> bool:
    """Signs that a comparison of English words would pass over, so that anything could hide in them."""
    plain = unicodedata.normalize("NFKD", text)
    return any(not (sign.isascii() or unicodedata.combining(sign) or sign in _FURTHER_SIGNS) for sign in plain)
