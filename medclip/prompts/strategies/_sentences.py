"""Sentences from phrases."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from medclip.prompts.provenance import Rejected
from medclip.prompts.strategy import Sentence
from medclip.prompts.subject import Subject

__all__ = ["absences", "as_sentence", "denial", "without_siblings"]


def as_sentence(phrase: str) -> str:
    """Give a phrase a capital letter and a full stop.

    >>> as_sentence("atrial fibrillation")
    'Atrial fibrillation.'
    """
    text = " ".join(phrase.split())
    text = text if text.endswith((".", "?", "!")) else f"{text}."
    return f"{text[0].upper()}{text[1:]}" if _is_plain_word(text) else text


def denial(subject: Subject, name: str) -> str:
    """Say that a finding is not there; that something is normal is denied in other words.

    A normal finding reads "Not a normal X" if its name starts so, because "No normal X" is no English.
    """
    if subject.finding.polarity == "normal":
        return f"Not {_article(name)}{_lower(name)}."
    return f"No {_lower(name)}."


def absences(subject: Subject) -> list[Sentence]:
    """Return what the catalogue says about its absence, or a plain denial if it says nothing."""
    concept = subject.concept
    texts: Iterable[str] = concept.description.absence if concept and concept.description else ()
    found = [Sentence(as_sentence(text), subject.origin("absence")) for text in texts]
    return found or [Sentence(denial(subject, subject.term), subject.origin("term"))]


def without_siblings(subject: Subject, texts: Iterable[str]) -> tuple[list[str], list[Rejected]]:
    """Part texts into those that name no other class, and those that do."""
    return _parted(texts, subject.named_sibling, "another class")


def without_narrower(subject: Subject, texts: Iterable[str]) -> tuple[list[str], list[Rejected]]:
    """Part texts likewise: one that names a kind of the finding belongs to that kind where it is a class of its own."""
    return _parted(texts, subject.named_narrower, "a narrower class")


def _parted(
    texts: Iterable[str], find: Callable[[str], tuple[str, str] | None], what: str
) -> tuple[list[str], list[Rejected]]:
    kept, rejected = [], []
    for text in texts:
        found = find(text)
        if found:
            rejected.append(Rejected(text, f'names {what}, {found[1]}: "{found[0]}"'))
        else:
            kept.append(text)
    return kept, rejected


def _article(name: str) -> str:
    if name.casefold().endswith(("rhythm", "limits")):
        return ""
    return "an " if name[:1].casefold() in "aeiou" else "a "


def _lower(name: str) -> str:
    return f"{name[0].lower()}{name[1:]}" if _is_plain_word(name) else name


def _is_plain_word(text: str) -> bool:
    """Whether the first word may be written small or large: not so ST, T-wave, U or Wolff-Parkinson-White."""
    first = text.split(maxsplit=1)[0]
    return len(first) > 1 and "-" not in first[:2] and not any(sign.isupper() for sign in first[1:])
