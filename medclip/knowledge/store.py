"""The knowledge store: concepts of all sources in a SQLite file or a PostgreSQL database."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import inspect, select
from sqlalchemy.engine import Connection

from medclip.core.errors import KnowledgeError
from medclip.knowledge import tables, text_index
from medclip.knowledge._reading import keys_by_name, keys_of_id, load_entries, read_closure, read_links
from medclip.knowledge._writing import put_source
from medclip.knowledge.address import find_address
from medclip.knowledge.catalogue.read import CATALOGUE_FOLDER, CATALOGUE_ORIGIN, read_catalogue
from medclip.knowledge.database import Database
from medclip.knowledge.folding import fold
from medclip.knowledge.source import Source
from medclip.knowledge.vocabulary import Entry, unique_by_id

__all__ = ["KnowledgeStore", "SourceStatus", "StoreStatus", "open_store"]

_log = logging.getLogger(__name__)

# A part of a vocabulary repeats the ids of the whole, so that more has to be looked at than is shown.
_SHARE = 3


@dataclass(frozen=True)
class SourceStatus:
    """One source of a store; ``loaded_at`` is in UTC."""

    name: str
    version: str
    licence: str
    loaded_at: str
    n_concepts: int
    n_links: int


@dataclass(frozen=True)
class StoreStatus:
    """What a store holds; ``where`` is its address without secrets."""

    where: str
    schema_version: int
    sources: tuple[SourceStatus, ...]


class KnowledgeStore:
    """Concepts of the catalogue and of every source added, with search; a ``Vocabulary``.

    Every method raises ``KnowledgeError`` if the database is gone, damaged or does not answer.

    Args:
        database: Where it is.
        catalogue: Folder of the catalogue that is part of it.
    """

    def __init__(self, database: Database, catalogue: Path = CATALOGUE_FOLDER) -> None:
        self._database = database
        self._catalogue = catalogue

    @property
    def where(self) -> str:
        """Address without secrets."""
        return self._database.shown

    def build(self) -> bool:
        """Make the tables and store the catalogue, unless both are there as they should be; say whether it was needed.

        Raises:
            KnowledgeError: The store belongs to another version, the catalogue is malformed, or the store cannot be
                written.
        """
        digest = _digest_of_folder(self._catalogue)
        if self._database.exists():
            with self._database.reading() as connection:
                if self._is_current(connection, digest):
                    return False
        concepts = read_catalogue(self._catalogue)
        with self._database.writing(is_new=True) as connection:
            # Another process may have built it while this one waited.
            if self._is_current(connection, digest):
                return False
            self._create(connection)
            put_source(connection, Source(CATALOGUE_ORIGIN, concepts, digest=digest), lambda n: None)
            _log.info("the knowledge store %s holds %d concepts of the catalogue", self.where, len(concepts))
        return True

    def add(self, source: Source, progress: Callable[[int], None] = lambda n: None) -> bool:
        """Store a source in place of its former version, or nothing of it.

        Args:
            source: Read to its end.
            progress: Called with the number of concepts stored so far.

        Returns:
            False if the same content is there already under the same version.

        Raises:
            KnowledgeError: The source is malformed.
        """
        with self._database.writing() as connection:
            same = select(tables.sources.c.key).where(
                tables.sources.c.name == source.origin.source,
                tables.sources.c.version == source.origin.version,
                tables.sources.c.digest == source.digest,
            )
            if source.digest and connection.execute(same).scalar() is not None:
                return False
            if not put_source(connection, source, progress):
                raise KnowledgeError(f"{source.origin.source} holds neither concepts nor links")
        return True

    def get(self, id: str) -> Entry | None:
        """Return the fullest entry of an id, or None."""
        return next(iter(self.entries(id)), None)

    def entries(self, id: str) -> tuple[Entry, ...]:
        """Return what each source says under an id, the fullest first."""
        with self._database.reading() as connection:
            return load_entries(connection, keys_of_id(connection, id))

    def by_name(self, text: str) -> tuple[Entry, ...]:
        """Return the live human concepts that have this term or exact synonym, alike after folding."""
        with self._database.reading() as connection:
            return unique_by_id(load_entries(connection, keys_by_name(connection, fold(text))))

    def search(self, text: str, limit: int = 10, modality: str | None = None) -> tuple[Entry, ...]:
        """Return live human concepts by words: those with exactly this name first, then the closest.

        Args:
            text: Words.
            limit: Most concepts to return.
            modality: Leave out the catalogue's concepts of other modalities.
        """
        with self._database.reading() as connection:
            exact = keys_by_name(connection, fold(text), modality)
            close = text_index.find(connection, text, limit * _SHARE, modality)
            keys = list(dict.fromkeys((*exact, *close)))[: limit * _SHARE]
            return unique_by_id(load_entries(connection, keys))[:limit]

    def ancestors(self, id: str) -> frozenset[str]:
        """Return the ids of all that a concept is a kind of."""
        with self._database.reading() as connection:
            return read_closure(connection, id, upwards=True)

    def descendants(self, id: str) -> frozenset[str]:
        """Return the ids of all that are a kind of it."""
        with self._database.reading() as connection:
            return read_closure(connection, id, upwards=False)

    def same_as(self, id: str) -> frozenset[str]:
        """Return the ids that a source or a map states to mean the same, in either direction."""
        with self._database.reading() as connection:
            return read_links(connection, id)

    def status(self) -> StoreStatus:
        """Return what the store holds."""
        columns = [tables.sources.c[name] for name in SourceStatus.__dataclass_fields__]
        with self._database.reading() as connection:
            rows = connection.execute(select(*columns).order_by(tables.sources.c.key)).all()
        return StoreStatus(self.where, tables.SCHEMA_VERSION, tuple(SourceStatus(*row) for row in rows))

    def _is_current(self, connection: Connection, digest: str) -> bool:
        if not inspect(connection).has_table(tables.settings.name):
            return False
        wanted = select(tables.settings.c.value).where(tables.settings.c.name == "schema_version")
        version = connection.execute(wanted).scalar()
        if version != str(tables.SCHEMA_VERSION):
            raise KnowledgeError(
                f"the knowledge store {self.where} was made by another version of medclip",
                received=f"schema {version}",
                allowed=tables.SCHEMA_VERSION,
                action="name another by --store, or remove it and run medclip knowledge build",
            )
        stored = select(tables.sources.c.digest).where(tables.sources.c.name == CATALOGUE_ORIGIN.source)
        return connection.execute(stored).scalar() == digest

    def _create(self, connection: Connection) -> None:
        if inspect(connection).has_table(tables.settings.name):
            return
        tables.METADATA.create_all(connection)
        text_index.create(connection)
        connection.execute(
            tables.settings.insert(), [{"name": "schema_version", "value": str(tables.SCHEMA_VERSION)}]
        )  # fmt: skip


def open_store(url: str | Path | None = None, *, catalogue: Path = CATALOGUE_FOLDER) -> KnowledgeStore:
    """Open a knowledge store and bring the catalogue in it up to date; a SQLite file is made if it is not there.

    Args:
        url: Path of a SQLite file, or URL of SQLite or PostgreSQL; by default ``$MEDCLIP_KNOWLEDGE``, else a file in
            the cache folder.
        catalogue: Folder of the catalogue.

    Raises:
        KnowledgeError: The address is malformed, or the store cannot be opened, made or brought up to date.
        MissingDependencyError: PostgreSQL is named and its driver is not installed.
    """
    store = KnowledgeStore(Database(find_address(url)), catalogue)
    store.build()
    return store


def _digest_of_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    try:
        for path in sorted(folder.glob("*.toml")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    except OSError as error:
        raise KnowledgeError(f"the catalogue {folder} cannot be read ({error.strerror})") from error
    return digest.hexdigest()
