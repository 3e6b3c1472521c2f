"""A phrase that names another class of the same label set."""

from __future__ import annotations

from collections.abc import Iterator

from medclip.prompts.lint import LintCheck, LintInput, Problem, at_phrase

__all__ = ["CHECK"]


def _find(content: LintInput) -> Iterator[Problem]:
    for labels in content.label_sets:
        for entry in content.file.classes:
            subject = labels.by_code.get(entry.code)
            for phrase in entry.positive if subject else ():
                found = subject.named_sibling(phrase.text) if subject else None
                if found:
                    reason = f'names class {found[1]} of {labels.label_set} ("{found[0]}")'
                    suggestion = f"remove it, or move it to {found[1]}"
                    yield at_phrase(entry, phrase, "sibling", reason, suggestion)


CHECK = LintCheck("sibling", _find)
