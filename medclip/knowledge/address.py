"""Where a knowledge store is: a file, or a PostgreSQL database by URL; never with its password in a message."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from medclip.core.cache import cache_folder
from medclip.core.errors import KnowledgeError

__all__ = ["find_address", "scrubbed", "shown"]

_VARIABLE = "MEDCLIP_KNOWLEDGE"
_FILE_NAME = "knowledge.sqlite"
_SECRETS = ("password", "sslpassword", "passfile")
_ALLOWED = "a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE"
_PASSWORD_IN_TEXT = re.compile(r"(://[^\s:/@]*:)[^\s@]*@")


def find_address(given: str | Path | None = None) -> URL:
    """Return the address of the store: the one given, else ``$MEDCLIP_KNOWLEDGE``, else a file in the cache folder.

    Raises:
        KnowledgeError: It is no path and no URL of SQLite or PostgreSQL.
    """
    text = str(given or os.environ.get(_VARIABLE) or cache_folder() / _FILE_NAME)
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).expanduser()))
    try:
        url = make_url(text)
        kind = url.get_backend_name()
    except (ArgumentError, ValueError):
        raise KnowledgeError("the address of the knowledge store is malformed", allowed=_ALLOWED) from None
    if kind == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if kind == "sqlite" and url.database and url.database != ":memory:":
        return URL.create("sqlite", database=str(Path(url.database).expanduser()))
    raise KnowledgeError("the knowledge store cannot be kept there", received=shown(url), allowed=_ALLOWED)


def shown(url: URL) -> str:
    """Write an address for a message: a file's path, or a URL without secrets."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    public = url.set(drivername=url.get_backend_name())
    hidden = {name: "***" for name in public.query if name in _SECRETS}
    return public.update_query_dict(hidden).render_as_string(hide_password=True)


def scrubbed(text: str, url: URL) -> str:
    """Take an address's secrets out of what a driver has to say."""
    secrets = [url.password, *(url.query.get(name) for name in _SECRETS)]
    for secret in secrets:
        if isinstance(secret, str) and secret:
            text = text.replace(secret, "***")
    return _PASSWORD_IN_TEXT.sub(r"\1***@", text)
