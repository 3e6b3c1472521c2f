"""A class that holds a phrase and its opposite, such as ST elevation and ST depression."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from medclip.prompts.lint import LintCheck, LintInput, Problem, at_phrase
from medclip.prompts.words import opposite_of, to_words

__all__ = ["CHECK"]


def _find(content: LintInput) -> Iterator[Problem]:
    for entry in content.file.classes:
        for first, second in combinations(entry.positive, 2):
            pair = opposite_of(to_words(first.text), to_words(second.text))
            if pair and not _covers_both(entry.code, pair, content):
                reason = f'says "{pair[1]}" where "{first.text}" says "{pair[0]}"'
                suggestion = "keep the one that the class means"
                yield at_phrase(entry, second, "opposites", reason, suggestion)


def _covers_both(code: str, pair: tuple[str, str], content: LintInput) -> bool:
    """Whether a label set has the class and neither word is in its own names, as for left and right in hypertrophy."""
    subjects = [labels.by_code[code] for labels in content.label_sets if code in labels.by_code]
    own = {
        word
        for subject in subjects
        for name in subject.names
        if not name.concept or (subject.concept and name.concept == subject.concept.id)
        for word in name.words
    }
    return bool(subjects) and own.isdisjoint(pair)


CHECK = LintCheck("opposites", _find)
