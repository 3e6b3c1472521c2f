"""Which kind of recording a caller wants of a folder or archive that holds several."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["modality_wanted", "wanted_modality"]

_wanted: ContextVar[str | None] = ContextVar("modality_wanted", default=None)


@contextlib.contextmanager
def modality_wanted(name: str | None) -> Iterator[None]:
    """Let formats of one modality claim what holds several kinds, as long as the context lasts; None: as they lie."""
    token = _wanted.set(name)
    try:
        yield
    finally:
        _wanted.reset(token)


def wanted_modality() -> str | None:
    """Return the name of the modality that the caller asked for; what is left aside must then stand in the notes."""
    return _wanted.get()
