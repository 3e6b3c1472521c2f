"""Every name that means exactly the same, and the denial of each."""

from __future__ import annotations

from medclip.prompts.provenance import Rejected
from medclip.prompts.strategies._sentences import as_sentence, denial
from medclip.prompts.strategy import Draft, Sentence, Strategy, Tools
from medclip.prompts.subject import Subject
from medclip.prompts.words import to_words

__all__ = ["STRATEGY"]


def _write(subject: Subject, tools: Tools) -> Draft:
    concept = subject.required_concept("synonyms")
    others = {name.words: code for name, code in subject.sibling_names}
    fields = dict.fromkeys(concept.names(), "synonym") | {concept.term: "term"}
    shared = {name: others[to_words(name)] for name in fields if to_words(name) in others and name != concept.term}
    kept = [(name, field) for name, field in fields.items() if name not in shared]
    return Draft(
        [Sentence(as_sentence(name), subject.origin(field)) for name, field in kept],
        [Sentence(denial(subject, name), subject.origin(field)) for name, field in kept],
        [Rejected(name, f"is a name of another class too, {other}") for name, other in shared.items()],
    )


STRATEGY = Strategy("synonyms", "every exact synonym as a sentence, and its denial", _write)
