"""A concept of a clinical vocabulary, as every source of knowledge gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Concept", "Description", "Origin", "Scope", "Synonym"]

Scope = Literal["exact", "narrow", "broad", "related"]


@dataclass(frozen=True)
class Origin:
    """Where a concept comes from; it stands beside every sentence that is built from the concept.

    Args:
        source: Short name, such as ``hpo``.
        version: As its publisher writes it.
        licence: SPDX identifier, or the name of the terms.
    """

    source: str
    version: str
    licence: str


@dataclass(frozen=True)
class Synonym:
    """Another wording; only an ``exact`` one names the same thing.

    Args:
        text: The wording.
        scope: What it names: the same, something narrower or broader, or something related.
    """

    text: str
    scope: Scope = "exact"


@dataclass(frozen=True)
class Description:
    """What medclip's own catalogue says about a finding beyond its definition.

    Args:
        modality: Name of the modality in which it is looked for.
        appearance: Sentences, each of which alone says that the finding is there, by what is seen.
        absence: Sentences, each of which alone says that it is not there, or what is seen instead.
        region: Anatomical region, or the leads that show it.
        attributes: Phrases that may qualify it, such as a degree or a lead group.
        excludes: Ids of concepts that cannot be there at the same time.
        opposite: Id of its opposite (elevation and depression, left and right, complete and incomplete), or None.
        guideline: The publication that the numbers in the definition follow; empty if it has none.
        wording: Phrases as reports write them when it is there.
        wording_instead: Phrases as reports write them when it is not there; none of them denies it.
    """

    modality: str
    appearance: tuple[str, ...]
    absence: tuple[str, ...]
    region: str = ""
    attributes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    opposite: str | None = None
    guideline: str = ""
    wording: tuple[str, ...] = ()
    wording_instead: tuple[str, ...] = ()


@dataclass(frozen=True)
class Concept:
    """One meaning, with its names and its place among others.

    Args:
        id: Prefix and local part, such as ``HP:0001640``; unique over all sources.
        term: Preferred term.
        definition: In sentences; empty if the source has none.
        synonyms: Other wordings.
        parents: Ids of what it is a kind of, in the same source.
        same_as: Ids of the same meaning in other vocabularies, such as ``UMLS:C0004238``; no text of theirs.
        is_human: False for a disease of animals.
        is_obsolete: Whether the source has withdrawn it.
        description: Of a finding of medclip's own catalogue; None from other sources.
    """

    id: str
    term: str
    definition: str = ""
    synonyms: tuple[Synonym, ...] = ()
    parents: tuple[str, ...] = ()
    same_as: tuple[str, ...] = ()
    is_human: bool = True
    is_obsolete: bool = False
    description: Description | None = None

    def names(self) -> tuple[str, ...]:
        """Preferred term and exact synonyms, without repetition."""
        exact = (synonym.text for synonym in self.synonyms if synonym.scope == "exact")
        return tuple(dict.fromkeys((self.term, *exact)))
