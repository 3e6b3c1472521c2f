"""Tables of the knowledge store."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint

__all__ = ["METADATA", "SCHEMA_VERSION", "concepts", "links", "names", "parents", "settings", "sources"]

SCHEMA_VERSION = 1

METADATA = MetaData()

settings = Table(
    "medclip_settings",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

sources = Table(
    "medclip_sources",
    METADATA,
    Column("key", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("version", Text, nullable=False),
    Column("licence", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("loaded_at", Text, nullable=False),
    Column("n_concepts", Integer, nullable=False),
    Column("n_links", Integer, nullable=False),
    Column("is_supplement", Boolean, nullable=False),
)


def _source_key() -> Column[int]:
    return Column("source_key", Integer, ForeignKey("medclip_sources.key"), nullable=False, index=True)


# BigInteger would be no alias of SQLite's row number, by which the text index names its rows.
_Key = BigInteger().with_variant(Integer, "sqlite")

concepts = Table(
    "medclip_concepts",
    METADATA,
    Column("key", _Key, primary_key=True, autoincrement=False),
    _source_key(),
    Column("id", Text, nullable=False, index=True),
    Column("term", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("is_human", Boolean, nullable=False),
    Column("is_obsolete", Boolean, nullable=False),
    Column("modality", Text),
    Column("description", Text),
    UniqueConstraint("source_key", "id"),
)

# ``folded`` is null for what must not be found by its name: wider, narrower and related wordings, and abbreviations.
names = Table(
    "medclip_names",
    METADATA,
    Column("concept_key", _Key, nullable=False, index=True),
    _source_key(),
    Column("text", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("folded", Text),
)
Index("ix_medclip_names_folded", names.c.folded, postgresql_where=names.c.folded.isnot(None))

parents = Table(
    "medclip_parents",
    METADATA,
    _source_key(),
    Column("child", Text, nullable=False, index=True),
    Column("parent", Text, nullable=False, index=True),
)

# The ids elsewhere that a concept states, and those of maps.
links = Table(
    "medclip_links",
    METADATA,
    _source_key(),
    Column("subject", Text, nullable=False, index=True),
    Column("object", Text, nullable=False, index=True),
)
