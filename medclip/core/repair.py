"""What a reader may mend because it was asked to; by default nothing is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["is_resampling_allowed", "resampling_allowed"]

_allowed: ContextVar[bool] = ContextVar("resampling_allowed", default=False)


@contextlib.contextmanager
def resampling_allowed(is_allowed: bool) -> Iterator[None]:
    """Let readers resample recordings whose samples do not lie evenly, as long as the context lasts."""
    token = _allowed.set(is_allowed)
    try:
        yield
    finally:
        _allowed.reset(token)


def is_resampling_allowed() -> bool:
    """Tell whether the caller asked for it; what was mended must then stand in the sample's notes."""
    return _allowed.get()
