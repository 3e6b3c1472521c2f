"""One finding as a builder sees it: its concept, and whom it must not be taken for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from medclip.core.errors import KnowledgeError, PromptError
from medclip.core.label_set import Finding, LabelSet
from medclip.knowledge.concept import Concept
from medclip.knowledge.lookup import Knowledge
from medclip.prompts.provenance import KnowledgeOrigin
from medclip.prompts.words import occurrences, to_words

__all__ = ["Name", "Subject", "find_subjects"]


@dataclass(frozen=True)
class Name:
    """One way to name a finding.

    Args:
        text: As it is written.
        words: As it is compared.
        concept: Id of the concept whose name it is: the finding's own or a kind of it; empty if only the label set
            says so.
        field: Which of the concept's words.
    """

    text: str
    words: tuple[str, ...]
    concept: str
    field: Literal["term", "synonym", "name"]


@dataclass(frozen=True, eq=False)
class Subject:
    """A finding with what is known of it.

    Args:
        finding: Of the label set.
        concept: What it means, or None if the label set names no concept for it.
        names: Of the finding and of all its kinds.
        siblings: Codes of the other findings that are neither broader, narrower nor the same.
        sibling_names: Of these, each with its code.
        knowledge: Where the concepts are.
        narrower_names: Of the other findings that are a kind of this one, each with its code.
    """

    finding: Finding
    concept: Concept | None
    names: tuple[Name, ...]
    siblings: tuple[str, ...]
    sibling_names: tuple[tuple[Name, str], ...]
    knowledge: Knowledge
    narrower_names: tuple[tuple[Name, str], ...] = ()

    @property
    def term(self) -> str:
        """Preferred term: of the concept, or else of the label set."""
        return self.concept.term if self.concept else self.finding.name

    def required_concept(self, strategy: str) -> Concept:
        """Return the concept, or raise ``PromptError`` saying which strategy needs it."""
        if self.concept is None:
            raise PromptError(
                f"{self.finding.code} ({self.finding.name}) has no concept, which strategy {strategy} needs",
                action="fill the column concept of the label set, or choose the strategy name or templates",
            )
        return self.concept

    def origin(self, field: str) -> KnowledgeOrigin:
        """Return the origin of words of the concept, or of the label set if there is none."""
        if self.concept is None:
            return KnowledgeOrigin("", "name", "labels", "", "")
        known = self.knowledge.origin(self.concept.id)
        return KnowledgeOrigin(self.concept.id, field, known.source, known.version, known.licence)

    def named_sibling(self, text: str) -> tuple[str, str] | None:
        """Return the name and the code of another class that a text mentions, or None.

        A name inside a longer name of the finding itself is no mention: "incomplete left bundle branch block" does not
        name "left bundle branch block".
        """
        words = to_words(text)
        own = [set(span) for name in self.names for span in occurrences(name.words, words)]
        for name, code in self.sibling_names:
            for span in occurrences(name.words, words):
                if not any(set(span) < longer for longer in own):
                    return name.text, code
        return None

    def named_narrower(self, text: str) -> tuple[str, str] | None:
        """Return the name and the code of another class, a kind of this one, that a text mentions, or None."""
        words = to_words(text)
        return next(((name.text, code) for name, code in self.narrower_names if occurrences(name.words, words)), None)


def find_subjects(labels: LabelSet, knowledge: Knowledge) -> tuple[Subject, ...]:
    """Look up every finding of a label set.

    Raises:
        PromptError: The label set names a concept that knowledge does not have.
    """
    concepts = {finding.code: _concept(finding, labels, knowledge) for finding in labels.findings}
    names = {finding.code: tuple(_names(finding, concepts[finding.code], knowledge)) for finding in labels.findings}
    siblings = _siblings(labels.findings, knowledge)
    return tuple(
        Subject(
            finding,
            concepts[finding.code],
            names[finding.code],
            siblings[finding.code],
            tuple(_sibling_names(names[finding.code], {code: names[code] for code in siblings[finding.code]})),
            knowledge,
            tuple(_narrower_names(finding, labels, names, knowledge)),
        )
        for finding in labels.findings
    )


def _siblings(findings: Sequence[Finding], knowledge: Knowledge) -> dict[str, tuple[str, ...]]:
    broader = {finding.code: _broader(finding, findings, knowledge) for finding in findings}
    return {
        finding.code: tuple(
            other.code
            for other in findings
            if other.code not in broader[finding.code] | {finding.code}
            and finding.code not in broader[other.code]
            and not (other.concept and other.concept == finding.concept)
        )
        for finding in findings
    }


def _sibling_names(own: Sequence[Name], others: dict[str, tuple[Name, ...]]) -> Iterator[tuple[Name, str]]:
    """A kind of both is no name of the sibling alone."""
    concepts = {name.concept for name in own} - {""}
    for code, names in others.items():
        yield from ((name, code) for name in names if name.words and name.concept not in concepts)


def _narrower_names(
    finding: Finding, labels: LabelSet, names: dict[str, tuple[Name, ...]], knowledge: Knowledge
) -> Iterator[tuple[Name, str]]:
    """A name that the finding has itself is no name of its kind alone."""
    own = {name.words for name in names[finding.code] if name.concept in ("", finding.concept)}
    below = knowledge.descendants(finding.concept) if finding.concept else frozenset()
    for other in labels.findings:
        if other.concept in below:
            yield from ((name, other.code) for name in names[other.code] if name.words and name.words not in own)


def _broader(finding: Finding, findings: Sequence[Finding], knowledge: Knowledge) -> set[str]:
    """Codes of the findings that this one is a kind of, by the label set's parents or by knowledge."""
    ancestors = knowledge.ancestors(finding.concept) if finding.concept else frozenset()
    by_code = {other.code: other for other in findings}
    found = {other.code for other in findings if other.concept in ancestors}
    # A finding that is its own parent stands for a group of the data set, which is no clinical "is a".
    parent = by_code.get(finding.parent)
    while parent is not None and parent.parent != parent.code and parent.code not in found | {finding.code}:
        found.add(parent.code)
        parent = by_code.get(parent.parent)
    return found


def _concept(finding: Finding, labels: LabelSet, knowledge: Knowledge) -> Concept | None:
    if not finding.concept:
        return None
    try:
        return knowledge.get(finding.concept)
    except KnowledgeError as error:
        raise PromptError(
            f"label set {labels.name} names an unknown concept for {finding.code}",
            received=finding.concept,
            action="correct the column concept, or add the concept to the catalogue",
        ) from error


def _names(finding: Finding, concept: Concept | None, knowledge: Knowledge) -> Iterator[Name]:
    if concept is not None:
        kinds = [knowledge.get(id) for id in sorted(knowledge.descendants(concept.id))]
        for known in (concept, *kinds):
            for text in known.names():
                yield Name(text, to_words(text), known.id, "term" if text == known.term else "synonym")
    for text in filter(None, dict.fromkeys((finding.name, finding.text))):
        yield Name(text, to_words(text), "", "name")
