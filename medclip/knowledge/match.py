"""From a finding of a label set to the concepts that mean it: by its text, never by its code."""

from __future__ import annotations

import csv
import functools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medclip.core.errors import KnowledgeError
from medclip.core.label_set import Finding
from medclip.knowledge.folding import fold, is_abbreviation
from medclip.knowledge.trust import trusted
from medclip.knowledge.vocabulary import Entry, Vocabulary, unique_by_id

__all__ = ["Grade", "Match", "Wordings", "match_finding"]

Grade = Literal["exact", "synonym", "broader", "none"]

_SHORT_FORMS = Path(__file__).parent / "short_forms.tsv"

# Bare, these name something else in each organ; with the organ they are looked up as any other phrase.
_GENERIC = frozenset(
    (
        "abnormal",
        "abnormality",
        "abscess",
        "block",
        "calcification",
        "change",
        "cyst",
        "device",
        "dilatation",
        "edema",
        "effusion",
        "enlargement",
        "fibrosis",
        "fracture",
        "hernia",
        "hypertrophy",
        "infarction",
        "infiltrate",
        "infiltration",
        "inflammation",
        "injury",
        "ischemia",
        "lesion",
        "mass",
        "nodule",
        "normal",
        "opacity",
        "rotation",
        "scar",
        "stenosis",
        "thickening",
        "tumor",
    )
)


@dataclass(frozen=True)
class Wordings:
    """What else is known about a finding's name.

    Args:
        equivalents: Phrases that mean the same.
        broader: Phrases that mean something wider.
        same_as: Ids of concepts that are stated to mean the finding.
    """

    equivalents: tuple[str, ...] = ()
    broader: tuple[str, ...] = ()
    same_as: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """The concepts found for a finding, by how they were found.

    Args:
        finding: The finding.
        exact: By its own text.
        synonym: By an equivalent phrase, or named by the finding as its concept.
        broader: By a wider phrase only; they do not mean the finding.
    """

    finding: Finding
    exact: tuple[Entry, ...] = ()
    synonym: tuple[Entry, ...] = ()
    broader: tuple[Entry, ...] = ()

    @property
    def grade(self) -> Grade:
        """The best way in which anything was found."""
        if self.exact:
            return "exact"
        if self.synonym:
            return "synonym"
        return "broader" if self.broader else "none"

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All concepts that mean the finding."""
        return unique_by_id((*self.exact, *self.synonym))


def match_finding(
    finding: Finding,
    vocabulary: Vocabulary,
    wordings: Wordings = Wordings(),
    *,
    families: Collection[str] | None = None,
) -> Match:
    """Look a finding up by what its data set calls it, and by equivalent phrases.

    Args:
        finding: Its ``text`` is looked up, else its ``name``; its code never.
        vocabulary: Where to look.
        wordings: Phrases beside those that the finding's concept in the catalogue gives.
        families: Vocabularies that count, such as ``hpo``; all if None.

    Raises:
        KnowledgeError: The finding names a concept that is not there, or the vocabulary cannot be read.
    """
    own = finding.text or finding.name
    concept = _concept_of(finding, vocabulary)
    known = _wordings_of(concept, vocabulary) if concept else Wordings()
    exact = _look_up([own], vocabulary, families)
    equivalents = [*wordings.equivalents, *known.equivalents, *([finding.name] if finding.text else [])]
    found = _look_up(equivalents, vocabulary, families)
    stated = [concept, *(vocabulary.get(id_) for id_ in wordings.same_as)]
    named = [entry for entry in stated if entry and (families is None or entry.family in families)]
    found = unique_by_id((*named, *found))
    broader = _look_up([*wordings.broader, *known.broader], vocabulary, families)
    ids = {entry.concept.id for entry in exact}
    return Match(finding, exact, tuple(entry for entry in found if entry.concept.id not in ids), broader)


def _concept_of(finding: Finding, vocabulary: Vocabulary) -> Entry | None:
    if not finding.concept:
        return None
    concept = vocabulary.get(finding.concept)
    if concept is None:
        raise KnowledgeError(
            f"the finding {finding.code} names a concept that is not in the catalogue", received=finding.concept
        )
    return concept


def _wordings_of(entry: Entry, vocabulary: Vocabulary) -> Wordings:
    parents = [vocabulary.get(id_) for id_ in entry.concept.parents]
    broad = [one.text for one in entry.concept.synonyms if one.scope == "broad"]
    names = [name for parent in parents if parent for name in parent.concept.names()]
    return Wordings(entry.concept.names(), (*names, *broad))


def _look_up(phrases: Sequence[str], vocabulary: Vocabulary, families: Collection[str] | None) -> tuple[Entry, ...]:
    found: list[Entry] = []
    for phrase in _usable(spelling for own in phrases for spelling in _spellings(own)):
        entries = vocabulary.by_name(phrase)
        counted = [entry for entry in entries if families is None or entry.family in families]
        if counted:
            means = trusted(phrase, entries, vocabulary)
            found += [entry for entry in counted if entry in means]
    return unique_by_id(found)


def _spellings(phrase: str) -> Iterator[str]:
    """Write a phrase as it is, and with the short forms that names of several words may hold."""
    yield phrase
    folded = fold(phrase)
    for long, short in _short_forms():
        if long in folded and long != folded:
            yield folded.replace(long, short)


@functools.cache
def _short_forms() -> tuple[tuple[str, str], ...]:
    with _SHORT_FORMS.open(encoding="utf-8", newline="") as file:
        return tuple((fold(row["long"]), row["short"]) for row in csv.DictReader(file, delimiter="\t"))


def _usable(phrases: Iterable[str]) -> Iterable[str]:
    """Leave out abbreviations and words that need an organ beside them."""
    return dict.fromkeys(
        phrase for phrase in phrases if fold(phrase) and fold(phrase) not in _GENERIC and not is_abbreviation(phrase)
    )
