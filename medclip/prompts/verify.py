"""Does knowledge confirm a phrase that a language model proposed for a finding?

A phrase passes if, apart from spelling and number, it is a name of the concept or of one of its kinds, such a name with
stated attributes, or words that stand side by side in the concept's definition, appearance or attributes with the same
negation. Anything else is refused, because a phrase that merely exists in a vocabulary is not therefore right for the
finding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from medclip.knowledge.concept import Concept
from medclip.prompts.checks.form import Length, torn_phrase
from medclip.prompts.checks.talk import chat_text, instruction
from medclip.prompts.statements import content_words, states
from medclip.prompts.subject import Subject
from medclip.prompts.words import OPPOSITES, is_denial, occurrences, to_words

__all__ = ["CHECKS", "Verdict", "verify"]

Words = tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What became of one phrase.

    Args:
        reason: Why it was refused; empty if it passed.
        concept: Id of the concept that confirms it.
        field: Which of that concept's words confirm it.
    """

    reason: str = ""
    concept: str = ""
    field: Literal["", "term", "synonym", "name", "attribute", "definition", "appearance"] = ""

    @property
    def is_accepted(self) -> bool:
        """Whether the phrase may be used."""
        return not self.reason


def verify(phrase: str, subject: Subject, length: Length) -> Verdict:
    """Check one phrase against knowledge.

    Args:
        phrase: What the language model proposed.
        subject: The finding for which it was proposed; it has a concept.
        length: How much the text encoder reads.

    Raises:
        PromptError: The finding has no concept.
    """
    concept = subject.required_concept("ckepe")
    for check in _REFUSALS.values():
        reason = check(phrase, subject, length)
        if reason:
            return Verdict(reason)
    return _confirmation(to_words(phrase), concept, subject) or Verdict(_unknown(phrase, subject))


def _form(phrase: str, subject: Subject, length: Length) -> str | None:
    torn = torn_phrase(phrase)
    return f"not a whole phrase: {torn}" if torn else None


def _chat(phrase: str, subject: Subject, length: Length) -> str | None:
    found = chat_text(phrase)
    return f'conversation, not a finding: "{found}"' if found else None


def _instruction(phrase: str, subject: Subject, length: Length) -> str | None:
    found = instruction(phrase)
    return f'an instruction, not a finding: "{found}"' if found else None


def _length(phrase: str, subject: Subject, length: Length) -> str | None:
    excess = length.excess(phrase)
    return f"{excess} tokens longer than the text encoder reads ({length.maximum})" if excess else None


def _sibling(phrase: str, subject: Subject, length: Length) -> str | None:
    found = subject.named_sibling(phrase)
    return f'names another class, {found[1]}: "{found[0]}"' if found else None


def _polarity(phrase: str, subject: Subject, length: Length) -> str | None:
    """A denial beside the finding's own name; one that the name itself holds is none."""
    words = to_words(phrase)
    spans = [span for name in subject.names for span in occurrences(name.words, words)]
    outside = [word for at, word in enumerate(words) if not any(at in span for span in spans)]
    return "denies the finding" if spans and is_denial(outside) else None


def _side(phrase: str, subject: Subject, length: Length) -> str | None:
    """The phrase says left where every word of the concept says right, and the like."""
    concept = subject.required_concept("ckepe")
    stated = {word for text in (*concept.names(), *_statements(concept)) for word in to_words(text)}
    named = {word for name in concept.names() for word in to_words(name)}
    kinds = {word for name in subject.names for word in name.words}
    for word in to_words(phrase):
        contrary = {other for one, other in OPPOSITES if one == word}
        if word not in stated | kinds and contrary & named:
            return f'says "{word}" where the finding is "{min(contrary & named)}"'
    return None


_REFUSALS: dict[str, Callable[[str, Subject, Length], str | None]] = {
    "chat": _chat,
    "instruction": _instruction,
    "form": _form,
    "length": _length,
    "sibling": _sibling,
    "polarity": _polarity,
    "side": _side,
}
CHECKS = (*_REFUSALS, "known")


def _confirmation(words: Words, concept: Concept, subject: Subject) -> Verdict | None:
    attributes = _attributes(concept)
    names = [name for name in subject.names if name.concept]
    for name in names:
        if words == name.words:
            return Verdict("", name.concept, name.field)
    for name in names:
        for span in occurrences(name.words, words):
            if _are_attributes([*words[: span.start], *words[span.stop :]], attributes):
                return Verdict("", name.concept, "attribute")
    content = content_words(words)
    if len(content) < 2:
        return None
    described: list[tuple[Literal["attribute", "definition", "appearance"], Sequence[str]]] = [
        ("attribute", concept.description.attributes if concept.description else ()),
        ("appearance", concept.description.appearance if concept.description else ()),
        ("definition", (concept.definition,)),
    ]
    for statement_field, texts in described:
        if any(states(text, words) for text in texts):
            return Verdict("", concept.id, statement_field)
    return None


def _attributes(concept: Concept) -> set[Words]:
    return {content_words(to_words(text)) for text in (concept.description.attributes if concept.description else ())}


def _are_attributes(words: Sequence[str], attributes: set[Words]) -> bool:
    """Whether words around a name are stated attributes, one after the other."""
    rest = content_words(words)
    if is_denial(words):
        return False
    return not rest or any(
        attribute and rest[: len(attribute)] == attribute and _are_attributes(rest[len(attribute) :], attributes)
        for attribute in attributes
    )


def _statements(concept: Concept) -> tuple[str, ...]:
    described = concept.description
    return (concept.definition, *((*described.appearance, *described.attributes) if described else ()))


def _unknown(phrase: str, subject: Subject) -> str:
    known = [concept for concept in subject.knowledge.by_name(phrase) if not concept.is_obsolete]
    if known:
        return f"names {known[0].id} ({known[0].term}), which is no kind of {subject.term}"
    return "not confirmed by the knowledge of this finding"
