"""Writing the files of a packed store; each is whole or not there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.dataset import Dataset
from medclip.core.errors import DatasetError, FormatError, StoreError
from medclip.core.files import read_json, sha256_of_file, write_json, write_whole
from medclip.core.sample import Sample
from medclip.data._plan import Plan, attributes_json, read_record
from medclip.data.quantise import MISSING, quantise
from medclip.data.store import SCHEMA_VERSION, SEAL, STORE_FILE, Layout, description_sha256

if TYPE_CHECKING:
    import pyarrow

__all__ = ["PLAN_FILE", "note_files", "write_description", "write_index", "write_shards"]

PLAN_FILE = "plan.json"


def note_files(work: Path) -> list[Path]:
    """Return the files that are needed only while a store is being written."""
    return [*sorted(work.glob("shard-*.json")), *filter(Path.exists, [work / PLAN_FILE])]


def write_shards(
    dataset: Dataset, work: Path, plan: Plan, progress: Callable[[int, int], None] | None
) -> list[dict[str, Any]]:
    """Write the shards that are not there yet and return what is in each; a shard's note is written after it."""
    shards = []
    for number, members in enumerate(plan.ranges()):
        path = work / f"shard-{number:05d}.arrow"
        shard = _finished_shard(path)
        if shard is None:
            shard = _write_shard(dataset, path, members, plan.skip_unreadable)
            write_json(path.with_suffix(".json"), shard)
        shards.append(shard)
        if progress is not None:
            progress(members.stop, plan.n_records)
    return shards


def _finished_shard(path: Path) -> dict[str, Any] | None:
    """Return the note of a shard that was written before an interruption, if both are as they were written."""
    try:
        shard: dict[str, Any] = read_json(path.with_suffix(".json"))
        return shard if sha256_of_file(path) == shard["sha256"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_shard(dataset: Dataset, path: Path, members: range, skip_unreadable: bool) -> dict[str, Any]:
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    kept: list[int] = []
    skipped: list[dict[str, Any]] = []
    layouts: dict[Layout, int] = {}
    layout_of: list[int] = []
    for index in members:
        try:
            sample = read_record(dataset, index)
        except (FormatError, DatasetError) as error:
            if not skip_unreadable:
                raise
            skipped.append({"record_id": dataset.records[index].record_id, "reason": str(error)})
            continue
        layout_of.append(layouts.setdefault(_layout(sample), len(layouts)))
        rows.append(quantise(sample.array))
        kept.append(index)
    _write_arrow(path, rows, layout_of)
    return {
        "file": path.name,
        "sha256": sha256_of_file(path),
        "kept": kept,
        "skipped": skipped,
        "layouts": [_plain(layout) for layout in layouts],
    }


def _plain(layout: Layout) -> dict[str, Any]:
    """With lists for tuples, so that it equals what is read back from a note."""
    return {
        "shape": list(layout.shape),
        "sampling_rate_hz": layout.sampling_rate_hz,
        "channel_names": list(layout.channel_names),
    }


def _layout(sample: Sample) -> Layout:
    if sample.sampling_rate_hz is None or sample.channel_names is None:
        raise StoreError("only waveforms can be packed so far", received=f"array of shape {sample.array.shape}")
    n_channels, n_samples = sample.array.shape
    if sample.array.size == 0:
        raise StoreError(f"record {sample.record_id} is empty", received=f"array of shape {sample.array.shape}")
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


def write_index(dataset: Dataset, work: Path, shards: Sequence[dict[str, Any]]) -> None:
    """Write what is known of the records that were kept, and their labels."""
    import pyarrow as arrow
    from pyarrow import parquet

    kept = [index for shard in shards for index in shard["kept"]]
    infos = [dataset.records[index] for index in kept]
    columns = {
        "record_id": [info.record_id for info in infos],
        "patient_id": [info.patient_id for info in infos],
        "report": [info.report for info in infos],
        "fold": [info.fold for info in infos],
        "attributes": [attributes_json(info) for info in infos],
    }
    table = arrow.table({name: arrow.array(values, arrow.string()) for name, values in columns.items()})
    with write_whole(work / "index.parquet") as temporary:
        parquet.write_table(table, temporary)
    for label_set in dataset.label_sets:
        labels = dataset.labels(label_set).rows(kept)
        by_code = {code: labels.values[:, column] for column, code in enumerate(labels.codes)}
        with write_whole(work / "labels" / f"{label_set}.parquet") as temporary:
            parquet.write_table(arrow.table(by_code), temporary)


def write_description(dataset: Dataset, work: Path, plan: Plan, shards: Sequence[dict[str, Any]]) -> None:
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
        "plan": plan.as_dict(),
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
    write_json(work / STORE_FILE, description | {SEAL: description_sha256(description)})
