"""Take concepts out of the tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select, union
from sqlalchemy.engine import Connection

from medclip.knowledge import tables
from medclip.knowledge.concept import Concept, Description, Origin, Synonym
from medclip.knowledge.vocabulary import Entry

__all__ = ["keys_by_name", "keys_of_id", "load_entries", "read_closure", "read_links"]

_TUPLES = ("appearance", "absence", "attributes", "excludes", "wording", "wording_instead")


def keys_by_name(connection: Connection, folded: str, modality: str | None = None) -> list[int]:
    """Keys of the concepts with a name, terms before synonyms and the fullest source first."""
    concepts, names, sources = tables.concepts.c, tables.names.c, tables.sources.c
    wanted = (
        select(concepts.key)
        .join(tables.names, names.concept_key == concepts.key)
        .join(tables.sources, sources.key == concepts.source_key)
        .where(names.folded == folded)
        .order_by(names.scope != "term", sources.is_supplement, concepts.source_key, concepts.key)
    )
    if modality is not None:
        wanted = wanted.where(concepts.modality.is_(None) | (concepts.modality == modality))
    return list(dict.fromkeys(connection.execute(wanted).scalars()))


def keys_of_id(connection: Connection, id: str) -> list[int]:
    """Keys of what each source has under an id, the fullest first."""
    concepts, sources = tables.concepts.c, tables.sources.c
    wanted = (
        select(concepts.key)
        .join(tables.sources, sources.key == concepts.source_key)
        .where(concepts.id == id)
        .order_by(sources.is_supplement, concepts.source_key)
    )
    return list(connection.execute(wanted).scalars())


def load_entries(connection: Connection, keys: Sequence[int]) -> tuple[Entry, ...]:
    """Load whole concepts in the order of their keys."""
    if not keys:
        return ()
    concepts, sources = tables.concepts.c, tables.sources.c
    rows = connection.execute(
        select(tables.concepts, sources.name, sources.version, sources.licence)
        .join(tables.sources, sources.key == concepts.source_key)
        .where(concepts.key.in_(keys))
    ).all()
    ids = {row.id for row in rows}
    synonyms = _grouped(
        connection,
        select(tables.names.c.concept_key, tables.names.c.text, tables.names.c.scope).where(
            tables.names.c.concept_key.in_(keys), tables.names.c.scope != "term"
        ),
    )
    above = _grouped(
        connection,
        select(tables.parents.c.child, tables.parents.c.parent, tables.parents.c.source_key).where(
            tables.parents.c.child.in_(ids)
        ),
    )
    elsewhere = _grouped(
        connection,
        select(tables.links.c.subject, tables.links.c.object, tables.links.c.source_key).where(
            tables.links.c.subject.in_(ids)
        ),
    )
    found = {}
    for row in rows:
        concept = Concept(
            id=row.id,
            term=row.term,
            definition=row.definition,
            synonyms=tuple(Synonym(text, scope) for text, scope in synonyms.get(row.key, ())),
            parents=tuple(parent for parent, source in above.get(row.id, ()) if source == row.source_key),
            same_as=tuple(other for other, source in elsewhere.get(row.id, ()) if source == row.source_key),
            is_human=row.is_human,
            is_obsolete=row.is_obsolete,
            description=_description(row.description),
        )
        found[row.key] = Entry(concept, Origin(row.name, row.version, row.licence))
    return tuple(found[key] for key in keys)


def read_closure(connection: Connection, id: str, *, upwards: bool) -> frozenset[str]:
    """Ids above or below an id, without itself; ``union`` ends at what was found before."""
    start, end = tables.parents.c.child, tables.parents.c.parent
    if not upwards:
        start, end = end, start
    closure = select(end.label("id")).where(start == id).cte(recursive=True)
    closure = closure.union(select(end).join(closure, start == closure.c.id))
    return frozenset(connection.execute(select(closure.c.id)).scalars()) - {id}


def read_links(connection: Connection, id: str) -> frozenset[str]:
    """Ids that are stated to mean the same, in either direction."""
    links = tables.links.c
    wanted = union(
        select(links.object).where(links.subject == id), select(links.subject).where(links.object == id)
    )  # fmt: skip
    return frozenset(connection.execute(wanted).scalars()) - {id}


def _grouped(connection: Connection, wanted: Select[Any]) -> dict[Any, list[tuple[Any, ...]]]:
    groups: dict[Any, list[tuple[Any, ...]]] = {}
    for key, *others in connection.execute(wanted):
        groups.setdefault(key, []).append(tuple(others))
    return groups


def _description(text: str | None) -> Description | None:
    if text is None:
        return None
    fields = json.loads(text)
    return Description(**fields | {name: tuple(fields.get(name, ())) for name in _TUPLES})
