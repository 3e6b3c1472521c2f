"""The knowledge store as a prompt builder asks it: one concept with what other sources call the same."""

from __future__ import annotations

import functools

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Origin
from medclip.knowledge.vocabulary import Entry, Vocabulary

__all__ = ["StoredKnowledge"]


class StoredKnowledge:
    """Concepts of all sources of a store.

    A finding of the catalogue is linked to the concepts of other sources that mean the same. These, and their kinds,
    count as kinds of the finding, so that a name that only HPO or MONDO knows can be confirmed.

    Args:
        vocabulary: The store, or whatever answers like it.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._entry = functools.lru_cache(maxsize=None)(vocabulary.get)
        self._meanings = functools.lru_cache(maxsize=None)(self._find_meanings)

    def get(self, id: str) -> Concept:
        """Return one concept, or raise ``KnowledgeError``."""
        return self._known(id).concept

    def by_name(self, text: str) -> tuple[Concept, ...]:
        """Return the live human concepts that have this name, apart from capitals, accents and punctuation."""
        return tuple(entry.concept for entry in self._vocabulary.by_name(text))

    def ancestors(self, id: str) -> frozenset[str]:
        """Return the ids of all that the concept, or one that means the same, is a kind of."""
        meanings = self._meanings(id)
        return frozenset().union(*(self._vocabulary.ancestors(own) for own in (id, *meanings))) - {id}

    def descendants(self, id: str) -> frozenset[str]:
        """Return the ids of all that mean the same in other sources, and of all kinds of these and of the concept."""
        meanings = self._meanings(id)
        below = frozenset().union(*(self._vocabulary.descendants(own) for own in (id, *meanings)))
        return frozenset(found for found in below | meanings if self._is_live(found)) - {id}

    def origin(self, id: str) -> Origin:
        """Return where the concept comes from."""
        return self._known(id).origin

    def _known(self, id: str) -> Entry:
        entry = self._entry(id)
        if entry is None:
            raise KnowledgeError("there is no such concept", received=id, action="medclip knowledge search finds ids")
        return entry

    def _find_meanings(self, id: str) -> frozenset[str]:
        return frozenset(found for found in self._vocabulary.same_as(id) if self._is_live(found))

    def _is_live(self, id: str) -> bool:
        entry = self._entry(id)
        return entry is not None and entry.concept.is_human and not entry.concept.is_obsolete
