"""Simulated patients with known findings: a data set that needs no download and names nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np

from medclip.core.dataset import Dataset, LabelTable, RecordInfo, RecordSequence
from medclip.core.errors import InputError, LabelError
from medclip.core.modality import DatasetFactory
from medclip.core.sample import Sample
from medclip.core.simulated_keys import cohort_keys
from medclip.modalities.ecg.simulate.findings import CODES, labels_of
from medclip.modalities.ecg.simulate.heart import RecordKey
from medclip.modalities.ecg.simulate.simulator import describe_record, simulate_record

__all__ = ["DATASET", "SimulatedDataset"]

_N_FOLDS = 10
_VERSION = "1.0.0"  # to be raised whenever the same seed gives other samples or reports


class SimulatedDataset:
    """Records of simulated patients, each computed when it is asked for.

    Args:
        n_patients: 1 to 100,000; one in five has two records.
        seed: At least 0; cohorts of different seeds share no patient.
        sampling_rate_hz: 50 to 4000.
        duration_s: 2 to 120.
        noise: ``none``, ``typical`` or ``heavy``.

    >>> dataset = SimulatedDataset(n_patients=20, seed=1, sampling_rate_hz=100.0)
    >>> dataset[0].array.shape, dataset.records[0].fold, len(dataset) >= 20
    ((12, 1000), '1', True)
    """

    name = "simulated"
    modality = "ecg"
    version = _VERSION
    label_sets = ("simulated",)

    def __init__(
        self,
        *,
        n_patients: int = 2000,
        seed: int = 0,
        sampling_rate_hz: float = 500.0,
        duration_s: float = 10.0,
        noise: str = "typical",
    ) -> None:
        self._keys = cohort_keys(n_patients, seed, RecordKey)
        self._sampling_rate_hz = float(sampling_rate_hz)
        self._duration_s = float(duration_s)
        self._noise = noise
        self._records = _Records(self._keys, self._duration_s)
        self[0]  # a wrong rate, duration or noise is reported here and not in the middle of a training

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, index: int) -> Sample:
        """Simulate one record."""
        return simulate_record(
            self._keys[index],
            sampling_rate_hz=self._sampling_rate_hz,
            duration_s=self._duration_s,
            noise=self._noise,
        )

    def __iter__(self) -> Iterator[Sample]:
        for index in range(len(self)):
            yield self[index]

    @property
    def records(self) -> Sequence[RecordInfo]:
        """What is known of each record; an entry is computed when it is first asked for, and no signal is."""
        return self._records

    def labels(self, label_set: str) -> LabelTable:
        """Labels of all records; nan where a finding cannot be assessed beside another one.

        Raises:
            LabelError: The label set is not ``simulated``.
        """
        if label_set not in self.label_sets:
            raise LabelError("the data set does not carry this label set", received=label_set, allowed=self.label_sets)
        rows = [list(labels_of(key.findings()).values()) for key in self._keys]
        return LabelTable(CODES, np.array(rows, np.float32))


class _Records(RecordSequence):
    """The index of a simulated cohort, filled as it is read."""

    def __init__(self, keys: tuple[RecordKey, ...], duration_s: float) -> None:
        self._keys = keys
        self._duration_s = duration_s
        self._known: dict[int, RecordInfo] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def at(self, index: int) -> RecordInfo:
        if index not in self._known:
            self._known[index] = self._describe(self._keys[index])
        return self._known[index]

    def _describe(self, key: RecordKey) -> RecordInfo:
        described = describe_record(key, duration_s=self._duration_s)
        fold = str(key.patient % _N_FOLDS + 1)
        return RecordInfo(described.record_id, described.patient_id, described.report, fold, described.attributes)


def _open(
    root: str | os.PathLike[str] | None = None,
    *,
    n_patients: int = 2000,
    seed: int = 0,
    sampling_rate_hz: float = 500.0,
    duration_s: float = 10.0,
    noise: str = "typical",
) -> Dataset:
    if root is not None:
        raise InputError("the data set simulated is computed and lies in no folder", action="leave out the folder")
    return SimulatedDataset(
        n_patients=n_patients, seed=seed, sampling_rate_hz=sampling_rate_hz, duration_s=duration_s, noise=noise
    )


DATASET = DatasetFactory(
    name="simulated",
    description="simulated 12-lead ECGs with known findings and reports in English, German and Swedish",
    open=_open,
    needs_root=False,
)
