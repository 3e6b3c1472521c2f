"""Float arrays as 16-bit integers with a gain, and back."""

from __future__ import annotations

import numpy as np

from medclip.core.errors import StoreError

__all__ = ["MISSING", "dequantise", "dequantise_image", "quantise", "quantise_image"]

MISSING = np.int16(-32768)
"""Stands for NaN and infinity."""

_LARGEST = 32767
# Integer steps per unit of common recorders (1, 5, 0.5 and 2.5 microvolts for a unit of a millivolt), tried in turn.
_COMMON_GAINS = (1000.0, 200.0, 2000.0, 400.0)
# A larger gain would not fit a float32.
_LARGEST_GAIN = 1e30


def quantise(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn float32 ``(n_channels, n_samples)`` into int16 and one gain per channel.

    A channel recorded at a common gain comes back with equal values. Any other channel gets the gain that just holds
    its largest value, so that the error is at most half a step: one part in 65,534 of the largest value. Channels that
    stay below 3e-26 are the exception; their error is at most 5e-31.

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
        # What overflows is not equal to the value it came from.
        with np.errstate(over="ignore"):
            counts = np.rint(values * np.float32(common))
        if np.array_equal(counts / np.float32(common), values) and np.abs(counts).max(initial=0) <= _LARGEST:
            return counts.astype(np.int16), np.full(len(values), common, np.float32)
    if len(values) > 1:
        # Channels may differ in gain (LUDB's do), so each finds its own.
        parts = [_quantise_known(row[None]) for row in values]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    gain = _gain_for(float(np.abs(values).max(initial=0.0)))
    counts = np.rint(values.astype(np.float64) * gain).clip(-_LARGEST, _LARGEST)
    return counts.astype(np.int16), np.full(1, gain, np.float32)


def _gain_for(largest: float) -> np.float32:
    """Return the gain with which the largest value becomes the largest count, rounded so that it cannot overflow."""
    exact = min(_LARGEST / largest, _LARGEST_GAIN)
    gain = np.float32(exact)
    return gain if gain >= exact else np.nextafter(gain, np.float32(np.inf))


def dequantise(
    stored: np.ndarray, gain: np.ndarray, *, has_missing: bool = True, out: np.ndarray | None = None
) -> np.ndarray:
    """Turn int16 ``(..., n_channels, n_samples)`` back into float32.

    Args:
        stored: What ``quantise`` returned.
        gain: ``(..., n_channels)`` float32, or a single one for all channels.
        has_missing: False if the caller knows that nothing is ``MISSING``.
        out: float32 in the shape of ``stored`` to write into, rather than a new array.
    """
    values = np.empty(stored.shape, np.float32) if out is None else out
    # Two passes over what fits the processor's cache are faster than a division that converts as it goes.
    np.copyto(values, stored)
    np.divide(values, gain[..., None] if gain.ndim else gain, out=values)
    if has_missing:
        values[stored == MISSING] = np.nan
    return values


def quantise_image(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Turn a float32 image of any shape into int16, with one gain and one shift.

    Whole numbers, as Hounsfield units mostly are, come back equal. An image in [0, 1] is stored in steps of 1/65535,
    so that one that was recorded with 8 or 16 bits comes back equal; with missing values in steps of 1/65534. Any
    other gets 65,534 steps from its smallest to its largest value, or as many as float32 tells apart.

    Returns:
        ``(stored, gain, shift)`` with ``(stored + shift) / gain`` equal or close to ``values``. Missing values are
        ``MISSING``, which without missing values is a value like any other.

    >>> stored, gain, shift = quantise_image(np.array([[-1024.0, 3071.0]], np.float32))
    >>> stored.tolist(), gain, shift
    ([[-1024, 3071]], 1.0, 0.0)
    """
    known = np.isfinite(values)
    all_known = bool(known.all())
    filled = values if all_known else np.where(known, values, values[known].min() if known.any() else np.float32(0))
    gain, shift = _image_scale(filled, all_known=all_known)
    counts = np.rint(filled.astype(np.float64) * gain) - shift
    stored = counts.clip(-_LARGEST - all_known, _LARGEST).astype(np.int16)
    if not all_known:
        stored[~known] = MISSING
    return stored, gain, shift


def _image_scale(values: np.ndarray, *, all_known: bool) -> tuple[float, float]:
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
    if not values.size or (low >= -_LARGEST and high <= _LARGEST and np.array_equal(np.rint(values), values)):
        return 1.0, 0.0
    if low >= 0.0 and high <= 1.0:
        return (65535.0, 32768.0) if all_known else (65534.0, 32767.0)
    # A float32 tells 2^24 steps apart below its largest value.
    most = 2.0**24 / max(abs(low), abs(high))
    gain = float(np.float32(min(2 * _LARGEST / (high - low) if high > low else most, most, _LARGEST_GAIN)))
    return gain, float(np.rint(low * gain) + _LARGEST)


def dequantise_image(
    stored: np.ndarray, gain: float, shift: float, *, has_missing: bool = True, out: np.ndarray | None = None
) -> np.ndarray:
    """Turn what ``quantise_image`` returned back into float32.

    Args:
        stored: int16.
        gain: Steps per unit.
        shift: Added to what is stored.
        has_missing: False if nothing was missing, so that ``MISSING`` is a value.
        out: float32 in the shape of ``stored`` to write into, rather than a new array.
    """
    values = np.empty(stored.shape, np.float32) if out is None else out
    np.copyto(values, stored)
    if shift:
        values += np.float32(shift)
    if gain != 1.0:
        values /= np.float32(gain)
    if has_missing:
        values[stored == MISSING] = np.nan
    return values
