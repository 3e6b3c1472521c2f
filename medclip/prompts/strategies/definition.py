"""The definition behind the name, as far as the text encoder reads."""

from __future__ import annotations

import re

from medclip.core.errors import PromptError
from medclip.prompts.strategies._sentences import absences, as_sentence, without_siblings
from medclip.prompts.strategy import Draft, Sentence, Strategy, Tools
from medclip.prompts.subject import Subject

__all__ = ["STRATEGY"]


def _write(subject: Subject, tools: Tools) -> Draft:
    concept = subject.required_concept("definition")
    if not concept.definition:
        raise PromptError(
            f"{concept.id} ({concept.term}) has no definition",
            action="add one to the catalogue, or choose the strategy synonyms",
        )
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z0-9])", concept.definition)
    kept, rejected = without_siblings(subject, map(as_sentence, sentences))
    text = as_sentence(concept.term)
    for sentence in kept:
        if tools.length.excess(longer := f"{text} {sentence}"):
            break
        text = longer
    return Draft([Sentence(text, subject.origin("definition"))], absences(subject), rejected)


STRATEGY = Strategy("definition", "the name with its definition, and what is said of its absence", _write)
