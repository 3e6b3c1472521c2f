"""The steps that images of two and three axes share on their way to an encoder, and on the way back."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medclip.core.axis_map import AxisMap, resample_axes
from medclip.core.errors import ConfigError, InputError, SignalError
from medclip.core.input_spec import PreparedBatch, PreparedInput

__all__ = ["ValueRange", "check_grid", "outer", "positive_numbers", "resample_known", "restore_known", "stack"]

_MAXIMUM_MISSING_SHARE = 0.5


def positive_numbers(what: str, values: Any, length: int, *, whole: bool, largest: float) -> tuple[Any, ...]:
    """Return so many positive numbers as a tuple; what a bundle from elsewhere states may be anything.

    Raises:
        ConfigError: They are something else.
    """
    kinds = (int,) if whole else (int, float)
    is_sound = (
        isinstance(values, (list, tuple))
        and len(values) == length
        and all(isinstance(value, kinds) and not isinstance(value, bool) for value in values)
        and all(0 < value <= largest for value in values)
    )
    if not is_sound:
        number = "whole number" if whole else "number"
        raise ConfigError(
            f"{what} is malformed",
            received=repr(values),
            allowed=f"{length} {number}{'s' if length > 1 else ''} above 0, up to {largest:g}",
        )
    return tuple(values)


@dataclass(frozen=True)
class ValueRange:
    """What is known of the values of an image without looking at each.

    Args:
        low: Smallest known value.
        high: Largest known value.
        n_missing: How many are NaN or infinite.
    """

    low: float
    high: float
    n_missing: int = 0

    @classmethod
    def of(cls, array: np.ndarray) -> ValueRange:
        """Look at a float array; where nothing is known, ``low`` and ``high`` are NaN."""
        # One quick pass each; both are NaN or infinite if anything is.
        low, high = float(array.min()), float(array.max())
        if np.isfinite(low) and np.isfinite(high):
            return cls(low, high)
        known = array[np.isfinite(array)]
        if not known.size:
            return cls(np.nan, np.nan, array.size)
        return cls(float(known.min()), float(known.max()), array.size - known.size)

    def check_missing(self, size: int) -> None:
        """Check that at most half of ``size`` values are missing.

        Raises:
            SignalError: There are more.
        """
        if self.n_missing > _MAXIMUM_MISSING_SHARE * size:
            raise SignalError(
                "most of the image is missing",
                received=f"{size - self.n_missing} known of {size} values",
                action="record or export it again",
            )


def resample_known(array: np.ndarray, maps: Sequence[AxisMap], *, all_known: bool) -> tuple[np.ndarray, np.ndarray]:
    """Resample what is known of an image.

    Args:
        array: float32; NaN and infinity are missing.
        maps: One per axis.
        all_known: True if the caller knows that nothing is missing.

    Returns:
        float32 values and a bool mask in the target's shape; the mask is False, and the value 0, outside the image and
        where most of what would make the value is missing.
    """
    inside = outer([way.is_inside for way in maps])
    if all_known:
        return resample_axes(array, maps), inside
    known = np.isfinite(array)
    weight = resample_axes(known.astype(np.float32), maps)
    values = resample_axes(np.where(known, array, np.float32(0)), maps)
    mask = inside & (weight > 0.5)
    return np.where(mask, values / np.where(mask, weight, np.float32(1)), np.float32(0)), mask


def restore_known(values: np.ndarray, maps: Sequence[AxisMap], array: np.ndarray) -> np.ndarray:
    """Bring a grid over a prepared image back to the pixels of the image.

    Args:
        values: ``(*grid)`` in the order of the image's axes; NaN where there is no value.
        maps: The way from the image to the prepared one, one per axis.
        array: The image.

    Returns:
        float32 in the image's shape, linear between the centres of the grid's cells; NaN where the image is missing or
        outside what was prepared.
    """
    back = [way.inverse(n_cells) for way, n_cells in zip(maps, values.shape, strict=True)]
    values = np.asarray(values, np.float32)
    known = np.isfinite(values)
    restored = resample_axes(np.where(known, values, np.float32(0)), back, smooth=False)
    if not known.all():
        weight = resample_axes(known.astype(np.float32), back, smooth=False)
        # A pixel beside a cell without a value has that of the cell next to it.
        with np.errstate(invalid="ignore", divide="ignore"):
            restored = np.where(weight > 0, restored / weight, np.float32(np.nan))
    if np.may_share_memory(restored, values):
        restored = restored.copy()
    for axis, way in enumerate(back):
        outside = [slice(None)] * restored.ndim
        outside[axis] = ~way.is_inside  # type: ignore[call-overload]
        restored[tuple(outside)] = np.nan
    if not np.isfinite(array.sum()):
        restored[~np.isfinite(array)] = np.nan
    return restored


def check_grid(values: Any, n_axes: int) -> np.ndarray:
    """Return a grid over a prepared image as an array.

    Raises:
        InputError: It has another number of axes, or is empty.
    """
    grid = np.asarray(values)
    if grid.ndim != n_axes or grid.size == 0 or not np.issubdtype(grid.dtype, np.number):
        raise InputError(
            "a grid over a prepared image has one axis for each of the image's",
            received=f"{grid.dtype} of shape {grid.shape}",
            allowed=f"numbers along {n_axes} axes",
        )
    return grid


def outer(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Return where the masks of all axes are True."""
    return functools.reduce(lambda joined, mask: joined[..., None] & mask, masks)


def stack(prepared: Sequence[PreparedInput], shape: tuple[int, ...]) -> PreparedBatch:
    """Stack prepared images; ``shape`` is that of one."""
    if not prepared:
        return PreparedBatch(np.empty((0, *shape), np.float32), np.empty((0, *shape[1:]), np.bool_), ())
    return PreparedBatch(
        np.stack([one.values for one in prepared]),
        np.stack([one.mask for one in prepared]),
        tuple(one.notes for one in prepared),
    )
