"""Join the phrases of ``[[wording]]`` tables to the concepts that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept

__all__ = ["with_wording"]

_KEYS = ("id", "present", "instead")


def with_wording(concepts: Iterable[Concept], tables: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[Concept, ...]:
    """Return the concepts with what reports write of them.

    Args:
        concepts: All of the catalogue.
        tables: Pairs of the file's name and a ``[[wording]]`` table.

    Raises:
        KnowledgeError: A table names no concept or one that another table names, or its phrases are malformed.
    """
    found = {concept.id: concept for concept in concepts}
    worded: set[str] = set()
    for file, table in tables:
        id = table.get("id")
        where = f"{file}, wording of {id}"
        concept = found.get(id) if isinstance(id, str) else None
        if concept is None or concept.description is None:
            raise KnowledgeError(f"{where}: there is no such concept", action="correct the id")
        if concept.id in worded:
            raise KnowledgeError(f"{where} is there already", action="join the two tables")
        worded.add(concept.id)
        present, instead = _phrases(table, where)
        described = replace(concept.description, wording=present, wording_instead=instead)
        found[concept.id] = replace(concept, description=described)
    return tuple(found.values())


def _phrases(table: Mapping[str, Any], where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if set(table) != set(_KEYS):
        raise KnowledgeError(f"{where} has other keys than it should", received=sorted(table), allowed=_KEYS)
    for side in _KEYS[1:]:
        phrases = table[side]
        if not isinstance(phrases, list) or not phrases or not all(map(_is_phrase, phrases)):
            raise KnowledgeError(f"{where} needs {side} as a list of texts without outer blanks", received=phrases)
    both = [*table["present"], *table["instead"]]
    doubled = sorted({phrase for phrase in both if both.count(phrase) > 1})
    if doubled:
        raise KnowledgeError(f"{where} has a phrase twice", received=doubled)
    return tuple(table["present"]), tuple(table["instead"])


def _is_phrase(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value == value.strip()
