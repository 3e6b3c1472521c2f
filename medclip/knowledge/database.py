"""Transactions on SQLite and PostgreSQL whose failures are one clear line."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from medclip.core.errors import KnowledgeError, MissingDependencyError
from medclip.knowledge.address import scrubbed, shown

__all__ = ["Database"]

# Another process may be storing a large vocabulary meanwhile.
_WAIT_S = 600
_CONNECT_S = 10
_CACHE_KIB = 256 << 10
# Any number will do; it keeps medclip's writers, and nobody else, apart.
_LOCK = 7_206_325_163


class Database:
    """A database that is read in a snapshot and written in whole transactions.

    Args:
        url: Of SQLite or PostgreSQL, as ``find_address`` gives it.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.path = Path(url.database or "") if self.is_sqlite else None
        self.shown = shown(url)
        self._engine = self._make_engine()

    def exists(self) -> bool:
        """Whether there is a file, or a server to ask."""
        return self.path is None or self.path.is_file()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction for reading.

        Raises:
            KnowledgeError: The database is gone, damaged or does not answer.
        """
        with self._translated(), self._engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            yield connection

    @contextlib.contextmanager
    def writing(self, *, is_new: bool = False) -> Iterator[Connection]:
        """Open a transaction for writing that is kept if the block ends without an error; others wait for it.

        Args:
            is_new: Whether the file may be made.

        Raises:
            KnowledgeError: The database is gone, damaged, full, not to be written, or does not answer.
        """
        with self._translated():
            if self.path is not None and is_new:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                # Of two processes that make the file at once, each finds it.
                self.path.touch(exist_ok=True)
            with self._engine.connect() as connection:
                if self.is_sqlite:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                else:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                yield connection
                connection.commit()
        if not self.exists():
            raise KnowledgeError(f"the knowledge store {self.shown} vanished while it was written", action="run again")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            # The driver's own message may hold the address, so that it is no cause to be shown.
            raise self._error(str(getattr(error, "orig", None) or error)) from None
        except sqlite3.Error as error:
            raise self._error(str(error)) from None
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                f"the knowledge store {self.shown} needs {error.name}", action="pip install 'medclip-toolkit[postgres]'"
            ) from error
        except OSError as error:
            if error.filename is None or self.path is None or Path(str(error.filename)) not in self._own_paths():
                raise
            raise self._error(error.strerror or str(error)) from error

    def _own_paths(self) -> tuple[Path, ...]:
        return (self.path, *self.path.parents) if self.path is not None else ()

    def _error(self, reason: str) -> KnowledgeError:
        reason = scrubbed(reason, self.url).strip()
        if not self.exists():
            return KnowledgeError(
                f"the knowledge store {self.shown} is gone ({reason})", action="run medclip knowledge build"
            )
        return KnowledgeError(
            f"the knowledge store {self.shown} cannot be used ({reason})",
            action="mend that, or name another by --store or MEDCLIP_KNOWLEDGE; what it holds was not changed",
        )

    def _make_engine(self) -> Engine:
        if self.is_sqlite:
            return create_engine("sqlite://", creator=self._connect_to_file, poolclass=NullPool)
        with self._translated():
            arguments = {} if "connect_timeout" in self.url.query else {"connect_timeout": _CONNECT_S}
            return create_engine(self.url, connect_args=arguments, pool_pre_ping=True)

    def _connect_to_file(self) -> sqlite3.Connection:
        """Never make the file: one that vanished must not come back empty."""
        path = str(self.path)
        is_writable = os.access(path, os.W_OK) and os.access(os.path.dirname(path) or ".", os.W_OK)
        mode = "rw" if is_writable else "ro"
        connection = sqlite3.connect(
            f"file:{quote(os.path.abspath(path))}?mode={mode}", uri=True, timeout=_WAIT_S, isolation_level=None
        )
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        return connection
