"""Compare clinical phrases by their words: plural, spelling and punctuation put aside, negation and direction kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["CONNECTIVES", "NEGATIONS", "OPPOSITES", "is_denial", "occurrences", "opposite_of", "to_words"]

NEGATIONS = frozenset(
    {"no", "not", "without", "absent", "absence", "lack", "lacking", "never", "neither", "nor", "none"}
)

# Words that join others and carry no finding.
CONNECTIVES = frozenset(
    {
        "a",
        "an",
        "the",
        "its",
        "their",
        "there",
        "this",
        "that",
        "which",
        "of",
        "in",
        "on",
        "at",
        "by",
        "to",
        "for",
        "from",
    }
    | {
        "with",
        "and",
        "or",
        "is",
        "are",
        "be",
        "as",
        "due",
        "type",
        "pattern",
        "form",
        "degree",
        "lead",
        "present",
        "seen",
    }
)

_PAIRS = (
    ("left", "right"),
    ("complete", "incomplete"),
    ("elevation", "depression"),
    ("elevated", "depressed"),
    ("clockwise", "counterclockwise"),
    ("tachycardia", "bradycardia"),
    ("prolonged", "shortened"),
    ("prolongation", "shortening"),
    ("increased", "decreased"),
    ("increased", "reduced"),
    ("high", "low"),
    ("upright", "inverted"),
    ("regular", "irregular"),
    ("normal", "abnormal"),
    ("typical", "atypical"),
    ("upper", "lower"),
    ("fast", "slow"),
    ("narrow", "wide"),
    ("enlarged", "small"),
    ("acute", "chronic"),
)
OPPOSITES = {(first, second) for pair in _PAIRS for first, second in (pair, pair[::-1])}

_SPELLINGS = (
    ("aem", "em"),
    ("oed", "ed"),
    ("oes", "es"),
    ("counter clockwise", "counterclockwise"),
    ("anti clockwise", "counterclockwise"),
)
_NUMBERS = {"first": "1", "1st": "1", "second": "2", "2nd": "2", "third": "3", "3rd": "3"}
_PARENTHESES = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_ENDINGS_KEPT = ("ss", "us", "is", "os")


def to_words(text: str, *, keep_parentheses: bool = True) -> tuple[str, ...]:
    """Split a phrase into words as they are compared.

    >>> to_words("First-degree AV blocks (ischaemic)", keep_parentheses=False)
    ('1', 'degree', 'av', 'block')
    """
    text = text if keep_parentheses else _PARENTHESES.sub("", text)
    plain = unicodedata.normalize("NFKD", text).casefold().replace("-", " ")
    for other, usual in _SPELLINGS:
        plain = plain.replace(other, usual)
    return tuple(_singular(_NUMBERS.get(word, word)) for word in re.findall(r"[a-z0-9]+(?:\.[0-9]+)?|[<>≤≥]", plain))


def occurrences(name: Sequence[str], phrase: Sequence[str]) -> list[range]:
    """Return where the words of a name stand side by side in a phrase."""
    if not name:
        return []
    length = len(name)
    return [
        range(start, start + length)
        for start in range(len(phrase) - length + 1)
        if tuple(phrase[start : start + length]) == tuple(name)
    ]


def is_denial(words: Iterable[str]) -> bool:
    """Whether one of the words denies."""
    return not NEGATIONS.isdisjoint(words)


def opposite_of(first: Sequence[str], second: Sequence[str]) -> tuple[str, str] | None:
    """Return the two words by which two phrases are opposite and otherwise equal, or None.

    >>> opposite_of(("st", "elevation"), ("st", "depression"))
    ('elevation', 'depression')
    """
    if len(first) != len(second):
        return None
    differing = [(one, other) for one, other in zip(first, second, strict=True) if one != other]
    return differing[0] if len(differing) == 1 and differing[0] in OPPOSITES else None


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(_ENDINGS_KEPT):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("xes", "ches", "shes")) else word[:-1]
