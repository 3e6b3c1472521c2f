"""Splits that keep every recording of a patient on one side, the same in every modality."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Mapping
from types import MappingProxyType

from medclip.core.errors import ConfigError

__all__ = ["DEFAULT_FRACTIONS", "LABELLED_FRACTIONS", "fold_of", "patient_split"]

DEFAULT_FRACTIONS: Mapping[str, float] = MappingProxyType({"train": 0.96, "validation": 0.02, "test": 0.02})
"""Shares of the patients; 2 % for validation as MERL's released code has it, and as much again for a test."""

LABELLED_FRACTIONS: Mapping[str, float] = MappingProxyType({"train": 0.7, "validation": 0.1, "test": 0.2})
"""Shares of the patients where a labelled data set has no official split; MERL divides its sets the same way."""


def patient_split(patient_id: str, seed: int = 0, *, fractions: Mapping[str, float] = DEFAULT_FRACTIONS) -> str:
    """Return the split of a patient.

    The first 53 bits of SHA-256 of ``"SEED:PATIENT_ID"``, read as a binary fraction in [0, 1), choose the split whose
    share, laid end to end in the order given, they fall into. So the answer depends on nothing but the arguments:
    not on the other patients, their order, the modality or the machine.

    Args:
        patient_id: As the data set writes it; use the same spelling in every modality (MIMIC: the bare subject_id).
        seed: Another number gives another, independent split.
        fractions: Share of each split, each >= 0, adding up to 1.

    Raises:
        ConfigError: The shares are not usable.

    >>> patient_split("10000032"), patient_split("10000032", fractions={"train": 0.0, "test": 1.0})
    ('train', 'test')
    """
    digest = hashlib.sha256(f"{seed}:{patient_id}".encode()).digest()
    position = (int.from_bytes(digest[:8], "big") >> 11) / 2**53
    bounds = _bounds(tuple(fractions.items()))
    return next((name for name, upper in bounds if position < upper), bounds[-1][0])


def fold_of(patient_id: str, split_seed: int, fractions: Mapping[str, float] | None) -> str:
    """Return the split of a patient of a labelled data set without official splits."""
    return patient_split(patient_id, split_seed, fractions=fractions or LABELLED_FRACTIONS)


@functools.lru_cache(maxsize=64)
def _bounds(fractions: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    """Return the upper end of each split that has a share."""
    total = math.fsum(share for _, share in fractions)
    if any(not share >= 0 for _, share in fractions) or not math.isclose(total, 1.0, abs_tol=1e-6):
        raise ConfigError(
            "the shares of the splits do not add up",
            received=", ".join(f"{name} {share}" for name, share in fractions) or "none",
            allowed="numbers of at least 0 with the sum 1",
        )
    bounds: list[tuple[str, float]] = []
    upper = 0.0
    for name, share in fractions:
        upper += share
        if share > 0:
            bounds.append((name, upper))
    return tuple(bounds)
