"""Where the random numbers of simulated patients come from: equal keys give equal records."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from medclip.core.errors import InputError

__all__ = ["RecordKey", "checked_seed", "cohort_keys"]

_SECOND_RECORD_SHARE = 0.2


@dataclass(frozen=True)
class RecordKey:
    """One record of one simulated patient.

    Args:
        seed: Seed of the cohort, >= 0.
        patient: Number of the patient, >= 0.
        record: Number of the patient's record, >= 0.
    """

    seed: int
    patient: int = 0
    record: int = 0

    @property
    def patient_id(self) -> str:
        """Seed and patient number."""
        return f"{self.seed}-{self.patient:05d}"

    @property
    def record_id(self) -> str:
        """Seed, patient and record number."""
        return f"{self.patient_id}-{self.record}"

    def patient_stream(self, purpose: int) -> np.random.Generator:
        """Return fresh random numbers that all records of the patient share."""
        return _generator(self.seed, (self.patient, 0, purpose))

    def record_stream(self, purpose: int) -> np.random.Generator:
        """Return fresh random numbers of this record."""
        return _generator(self.seed, (self.patient, 1 + self.record, purpose))


_Key = TypeVar("_Key", bound=RecordKey)


def cohort_keys(n_patients: int, seed: int, kind: type[_Key]) -> tuple[_Key, ...]:
    """Return the keys of all records of a cohort, patient by patient; one patient in five has two records.

    Args:
        n_patients: 1 to 100,000.
        seed: At least 0; cohorts of different seeds share no patient.
        kind: ``RecordKey`` or a class derived from it.

    Raises:
        InputError: A number is out of range.
    """
    if not 1 <= n_patients <= 100_000:
        raise InputError("a cohort needs patients", received=n_patients, allowed="1 to 100000")
    seed = checked_seed(seed)
    second = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))).random(n_patients)
    return tuple(
        kind(seed, patient, record)
        for patient in range(n_patients)
        for record in range(1 + int(second[patient] < _SECOND_RECORD_SHARE))
    )


def checked_seed(seed: int) -> int:
    """Return the seed, or raise ``InputError`` if it is no whole number of at least 0."""
    try:
        number = operator.index(seed)
    except TypeError as error:
        raise InputError("a seed must be a whole number", received=repr(seed)) from error
    if number < 0:
        raise InputError("a seed must not be negative", received=number, allowed="0 or more")
    return number


def _generator(seed: int, key: tuple[int, ...]) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
