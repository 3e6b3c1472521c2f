"""Who a patient is stays at home: identifiers of devices and hospitals become keyed hashes unless asked otherwise.

A reader of files hands the identifier that a file states to ``private_id``. Readers of published data sets do not: the
identifiers in these are pseudonyms that the set itself has given.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from medclip.core.errors import ConfigError
from medclip.core.files import output_errors

__all__ = ["identifiers_kept", "private_id"]

_KEY_VARIABLE = "MEDCLIP_ID_KEY"
_KEY_BYTES = 32
_SHORTEST_KEY = 16
_HASH_DIGITS = 32
_is_kept = contextvars.ContextVar("_is_kept", default=False)


@contextlib.contextmanager
def identifiers_kept(keep: bool = True) -> Iterator[None]:
    """Let ``private_id`` return identifiers as they are within the block, or again hashed if ``keep`` is False."""
    token = _is_kept.set(keep)
    try:
        yield
    finally:
        _is_kept.reset(token)


def private_id(identifier: str | None, *, issuer: str = "") -> str | None:
    """Return a name for a patient that is the same in all files and tells nobody who it is.

    It is the HMAC-SHA256 of the identifier under a key of this installation, so that nobody without the key can find it
    by trying all hospital numbers. The key is the environment variable ``MEDCLIP_ID_KEY``, else a file in the user's
    configuration folder that is made when it is first needed.

    Args:
        identifier: What a file states; blanks around it do not count.
        issuer: Who gave it, where the file says so: the same number from two hospitals is two patients.

    Returns:
        32 hexadecimal digits, or the identifier itself within ``identifiers_kept``; None where there is none.

    Raises:
        ConfigError: ``MEDCLIP_ID_KEY`` is too short, or the user has no folder for the key.
        OutputError: The key cannot be read or written.
    """
    stated = " ".join((identifier or "").split())
    if not stated:
        return None
    if _is_kept.get():
        return stated
    message = "\x1f".join((" ".join(issuer.split()), stated)).encode("utf-8", "surrogateescape")
    return hmac.new(_key(), message, hashlib.sha256).hexdigest()[:_HASH_DIGITS]


def _key() -> bytes:
    own = os.environ.get(_KEY_VARIABLE)
    if own is None:
        return _kept_key(_key_file())
    if len(own) < _SHORTEST_KEY:
        raise ConfigError(
            f"{_KEY_VARIABLE} is too short to keep a secret",
            received=f"{len(own)} characters",
            allowed=f"at least {_SHORTEST_KEY}",
            action="set it to a long random text, or unset it",
        )
    return own.encode("utf-8", "surrogateescape")


def _key_file() -> Path:
    try:
        return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "medclip" / "patient_id.key"
    except RuntimeError as error:
        raise ConfigError(
            "there is no folder for the key under which patients' identifiers are hashed",
            action=f"set {_KEY_VARIABLE} to a long random text",
        ) from error


@functools.lru_cache(maxsize=8)
def _kept_key(path: Path) -> bytes:
    with output_errors(path):
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    if len(key) < _KEY_BYTES:
        raise ConfigError(
            f"{path} is damaged: the key under which patients' identifiers are hashed is cut off",
            action="restore it from a copy; if there is none, remove it, and identifiers get new hashes",
        )
    return key


def _make_key(path: Path) -> None:
    """Write a new key that no other user can read; of two processes at once, the first one's is kept."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
