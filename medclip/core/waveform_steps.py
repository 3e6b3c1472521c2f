"""The steps that bring waveforms into the form an encoder expects; ``WaveformSpec`` puts them in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from medclip.core.errors import SignalError

__all__ = ["SCALINGS", "Notes", "Scaling", "absent_channels", "repair", "scale", "select_channels"]

Scaling = Literal["none", "minmax", "zscore"]
SCALINGS: tuple[str, ...] = get_args(Scaling)

Notes = list[list[str]]
"""One list of lines for each recording."""

_MAXIMUM_MISSING_SHARE = 0.2


def absent_channels(
    recorded: Sequence[str], wanted: Sequence[str], derived_channels: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """Return the wanted channels that are neither recorded nor follow from recorded ones."""
    known = set(recorded)
    return [
        name
        for name in wanted
        if name not in known and not (derived_channels.get(name) and known.issuperset(derived_channels[name]))
    ]


def select_channels(
    values: np.ndarray,
    recorded: Sequence[str],
    wanted: Sequence[str],
    derived_channels: Mapping[str, Mapping[str, float]],
) -> tuple[np.ndarray, list[str], list[str]]:
    """Put channels into another order by name.

    Args:
        values: float32 ``(n_records, n_recorded, n_samples)``.
        recorded: Names of its channels.
        wanted: Names of the result's channels.
        derived_channels: Linear combinations that stand in for channels that are not recorded.

    Returns:
        float32 ``(n_records, n_wanted, n_samples)``, the names that were derived, and those that are absent and 0.
    """
    position = {name: index for index, name in enumerate(recorded)}
    ordered = np.zeros((len(values), len(wanted), values.shape[-1]), np.float32)
    derived, absent = [], absent_channels(recorded, wanted, derived_channels)
    for row, name in enumerate(wanted):
        recipe = derived_channels.get(name, {})
        if name in position:
            ordered[:, row] = values[:, position[name]]
        elif name not in absent:
            # Two infinities of one sign cancel to NaN, which is what a missing value shall be.
            with np.errstate(invalid="ignore"):
                for part, weight in recipe.items():
                    ordered[:, row] += np.float32(weight) * values[:, position[part]]
            derived.append(name)
    return ordered, derived, absent


def repair(values: np.ndarray, channel_names: Sequence[str], notes: Notes) -> None:
    """Fill short gaps by straight lines, and empty channels in which more than a fifth is missing, in place.

    Args:
        values: float32 ``(n_records, n_channels, n_samples)``; NaN and infinity are missing.
        channel_names: Names of its channels.
        notes: A line is added for each channel that was repaired.

    Raises:
        SignalError: Nothing is left of a recording.
    """
    finite = np.isfinite(values)
    if finite.all():
        return
    times = np.arange(values.shape[-1])
    for record, channel in zip(*np.nonzero(~finite.all(axis=-1)), strict=True):
        known = finite[record, channel]
        row = values[record, channel]
        n_missing = len(row) - int(known.sum())
        missing = f"{channel_names[channel]}: {n_missing} of {len(row)} samples missing"
        if n_missing > _MAXIMUM_MISSING_SHARE * len(row):
            row[:] = 0.0
            notes[record].append(f"{missing}, left empty")
        else:
            row[~known] = np.interp(times[~known], times[known], row[known])
            notes[record].append(f"{missing}, interpolated")
    for record in np.flatnonzero(~finite.all(axis=(1, 2))):
        if not values[record].any():
            raise SignalError("the recording holds no usable samples", action="record again")


def scale(values: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Scale ``(n_records, n_channels, n_samples)`` as ``WaveformSpec`` describes; what does not vary becomes 0."""
    if scaling == "minmax":
        low = values.min(axis=(1, 2), keepdims=True)
        span = values.max(axis=(1, 2), keepdims=True) - low
        values = (values - low) / np.where(span > 0, span, np.float32(1))
    elif scaling == "zscore":
        # In double precision, because the rounding of a large offset would look like a small signal.
        centred = values - values.mean(axis=-1, keepdims=True, dtype=np.float64).astype(np.float32)
        deviation = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True, dtype=np.float64)).astype(np.float32)
        values = centred / np.where(deviation > 0, deviation, np.float32(1))
    return values
