"""An OMOP vocabulary in a hospital's PostgreSQL, read in place: nothing is copied and nothing is written."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from medclip.core.errors import KnowledgeError
from medclip.knowledge.address import find_address
from medclip.knowledge.concept import Concept, Origin, Synonym
from medclip.knowledge.database import Database
from medclip.knowledge.folding import fold, is_abbreviation
from medclip.knowledge.sources._omop import DOMAINS, ENGLISH, IS_A, MAPS_TO, reference
from medclip.knowledge.sources._origin import origin_of
from medclip.knowledge.vocabulary import Entry, unique_by_id

__all__ = ["OmopDatabase"]

_TABLES = ("concept", "concept_synonym", "concept_relationship", "concept_ancestor", "vocabulary")
_SCHEMA = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
# A table of millions of names has no index by words; a hospital's server must not be kept busy for ever.
_TIMEOUT_MS = 120_000
_LIVE = "(c.invalid_reason IS NULL OR c.invalid_reason = '') AND c.domain_id = ANY(:domains)"


class OmopDatabase:
    """The vocabulary tables of an OMOP common data model, as a ``Vocabulary``; every transaction is read only.

    Args:
        url: ``postgresql://USER@HOST/DATABASE``.
        schema: Of the vocabulary tables.

    Raises:
        KnowledgeError: The address is malformed, the server does not answer, or the tables are not there.
        MissingDependencyError: The PostgreSQL driver is not installed.
    """

    def __init__(self, url: str, schema: str = "public") -> None:
        if not _SCHEMA.match(schema):
            raise KnowledgeError("the schema's name is no plain word", received=schema)
        self._database = Database(find_address(url))
        if self._database.is_sqlite:
            raise KnowledgeError("an OMOP vocabulary is read from PostgreSQL", received=self._database.shown)
        self._schema = schema
        self.origin = self._read_origin()

    @property
    def where(self) -> str:
        """Address without secrets."""
        return self._database.shown

    def get(self, id: str) -> Entry | None:
        """Return the concept of an id such as ``OMOP:313217``, or None."""
        number = _number(id)
        if number is None:
            return None
        with self._reading() as connection:
            return next(iter(self._load(connection, [number])), None)

    def entries(self, id: str) -> tuple[Entry, ...]:
        """Return the concept of an id, if there is one."""
        found = self.get(id)
        return (found,) if found else ()

    def by_name(self, text: str) -> tuple[Entry, ...]:
        """Return the live concepts whose name or English synonym is this, alike after folding."""
        if is_abbreviation(text):
            return ()
        # The server can compare letters only; the other ways to spell a name are asked for one by one.
        spellings = sorted({text.lower(), fold(text)})
        found = self._find("lower({name}) = ANY(:wanted)", {"wanted": spellings}, None)
        return tuple(entry for entry in found if any(fold(name) == fold(text) for name in entry.concept.names()))

    def search(self, text: str, limit: int = 10, modality: str | None = None) -> tuple[Entry, ...]:
        """Return live concepts by words: those with exactly this name first, then the closest; no modality is known."""
        close = self._find(
            "to_tsvector('english', {name}) @@ plainto_tsquery('english', :wanted)", {"wanted": text}, limit
        )
        return unique_by_id((*self.by_name(text), *close))[:limit]

    def ancestors(self, id: str) -> frozenset[str]:
        """Return the ids of all that a concept is a kind of."""
        return self._related(
            "SELECT ancestor_concept_id FROM {schema}.concept_ancestor WHERE descendant_concept_id = :number", id
        )

    def descendants(self, id: str) -> frozenset[str]:
        """Return the ids of all that are a kind of it."""
        return self._related(
            "SELECT descendant_concept_id FROM {schema}.concept_ancestor WHERE ancestor_concept_id = :number", id
        )

    def same_as(self, id: str) -> frozenset[str]:
        """Return what it maps to, what maps to it, and its id in the vocabulary that it is taken from."""
        mapped = self._related(
            "SELECT concept_id_2 FROM {schema}.concept_relationship WHERE concept_id_1 = :number "
            f"AND relationship_id = '{MAPS_TO}' UNION SELECT concept_id_1 FROM {{schema}}.concept_relationship "
            f"WHERE concept_id_2 = :number AND relationship_id = '{MAPS_TO}'",
            id,
        )
        entry = self.get(id)
        return mapped | set(entry.concept.same_as if entry else ())

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._database.reading() as connection:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_TIMEOUT_MS}")
            yield connection

    def _execute(self, connection: Connection, statement: str, values: dict[str, Any]) -> Any:
        return connection.execute(text(statement.replace("{schema}", f'"{self._schema}"')), values)

    def _read_origin(self) -> Origin:
        with self._reading() as connection:
            wanted = {"schema": self._schema, "tables": list(_TABLES)}
            found = connection.execute(
                text(
                    "SELECT table_name FROM information_schema.tables "
                    "WHERE table_schema = :schema AND table_name = ANY(:tables)"
                ),
                wanted,
            ).scalars()
            lacking = sorted(set(_TABLES) - set(found))
            if lacking:
                raise KnowledgeError(f"{self.where} has no {', '.join(lacking)} in its schema {self._schema}")
            version = self._execute(
                connection, "SELECT vocabulary_version FROM {schema}.vocabulary WHERE vocabulary_id = 'None'", {}
            ).scalar()
        return origin_of("omop", version=version or "unknown", digest="", paths=[])

    def _find(self, condition: str, values: dict[str, Any], limit: int | None) -> tuple[Entry, ...]:
        statement = (
            f"SELECT c.concept_id FROM {{schema}}.concept c WHERE {_LIVE} AND {condition.format(name='c.concept_name')}"
            " UNION SELECT c.concept_id FROM {schema}.concept_synonym s JOIN {schema}.concept c "
            f"ON c.concept_id = s.concept_id WHERE {_LIVE} AND s.language_concept_id = {ENGLISH} "
            f"AND {condition.format(name='s.concept_synonym_name')} ORDER BY 1 LIMIT :limit"
        )
        with self._reading() as connection:
            numbers = self._execute(connection, statement, values | {"domains": list(DOMAINS), "limit": limit})
            return self._load(connection, list(numbers.scalars()))

    def _related(self, statement: str, id: str) -> frozenset[str]:
        number = _number(id)
        if number is None:
            return frozenset()
        with self._reading() as connection:
            found = self._execute(connection, statement, {"number": number}).scalars()
            return frozenset(f"OMOP:{other}" for other in found) - {id}

    def _load(self, connection: Connection, numbers: Sequence[int]) -> tuple[Entry, ...]:
        values = {"numbers": list(numbers)}
        rows = self._execute(
            connection,
            "SELECT concept_id, concept_name, vocabulary_id, concept_code, invalid_reason FROM {schema}.concept "
            "WHERE concept_id = ANY(:numbers)",
            values,
        ).all()
        synonyms = self._execute(
            connection,
            "SELECT concept_id, concept_synonym_name FROM {schema}.concept_synonym "
            f"WHERE concept_id = ANY(:numbers) AND language_concept_id = {ENGLISH}",
            values,
        ).all()
        above = self._execute(
            connection,
            "SELECT concept_id_1, concept_id_2 FROM {schema}.concept_relationship WHERE concept_id_1 = ANY(:numbers) "
            f"AND relationship_id = '{IS_A}' AND (invalid_reason IS NULL OR invalid_reason = '')",
            values,
        ).all()
        found = {row.concept_id: self._entry(row, synonyms, above) for row in rows}
        return tuple(found[number] for number in numbers if number in found)

    def _entry(self, row: Any, synonyms: Sequence[Any], above: Sequence[Any]) -> Entry:
        elsewhere = reference(row.vocabulary_id, row.concept_code)
        texts = dict.fromkeys(name for number, name in synonyms if number == row.concept_id)
        concept = Concept(
            id=f"OMOP:{row.concept_id}",
            term=row.concept_name,
            synonyms=tuple(Synonym(name) for name in texts if name != row.concept_name),
            parents=tuple(f"OMOP:{parent}" for child, parent in above if child == row.concept_id),
            same_as=(elsewhere,) if elsewhere else (),
            is_obsolete=bool(row.invalid_reason),
        )
        return Entry(concept, self.origin)


def _number(id: str) -> int | None:
    prefix, _, local = id.partition(":")
    return int(local) if prefix == "OMOP" and local.isdecimal() else None
