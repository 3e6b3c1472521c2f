"""What a prompt builder asks of clinical knowledge, and the catalogue as the smallest thing that answers."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Protocol

from medclip.core.errors import KnowledgeError
from medclip.knowledge.catalogue.read import CATALOGUE_ORIGIN, read_catalogue
from medclip.knowledge.concept import Concept, Origin

__all__ = ["CatalogueKnowledge", "Knowledge", "fold_name"]


class Knowledge(Protocol):
    """Concepts by id and by name, and how they are related."""

    def get(self, id: str) -> Concept:
        """Return one concept, or raise ``KnowledgeError``."""
        ...

    def by_name(self, text: str) -> tuple[Concept, ...]:
        """Return the concepts that have this name, apart from capitals, accents and punctuation."""
        ...

    def ancestors(self, id: str) -> frozenset[str]:
        """Return the ids of all that the concept is a kind of, without itself."""
        ...

    def descendants(self, id: str) -> frozenset[str]:
        """Return the ids of all kinds of the concept, without itself."""
        ...

    def origin(self, id: str) -> Origin:
        """Return where the concept comes from."""
        ...


class CatalogueKnowledge:
    """Concepts in memory.

    Args:
        concepts: All of them; the shipped catalogue if None.
        origin: Where they come from.

    Raises:
        KnowledgeError: The shipped catalogue cannot be read, or concepts are kinds of each other.
    """

    def __init__(self, concepts: Iterable[Concept] | None = None, *, origin: Origin = CATALOGUE_ORIGIN) -> None:
        self._concepts = {concept.id: concept for concept in (read_catalogue() if concepts is None else concepts)}
        self._origin = origin
        self._parents = {id: list(concept.parents) for id, concept in self._concepts.items()}
        self._children: dict[str, list[str]] = {}
        self._named: dict[str, list[Concept]] = {}
        for concept in self._concepts.values():
            for parent in concept.parents:
                self._children.setdefault(parent, []).append(concept.id)
            for name in dict.fromkeys(map(fold_name, concept.names())):
                self._named.setdefault(name, []).append(concept)
        for id in self._concepts:
            if id in self.ancestors(id):
                raise KnowledgeError(f"{id} is a kind of itself", received=sorted(self.ancestors(id)))

    def get(self, id: str) -> Concept:
        """Return one concept, or raise ``KnowledgeError``."""
        if id not in self._concepts:
            raise KnowledgeError("there is no such concept", received=id, action="medclip knowledge search finds ids")
        return self._concepts[id]

    def by_name(self, text: str) -> tuple[Concept, ...]:
        """Return the concepts that have this name, apart from capitals, accents and punctuation."""
        return tuple(self._named.get(fold_name(text), ()))

    def ancestors(self, id: str) -> frozenset[str]:
        """Return the ids of all that the concept is a kind of, without itself."""
        return _reached(id, self._parents)

    def descendants(self, id: str) -> frozenset[str]:
        """Return the ids of all kinds of the concept, without itself."""
        return _reached(id, self._children)

    def origin(self, id: str) -> Origin:
        """Return where the concept comes from."""
        self.get(id)
        return self._origin


def fold_name(text: str) -> str:
    """Bring a name into the form in which names are compared.

    >>> fold_name("Wolff-Parkinson-White  Syndrome")
    'wolff parkinson white syndrome'
    """
    plain = unicodedata.normalize("NFKD", text).casefold()
    signs = (sign if sign.isalnum() else " " for sign in plain if not unicodedata.combining(sign))
    return " ".join("".join(signs).split())


def _reached(start: str, edges: dict[str, list[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(edges.get(start, ()))
    while waiting:
        id = waiting.pop()
        if id not in found:
            found.add(id)
            waiting.extend(edges.get(id, ()))
    return frozenset(found)
