"""Pack a data set once, so that training reads it at memory speed."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from medclip.core.dataset import Dataset
from medclip.core.errors import InputError, MedclipError, OutputError
from medclip.core.files import output_errors, read_json, write_json
from medclip.core.input_spec import InputSpec
from medclip.data._lock import only_one
from medclip.data._plan import Plan, first_readable
from medclip.data._rows import check_packable
from medclip.data._store_files import PLAN_FILE, note_files, write_description, write_index, write_shards
from medclip.data.store import STORE_FILE, PackedStore, unfinished_folder

__all__ = ["pack"]

_RECORDS_PER_SHARD = 512
_SHARD_BYTES = 512 << 20
_MARGIN_BYTES = 4 << 20


def pack(
    dataset: Dataset,
    folder: str | Path,
    *,
    spec: InputSpec | None = None,
    skip_unreadable: bool = False,
    records_per_shard: int | None = None,
    n_processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> PackedStore:
    """Write a data set into a packed store, or continue after an interruption.

    Finished shards lie in ``.NAME.unfinished`` beside the store until all are there; the same call continues with
    them after a ``kill -9``, and the result is the same byte for byte. On an error, a full disk included, that folder
    is removed. A second process that packs into the same folder waits for the first.

    Args:
        dataset: What to pack.
        folder: The store; it must not exist yet, unless it holds the finished store of the same data.
        spec: Keep what this specification makes of each image rather than the image: for training on thousands of
            radiographs, which are a hundred times smaller once prepared. Images that it refuses are left out and listed
            in ``store.json``.
        skip_unreadable: Leave out records that cannot be decoded or whose files are not there, and list them in
            ``store.json``, rather than stop.
        records_per_shard: Records per file, at least 1; None takes 512, and fewer if they are large.
        n_processes: Processes that read records; the store is the same for any number. In a script of your own, more
            than 1 needs ``if __name__ == "__main__":`` around the call.
        progress: Called with the number of records done and in all.

    Returns:
        The finished store.

    Raises:
        ConfigError: ``spec`` is not one of images, or the data set cannot be read by so many processes.
        OutputError: The folder holds something else, or the disk is or would be full.
        StoreError: The data set is empty, or none of its records can be read.
        FormatError: A record cannot be decoded and ``skip_unreadable`` is False.
        DatasetError: The files of a record are not there and ``skip_unreadable`` is False.
    """
    # "." and ".." cannot be renamed.
    folder = Path(os.path.abspath(folder)) if Path(folder).name in ("", "..") else Path(folder)
    if records_per_shard is not None and records_per_shard < 1:
        raise InputError("records_per_shard is out of range", received=records_per_shard, allowed="at least 1")
    check_packable(spec)
    first = first_readable(dataset, skip_unreadable=skip_unreadable)
    n_bytes = 2 * (math.prod(spec.shape) if spec else first.array.size)
    plan = Plan.of(
        dataset,
        first,
        records_per_shard=records_per_shard or min(_RECORDS_PER_SHARD, max(1, _SHARD_BYTES // max(1, n_bytes))),
        skip_unreadable=skip_unreadable,
        spec=spec,
    )
    work = unfinished_folder(folder)
    while not _holds_something(folder):
        with output_errors(folder), only_one(work) as is_ours:
            # Another process may have finished the store, or given up, while this one waited.
            if is_ours and not _holds_something(folder):
                _pack(dataset, folder, work, plan, spec, n_bytes, progress, n_processes)
                return PackedStore(folder)
            if is_ours:
                shutil.rmtree(work, ignore_errors=True)
    return _finished(folder, plan)


def _holds_something(folder: Path) -> bool:
    with output_errors(folder):
        return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def _finished(folder: Path, plan: Plan) -> PackedStore:
    """Return a store that already holds what is asked for; refuse anything else."""
    if not (folder / STORE_FILE).is_file():
        raise OutputError(f"{folder} exists and is no packed store", action="choose another output folder")
    store = PackedStore(folder)
    if not plan.is_fulfilled_by(store.description.get("plan")):
        raise OutputError(
            f"{folder} exists and holds a store of other data", action="choose another output folder, or remove it"
        )
    if store.description.get("skipped") and not plan.skip_unreadable:
        raise OutputError(
            f"{folder} exists and lacks records that could not be read",
            received=f"{len(store)} of {plan.n_records} records",
            action="allow unreadable records to be skipped, or remove it and pack again",
        )
    return store


def _pack(
    dataset: Dataset,
    folder: Path,
    work: Path,
    plan: Plan,
    spec: InputSpec | None,
    n_bytes: int,
    progress: Callable[[int, int], None] | None,
    n_processes: int,
) -> None:
    try:
        _begin(work, plan, n_bytes)
        if not (work / STORE_FILE).is_file():
            shards = write_shards(dataset, work, plan, spec, progress, n_processes)
            write_index(dataset, work, shards)
            write_description(dataset, work, plan, shards)
        # From here on a store that is found unfinished lacks nothing but its name.
        for note in note_files(work):
            note.unlink()
        if folder.exists():
            folder.rmdir()
        work.replace(folder)
    except (MedclipError, OSError):
        shutil.rmtree(work, ignore_errors=True)
        raise


def _begin(work: Path, plan: Plan, n_bytes: int) -> None:
    """Keep what an interrupted run of the same plan has written, and remove everything else."""
    if _plan_in(work) == plan.as_dict():
        # Files that were being written when it was interrupted.
        for path in [*work.glob(".*"), *work.glob("labels/.*")]:
            path.unlink()
        return
    for path in work.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    _check_room(work, plan, n_bytes)
    write_json(work / PLAN_FILE, plan.as_dict())


def _plan_in(work: Path) -> object:
    for name in (PLAN_FILE, STORE_FILE):
        try:
            found = read_json(work / name)
            return found if name == PLAN_FILE else found["plan"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _check_room(work: Path, plan: Plan, n_bytes: int) -> None:
    needed = n_bytes * plan.n_records + _MARGIN_BYTES
    free = shutil.disk_usage(work).free
    if free < needed:
        raise OutputError(
            f"not enough room to pack {plan.dataset} into {work.parent}",
            received=f"{free / 1e6:.0f} MB free",
            allowed=f"about {needed / 1e6:.0f} MB",
            action="free some space or choose another output folder",
        )
