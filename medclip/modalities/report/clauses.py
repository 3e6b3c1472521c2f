"""Simpler statements that follow from a statement.

Reports qualify ("old", "age undetermined") and argue ("q waves suggesting ..."), while a prompt names the bare finding.
A statement that asserts a qualified finding also asserts the finding, so training may show both. What is only
considered, doubted or denied stays as it is: nothing follows from "possible", "cannot be excluded" or "no".
"""

from __future__ import annotations

import re

__all__ = ["implied_statements"]

_DOUBT = re.compile(
    r"\b(?:no|not|non|without|cannot|exclude[d]?|excluding|rule out|versus|vs|or|may|might|could|consider|differential"
    r"|possible|possibly|probable|probably|suspected|suspect|likely|borderline|questionable|unlikely)\b|\?"
)
_AGE = r"(?:probably |possibly )?(?:old|acute|recent|subacute)|age undetermined"
_AGE_BEHIND = re.compile(rf",\s*(?:{_AGE})$")
_AGE_BEFORE = re.compile(r"^(?:old|acute|recent|subacute)\s+")
_EVIDENCE = re.compile(r"\s+(?:consistent with|suggesting|suggestive of|indicating|compatible with)\s+")
_FEWEST_WORDS = 2


def implied_statements(statement: str) -> tuple[str, ...]:
    """Return the simpler statements that an English statement implies, without itself.

    >>> implied_statements("abnormal qrs: inferior myocardial infarction, age undetermined")
    ('abnormal qrs', 'inferior myocardial infarction, age undetermined', 'inferior myocardial infarction')
    >>> implied_statements("q waves in ii, iii, avf consistent with old inferior myocardial infarction")
    ('q waves in ii, iii, avf', 'old inferior myocardial infarction', 'inferior myocardial infarction')
    >>> implied_statements("abnormal qrs: possible inferior myocardial infarction")
    ('abnormal qrs', 'possible inferior myocardial infarction')
    >>> implied_statements("no evidence consistent with ischemia")
    ()
    """
    found: dict[str, None] = {}
    for part in _parts(statement):
        found[part] = None
        undated = _AGE_BEFORE.sub("", _AGE_BEHIND.sub("", part))
        if not _DOUBT.search(undated):
            found[undated] = None
    found.pop(statement, None)
    return tuple(text for text in found if len(text.split()) >= _FEWEST_WORDS)


def _parts(statement: str) -> list[str]:
    """Both sides of a colon, and both sides of "evidence suggesting conclusion", unless there is doubt."""
    before, colon, behind = statement.partition(": ")
    claim = behind if colon else statement
    heading = [before] if colon and not _DOUBT.search(before) else []
    sides = _EVIDENCE.split(claim)
    return [*heading, claim, *(sides if len(sides) > 1 and not _DOUBT.search(claim) else [])]
