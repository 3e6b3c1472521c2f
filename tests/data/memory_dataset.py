"""A data set that lies in memory, with everything a packed store has to cope with."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from medclip.core.dataset import LabelTable, RecordInfo
from medclip.core.errors import FormatError
from medclip.core.sample import Sample
from medclip.data.store import PackedStore
from medclip.modalities.ecg.leads import STANDARD_LEADS

CODES = ("A", "B C")
SHAPES: list[tuple[int, int, float]] = [
    (12, 500, 100.0),
    (3, 701, 250.0),
    (12, 500, 100.0),
    (12, 1000, 100.0),
    (8, 40, 40.0),
]


@dataclasses.dataclass
class MemoryDataset:
    """Samples and their labels; those numbered in ``damaged`` cannot be read."""

    samples: Sequence[Sample]
    values: np.ndarray
    damaged: tuple[int, ...] = ()
    name: str = "memory"
    modality: str = "ecg"
    version: str = "1"
    label_sets: tuple[str, ...] = ("letters",)
    n_read: int = 0

    @property
    def records(self) -> Sequence[RecordInfo]:
        return [
            RecordInfo(sample.record_id, str(sample.patient_id), sample.report, str(number % 3), sample.attributes)
            for number, sample in enumerate(self.samples)
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        self.n_read += 1
        if index in self.damaged:
            raise FormatError(f"record r{index} is truncated")
        return self.samples[index]

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def labels(self, label_set: str) -> LabelTable:
        return LabelTable(CODES, self.values)


def mixed_dataset(n_records: int = 13, *, seed: int = 0, damaged: tuple[int, ...] = ()) -> MemoryDataset:
    """Records of four layouts, whole microvolts and arbitrary values in turns, with gaps, reports and attributes."""
    generator = np.random.default_rng(seed)
    samples = [_sample(number, generator) for number in range(n_records)]
    values = generator.choice(np.array([0, 1, np.nan], np.float32), (n_records, len(CODES)))
    return MemoryDataset(samples, values, damaged)


def _sample(number: int, generator: np.random.Generator) -> Sample:
    n_leads, n_samples, rate_hz = SHAPES[number % len(SHAPES)]
    array = (generator.integers(-3000, 3000, (n_leads, n_samples)) / 1000).astype(np.float32)
    if number % 2:
        array = generator.normal(size=(n_leads, n_samples)).astype(np.float32)
    if number % 4 == 2:
        array[1, 5:9] = np.nan
    return Sample(
        "ecg",
        array,
        f"r{number}",
        patient_id=f"p{number // 2}",
        sampling_rate_hz=rate_hz,
        channel_names=STANDARD_LEADS[:n_leads],
        report=None if number % 5 == 4 else f"Sinusrhythmus, Ärztin {number % 3}",
        attributes={
            "age": np.float32(60 + number),
            "pacemaker": bool(number % 2),
            "notes": np.arange(2),
            "sex": "männlich",
        },
    )


def checksum(store: PackedStore) -> float:
    """Read everything that a store knows, in whatever process this is."""
    values = sum(float(np.nansum(np.abs(sample.array))) for sample in store)
    return values + float(np.nansum(store.labels("letters").values)) + len("".join(store.record_ids))
