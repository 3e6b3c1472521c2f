"""When two wordings are the same name."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["fold", "is_abbreviation"]

_MOST_LETTERS = 4
_ORDINALS = {"1st": "first", "2nd": "second", "3rd": "third"}
# Endings in s that make no plural: atelectasis, mass, thrombus.
_SINGULAR_ENDINGS = ("ss", "us", "is")
_FEWEST_LETTERS_OF_A_PLURAL = 4
_BRITISH = (
    ("aem", re.compile("aem"), "em"),
    ("oe", re.compile(r"\boe(?=[ds])"), "e"),
    ("our", re.compile(r"our\b"), "or"),
)
_NOT_IN_A_WORD = re.compile(r"[^a-z0-9]+")
# Longer texts need no count of their letters.
_LONGEST_ABBREVIATION = 12


def fold(text: str) -> str:
    """Make wordings alike that differ in case, accents, punctuation, plural or British spelling only.

    >>> fold("First-degree AV blocks"), fold("1st degree AV block")
    ('first degree av block', 'first degree av block')
    >>> fold("Pulmonary oedema"), fold("Mass")
    ('pulmonary edema', 'mass')
    """
    # Ascii is the usual case, and a whole vocabulary passes through here.
    plain = text if text.isascii() else _without_accents(text)
    words = _NOT_IN_A_WORD.sub(" ", plain.casefold().replace("'s", ""))
    for sign, pattern, replacement in _BRITISH:
        if sign in words:
            words = pattern.sub(replacement, words)
    return " ".join(_singular(_ORDINALS.get(word, word)) for word in words.split())


def is_abbreviation(text: str) -> bool:
    """Whether a wording is so short and capital that it names different things in different places.

    >>> [is_abbreviation(text) for text in ("AF", "STD", "AFib", "Gout", "1AVB", "LBBBB")]
    [True, True, True, False, True, False]
    """
    if len(text) > _LONGEST_ABBREVIATION:
        return False
    letters = [sign for sign in text if sign.isalnum()]
    n_capital = sum(sign.isupper() for sign in letters)
    return len(letters) <= _MOST_LETTERS and (n_capital > 1 or not any(sign.islower() for sign in letters))


def _without_accents(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


def _singular(word: str) -> str:
    if len(word) <= _FEWEST_LETTERS_OF_A_PLURAL or not word.endswith("s") or word.endswith(_SINGULAR_ENDINGS):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith("xes") else word[:-1]
