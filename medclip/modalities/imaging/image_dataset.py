"""A data set of images with an index by columns: half a million records in a few hundred megabytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.dataset import LabelTable, RecordInfo, RecordSequence
from medclip.core.dataset_files import check_relative, how_to_fetch
from medclip.core.errors import DatasetError, LabelError
from medclip.core.sample import Sample
from medclip.core.splits import fold_of

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["ImageDataset", "ImageIndex", "Regions", "folds_of"]

Regions = Callable[[str, Sample, Path], Mapping[str, np.ndarray]]
"""``(record_id, sample, path) -> {code: bool mask}`` of what annotators drew on a record."""


@dataclass(frozen=True)
class ImageIndex(RecordSequence):
    """What is known of every record, by column; a ``RecordInfo`` is made when it is asked for.

    Args:
        record_ids: Identifier of each record.
        patient_ids: Patient of each record.
        folds: Split of each record, or None.
        paths: File or folder of each record, relative to the data set's folder, with slashes.
        reports: Report of each record, blank or None where there is none; empty if the data set has no reports.
        attributes: Columns of attributes by name; None where the data set states nothing.
    """

    record_ids: Sequence[str]
    patient_ids: Sequence[str]
    folds: Sequence[str | None]
    paths: Sequence[str]
    reports: Sequence[str | None] = ()
    attributes: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.record_ids)

    def at(self, index: int) -> RecordInfo:
        """Return what is known of one record."""
        report = self.reports[index] if self.reports else None
        return RecordInfo(
            record_id=self.record_ids[index],
            patient_id=self.patient_ids[index],
            report=report if report and report.strip() else None,
            fold=self.folds[index],
            attributes={
                name: column[index] for name, column in self.attributes.items() if column[index] not in (None, "")
            },
        )

    def select(self, rows: Sequence[int]) -> ImageIndex:
        """Return some of the records, in the order given."""
        return replace(
            self,
            record_ids=[self.record_ids[row] for row in rows],
            patient_ids=[self.patient_ids[row] for row in rows],
            folds=[self.folds[row] for row in rows],
            paths=[self.paths[row] for row in rows],
            reports=[self.reports[row] for row in rows] if self.reports else (),
            attributes={name: [column[row] for row in rows] for name, column in self.attributes.items()},
        )


class ImageDataset:
    """Images, reports, attributes, splits, labels and regions of one data set.

    Args:
        root: Folder of the data set.
        card: Its data card.
        modality: Name of its modality.
        records: Its records in order.
        labels: Its labels by label set; samples carry those of the first.
        read: Reads the file of a record into a sample.
        regions: Finds what annotators drew on a record, or None if nobody drew any.

    Raises:
        DatasetError: There is no record, two have the same identifier, or a path leaves the folder.
    """

    def __init__(
        self,
        root: Path,
        card: DataCard,
        modality: str,
        records: ImageIndex,
        *,
        labels: Mapping[str, LabelTable],
        read: Callable[[Path], Sample],
        regions: Regions | None = None,
    ) -> None:
        self._root, self._card, self._read, self._regions = root, card, read, regions
        self._labels = labels
        self.modality = modality
        self.name, self.version = card.name, card.version
        self.records = records
        self.label_sets = tuple(labels)
        self._check()

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        """Read one record, with its attributes, the labels of the first label set and its regions.

        Raises:
            DatasetError: Its file is not in the folder.
            FormatError: It is damaged.
        """
        info = self.records[index]
        path = self._root / self.records.paths[index]
        if not path.exists():
            raise DatasetError(
                f"the file of record {info.record_id} of {self._card.title} is not there",
                received=f"no {path}",
                action=how_to_fetch(self._card),
            )
        sample = self._read(path)
        return sample.replace(
            record_id=info.record_id,
            patient_id=info.patient_id,
            report=info.report,
            labels=self._labels_of(index),
            attributes={**sample.attributes, **info.attributes},
            regions={} if self._regions is None else self._regions(info.record_id, sample, path),
            source=f"{self.name} {info.record_id}",
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def labels(self, label_set: str) -> LabelTable:
        """Labels of all records.

        Raises:
            LabelError: The data set does not carry that label set.
        """
        if label_set not in self._labels:
            raise LabelError(
                f"{self._card.title} has no such label set", received=label_set, allowed=self.label_sets or "none"
            )
        return self._labels[label_set]

    def _labels_of(self, index: int) -> dict[str, float]:
        if not self.label_sets:
            return {}
        table = self._labels[self.label_sets[0]]
        return dict(zip(table.codes, table.values[index].tolist(), strict=True))

    def _check(self) -> None:
        ids = self.records.record_ids
        for path in self.records.paths:
            check_relative(path, self._root)
        if not ids:
            raise DatasetError(
                f"{self._root} holds no record of {self._card.title} that was asked for",
                action=f"check the options, or {how_to_fetch(self._card)}",
            )
        if len(set(ids)) < len(ids):
            seen: set[str] = set()
            # set.add answers None, so that the first id that has been seen before is found.
            doubled = next(name for name in ids if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            raise DatasetError(
                f"the tables of {self._card.title} hold a record more than once",
                received=doubled,
                action=f"{how_to_fetch(self._card)} again",
            )


def folds_of(patient_ids: Sequence[str], seed: int, fractions: Mapping[str, float] | None) -> list[str]:
    """Return the split of every record's patient, where a data set has no official one; see ``fold_of``."""
    of_patient = {patient: fold_of(patient, seed, fractions) for patient in set(patient_ids)}
    return [of_patient[patient] for patient in patient_ids]
