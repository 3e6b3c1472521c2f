"""Pack a data set once, so that training reads it at memory speed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.dataset import Dataset
from medclip.core.errors import FormatError, MedclipError, OutputError, StoreError
from medclip.core.files import output_errors, read_json, sha256_of_file, write_json, write_whole
from medclip.core.sample import Sample
from medclip.data.quantise import MISSING, quantise
from medclip.data.store import SCHEMA_VERSION, STORE_FILE, Layout, PackedStore

if TYPE_CHECKING:
    import pyarrow

__all__ = ["pack"]

_RECORDS_PER_SHARD = 512
_MARGIN_BYTES = 64 << 20


def pack(
    dataset: Dataset,
    folder: str | Path,
    *,
    skip_unreadable: bool = False,
    records_per_shard: int = _RECORDS_PER_SHARD,
    progress: Callable[[int, int], None] | None = None,
) -> PackedStore:
    """Write a data set into a packed store, or continue after an interruption.

    Finished shards lie in ``.NAME.unfinished`` beside the store until all are there; the same call continues with
    them after a ``kill -9``. On an error, a full disk included, that folder is removed.

    Args:
        dataset: What to pack.
        folder: The store; it must not exist yet, unless it holds the finished store of the same data.
        skip_unreadable: Leave out records that cannot be decoded and list them in ``store.json``, rather than stop.
        records_per_shard: Records per file.
        progress: Called with the number of records done and in all.

    Returns:
        The finished store.

    Raises:
        OutputError: The folder holds something else, or the disk is or would be full.
        FormatError: A record cannot be decoded and ``skip_unreadable`` is False.
    """
    folder = Path(folder)
    plan = _Plan.of(dataset, records_per_shard, skip_unreadable)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        return _finished(folder, plan)
    work = folder.with_name(f".{folder.name}.unfinished")
    with output_errors(folder):
        _begin(work, plan, dataset)
    try:
        with output_errors(folder):
            shards = _write_shards(dataset, work, plan, progress)
            _write_index(dataset, work, shards)
            _write_description(dataset, work, plan, shards)
            if folder.exists():
                folder.rmdir()
            work.replace(folder)
            for note in (*folder.glob("shard-*.json"), folder / "plan.json"):
                note.unlink()
    except (MedclipError, OSError):
        shutil.rmtree(work, ignore_errors=True)
        raise
    return PackedStore(folder)


@dataclass(frozen=True)
class _Plan:
    """What identifies a store while it is being written."""

    dataset: str
    modality: str
    version: str
    n_records: int
    records_per_shard: int
    skip_unreadable: bool
    records_sha256: str

    @classmethod
    def of(cls, dataset: Dataset, records_per_shard: int, skip_unreadable: bool) -> _Plan:
        if len(dataset) == 0:
            raise StoreError(f"data set {dataset.name} has no records to pack", action="check its folder and options")
        digest = hashlib.sha256()
        for info in dataset.records:
            digest.update(f"{info.record_id}\0{info.fold}\0{info.report}\n".encode())
        return cls(
            dataset.name,
            dataset.modality,
            dataset.version,
            len(dataset),
            records_per_shard,
            skip_unreadable,
            digest.hexdigest(),
        )

    def ranges(self) -> list[range]:
        """Record numbers of each shard."""
        steps = range(0, self.n_records, self.records_per_shard)
        return [range(start, min(start + self.records_per_shard, self.n_records)) for start in steps]


def _finished(folder: Path, plan: _Plan) -> PackedStore:
    """Return a store that already holds what is asked for; refuse anything else."""
    try:
        store = PackedStore(folder)
    except StoreError as error:
        raise OutputError(f"{folder} exists and is no packed store", action="choose another output folder") from error
    if store.description["plan"] != dataclasses.asdict(plan):
        raise OutputError(
            f"{folder} exists and holds another selection of records", action="choose another output folder"
        )
    return store


def _begin(work: Path, plan: _Plan, dataset: Dataset) -> None:
    """Make the working folder, or keep the one of the same plan."""
    path = work / "plan.json"
    if path.is_file() and read_json(path) == dataclasses.asdict(plan):
        return
    shutil.rmtree(work, ignore_errors=True)
    work.parent.mkdir(parents=True, exist_ok=True)
    needed = dataset[0].array.size * 2 * plan.n_records + _MARGIN_BYTES
    free = shutil.disk_usage(work.parent).free
    if free < needed:
        raise OutputError(
            f"not enough room to pack {dataset.name} into {work.parent}",
            received=f"{free / 1e6:.0f} MB free",
            allowed=f"about {needed / 1e6:.0f} MB",
            action="free some space or choose another output folder",
        )
    work.mkdir()
    write_json(path, dataclasses.asdict(plan))


def _write_shards(
    dataset: Dataset, work: Path, plan: _Plan, progress: Callable[[int, int], None] | None
) -> list[dict[str, Any]]:
    """Write the shards that are not there yet and return what is in each; a shard's note is written after it."""
    shards = []
    for number, members in enumerate(plan.ranges()):
        note = work / f"shard-{number:05d}.json"
        shard = read_json(note) if note.is_file() else None
        if shard is None or sha256_of_file(work / shard["file"]) != shard["sha256"]:
            shard = _write_shard(dataset, work / f"shard-{number:05d}.arrow", members, plan.skip_unreadable)
            write_json(note, shard)
        shards.append(shard)
        if progress is not None:
            progress(members.stop, plan.n_records)
    return shards


