"""Sides without sentences, findings without prompts, and lists instead of sentences."""

from __future__ import annotations

from collections.abc import Iterator

from medclip.prompts.lint import LintCheck, LintInput, Problem, at_class

__all__ = ["CHECK"]


def _find(content: LintInput) -> Iterator[Problem]:
    if content.file.form == "comma lists":
        reason = "the file holds comma lists and no negative sentences"
        suggestion = "write sentences of both sides; medclip prompts build does"
        yield Problem(1, 1, "", "", "form of file", reason, suggestion)
    for labels in content.label_sets:
        for code in labels.missing:
            reason = f"{labels.label_set} has the class {code}, of which the file says nothing"
            yield Problem(1, 1, "", "", "coverage", reason, f"add {code}")
    for entry in content.file.classes:
        sides = {"positive": entry.positive}
        sides |= {"negative": entry.negative} if content.file.form == "sentences" else {}
        for side, phrases in sides.items():
            if not phrases:
                yield at_class(entry, "coverage", f"has no {side} sentence", "add one")


CHECK = LintCheck("coverage", _find)
