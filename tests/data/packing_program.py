"""Pack a folder in PTB-XL's layout in a process of its own, and end it, as ``kill -9`` does, at a given point.

python packing_program.py ROOT STORE POINT SECONDS_PER_RECORD
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medclip.data import _store_files, pack
from medclip.modalities.ecg.datasets.ptbxl import Ptbxl, open_ptbxl

RECORDS_PER_SHARD = 4
POINTS = ("first record", "record in a shard", "arrow file", "shard", "index", "description", "notes", "name", "never")


def kill(*_: Any, **__: Any) -> None:
    """End this process as ``kill -9`` does: no handler and no finally block runs."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    """Do it, then kill."""

    def wrapped(*arguments: Any, **options: Any) -> None:
        function(*arguments, **options)
        kill()

    return wrapped


def main(root: str, store: str, point: str, seconds_per_record: str) -> None:
    """Pack; the later points come after those that stand before them in ``POINTS``."""
    dataset = open_ptbxl(root, sampling_rate_hz=100)
    read = Ptbxl.__getitem__

    def read_slowly(self: Ptbxl, index: int) -> Any:
        time.sleep(float(seconds_per_record))
        if (point, index) in (("first record", 0), ("record in a shard", 6)):
            kill()
        return read(self, index)

    Ptbxl.__getitem__ = read_slowly  # type: ignore[method-assign]
    files, packing = _store_files, pack
    if point == "arrow file":
        files.sha256_of_file = kill  # type: ignore[assignment]
    if point == "index":
        packing.write_index = after(packing.write_index)  # type: ignore[attr-defined]
    if point == "description":
        packing.write_description = after(packing.write_description)  # type: ignore[attr-defined]
    if point == "notes":
        Path.unlink = _kill_after_a_note(Path.unlink)  # type: ignore[method-assign]
    if point == "name":
        Path.replace = _kill_at(Path.replace, Path(store))  # type: ignore[method-assign]
    progress = _kill_behind_a_shard if point == "shard" else None
    packing.pack(dataset, store, records_per_shard=RECORDS_PER_SHARD, progress=progress)


def _kill_behind_a_shard(n_done: int, _: int) -> None:
    if n_done == RECORDS_PER_SHARD:
        kill()


def _kill_after_a_note(unlink: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(path: Path, **options: Any) -> None:
        unlink(path, **options)
        if path.name == "shard-00000.json":
            kill()

    return wrapped


def _kill_at(replace: Callable[..., Any], store: Path) -> Callable[..., Any]:
    def wrapped(path: Path, target: Path) -> Any:
        if Path(target) == store:
            kill()
        return replace(path, target)

    return wrapped


if __name__ == "__main__":
    main(*sys.argv[1:])
