"""Put a source into the tables, in place of its former version."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from sqlalchemy import Table, delete, func, insert, select
from sqlalchemy.engine import Connection

from medclip.core.errors import KnowledgeError
from medclip.knowledge import tables, text_index
from medclip.knowledge._bulk import insert_rows
from medclip.knowledge.concept import Concept
from medclip.knowledge.folding import fold, is_abbreviation
from medclip.knowledge.hierarchy import find_circles
from medclip.knowledge.source import Source

__all__ = ["put_source", "remove_source"]

_CONCEPTS_AT_A_TIME = 2000
# A longer name is a sentence, and would not fit into an index.
_LONGEST_NAME = 500
_FOUND_BY_NAME = ("term", "exact")
_Row = tuple[Any, ...]


def put_source(connection: Connection, source: Source, progress: Callable[[int], None]) -> int:
    """Store a source and return how many concepts and links it had.

    Args:
        connection: In a transaction that the caller ends.
        source: Read to its end.
        progress: Called with the number of concepts stored so far.

    Raises:
        KnowledgeError: An id is doubled, a text is none, or parents go in a circle.
    """
    remove_source(connection, source.origin.source)
    source_key = _next_key(connection, tables.sources)
    connection.execute(insert(tables.sources), [_source_row(source, source_key)])
    above, n_concepts = _put_concepts(connection, source, source_key, progress)
    _cut_circles(above, source)
    insert_rows(connection, tables.parents, _parent_rows(above, source_key))
    links = ((source_key, link.subject, link.object) for link in source.links)
    n_links = insert_rows(connection, tables.links, links)
    text_index.fill(connection, source_key)
    counted = tables.sources.update().where(tables.sources.c.key == source_key)
    connection.execute(counted.values(n_concepts=n_concepts, n_links=n_links))
    return n_concepts + n_links


def remove_source(connection: Connection, name: str) -> None:
    """Remove a source of any version; one that is not there is no error."""
    found = connection.execute(select(tables.sources.c.key).where(tables.sources.c.name == name)).scalar()
    if found is None:
        return
    text_index.remove(connection, found)
    for table in (tables.links, tables.parents, tables.names, tables.concepts):
        connection.execute(delete(table).where(table.c.source_key == found))
    connection.execute(delete(tables.sources).where(tables.sources.c.key == found))


def _put_concepts(
    connection: Connection, source: Source, source_key: int, progress: Callable[[int], None]
) -> tuple[dict[str, tuple[str, ...]], int]:
    above: dict[str, tuple[str, ...]] = {}
    seen: set[str] = set()
    key = _next_key(connection, tables.concepts)
    concepts = iter(source.concepts)
    while batch := list(islice(concepts, _CONCEPTS_AT_A_TIME)):
        for concept in batch:
            _check(concept, seen, source.origin.source)
            if concept.parents:
                above[concept.id] = concept.parents
        numbered = list(enumerate(batch, start=key))
        insert_rows(connection, tables.concepts, (_concept_row(one, number, source_key) for number, one in numbered))
        insert_rows(
            connection, tables.names, chain.from_iterable(_name_rows(one, n, source_key) for n, one in numbered)
        )
        elsewhere = ((source_key, one.id, other) for one in batch for other in one.same_as)
        insert_rows(connection, tables.links, elsewhere)
        key += len(batch)
        progress(len(seen))
    return above, len(seen)


def _check(concept: Concept, seen: set[str], source: str) -> None:
    if concept.id in seen:
        raise KnowledgeError(f"{source} has an id twice", received=concept.id)
    seen.add(concept.id)
    texts = (concept.id, concept.term, concept.definition, *(one.text for one in concept.synonyms))
    for text in (*texts, *concept.parents, *concept.same_as):
        if not isinstance(text, str) or "\x00" in text or not _can_be_written(text):
            raise KnowledgeError(f"{source} has something other than a text at {concept.id!r}", received=repr(text))
    if not concept.id or not concept.term:
        raise KnowledgeError(f"{source} has a concept without id or term", received=repr(concept.id))


def _can_be_written(text: str) -> bool:
    """JSON can spell half a character, which no database takes."""
    return text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text)


def _cut_circles(above: dict[str, tuple[str, ...]], source: Source) -> None:
    for circle in list(find_circles(above)):
        if not source.may_have_cycles:
            raise KnowledgeError(
                f"{source.origin.source} has a concept that is a kind of itself", received=" is a ".join(circle)
            )
        child, parent = circle[-2:]
        above[child] = tuple(one for one in above[child] if one != parent)


def _source_row(source: Source, key: int) -> dict[str, Any]:
    return {
        "key": key,
        "name": source.origin.source,
        "version": source.origin.version,
        "licence": source.origin.licence,
        "digest": source.digest,
        "loaded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "n_concepts": 0,
        "n_links": 0,
        "is_supplement": source.is_supplement,
    }


def _concept_row(concept: Concept, key: int, source_key: int) -> _Row:
    described = concept.description
    modality = described.modality if described else None
    description = json.dumps(asdict(described)) if described else None
    flags = (concept.is_human, concept.is_obsolete)
    return (key, source_key, concept.id, concept.term, concept.definition, *flags, modality, description)


def _name_rows(concept: Concept, key: int, source_key: int) -> Iterator[_Row]:
    is_live = concept.is_human and not concept.is_obsolete
    for text, scope in [(concept.term, "term"), *((one.text, str(one.scope)) for one in concept.synonyms)]:
        counts = is_live and scope in _FOUND_BY_NAME and len(text) <= _LONGEST_NAME and not is_abbreviation(text)
        folded = fold(text) if counts else None
        yield (key, source_key, text, scope, folded or None)


def _parent_rows(above: dict[str, tuple[str, ...]], source_key: int) -> Iterator[_Row]:
    return ((source_key, child, parent) for child, parents in above.items() for parent in parents)


def _next_key(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.coalesce(func.max(table.c.key), 0))).scalar_one()) + 1
