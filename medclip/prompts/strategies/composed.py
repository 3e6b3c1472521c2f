"""Name, appearance and attributes of the catalogue, each a sentence of its own."""

from __future__ import annotations

from medclip.prompts.strategies._sentences import absences, as_sentence, denial, without_siblings
from medclip.prompts.strategy import Draft, Sentence, Strategy, Tools
from medclip.prompts.subject import Subject

__all__ = ["STRATEGY"]

_MOST_ATTRIBUTES = 4


def _write(subject: Subject, tools: Tools) -> Draft:
    concept = subject.required_concept("composed")
    described = concept.description
    appearance = described.appearance if described else ()
    attributes = described.attributes[:_MOST_ATTRIBUTES] if described else ()
    seen, rejected = without_siblings(subject, appearance)
    qualified, further = without_siblings(subject, (_qualified(concept.term, text) for text in attributes))
    positive = [
        Sentence(as_sentence(concept.term), subject.origin("term")),
        *(Sentence(as_sentence(text), subject.origin("appearance")) for text in seen),
        *(Sentence(as_sentence(text), subject.origin("attribute")) for text in qualified),
    ]
    negative = [Sentence(denial(subject, concept.term), subject.origin("term")), *absences(subject)]
    return Draft(positive, negative, [*rejected, *further])


def _qualified(term: str, attribute: str) -> str:
    is_joined = attribute.split(maxsplit=1)[0] in ("with", "without", "of", "in", "at", "after", "due")
    return f"{term} {attribute}" if is_joined else f"{term}, {attribute}"


STRATEGY = Strategy("composed", "name, appearance and attributes, each a sentence", _write)