def _write_shard(dataset: Dataset, path: Path, members: range, skip_unreadable: bool) -> dict[str, Any]:
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    kept: list[int] = []
    skipped: list[dict[str, Any]] = []
    layouts: list[Layout] = []
    layout_of: list[int] = []
    for index in members:
        try:
            sample = dataset[index]
        except FormatError as error:
            if not skip_unreadable:
                raise
            skipped.append({"record_id": dataset.records[index].record_id, "reason": str(error)})
            continue
        layout = _layout(sample)
        if layout not in layouts:
            layouts.append(layout)
        layout_of.append(layouts.index(layout))
        rows.append(quantise(sample.array))
        kept.append(index)
    _write_arrow(path, rows, layout_of)
    return {
        "file": path.name,
        "sha256": sha256_of_file(path),
        "kept": kept,
        "skipped": skipped,
        "layouts": [dataclasses.asdict(layout) for layout in layouts],
    }


def _layout(sample: Sample) -> Layout:
    if sample.sampling_rate_hz is None or sample.channel_names is None:
        raise StoreError("only waveforms can be packed so far", received=f"array of shape {sample.array.shape}")
    n_channels, n_samples = sample.array.shape
    return Layout((n_channels, n_samples), float(sample.sampling_rate_hz), sample.channel_names)


def _write_arrow(path: Path, rows: Sequence[tuple[np.ndarray, np.ndarray]], layout_of: Sequence[int]) -> None:
    import pyarrow as arrow

    columns = {
        "stored": _list_column([stored.ravel() for stored, _ in rows], arrow.int16()),
        "gain": _list_column([gain for _, gain in rows], arrow.float32()),
        "layout": arrow.array(layout_of, arrow.int32()),
        "has_missing": arrow.array([bool((stored == MISSING).any()) for stored, _ in rows], arrow.bool_()),
    }
    batch = arrow.record_batch(columns)
    with (
        write_whole(path) as temporary,
        arrow.OSFile(str(temporary), "wb") as sink,
        arrow.ipc.new_file(sink, batch.schema) as writer,
    ):
        writer.write_batch(batch)


def _list_column(rows: Sequence[np.ndarray], kind: pyarrow.DataType) -> pyarrow.Array:
    import pyarrow as arrow

    offsets = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64)
    values = np.concatenate(rows) if rows else np.empty(0, kind.to_pandas_dtype())
    return arrow.LargeListArray.from_arrays(arrow.array(offsets), arrow.array(values, kind))


def _write_index(dataset: Dataset, work: Path, shards: Sequence[dict[str, Any]]) -> None:
    import pyarrow as arrow
    from pyarrow import parquet

    kept = [index for shard in shards for index in shard["kept"]]
    infos = [dataset.records[index] for index in kept]
    table = arrow.table(
        {
            "record_id": [info.record_id for info in infos],
            "patient_id": [info.patient_id for info in infos],
            "report": arrow.array([info.report for info in infos], arrow.string()),
            "fold": arrow.array([info.fold for info in infos], arrow.string()),
            "attributes": [json.dumps(dict(info.attributes), ensure_ascii=False) for info in infos],
        }
    )
    with write_whole(work / "index.parquet") as temporary:
        parquet.write_table(table, temporary)
    for label_set in dataset.label_sets:
        labels = dataset.labels(label_set).rows(kept)
        columns = {code: labels.values[:, column] for column, code in enumerate(labels.codes)}
        with write_whole(work / "labels" / f"{label_set}.parquet") as temporary:
            parquet.write_table(arrow.table(columns), temporary)


def _write_description(dataset: Dataset, work: Path, plan: _Plan, shards: Sequence[dict[str, Any]]) -> None:
    """Number the layouts across shards and write down the checksum of every file."""
    layouts: list[Any] = []
    for shard in shards:
        for layout in shard["layouts"]:
            if layout not in layouts:
                layouts.append(layout)
    files = ["index.parquet", *(f"labels/{name}.parquet" for name in dataset.label_sets)]
    checksums = {shard["file"]: shard["sha256"] for shard in shards}
    checksums |= {name: sha256_of_file(work / name) for name in files}
    description = {
        "schema_version": SCHEMA_VERSION,
        "dataset": plan.dataset,
        "modality": plan.modality,
        "version": plan.version,
        "plan": dataclasses.asdict(plan),
        "label_sets": list(dataset.label_sets),
        "layouts": layouts,
        "shards": [
            {
                "file": shard["file"],
                "n_records": len(shard["kept"]),
                "layouts": [layouts.index(layout) for layout in shard["layouts"]],
            }
            for shard in shards
        ],
        "skipped": [entry for shard in shards for entry in shard["skipped"]],
        "sha256": checksums,
    }
    write_json(work / STORE_FILE, description)
