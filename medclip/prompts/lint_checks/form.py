"""Torn phrases, and texts longer than the text encoder reads."""

from __future__ import annotations

from collections.abc import Iterator

from medclip.prompts.checks.form import torn_phrase
from medclip.prompts.lint import LintCheck, LintInput, Problem, at_phrase

__all__ = ["CHECK"]


def _find(content: LintInput) -> Iterator[Problem]:
    for entry in content.file.classes:
        for phrase in (*entry.positive, *entry.negative):
            torn = torn_phrase(phrase.text)
            if torn:
                suggestion = "write a phrase that names the finding by itself"
                yield at_phrase(entry, phrase, "form", f"is no whole phrase: {torn}", suggestion)
            if excess := content.length.excess(phrase.text):
                reason = f"is {excess} tokens longer than the text encoder reads"
                yield at_phrase(entry, phrase, "form", reason, f"shorten it to {content.length.maximum} tokens")


CHECK = LintCheck("form", _find)
