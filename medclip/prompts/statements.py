"""Does a sentence say what a phrase says?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from medclip.prompts.words import CONNECTIVES, NEGATIONS, is_denial, occurrences, to_words

__all__ = ["content_words", "states"]

_BREAKS = re.compile(r"(,|;|:|\.(?!\d)|\b(?:and|or|but|with|without|while)\b)")


class _Word(NamedTuple):
    word: str
    clause: int
    segment: int
    sentence: int


def content_words(words: Sequence[str]) -> tuple[str, ...]:
    """Return the words without those that only join."""
    return tuple(word for word in words if word not in CONNECTIVES)


def states(text: str, phrase: Sequence[str]) -> bool:
    """Whether the phrase's words stand side by side in one sentence, denied if and only if the phrase denies.

    A negation reaches to the end of its clause, and forward over commas, "and" and "or" up to "with", "but" or a
    semicolon: "without Q waves and ST elevation" does not say that there is ST elevation.

    Args:
        text: Sentences.
        phrase: As ``to_words`` gives it.

    >>> text = "Irregular RR intervals without P waves, with narrow QRS complexes."
    >>> states(text, to_words("irregular RR interval")), states(text, to_words("P waves"))
    (True, False)
    """
    wanted = tuple(word for word in content_words(phrase) if word not in NEGATIONS)
    found = _parse(text)
    content = [at for at, word in enumerate(found) if word.word not in NEGATIONS | CONNECTIVES]
    spans = occurrences(wanted, [found[at].word for at in content])
    return any(_agrees(found, [content[at] for at in span], is_denial(phrase)) for span in spans)


def _agrees(found: Sequence[_Word], span: Sequence[int], denies: bool) -> bool:
    words = [found[at] for at in span]
    if len({word.sentence for word in words}) > 1:
        return False
    clauses, segments = {word.clause for word in words}, {word.segment for word in words}
    negations = [(at, word) for at, word in enumerate(found) if word.word in NEGATIONS]
    in_clause = any(word.clause in clauses for _, word in negations)
    if denies:
        return in_clause
    return not in_clause and not any(word.segment in segments and at < span[-1] for at, word in negations)


def _parse(text: str) -> list[_Word]:
    found: list[_Word] = []
    clause = segment = sentence = 0
    for part in _BREAKS.split(text):
        if _BREAKS.fullmatch(part):
            clause += 1
            segment += part not in (",", "and", "or", "without")
            sentence += part in (".", ";", ":")
        if part == "without" or not _BREAKS.fullmatch(part):
            found += [_Word(word, clause, segment, sentence) for word in to_words(part)]
    return found
