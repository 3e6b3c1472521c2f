"""What can be asked of any vocabulary, be it medclip's store or a database read in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from medclip.knowledge.concept import Concept, Origin

__all__ = ["Entry", "Vocabulary"]


@dataclass(frozen=True)
class Entry:
    """A concept as one source has it."""

    concept: Concept
    origin: Origin

    @property
    def family(self) -> str:
        """The vocabulary that the source is, or is a part of: ``hpo`` for ``hpo-labels``."""
        return self.origin.source.partition("-")[0]


class Vocabulary(Protocol):
    """Concepts that can be found by id, by name and by their place among others; all raise ``KnowledgeError``."""

    def get(self, id: str) -> Entry | None:
        """Return the fullest entry of an id, or None."""
        ...

    def entries(self, id: str) -> tuple[Entry, ...]:
        """Return what each source says under an id, the fullest first."""
        ...

    def by_name(self, text: str) -> tuple[Entry, ...]:
        """Return the live human concepts that have this term or exact synonym, alike after folding."""
        ...

    def search(self, text: str, limit: int = 10, modality: str | None = None) -> tuple[Entry, ...]:
        """Return concepts by words: those with exactly this name first, then the closest."""
        ...

    def ancestors(self, id: str) -> frozenset[str]:
        """Return the ids of all that a concept is a kind of."""
        ...

    def descendants(self, id: str) -> frozenset[str]:
        """Return the ids of all that are a kind of it."""
        ...

    def same_as(self, id: str) -> frozenset[str]:
        """Return the ids that a source or a map states to mean the same, in either direction."""
        ...


def unique_by_id(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Keep the first entry of each id."""
    return tuple({entry.concept.id: entry for entry in reversed(entries)}.values())[::-1]
