"""The leads of a recording put together: in the order of a printed ECG, with those that follow from others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.ecg.leads import DERIVED_LEADS, STANDARD_LEADS, standard_lead_name

__all__ = ["MAXIMUM_RATE_HZ", "MAXIMUM_VALUES", "Rhythm", "check_rate", "check_size", "named_once", "together"]

MAXIMUM_RATE_HZ = 100_000
"""Highest sampling rate of any ECG."""
MAXIMUM_VALUES = 1 << 25
"""Largest number of samples of all leads together in a file of text: 90 minutes of 12 leads at 500 Hz."""


class Rhythm(NamedTuple):
    """The recording in a file.

    Args:
        names: Leads.
        array: float32 ``(n_leads, n_samples)`` in millivolts.
        rate_hz: Samples per second.
        attributes: What the file says about the recording and not about the patient.
    """

    names: tuple[str, ...]
    array: np.ndarray
    rate_hz: float
    attributes: dict[str, Any]


def named_once(names: Sequence[str], path: Path) -> tuple[str, ...]:
    """Return the standard names of leads, or raise ``FormatError`` if one is missing or there twice."""
    standard = tuple(standard_lead_name(name) for name in names)
    if not all(standard):
        raise FormatError(f"{path} names not all of its leads", action="export the recording again from its device")
    doubled = sorted({name for name in standard if standard.count(name) > 1} & set(STANDARD_LEADS))
    if len(set(standard)) < len(standard):
        raise FormatError(
            f"{path} holds a lead more than once",
            received=doubled or "one that is none of the standard twelve",
            action="keep one recording of each lead in the file",
        )
    return standard


def together(leads: Mapping[str, np.ndarray]) -> tuple[tuple[str, ...], np.ndarray, tuple[str, ...]]:
    """Stack leads of one length and add III, aVR, aVL and aVF where I and II are there and they are not.

    Args:
        leads: Millivolts ``(n_samples,)`` by standard name, NaN where nothing was recorded.

    Returns:
        Names, standard leads first in their usual order; float32 ``(n_leads, n_samples)``; names of the leads added.
    """
    added = tuple(name for name, recipe in DERIVED_LEADS.items() if name not in leads and set(recipe) <= set(leads))
    every = dict(leads) | {
        name: sum((weight * leads[part] for part, weight in DERIVED_LEADS[name].items()), np.float64(0))
        for name in added
    }
    names = tuple(name for name in STANDARD_LEADS if name in every) + tuple(n for n in leads if n not in STANDARD_LEADS)
    return names, np.stack([every[name] for name in names]).astype(np.float32), added


def check_rate(rate_hz: float, path: Path) -> float:
    """Return a sampling rate, or raise ``FormatError`` if it is impossible."""
    if 0 < rate_hz <= MAXIMUM_RATE_HZ:
        return rate_hz
    raise FormatError(
        f"{path} states an impossible sampling rate",
        received=f"{rate_hz:g} Hz",
        allowed=f"above 0, up to {MAXIMUM_RATE_HZ} Hz",
        action="copy the file again from its source",
    )


def check_size(n_leads: int, n_samples: int, path: Path) -> None:
    """Raise ``FormatError`` unless this is the size of an ECG; to be called before anything of it is allocated."""
    if n_leads < 1 or n_samples < 1 or n_leads * n_samples > MAXIMUM_VALUES:
        raise FormatError(
            f"{path} announces a waveform of an unusable size",
            received=f"{n_leads} leads of {n_samples} samples",
            allowed=f"at least 1 of each, up to {MAXIMUM_VALUES} samples of all leads together",
            action="copy the file again from its source",
        )
