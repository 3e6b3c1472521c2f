"""Conversation and instructions where a finding should be."""

from __future__ import annotations

from collections.abc import Iterator

from medclip.prompts.checks.talk import chat_text, instruction
from medclip.prompts.lint import LintCheck, LintInput, Problem, at_phrase

__all__ = ["CHECK"]


def _find(content: LintInput) -> Iterator[Problem]:
    for entry in content.file.classes:
        for phrase in (*entry.positive, *entry.negative):
            if found := chat_text(phrase.text):
                reason = f'holds chat text: "{found}"'
                yield at_phrase(entry, phrase, "talk", reason, "keep only the names of the finding in it")
            if found := instruction(phrase.text):
                yield at_phrase(entry, phrase, "talk", f'holds an instruction: "{found}"', "remove it")


CHECK = LintCheck("talk", _find)
