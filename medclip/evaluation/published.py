"""A data set as somebody else's published table sees it: their records, their labels, their cut of the signal."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from medclip.core.dataset import Dataset, LabelTable, RecordInfo
from medclip.core.errors import DatasetError, LabelError
from medclip.core.label_set import LabelSet
from medclip.core.sample import Sample

__all__ = ["PublishedTable", "PublishedTest"]

_VALUES = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0}


@dataclass(frozen=True)
class PublishedTable:
    """Where the records and labels of a test stand.

    Args:
        path: A CSV file.
        record_column: Column that names the record.
        record_pattern: Regular expression that finds the record's identifier in that column; all of it if empty.
        columns: Column of each code that the table spells otherwise.
    """

    path: Path
    record_column: str
    record_pattern: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)

    def read(self, codes: Sequence[str]) -> tuple[list[str], LabelTable]:
        """Return the records in the order of the table, and their labels; columns are found by name.

        Raises:
            DatasetError: It is missing, lacks a column, or a row names no record or holds something else than 0 and 1.
        """
        wanted = [self.columns.get(code, code) for code in codes]
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file)
                lacking = {self.record_column, *wanted} - set(reader.fieldnames or ())
                if lacking:
                    raise DatasetError(f"{self.path} lacks columns", received=reader.fieldnames, allowed=lacking)
                rows = [(self._record(row, reader.line_num), [row[column] for column in wanted]) for row in reader]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DatasetError(
                f"the published table {self.path} cannot be read ({error})", action="give the folder that holds it"
            ) from error
        odd = {cell for _, cells in rows for cell in cells} - set(_VALUES)
        if odd or not rows:
            raise DatasetError(f"{self.path} holds no usable labels", received=odd or "no row", allowed="0 and 1")
        return [record for record, _ in rows], LabelTable(
            tuple(codes), np.array([[_VALUES[cell] for cell in cells] for _, cells in rows], np.float32)
        )

    def _record(self, row: Mapping[str, str | None], line: int) -> str:
        text = row[self.record_column] or ""
        found = re.search(self.record_pattern, text) if self.record_pattern else None
        record = found[0] if found else "" if self.record_pattern else text
        if not record:
            raise DatasetError(f"line {line} of {self.path} names no record", received=text)
        return record


class PublishedTest:
    """The records that a published table names, with its labels, as a data set.

    Args:
        dataset: The whole data set.
        table: The published table.
        label_set: The label set that the table's labels belong to.
        protocol: Name of the protocol, which becomes part of the version.
        first_s: Seconds that are taken from the beginning of each recording; all of it if None.
        filled_to_s: Length in seconds that each recording is then filled up to with zeros; none if None.

    Raises:
        DatasetError: The table cannot be used, names a record twice, or one that the data set lacks.
    """

    def __init__(
        self,
        dataset: Dataset,
        table: PublishedTable,
        *,
        label_set: str,
        protocol: str,
        first_s: float | None = None,
        filled_to_s: float | None = None,
    ) -> None:
        record_ids, self._labels = table.read(LabelSet.load(label_set).codes)
        row_of = {info.record_id: row for row, info in enumerate(dataset.records)}
        missing = [record for record in record_ids if record not in row_of]
        if missing or len(set(record_ids)) < len(record_ids):
            what = "names records that the data set lacks" if missing else "names a record twice"
            raise DatasetError(
                f"{table.path} {what}",
                received=f"{len(missing) or len(record_ids) - len(set(record_ids))} of {len(record_ids)}",
                action=f"give the whole of {dataset.name}, in the version that the table was made for",
            )
        self._dataset = dataset
        self._rows = [row_of[record] for record in record_ids]
        self._first_s, self._filled_to_s = first_s, filled_to_s
        self.name, self.modality = dataset.name, dataset.modality
        self.version = f"{dataset.version}, protocol {protocol}"
        self.label_sets = (label_set,)
        self.records: Sequence[RecordInfo] = tuple(dataset.records[row] for row in self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        """Read one record, cut and filled up as the protocol does."""
        return _cut(self._dataset[self._rows[index]], self._first_s, self._filled_to_s)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def labels(self, label_set: str) -> LabelTable:
        """Labels as published.

        Raises:
            LabelError: The table holds another label set.
        """
        if label_set not in self.label_sets:
            raise LabelError("the published table holds another label set", received=label_set, allowed=self.label_sets)
        return self._labels


def _cut(sample: Sample, first_s: float | None, filled_to_s: float | None) -> Sample:
    if sample.sampling_rate_hz is None or (first_s is None and filled_to_s is None):
        return sample
    array = sample.array
    if first_s is not None:
        array = array[..., : round(first_s * sample.sampling_rate_hz)]
    lacking = round((filled_to_s or 0.0) * sample.sampling_rate_hz) - array.shape[-1]
    if lacking > 0:
        array = np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, lacking)])
    return sample.replace(array=np.ascontiguousarray(array))
