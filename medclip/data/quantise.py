"""Float arrays as 16-bit integers with a gain, and back."""

from __future__ import annotations

import numpy as np

from medclip.core.errors import StoreError

__all__ = ["MISSING", "dequantise", "quantise"]

MISSING = np.int16(-32768)
"""Stands for NaN and infinity."""

_LARGEST = 32767
# Integer steps per unit of common recorders (1, 5, 0.5 and 2.5 microvolts for a unit of a millivolt), tried in turn.
_COMMON_GAINS = (1000.0, 200.0, 2000.0, 400.0)


def quantise(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn float32 ``(n_channels, n_samples)`` into int16 and one gain per channel.

    A channel recorded at a common gain comes back bit for bit. Any other channel gets the largest gain that holds its
    largest value, so that the error is at most half a step: one part in 65,534 of the largest value.

    Returns:
        ``(stored, gain)`` with ``stored / gain`` equal or close to ``values``; missing values are ``MISSING``.

    Raises:
        StoreError: The array is not two-dimensional.

    >>> stored, gain = quantise(np.array([[0.001, -1.5, np.nan]], np.float32))
    >>> stored.tolist(), gain.tolist()
    ([[1, -1500, -32768]], [1000.0])
    """
    if values.ndim != 2:
        raise StoreError("only arrays of channels and samples can be stored", received=f"shape {values.shape}")
    known = np.isfinite(values)
    all_known = bool(known.all())
    filled = values if all_known else np.where(known, values, np.float32(0))
    stored, gain = _quantise_known(filled)
    if not all_known:
        stored[~known] = MISSING
    return stored, gain


def _quantise_known(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    for common in _COMMON_GAINS:
        counts = np.rint(values * np.float32(common))
        if np.array_equal(counts / np.float32(common), values) and np.abs(counts).max(initial=0) <= _LARGEST:
            return counts.astype(np.int16), np.full(len(values), common, np.float32)
    if len(values) > 1:
        # Channels may differ in gain (LUDB's do), so each finds its own.
        parts = [_quantise_known(row[None]) for row in values]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    largest = np.abs(values).max(initial=0.0)
    gain = np.float32(min(_LARGEST / largest, 1e30) if largest > 0 else 1.0)
    counts = np.rint(values.astype(np.float64) * gain).clip(-_LARGEST, _LARGEST)
    return counts.astype(np.int16), np.full(1, gain, np.float32)


def dequantise(stored: np.ndarray, gain: np.ndarray, *, has_missing: bool = True) -> np.ndarray:
    """Turn int16 ``(..., n_channels, n_samples)`` back into float32.

    Args:
        stored: What ``quantise`` returned.
        gain: ``(..., n_channels)`` float32.
        has_missing: False if the caller knows that nothing is ``MISSING``.
    """
    first = gain.flat[0]
    divisor = first if (gain == first).all() else gain[..., None]
    values: np.ndarray = np.divide(stored, divisor, dtype=np.float32)
    if has_missing:
        values[stored == MISSING] = np.nan
    return values
