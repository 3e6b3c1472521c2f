"""Images from one grid of pixels to another, axis by axis, and where each pixel of the one lies on the other."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

__all__ = ["AxisMap", "resample_axes"]

# Target cells of one matrix product: more multiply by more zeros, fewer spend the time on calls.
_CELLS_AT_A_TIME = 16
# Multiplications of one product: too few for the library to spread over threads, which would fight with those of torch
# (ten times slower on two busy cores).
_LARGEST_PRODUCT = 200_000
# In source cells: what rounding may do to a place at the very edge.
_ROUNDING = 1e-6

_Block = tuple[slice, slice, np.ndarray]


@dataclass(frozen=True)
class AxisMap:
    """Where the cells of a target axis lie on a source axis.

    The centre of target cell ``u`` lies at ``start + step * u`` on the source, in source cells; the centre of the
    source's first cell is 0, and its edges are -0.5 and ``n_source - 0.5``.

    Args:
        n_source: Cells of the source, at least 1.
        n_target: Cells of the target, at least 1.
        start: Place of the target's first cell.
        step: Source cells from one target cell to the next, not 0; negative if the axes run against each other.

    >>> AxisMap.centred(4, 2, 2.0)
    AxisMap(n_source=4, n_target=2, start=0.5, step=2.0)
    """

    n_source: int
    n_target: int
    start: float
    step: float

    @classmethod
    def centred(cls, n_source: int, n_target: int, step: float, centre: float | None = None) -> AxisMap:
        """Put the middle of the target on a place of the source, its own middle if None."""
        place = (n_source - 1) / 2 if centre is None else centre
        return cls(n_source, n_target, place - step * (n_target - 1) / 2, step)

    @property
    def places(self) -> np.ndarray:
        """``(n_target,)`` float64, where each target cell lies on the source."""
        return self.start + self.step * np.arange(self.n_target)

    @property
    def is_inside(self) -> np.ndarray:
        """``(n_target,)`` bool, whether the centre of each target cell lies within the source."""
        places = self.places
        return (places >= -0.5 - _ROUNDING) & (places <= self.n_source - 0.5 + _ROUNDING)

    @property
    def seen_cells(self) -> float:
        """How many source cells, in part or whole, the target covers."""
        first, last = sorted((self.start, self.start + self.step * (self.n_target - 1)))
        half = abs(self.step) / 2
        return min(last + half, self.n_source - 0.5) - max(first - half, -0.5)

    def inverse(self, n_grid: int) -> AxisMap:
        """Return the way back: from a grid of ``n_grid`` equal cells over the whole target to the source's cells."""
        cells = n_grid / self.n_target
        return AxisMap(n_grid, self.n_source, (0.5 - self.start / self.step) * cells - 0.5, cells / self.step)


def resample_axes(values: np.ndarray, maps: Sequence[AxisMap], *, smooth: bool = True) -> np.ndarray:
    """Resample the last axes of an array, one after the other.

    Enlarging is linear interpolation between the centres of cells. Where the target is coarser, the same triangle
    spans two target cells, so that every source cell counts and what the target cannot show does not come back as
    something else; this is ``torch.nn.functional.interpolate(mode="bilinear", antialias=True)``, for any place of the
    target on the source and any number of axes. Beyond the source's edge nothing is made up: the weights of what is
    there are raised to a sum of 1.

    Args:
        values: float32 ``(..., *n_source)``, finite.
        maps: One per axis, of the last axes of ``values``.
        smooth: False for linear interpolation even where the target is coarser.

    Returns:
        float32 ``(..., *n_target)``; 0 where the target lies outside the source. It may share memory with ``values``.
    """
    first = values.ndim - len(maps)
    # The axis that shrinks most first, so that the others have less to do.
    order = sorted(range(len(maps)), key=lambda axis: maps[axis].n_target / maps[axis].n_source)
    for axis in order:
        values = _resample_axis(values, first + axis, maps[axis], smooth)
    return values


def _resample_axis(values: np.ndarray, axis: int, way: AxisMap, smooth: bool) -> np.ndarray:
    if (way.step, way.start, way.n_target) == (1.0, 0.0, way.n_source):
        return values
    before, after = values.shape[:axis], values.shape[axis + 1 :]
    source = np.ascontiguousarray(values, np.float32).reshape(-1, way.n_source, math.prod(after))
    target = result = np.zeros((len(source), way.n_target, source.shape[-1]), np.float32)
    if source.shape[-1] == 1:
        # The last axis: its rows take the part that columns have for the others.
        source, target = source[..., 0].T[None], target[..., 0].T[None]
    for cells, taps, weights in _blocks(way, smooth):
        _multiply(weights, source[:, taps], target[:, cells])
    return result.reshape(*before, way.n_target, *after)


def _multiply(weights: np.ndarray, source: np.ndarray, target: np.ndarray) -> None:
    """Write the product with each matrix of ``source`` into ``target``, some columns at a time."""
    n_columns = max(16, _LARGEST_PRODUCT // weights.size)
    n_whole = source.shape[-1] // n_columns
    end = n_whole * n_columns
    if n_whole:
        pieces = [_in_pieces(array[..., :end], n_columns) for array in (source, target)]
        np.matmul(weights, pieces[0], out=pieces[1])
    if end < source.shape[-1]:
        np.matmul(weights, source[..., end:], out=target[..., end:])


def _in_pieces(array: np.ndarray, n_columns: int) -> np.ndarray:
    """Return a view ``(n, n_pieces, n_rows, n_columns)`` of ``(n, n_rows, n_pieces * n_columns)``."""
    n, n_rows, n_all = array.shape
    across, down, along = array.strides
    shape = (n, n_all // n_columns, n_rows, n_columns)
    return as_strided(array, shape, (across, along * n_columns, down, along))


@functools.lru_cache(maxsize=128)
def _blocks(way: AxisMap, smooth: bool) -> tuple[_Block, ...]:
    """Return the target cells of each product, the source cells that they depend on, and the weights between them."""
    width = max(1.0, abs(way.step)) if smooth else 1.0
    cells = np.flatnonzero(way.is_inside)
    blocks = []
    for start in range(0, len(cells), _CELLS_AT_A_TIME):
        chosen = cells[start : start + _CELLS_AT_A_TIME]
        places = way.places[chosen]
        low = max(0, math.floor(places.min() - width))
        high = min(way.n_source, math.ceil(places.max() + width) + 1)
        weights = np.maximum(0.0, 1.0 - np.abs(np.arange(low, high) - places[:, None]) / width)
        weights /= weights.sum(axis=1, keepdims=True)
        # Cells inside the source follow each other.
        span = slice(int(chosen[0]), int(chosen[-1]) + 1)
        blocks.append((span, slice(low, high), weights.astype(np.float32)))
    return tuple(blocks)
