"""A data set packed into memory-mapped Arrow files: read at memory speed, shared by any number of processes.

A store is a folder::

    store.json             what it holds, how, and the sha256 of every other file; written last
    index.parquet          one row per record: ids, fold, report, attributes
    labels/NAME.parquet    one column per code of a label set
    shard-00000.arrow      signals as int16 with their gains, up to a few hundred records each

``medclip.data.pack`` writes it. The operating system keeps the pages that are used; nothing is copied per process.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.dataset import LabelTable, RecordInfo
from medclip.core.errors import LabelError, StoreError
from medclip.core.files import sha256_of_file
from medclip.core.sample import Sample
from medclip.data._description import (
    PACK_AGAIN,
    SCHEMA_VERSION,
    SEAL,
    STORE_FILE,
    description_sha256,
    layout_of,
    read_description,
    unfinished_folder,
)
from medclip.data._shard import Layout, Shard
from medclip.data._store_index import StoredRecords, read_table

if TYPE_CHECKING:
    import pyarrow

    from medclip.core.image_steps import ValueRange

__all__ = [
    "SCHEMA_VERSION",
    "SEAL",
    "STORE_FILE",
    "Layout",
    "PackedStore",
    "StoredArrays",
    "description_sha256",
    "unfinished_folder",
]


@dataclass(frozen=True, eq=False)
class StoredArrays:
    """Records of one layout, in float32.

    Args:
        positions: Where each record stood in the request.
        values: ``(n_records, n_channels, n_samples)``; the caller may overwrite it. Of prepared inputs
            ``(n_records, *shape)`` with NaN where they are masked.
        layout: Their layout.
        has_missing: Whether any value is NaN.
        padding: ``(n_records,)`` what stands where a prepared input is masked; None for recordings.
    """

    positions: np.ndarray
    values: np.ndarray
    layout: Layout
    has_missing: bool
    padding: np.ndarray | None = None


class PackedStore:
    """A packed data set; satisfies ``medclip.core.dataset.Dataset``.

    It can be pickled into worker processes, which map the files anew. Its samples carry no labels: ask ``labels``.

    Args:
        folder: The store.

    Raises:
        StoreError: The folder holds no finished store, or one that this version cannot read.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.description = read_description(self.folder)
        try:
            self._read_fields()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(f"{self.folder / STORE_FILE} is damaged", action=PACK_AGAIN) from error
        self._shards: dict[int, Shard] = {}

    def _read_fields(self) -> None:
        self.name = str(self.description["dataset"])
        self.modality = str(self.description["modality"])
        self.version = str(self.description["version"])
        self.label_sets: tuple[str, ...] = tuple(self.description["label_sets"])
        self.layouts = tuple(layout_of(entry) for entry in self.description["layouts"])
        self.input_spec: dict[str, Any] | None = self.description["input_spec"]
        self._files = [
            (str(entry["file"]), [int(layout) for layout in entry["layouts"]], int(entry["n_records"]))
            for entry in self.description["shards"]
        ]
        self._starts = [0, *itertools.accumulate(n_records for _, _, n_records in self._files)]
        self._checksums = {str(name): str(checksum) for name, checksum in self.description["sha256"].items()}
        self._length = self._starts[-1]

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(state["folder"])  # type: ignore[misc]

    def __len__(self) -> int:
        return self._length

    @functools.cached_property
    def records(self) -> Sequence[RecordInfo]:
        """What is known of each record, in order."""
        return StoredRecords(self._index)

    @functools.cached_property
    def _index(self) -> pyarrow.Table:
        return read_table(self.folder / "index.parquet", n_rows=len(self))

    @functools.cached_property
    def record_ids(self) -> list[str]:
        """Identifiers of all records."""
        return self.column("record_id")

    @functools.cached_property
    def layout_of(self) -> np.ndarray:
        """``(n_records,)`` number of each record's layout."""
        return np.concatenate([self._shard(number).layout for number in range(len(self._files))])

    @functools.cached_property
    def has_missing(self) -> np.ndarray:
        """``(n_records,)`` whether a record has missing values."""
        return np.concatenate([self._shard(number).has_missing for number in range(len(self._files))])

    def column(self, name: str) -> list[Any]:
        """One column of the index, such as ``report`` or ``patient_id``, for all records at once."""
        values: list[Any] = self._index.column(name).to_pylist()
        return values

    def labels(self, label_set: str) -> LabelTable:
        """Labels of all records in a label set that was packed.

        Raises:
            LabelError: The label set was not packed.
            StoreError: Its table is missing or damaged.
        """
        if label_set not in self.label_sets:
            raise LabelError(
                f"the store of {self.name} carries no such labels", received=label_set, allowed=self.label_sets
            )
        table = read_table(self.folder / "labels" / f"{label_set}.parquet", n_rows=len(self))
        columns = [column.to_numpy() for column in table.columns]
        return LabelTable(tuple(table.column_names), np.stack(columns, axis=1).astype(np.float32, copy=False))

    def __getitem__(self, index: int) -> Sample:
        """Read one record.

        Raises:
            StoreError: The store holds prepared inputs, which are no recordings any more.
        """
        if self.input_spec is not None:
            raise StoreError(
                f"{self.folder} holds inputs that were prepared for training, not recordings",
                action="open the data set itself, or pack it as it is",
            )
        position = range(self._length)[index]
        shard, row = self._find(position)
        values = np.empty(self._shape(shard, row), np.float32)
        shard.read_into(row, values)
        info = self.records[position]
        return Sample(
            modality=self.modality,
            array=values,
            record_id=info.record_id,
            patient_id=info.patient_id,
            report=info.report,
            attributes=info.attributes,
            source=self.name,
            **self._described(shard, row),
        )

    def without_pixels(self, index: int) -> tuple[Sample, ValueRange]:
        """Describe one image: a sample whose array has its shape and nothing in it, and what its values are."""
        shard, row = self._find(index)
        if shard.images is None:
            raise StoreError(f"{self.folder} holds no images")
        empty = np.broadcast_to(np.float32(0), self._shape(shard, row))
        return Sample(self.modality, empty, "", **self._described(shard, row)), shard.images.values(row)

    def _shape(self, shard: Shard, row: int) -> tuple[int, ...]:
        shape = self.layouts[shard.layout[row]].shape
        if shape is None and shard.images is not None:
            return shard.images.shapes[row]
        return shape or ()

    def _described(self, shard: Shard, row: int) -> dict[str, Any]:
        if shard.images is not None:
            return shard.images.geometry(row)
        layout = self.layouts[shard.layout[row]]
        return {"sampling_rate_hz": layout.sampling_rate_hz, "channel_names": layout.channel_names}

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def read(self, indices: Sequence[int] | np.ndarray) -> list[StoredArrays]:
        """Read records by number, grouped by layout; much faster than one by one. Images are read one by one.

        Args:
            indices: Numbers from 0; they may repeat and come in any order.

        Raises:
            IndexError: There is no record of such a number.
            StoreError: A file is missing or damaged, or the records are images, each of its own shape.
        """
        wanted = np.asarray(indices, dtype=np.int64).tolist()
        if wanted and not (min(wanted) >= 0 and max(wanted) < self._length):
            raise IndexError(f"records {min(wanted)} to {max(wanted)} of {self._length}")
        found = [self._find(position) for position in wanted]
        members: dict[int, list[int]] = {}
        for position, (shard, row) in enumerate(found):
            members.setdefault(int(shard.layout[row]), []).append(position)
        return [
            self._read_group(self.layouts[layout], positions, [found[position] for position in positions])
            for layout, positions in sorted(members.items())
        ]

    def _read_group(self, layout: Layout, positions: list[int], found: list[tuple[Shard, int]]) -> StoredArrays:
        if layout.shape is None:
            raise StoreError(f"{self.folder} holds images", action="read them one by one")
        values = np.empty((len(found), *layout.shape), np.float32)
        for (shard, row), out in zip(found, values, strict=True):
            shard.read_into(row, out)
        has_missing = any(shard.has_missing[row] for shard, row in found)
        padding = [shard.images.padding[row] for shard, row in found if shard.images is not None]
        return StoredArrays(
            np.array(positions, np.int64), values, layout, has_missing, np.array(padding) if padding else None
        )

    def _find(self, position: int) -> tuple[Shard, int]:
        number = bisect.bisect_right(self._starts, position) - 1
        return self._shard(number), position - self._starts[number]

    def _shard(self, number: int) -> Shard:
        shard = self._shards.get(number)
        if shard is None:
            name, layouts, n_records = self._files[number]
            shard = self._shards[number] = Shard(self.folder / name, layouts, self.layouts, n_records)
        return shard

    def verify(self) -> None:
        """Compare every file with the checksum in ``store.json``, whose own was compared when it was opened.

        Raises:
            StoreError: A file is missing or its content has changed.
        """
        for name, expected in self._checksums.items():
            path = self.folder / name
            try:
                found = sha256_of_file(path)
            except OSError as error:
                raise StoreError(f"{path} cannot be read ({error.strerror})", action=PACK_AGAIN) from error
            if found != expected:
                raise StoreError(
                    f"{path} has changed since it was packed",
                    received=f"sha256 {found[:16]}...",
                    allowed=f"{expected[:16]}...",
                    action=PACK_AGAIN,
                )

    def digest(self) -> str:
        """Identify the content: equal digests mean equal signals, rates, channels, reports and labels."""
        return str(self.description[SEAL])
