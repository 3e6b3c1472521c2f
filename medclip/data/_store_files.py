"""Writing the files of a packed store; each is whole or not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medclip.core.dataset import Dataset
from medclip.core.errors import DatasetError, FormatError, SignalError, StoreError
from medclip.core.files import read_json, sha256_of_file, write_json, write_whole
from medclip.core.input_spec import InputSpec
from medclip.data._parallel import Workers, workers
from medclip.data._plan import Plan, attributes_json, read_record
from medclip.data._rows import Row, row_of, write_rows
from medclip.data.store import SCHEMA_VERSION, SEAL, STORE_FILE, Layout, description_sha256

__all__ = ["PLAN_FILE", "note_files", "write_description", "write_index", "write_shards"]

PLAN_FILE = "plan.json"


def note_files(work: Path) -> list[Path]:
    """Return the files that are needed only while a store is being written."""
    return [*sorted(work.glob("shard-*.json")), *filter(Path.exists, [work / PLAN_FILE])]


def write_shards(
    dataset: Dataset,
    work: Path,
    plan: Plan,
    spec: InputSpec | None,
    progress: Callable[[int, int], None] | None,
    n_processes: int,
) -> list[dict[str, Any]]:
    """Write the shards that are not there yet and return what is in each; a shard's note is written after it.

    Raises:
        ConfigError: The data set cannot be read by so many processes.
        StoreError: The input specification refuses every record.
    """
    shards = []
    with workers(_Rows(dataset, plan, spec), n_processes) as reading:
        for number, members in enumerate(plan.ranges()):
            path = work / f"shard-{number:05d}.arrow"
            shard = _finished_shard(path)
            if shard is None:
                shard = _write_shard(_told(members, reading, plan, progress), path)
                write_json(path.with_suffix(".json"), shard)
            shards.append(shard)
            if progress is not None:
                progress(members.stop, plan.n_records)
    if not any(shard["kept"] for shard in shards):
        reasons = [entry["reason"] for shard in shards for entry in shard["refused"]]
        raise StoreError(
            f"no record of {plan.dataset} meets the input specification", received=reasons[0] if reasons else None
        )
    return shards


def _finished_shard(path: Path) -> dict[str, Any] | None:
    """Return the note of a shard that was written before an interruption, if both are as they were written."""
    try:
        shard: dict[str, Any] = read_json(path.with_suffix(".json"))
        return shard if sha256_of_file(path) == shard["sha256"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True)
class _LeftOut:
    """A record that is not packed: ``skipped`` cannot be read, ``refused`` is not what the specification takes."""

    kind: Literal["skipped", "refused"]
    record_id: str
    reason: str


@dataclass(frozen=True)
class _Rows:
    """Reads a record by its number."""

    dataset: Dataset
    plan: Plan
    spec: InputSpec | None

    def __call__(self, index: int) -> Row | _LeftOut:
        try:
            return row_of(read_record(self.dataset, index), self.spec)
        except (FormatError, DatasetError, SignalError) as error:
            is_refused = isinstance(error, SignalError) and self.spec is not None
            if not (is_refused or (self.plan.skip_unreadable and not isinstance(error, SignalError))):
                raise
            return _LeftOut("refused" if is_refused else "skipped", self.dataset.records[index].record_id, str(error))


def _told(
    members: range, reading: Workers[Row | _LeftOut], plan: Plan, progress: Callable[[int, int], None] | None
) -> Iterator[tuple[int, Row | _LeftOut]]:
    """Read records and tell of each; the last is done only when its shard is written."""
    for index, one in zip(members, reading.results(members), strict=True):
        yield index, one
        if progress is not None and index + 1 < members.stop:
            progress(index + 1, plan.n_records)


def _write_shard(read: Iterable[tuple[int, Row | _LeftOut]], path: Path) -> dict[str, Any]:
    kept: list[int] = []
    left_out: dict[str, list[dict[str, Any]]] = {"skipped": [], "refused": []}

    def rows() -> Iterator[Row]:
        for index, one in read:
            if isinstance(one, _LeftOut):
                left_out[one.kind].append({"record_id": one.record_id, "reason": one.reason})
                continue
            kept.append(index)
            yield one

    layouts = write_rows(path, rows())
    plain = [_plain(layout) for layout in layouts]
    return {"file": path.name, "sha256": sha256_of_file(path), "kept": kept, **left_out, "layouts": plain}


def _plain(layout: Layout) -> dict[str, Any]:
    """With lists for tuples, so that it equals what is read back from a note."""
    return {
        "shape": None if layout.shape is None else list(layout.shape),
        "sampling_rate_hz": layout.sampling_rate_hz,
        "channel_names": None if layout.channel_names is None else list(layout.channel_names),
    }


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
        "input_spec": plan.input_spec,
        "skipped": [entry for shard in shards for entry in shard["skipped"]],
        "refused": [entry for shard in shards for entry in shard["refused"]],
        "sha256": checksums,
    }
    write_json(work / STORE_FILE, description | {SEAL: description_sha256(description)})
