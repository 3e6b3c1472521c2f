"""Cut the prose of a radiologist into sentences."""

from __future__ import annotations

import re

__all__ = ["sentences_of"]

_PARAGRAPH = re.compile(r"\r?\n[ \t]*(?:\r?\n[ \t]*)+")
_LIST_MARK = r"(?:\d{1,2}[.)]|\(\d{1,2}\)|[-*\u2022])"
_ITEM_LINE = re.compile(rf"\r?\n[ \t]*(?={_LIST_MARK}[ \t]+\S)")
_LEADING_MARK = re.compile(rf"^{_LIST_MARK}\s+(?=[^\d\s])")
# A stop ends a sentence before a blank, before a quotation mark, and where the blank behind it was forgotten.
_STOP = re.compile(r"[.!?;]+[\"')\]]*(?=\s|$)|(?<=[a-z]{2})\.(?=[A-Z][a-z ])")
_LAST_WORD = re.compile(r"([A-Za-z.]+)\.$")
_TITLE_WORDS = "dr drs mr mrs ms prof st vs approx fig cf e.g i.e eg ie resp incl est ca"
_TITLES = frozenset(_TITLE_WORDS.split())
_NUMBERED = frozenset(("no", "nos", "nr", "vol", "ser", "img", "se", "im"))
_LONGEST = 2000
_ENOUGH = 400
_LONGEST_MARK = 3
_LONGEST_WORD = 16


def sentences_of(text: str) -> list[str]:
    """Return the sentences of ``text``, each on one line, with their punctuation and without the marks of lists.

    A blank line and a numbered item end a sentence; a line break alone does not.

    >>> sentences_of("Seen by Dr. Doe. A 1.5 cm nodule (series 3, image No. 12)\\nis stable. 2. No effusion.")
    ['Seen by Dr. Doe.', 'A 1.5 cm nodule (series 3, image No. 12) is stable.', 'No effusion.']
    """
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        for item in _ITEM_LINE.split(paragraph):
            found += _cut(" ".join(item.split()))
    # No sentence is that long: it is a list or no text at all, and work grows with the square of its length.
    return [part[start : start + _LONGEST] for part in found for start in range(0, len(part), _LONGEST)]


def _cut(line: str) -> list[str]:
    found: list[str] = []
    start = 0
    for stop in _STOP.finditer(line):
        if _goes_on(line[max(start, stop.end() - _ENOUGH) : stop.end()], line[stop.end() : stop.end() + _ENOUGH]):
            continue
        found.append(line[start : stop.end()])
        start = stop.end()
    found.append(line[start:])
    cleaned = (_LEADING_MARK.sub("", " ".join(part.split())) for part in found)
    return [part for part in cleaned if any(sign.isalnum() for sign in part)]


def _goes_on(before: str, behind: str) -> bool:
    """Whether the stop at the end of ``before`` belongs to an abbreviation, an initial or the number of an item."""
    following = behind.lstrip()[:1]
    if before.rstrip("\"')]").endswith("?"):
        return following.islower() or before.count("(") > before.count(")")
    if not before.endswith("."):
        return False
    # The number of an item between two sentences on one line: "normal. 2. Small effusion".
    if len(before.strip()) <= _LONGEST_MARK and before.strip()[:-1].isdigit():
        return bool(behind.strip())
    word = _LAST_WORD.search(before[-_LONGEST_WORD:])
    if word is None:
        return False
    last = word[1].lower()
    if last in _NUMBERED:
        return behind.lstrip()[:1].isdigit()
    if "." in word[1] and following.islower():
        return True
    is_initial = len(word[1]) == 1 and word[1].isupper() and bool(re.match(r"\s[A-Z][a-z]", behind))
    return (last in _TITLES or is_initial) and bool(behind.strip())
