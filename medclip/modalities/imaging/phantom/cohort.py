"""A data set of simulated patients of either kind of image; each image is computed when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medclip.core.dataset import LabelTable, RecordInfo, RecordSequence
from medclip.core.errors import LabelError
from medclip.core.sample import Sample
from medclip.core.simulated_keys import RecordKey

__all__ = ["CohortDataset", "Description"]

_N_FOLDS = 10


@dataclass(frozen=True)
class Description:
    """What is known of a simulated record without its image.

    Args:
        record_id: Seed, patient and record number.
        report: What was written about it.
        labels: Labels of the simulated label set.
        attributes: Age in years, sex and what else a header would say.
    """

    record_id: str
    report: str
    labels: Mapping[str, float]
    attributes: Mapping[str, object]


@dataclass(frozen=True)
class CohortDataset:
    """Records of simulated patients.

    Args:
        name: Name as on the command line.
        modality: Name of the modality.
        version: To be raised whenever the same seed gives other images or reports.
        label_set: Name of its label set.
        codes: Codes of that label set, in order.
        items: Key and view of every record.
        describe: Says everything about a record but its image.
        simulate: Computes a record.
    """

    name: str
    modality: str
    version: str
    label_set: str
    codes: tuple[str, ...]
    items: tuple[tuple[RecordKey, str], ...]
    describe: Callable[[RecordKey, str], Description]
    simulate: Callable[[RecordKey, str], Sample]

    @property
    def label_sets(self) -> tuple[str, ...]:
        """The one label set."""
        return (self.label_set,)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        """Simulate one record."""
        return self.simulate(*self.items[index])

    def __iter__(self) -> Iterator[Sample]:
        for index in range(len(self)):
            yield self[index]

    @property
    def records(self) -> Sequence[RecordInfo]:
        """What is known of each record; no image is computed for it."""
        return _Records(self)

    def labels(self, label_set: str) -> LabelTable:
        """Labels of all records.

        Raises:
            LabelError: The label set is another than that of the simulator.
        """
        if label_set != self.label_set:
            raise LabelError("the data set does not carry this label set", received=label_set, allowed=self.label_sets)
        rows = [[self.describe(*item).labels[code] for code in self.codes] for item in self.items]
        return LabelTable(self.codes, np.array(rows, np.float32))


class _Records(RecordSequence):
    """The index of a simulated cohort, described as it is read."""

    def __init__(self, dataset: CohortDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def at(self, index: int) -> RecordInfo:
        key, view = self._dataset.items[index]
        described = self._dataset.describe(key, view)
        fold = str(key.patient % _N_FOLDS + 1)
        return RecordInfo(described.record_id, key.patient_id, described.report, fold, described.attributes)
