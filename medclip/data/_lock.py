"""One process at a time."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["only_one"]

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[bool]:
    """Make a folder and keep other processes that ask for it waiting until the block ends.

    The operating system ends the lock with its process, so that a ``kill -9`` leaves none behind. Where it knows no
    such locks (Windows, some network drives) nobody waits.

    Yields:
        False if another process had the folder and moved it away meanwhile: look for what it left, or ask again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if os.name != "posix":
        yield True
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        # Another process has moved it away since it was made.
        yield False
        return
    try:
        _wait_for(handle, folder)
        yield _is_still(folder, handle)
    finally:
        os.close(handle)


def _wait_for(handle: int, folder: Path) -> None:
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _log.warning("another process is writing %s: waiting for it", folder)
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        _log.warning("%s cannot be locked: let no other process write it", folder)


def _is_still(folder: Path, handle: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
