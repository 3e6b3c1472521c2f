"""Put the units of a sentence together again, and cut prose into its sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence

from medclip.modalities.report.matching import Unit

__all__ = ["compose_sentence", "split_sentences", "split_statements"]

_GAPS = re.compile(r"\s{2,}")
_BLANKS = re.compile(r"\s+")
_END_OF_SENTENCE = re.compile(r"(?<=[^\s.])\.+(?=\s|$)|\.(?=[^\W\d_]{3})(?<=[^\W\d_]{3}\.)|[;!]")


def split_sentences(text: str, *, abbreviations: frozenset[str] = frozenset()) -> list[str]:
    """Return the sentences of `text` without their full stops; a stop after one of `abbreviations` ends none.

    >>> split_sentences("sinus rhythm. rate approx. 60.  normal.", abbreviations=frozenset({"approx"}))
    ['sinus rhythm', 'rate approx. 60', 'normal']
    """
    sentences, start = [], 0
    for match in _END_OF_SENTENCE.finditer(text):
        last_word = text[start : match.start()].rsplit(None, 1)[-1:]
        if last_word and last_word[0] in abbreviations:
            continue
        sentences.append(text[start : match.start()])
        start = match.end()
    sentences.append(text[start:])
    return [" ".join(sentence.split()) for sentence in sentences if sentence.strip(" .,:-\n")]


def split_statements(text: str) -> list[str]:
    """Return the statements of a text that is taken as it is: sentences, or what gaps of two blanks part.

    In a text with full stops a gap is only a broken line.

    >>> split_statements("sinus rhythm.  normal  axis."), split_statements("sinus rhythm  normal axis")
    (['sinus rhythm', 'normal axis'], ['sinus rhythm', 'normal axis'])
    """
    sentences = split_sentences(text)
    if len(sentences) > 1:
        return sentences
    return [part for part in (" ".join(gap.split()).rstrip(".") for gap in _GAPS.split(text)) if part]


def compose_sentence(units: Sequence[Unit], rest: str) -> tuple[str, ...]:
    """Return the statements of one sentence: mostly one, more where statements follow each other without a
    stop.

    >>> units = [Unit("statement", "sinus rhythm", "", ()), Unit("statement", "normal study", " ", ())]
    >>> compose_sentence(units, ".")
    ('sinus rhythm', 'normal study')
    >>> compose_sentence([Unit("link", "no", "", ()), Unit("statement", "block", " ", ())], "")
    ('no block',)
    """
    statements: list[str] = []
    body, is_one_statement = "", False
    for index, unit in enumerate(units):
        stands_alone = not body or (is_one_statement and unit.before.isspace())
        is_verdict = unit.kind == "verdict" and stands_alone and index == len(units) - 1
        if body and stands_alone and (is_verdict or unit.kind == "statement"):
            statements.append(body)
            body = ""
        is_one_statement = not body and unit.kind == "statement"
        if unit.kind != "drop":
            text = _verdict(unit.text, in_full=is_verdict) if unit.kind == "verdict" else unit.text
            body += _BLANKS.sub(" ", unit.before) + text
    statements.append(body + rest)
    return tuple(clean for statement in statements if (clean := " ".join(statement.split()).strip(" .,;:-")))


def _verdict(text: str, *, in_full: bool) -> str:
    """Return `text` with or without what stands in square brackets."""
    return re.sub(r"[\[\]]" if in_full else r"\s*\[.*?\]", "", text)
