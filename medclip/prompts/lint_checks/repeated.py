"""A phrase twice in one class, a class twice in one file, or a phrase on both sides of a class."""

from __future__ import annotations

from collections.abc import Iterator

from medclip.prompts.lint import LintCheck, LintInput, Problem, at_class, at_phrase
from medclip.prompts.lint_file import LintedClass
from medclip.prompts.words import to_words

__all__ = ["CHECK"]


def _find(content: LintInput) -> Iterator[Problem]:
    seen: dict[str, LintedClass] = {}
    for entry in content.file.classes:
        if entry.code in seen:
            reason = f"the class stands in line {seen[entry.code].line} already, which is not used"
            yield at_class(entry, "repeated", reason, "join the two")
        seen[entry.code] = entry
        positive: set[tuple[str, ...]] = set()
        for phrase in entry.positive:
            words = to_words(phrase.text, keep_parentheses=False)
            if words in positive:
                yield at_phrase(entry, phrase, "repeated", "stands in the class already", "remove one of the two")
            positive.add(words)
        for phrase in entry.negative:
            if to_words(phrase.text, keep_parentheses=False) in positive:
                yield at_phrase(entry, phrase, "repeated", "is positive and negative", "keep it on one side")


CHECK = LintCheck("repeated", _find)
