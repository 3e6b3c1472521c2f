"""A data set packed into memory-mapped Arrow files: read at memory speed, shared by any number of processes.

A store is a folder::

    store.json             what it holds, how, and the sha256 of every other file; written last
    index.parquet          one row per record: ids, fold, report, attributes
    labels/NAME.parquet    one column per code of a label set
    shard-00000.arrow      signals as int16 with one gain per channel, a few hundred records each

``medclip.data.pack`` writes it. The operating system keeps the pages that are used; nothing is copied per process.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.dataset import LabelTable, RecordInfo
from medclip.core.errors import LabelError, StoreError
from medclip.core.files import read_json, sha256_of_file
from medclip.core.sample import Sample
from medclip.data.quantise import dequantise

if TYPE_CHECKING:
    import pyarrow

__all__ = ["SCHEMA_VERSION", "STORE_FILE", "Layout", "PackedStore", "StoredArrays"]

SCHEMA_VERSION = 1
STORE_FILE = "store.json"


@dataclass(frozen=True)
class Layout:
    """What a group of records has in common.

    Args:
        shape: ``(n_channels, n_samples)``.
        sampling_rate_hz: Samples per second.
        channel_names: One per channel.
    """

    shape: tuple[int, int]
    sampling_rate_hz: float
    channel_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class StoredArrays:
    """Records of one layout, in float32.

    Args:
        positions: Where each record stood in the request.
        values: ``(n_records, n_channels, n_samples)``; the caller may overwrite it.
        layout: Their layout.
        has_missing: Whether any value is NaN.
    """

    positions: np.ndarray
    values: np.ndarray
    layout: Layout
    has_missing: bool


class PackedStore:
    """A packed data set; satisfies ``medclip.core.dataset.Dataset``.

    It can be pickled into worker processes, which map the files anew.

    Args:
        folder: The store.

    Raises:
        StoreError: The folder holds no finished store, or one that this version cannot read.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.description = _read_description(self.folder)
        self.name = str(self.description["dataset"])
        self.modality = str(self.description["modality"])
        self.version = str(self.description["version"])
        self.layouts = tuple(
            Layout(tuple(entry["shape"]), float(entry["sampling_rate_hz"]), tuple(entry["channel_names"]))
            for entry in self.description["layouts"]
        )
        self._starts = np.cumsum([0, *(shard["n_records"] for shard in self.description["shards"])])
        self._shards: dict[int, _Shard] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(state["folder"])  # type: ignore[misc]

    def __len__(self) -> int:
        length: int = self._starts[-1].item()
        return length

    @property
    def label_sets(self) -> tuple[str, ...]:
        """Names of the label sets that were packed."""
        return tuple(self.description["label_sets"])

    @functools.cached_property
    def records(self) -> Sequence[RecordInfo]:
        """What is known of each record, in order."""
        return _Records(self._index)

    @functools.cached_property
    def _index(self) -> pyarrow.Table:
        from pyarrow import parquet

        return parquet.read_table(self.folder / "index.parquet")

    @functools.cached_property
    def record_ids(self) -> list[str]:
        """Identifiers of all records."""
        return self.column("record_id")

    @functools.cached_property
    def layout_of(self) -> np.ndarray:
        """``(n_records,)`` number of each record's layout."""
        return np.concatenate([self._shard(number).layout for number in range(len(self.description["shards"]))])

    @functools.cached_property
    def has_missing(self) -> np.ndarray:
        """``(n_records,)`` whether a record has missing values."""
        return np.concatenate([self._shard(number).has_missing for number in range(len(self.description["shards"]))])

    def column(self, name: str) -> list[Any]:
        """One column of the index, such as ``report`` or ``patient_id``, for all records at once."""
        values: list[Any] = self._index.column(name).to_pylist()
        return values

    def labels(self, label_set: str) -> LabelTable:
        """Labels of all records in a label set that was packed.

        Raises:
            LabelError: The label set was not packed.
        """
        from pyarrow import parquet

        if label_set not in self.label_sets:
            raise LabelError(
                f"the store of {self.name} carries no such labels", received=label_set, allowed=self.label_sets
            )
        table = parquet.read_table(self.folder / "labels" / f"{label_set}.parquet")
        columns = [column.to_numpy() for column in table.columns]
        return LabelTable(tuple(table.column_names), np.stack(columns, axis=1).astype(np.float32, copy=False))

    def __getitem__(self, index: int) -> Sample:
        """Read one record."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        position = index % len(self)
        arrays = self.read([position])[0]
        info = self.records[position]
        return Sample(
            modality=self.modality,
            array=arrays.values[0],
            record_id=info.record_id,
            patient_id=info.patient_id,
            sampling_rate_hz=arrays.layout.sampling_rate_hz,
            channel_names=arrays.layout.channel_names,
            report=info.report,
            attributes=info.attributes,
            source=self.name,
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def read(self, indices: Sequence[int] | np.ndarray) -> list[StoredArrays]:
        """Read records by number, grouped by layout; much faster than one by one."""
        wanted = np.asarray(indices, dtype=np.int64)
        shard_of = np.searchsorted(self._starts, wanted, side="right") - 1
        found = [
            self._shard(shard).record(int(row))
            for shard, row in zip(shard_of, wanted - self._starts[shard_of], strict=True)
        ]
        layouts = np.array([record.layout for record in found])
        groups = []
        for layout in np.unique(layouts):
            positions = np.flatnonzero(layouts == layout)
            members = [found[position] for position in positions]
            has_missing = any(record.has_missing for record in members)
            stored = np.stack([record.stored for record in members]).reshape(-1, *self.layouts[layout].shape)
            gain = np.stack([record.gain for record in members])
            values = dequantise(stored, gain, has_missing=has_missing)
            groups.append(StoredArrays(positions, values, self.layouts[layout], has_missing))
        return groups

    def _shard(self, number: int) -> _Shard:
        if number not in self._shards:
            described = self.description["shards"][number]
            self._shards[number] = _Shard(self.folder / described["file"], described["layouts"])
        return self._shards[number]

    def verify(self) -> None:
        """Compare every file with the checksum in ``store.json``.

        Raises:
            StoreError: A file is missing or its content has changed.
        """
        for name, expected in self.description["sha256"].items():
            path = self.folder / name
            if not path.is_file():
                raise StoreError(f"{path} is missing", action="pack the data set again")
            found = sha256_of_file(path)
            if found != expected:
                raise StoreError(
                    f"{path} has changed since it was packed",
                    received=f"sha256 {found[:16]}...",
                    allowed=f"{expected[:16]}...",
                    action="pack the data set again",
                )

    def digest(self) -> str:
        """Identify the content: equal digests mean equal signals, reports and labels."""
        import hashlib

        return hashlib.sha256(json.dumps(self.description["sha256"], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class _StoredRecord:
    stored: np.ndarray
    gain: np.ndarray
    layout: int
    has_missing: bool


class _Shard:
    """One Arrow file, mapped; its buffers are seen as NumPy arrays without copying."""

    def __init__(self, path: Path, layouts: Sequence[int]) -> None:
        import pyarrow as arrow

        try:
            self._map = arrow.memory_map(str(path))
            batch = arrow.ipc.open_file(self._map).get_batch(0)
        except (OSError, arrow.ArrowInvalid) as error:
            raise StoreError(
                f"{path} is missing or damaged", action="run medclip data verify, or pack again"
            ) from error
        self._values, self._value_starts = _buffers(batch.column("stored"), np.int16)
        self._gains, self._gain_starts = _buffers(batch.column("gain"), np.float32)
        # A shard numbers its own layouts, because it is written before the others are known.
        self.layout = np.array(layouts, np.int64)[batch.column("layout").to_numpy()]
        self.has_missing = batch.column("has_missing").to_numpy(zero_copy_only=False)

    def record(self, row: int) -> _StoredRecord:
        return _StoredRecord(
            self._values[self._value_starts[row] : self._value_starts[row + 1]],
            self._gains[self._gain_starts[row] : self._gain_starts[row + 1]],
            int(self.layout[row]),
            bool(self.has_missing[row]),
        )


def _buffers(column: pyarrow.Array, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a column of lists, end to end, and where each list starts."""
    values = column.values.to_numpy()
    if values.dtype != dtype:
        raise StoreError("a shard holds values of an unexpected type", received=values.dtype, allowed=dtype)
    return values, column.offsets.to_numpy()


class _Records(Sequence[RecordInfo]):
    """Rows of the index, made into objects only when asked for."""

    def __init__(self, table: pyarrow.Table) -> None:
        self._columns = {name: table.column(name) for name in table.column_names}
        self._length: int = table.num_rows

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(self._length))]
        row = {name: column[index].as_py() for name, column in self._columns.items()}
        return RecordInfo(
            row["record_id"], row["patient_id"], row["report"], row["fold"], json.loads(row["attributes"])
        )


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / STORE_FILE
    if not path.is_file():
        unfinished = folder.with_name(f".{folder.name}.unfinished")
        action = "run the same medclip data pack again to continue" if unfinished.is_dir() else "check the path"
        raise StoreError(f"{folder} holds no packed store", action=action)
    try:
        description: dict[str, Any] = read_json(path)
        version = description["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged", action="pack the data set again") from error
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{folder} was packed by another version of medclip",
            received=f"schema {version}",
            allowed=f"schema {SCHEMA_VERSION}",
            action="pack the data set again",
        )
    return description
