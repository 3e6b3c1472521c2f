"""Search by words: FTS5 in SQLite, tsvector in PostgreSQL."""

from __future__ import annotations

import re

from sqlalchemy import text
from sqlalchemy.engine import Connection

__all__ = ["create", "fill", "find", "remove"]

# Names weigh ten times a definition.
_CREATE = {
    "sqlite": (
        "CREATE VIRTUAL TABLE IF NOT EXISTS medclip_text USING fts5("
        "names, definition, tokenize = 'porter unicode61 remove_diacritics 2')",
    ),
    "postgresql": (
        "CREATE TABLE IF NOT EXISTS medclip_text (concept_key bigint PRIMARY KEY, document tsvector NOT NULL)",
        "CREATE INDEX IF NOT EXISTS ix_medclip_text_document ON medclip_text USING gin (document) "
        "WITH (fastupdate = off)",
    ),
}
_REMOVE = {
    "sqlite": "DELETE FROM medclip_text WHERE rowid IN (SELECT key FROM medclip_concepts WHERE source_key = :source)",
    "postgresql": "DELETE FROM medclip_text WHERE concept_key IN "
    "(SELECT key FROM medclip_concepts WHERE source_key = :source)",
}
_FILL = {
    "sqlite": "INSERT INTO medclip_text (rowid, names, definition) SELECT c.key, "
    "(SELECT group_concat(n.text, ' | ') FROM medclip_names n WHERE n.concept_key = c.key), c.definition "
    "FROM medclip_concepts c WHERE c.source_key = :source AND NOT c.is_obsolete AND c.is_human",
    "postgresql": "INSERT INTO medclip_text SELECT c.key, setweight(to_tsvector('english', left(coalesce("
    "(SELECT string_agg(n.text, ' | ') FROM medclip_names n WHERE n.concept_key = c.key), ''), 100000)), 'A') || "
    "setweight(to_tsvector('english', left(c.definition, 100000)), 'D') "
    "FROM medclip_concepts c WHERE c.source_key = :source AND NOT c.is_obsolete AND c.is_human",
}
# Without, PostgreSQL takes the tables just filled for empty ones, and its plans with them last for ever.
_COUNT = "ANALYZE medclip_concepts, medclip_names, medclip_parents, medclip_links, medclip_text"
_FIND = {
    "sqlite": "SELECT c.key FROM medclip_text JOIN medclip_concepts c ON c.key = medclip_text.rowid "
    "WHERE medclip_text MATCH :words {condition} ORDER BY bm25(medclip_text, 10.0, 1.0) LIMIT :limit",
    "postgresql": "SELECT t.concept_key FROM medclip_text t JOIN medclip_concepts c ON c.key = t.concept_key, "
    "to_tsquery('english', :words) q WHERE t.document @@ q {condition} "
    "ORDER BY (SELECT count(*) FROM unnest(string_to_array(:each, ' ')) w "
    "WHERE t.document @@ to_tsquery('english', w)) DESC, "
    "ts_rank('{{0.1, 0.2, 0.4, 1.0}}', t.document, q, 1) DESC, t.concept_key LIMIT :limit",
}
_OF_MODALITY = "AND (c.modality IS NULL OR c.modality = :modality)"
_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 32
# A search for any of the words must not look at every row.
_COMMON = frozenset(
    "a an and are as at be by for from has have in is it of on or that the this to was with without".split()  # noqa: SIM905
)


def create(connection: Connection) -> None:
    """Make the index if it is not there."""
    for statement in _CREATE[connection.dialect.name]:
        connection.execute(text(statement))


def fill(connection: Connection, source_key: int) -> None:
    """Index the live human concepts of a source that has just been stored."""
    _count(connection)
    connection.execute(text(_FILL[connection.dialect.name]), {"source": source_key})
    _count(connection)


def _count(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(_COUNT))


def remove(connection: Connection, source_key: int) -> None:
    """Take a source's concepts out of the index, while they are still stored."""
    connection.execute(text(_REMOVE[connection.dialect.name]), {"source": source_key})


def find(connection: Connection, wanted: str, limit: int, modality: str | None) -> list[int]:
    """Return keys of concepts with all of the words, the closest first, then those with some of them."""
    words = [word.casefold() for word in _WORD.findall(wanted)][:_MOST_WORDS]
    found = _with(connection, words, " AND ", limit, modality)
    if len(found) < limit and len(words) > 1:
        rarer = [word for word in words if word not in _COMMON and len(word) > 1]
        found += [key for key in _with(connection, rarer, " OR ", limit, modality) if key not in set(found)]
    return found[:limit]


def _with(connection: Connection, words: list[str], joint: str, limit: int, modality: str | None) -> list[int]:
    if not words:
        return []
    is_sqlite = connection.dialect.name == "sqlite"
    query = joint.join(f'"{word}"' for word in words) if is_sqlite else joint.join(words)
    if not is_sqlite:
        query = query.replace("AND", "&").replace("OR", "|")
    statement = _FIND[connection.dialect.name].format(condition=_OF_MODALITY if modality else "")
    values = {"words": query, "limit": limit} | ({"modality": modality} if modality else {})
    if not is_sqlite:
        values["each"] = " ".join(words)
    return [int(key) for key in connection.execute(text(statement), values).scalars()]
