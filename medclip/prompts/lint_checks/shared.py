"""One phrase for two classes: their scores tie where they should differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from medclip.prompts.lint import LintCheck, LintInput, Problem, at_phrase
from medclip.prompts.words import to_words

__all__ = ["CHECK"]

_SHOWN = 5


def _find(content: LintInput) -> Iterator[Problem]:
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for entry in content.file.classes:
        for words in dict.fromkeys(_words(phrase.text) for phrase in entry.positive):
            holders[words].append(entry.code)
    related = _related(content)
    for entry in content.file.classes:
        for phrase in entry.positive:
            others = [code for code in holders[_words(phrase.text)] if (entry.code, code) not in related]
            others = [code for code in others if code != entry.code]
            if others and _words(phrase.text):
                shown = ", ".join(others[:_SHOWN]) + (f" and {len(others) - _SHOWN} more" if others[_SHOWN:] else "")
                suggestion = "keep it in the class that it names, and say here what is different"
                yield at_phrase(entry, phrase, "shared", f"stands in other classes too: {shown}", suggestion)


def _words(text: str) -> tuple[str, ...]:
    return to_words(text, keep_parentheses=False)


def _related(content: LintInput) -> set[tuple[str, str]]:
    """Pairs of classes that are the same, or one a kind of the other, in every label set that has both."""
    strangers, together = set(), set()
    for labels in content.label_sets:
        codes = {subject.finding.code: spelling for spelling, subject in labels.by_code.items()}
        together |= {(one, other) for one in codes.values() for other in codes.values()}
        for spelling, subject in labels.by_code.items():
            strangers |= {(spelling, codes[code]) for code in subject.siblings if code in codes}
    return together - strangers


CHECK = LintCheck("shared", _find)
