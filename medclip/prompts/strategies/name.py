"""The plain name, the baseline that every description has to beat."""

from __future__ import annotations

from medclip.prompts.provenance import KnowledgeOrigin
from medclip.prompts.strategies._sentences import as_sentence, denial
from medclip.prompts.strategy import Draft, Sentence, Strategy, Tools
from medclip.prompts.subject import Subject

__all__ = ["STRATEGY"]


def _write(subject: Subject, tools: Tools) -> Draft:
    origin = KnowledgeOrigin("", "name", "labels", "", "")
    name = subject.finding.name
    return Draft([Sentence(as_sentence(name), origin)], [Sentence(denial(subject, name), origin)])


STRATEGY = Strategy("name", "the label set's own name, and its denial", _write)
