"""Slices in the order in which they lie in the patient, and whether they make an even, straight stack.

Readers that take the number of slices and the slice thickness for the geometry turn a missing slice, a tilted gantry or
two protocols in one series into a plausible volume of the wrong shape. Here such a stack is refused, or resampled onto
an even grid where that was asked for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from medclip.core.errors import ConfigError, FormatError
from medclip.modalities.imaging.geometry import Grid

__all__ = [
    "LEAST_SLICES",
    "REPAIRS",
    "Stack",
    "arrange",
    "check",
    "check_repairs",
    "same_places",
    "slice_normal",
    "straighten",
]

REPAIRS = ("tilt", "gaps")
"""What is mended where a caller asks for it: slices shifted against each other, and uneven or missing slices."""

LEAST_SLICES = 3
"""With two slices there is one gap, and nothing to compare it with."""

_EVEN_SHARE, _EVEN_MM = 0.05, 0.1  # some scanners round positions to 0.1 mm, be the gap as small as it likes
_SAME_PLACE_MM = 0.01
_STRAIGHT_PIXELS = 0.5
_UNIT_WITHIN = 1e-3
_MOST_MISSING, _WIDEST_MM = 3, 20.0
_AIR_HU = -1024.0
_GIVE_ALL = "export the whole series again from the scanner or PACS"


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices in order along their normal.

    Args:
        order: Index of each slice in what was given, from the lowest position along the normal on.
        along_mm: float64 ``(n,)``; position of each along the normal, from the first on.
        shift_pixels: float64 ``(n, 2)``; how far each lies from the normal through the first, in rows and columns.
        grid: The grid of an even, straight stack with axes slice, row, column; its step is the mean gap.
    """

    order: np.ndarray
    along_mm: np.ndarray
    shift_pixels: np.ndarray
    grid: Grid

    @property
    def tilt_deg(self) -> float:
        """Angle between the line from the first to the last slice and the normal of the slices."""
        _, row_mm, column_mm = self.grid.spacing_mm
        aside_mm = float(np.hypot(self.shift_pixels[-1, 0] * row_mm, self.shift_pixels[-1, 1] * column_mm))
        return float(np.degrees(np.arctan2(aside_mm, self.along_mm[-1])))

    @property
    def is_straight(self) -> bool:
        """True if no slice lies more than half a pixel off the normal through the first."""
        return bool(np.abs(self.shift_pixels).max() <= _STRAIGHT_PIXELS)

    @property
    def is_even(self) -> bool:
        """True if every slice lies within 5 % of the mean gap, or 0.1 mm, of an even grid."""
        step_mm = self.grid.spacing_mm[0]
        off_mm = np.abs(self.along_mm - step_mm * np.arange(len(self.along_mm))).max()
        return bool(off_mm <= max(_EVEN_SHARE * step_mm, _EVEN_MM))

    @property
    def n_missing(self) -> int:
        """Number of slices that would fill the gaps, where all gaps are multiples of the usual one; else 0."""
        gaps_mm = np.diff(self.along_mm)
        usual_mm = float(np.median(gaps_mm))
        steps = np.round(gaps_mm / usual_mm)
        is_whole = np.abs(gaps_mm - steps * usual_mm) <= np.maximum(_EVEN_SHARE * usual_mm, _EVEN_MM)
        return int((steps - 1).sum()) if bool(is_whole.all()) and bool((steps >= 1).all()) else 0


def check_repairs(repairs: Collection[str]) -> None:
    """Refuse the name of a repair that there is none of.

    Raises:
        ConfigError: A name is unknown.
    """
    unknown = sorted(set(repairs) - set(REPAIRS))
    if unknown:
        raise ConfigError("unknown repair", received=unknown, allowed=REPAIRS)


def slice_normal(orientation: np.ndarray) -> np.ndarray:
    """Return the unit normal of a slice.

    Args:
        orientation: ``(6,)``; the direction of a row, then that of a column, as ImageOrientationPatient has them.

    Raises:
        FormatError: They are no unit vectors at right angles.
    """
    row, column = np.asarray(orientation, np.float64).reshape(2, 3)
    lengths = np.array([row @ row, column @ column])
    if not np.allclose(lengths, 1.0, atol=2 * _UNIT_WITHIN) or abs(row @ column) > _UNIT_WITHIN:
        raise FormatError(
            "the orientation of a slice is none",
            received=[f"{value:g}" for value in np.asarray(orientation).ravel()],
            allowed="two unit vectors at right angles",
            action="export the series again from the scanner or PACS",
        )
    normal = np.cross(row, column)
    return np.asarray(normal / np.linalg.norm(normal))


def same_places(positions_mm: np.ndarray, orientation: np.ndarray) -> list[list[int]]:
    """Return the groups of slices that lie at one place along the normal, in order along it."""
    along_mm = np.asarray(positions_mm, np.float64) @ slice_normal(orientation)
    order = np.argsort(along_mm, kind="stable")
    starts = np.flatnonzero(np.diff(along_mm[order]) > _SAME_PLACE_MM) + 1
    return [[int(index) for index in group] for group in np.split(order, starts)]


def arrange(positions_mm: np.ndarray, orientation: np.ndarray, pixel_spacing_mm: tuple[float, float]) -> Stack:
    """Sort slices along their normal.

    Args:
        positions_mm: ``(n, 3)``; centre of the first pixel of each slice, LPS; no two at one place.
        orientation: ``(6,)``; common to all slices.
        pixel_spacing_mm: Distance between rows, then between columns.

    Raises:
        FormatError: There are fewer than three slices, or a number is unusable.
    """
    positions = np.asarray(positions_mm, np.float64)
    if len(positions) < LEAST_SLICES:
        raise FormatError(
            "too few slices for a volume",
            received=len(positions),
            allowed=f"at least {LEAST_SLICES}: two do not show whether the gaps are even",
            action=_GIVE_ALL,
        )
    normal = slice_normal(orientation)
    order = np.argsort(positions @ normal, kind="stable")
    moved = positions[order] - positions[order[0]]
    row, column = np.asarray(orientation, np.float64).reshape(2, 3)
    # Row numbers grow along a column, column numbers along a row.
    shift = np.stack([moved @ column / pixel_spacing_mm[0], moved @ row / pixel_spacing_mm[1]], axis=1)
    along = moved @ normal
    axes = np.stack([normal, column / np.linalg.norm(column), row / np.linalg.norm(row)]) + 0.0
    first, second, third = (float(value) for value in positions[order[0]])
    grid = Grid(
        (round(float(along[-1]) / (len(along) - 1), 9), *pixel_spacing_mm),
        (first, second, third),
        tuple(float(value) for value in axes.ravel()),
    )
    return Stack(order, along, shift, grid)


def check(stack: Stack, repairs: Collection[str] = ()) -> None:
    """Refuse a stack that is tilted or uneven, unless that is to be mended.

    Raises:
        FormatError: It is, and its repair was not asked for, or it is beyond repair.
    """
    is_tilted = not stack.is_straight and "tilt" not in repairs
    if not stack.is_even and not (is_tilted and "gaps" in repairs):
        _check_gaps(stack, "gaps" in repairs, is_tilted=is_tilted)
    if is_tilted:
        raise FormatError(
            "the slices are shifted against each other, as with a tilted gantry",
            received=f"a tilt of {stack.tilt_deg:.1f} degrees",
            allowed=f"each within {_STRAIGHT_PIXELS:g} pixels of the normal",
            action="allow resampling (--allow-resampling) to have them straightened, or give a series without tilt",
        )


def _check_gaps(stack: Stack, may_fill: bool, *, is_tilted: bool) -> None:
    gaps_mm = np.diff(stack.along_mm)
    usual_mm = float(np.median(gaps_mm))
    if may_fill and gaps_mm.max() <= min(_WIDEST_MM, (1 + _MOST_MISSING) * usual_mm * (1 + _EVEN_SHARE)):
        return
    if stack.n_missing:
        first = int(np.argmax(gaps_mm > 1.5 * usual_mm))
        what = f"{stack.n_missing} slice{'s are' if stack.n_missing > 1 else ' is'} missing"
        received = f"{gaps_mm[first]:.2f} mm after slice {first + 1} of {len(stack.along_mm)}, else {usual_mm:.2f} mm"
    else:
        what, received = "the slices are not evenly spaced", f"gaps of {_different(gaps_mm)} mm"
    limits = f"; to be filled, up to {_WIDEST_MM:g} mm and {_MOST_MISSING} missing in a row" if may_fill else ""
    raise FormatError(
        what + (", and they are shifted against each other, as with a tilted gantry" if is_tilted else ""),
        received=received + (f" and a tilt of {stack.tilt_deg:.1f} degrees" if is_tilted else ""),
        allowed=f"one gap within {100 * _EVEN_SHARE:g} %" + limits,
        action=_GIVE_ALL + ("" if may_fill else ", or allow resampling (--allow-resampling) to have this mended"),
    )


def straighten(volume: np.ndarray, stack: Stack) -> tuple[np.ndarray, Grid]:
    """Resample a tilted or uneven stack linearly onto an even, straight grid; nothing that was scanned is cut off.

    Args:
        volume: float32 ``(slice, row, column)`` in Hounsfield units, slices in the stack's order.
        stack: Where they lie.

    Returns:
        float32 volume, -1024 where nothing was scanned, and its grid.
    """
    grid, along_mm = stack.grid, stack.along_mm
    if not stack.is_straight:
        volume, grid = _unshifted(volume, stack)
    if not stack.is_even:
        usual_mm = float(np.median(np.diff(along_mm)))
        n_slices = 1 + max(2, round(along_mm[-1] / usual_mm))
        step_mm = float(along_mm[-1]) / (n_slices - 1)
        volume = _along(volume, np.interp(step_mm * np.arange(n_slices), along_mm, np.arange(len(along_mm))))
        grid = Grid((step_mm, *grid.spacing_mm[1:]), grid.origin_mm, grid.direction)
    return volume, grid


def _unshifted(volume: np.ndarray, stack: Stack) -> tuple[np.ndarray, Grid]:
    """Move each slice to where it was scanned, on a grid wide enough for all."""
    lowest = np.floor(stack.shift_pixels.min(axis=0))
    room = (np.ceil(stack.shift_pixels.max(axis=0)) - lowest).astype(int)
    wide = np.full((len(volume), volume.shape[1] + room[0], volume.shape[2] + room[1]), _AIR_HU, np.float32)
    for target, image, shift in zip(wide, volume, stack.shift_pixels - lowest, strict=True):
        _paste(target, image, shift)
    origin = stack.grid.position_mm((0.0, float(lowest[0]), float(lowest[1])))
    first, second, third = (float(value) for value in origin)
    return wide, Grid(stack.grid.spacing_mm, (first, second, third), stack.grid.direction)


def _paste(target: np.ndarray, image: np.ndarray, shift: np.ndarray) -> None:
    """Write an image at a fractional place by linear interpolation, air around it."""
    whole = np.floor(shift).astype(int)
    part = (shift - whole).astype(np.float32)
    padded = np.pad(image, 1, constant_values=_AIR_HU)
    down = (1 - part[0]) * padded[1:] + part[0] * padded[:-1]
    moved = (1 - part[1]) * down[:, 1:] + part[1] * down[:, :-1]
    rows, columns = (
        slice(start, min(start + size + 1, limit))
        for start, size, limit in zip(whole, image.shape, target.shape, strict=True)
    )
    target[rows, columns] = moved[: rows.stop - rows.start, : columns.stop - columns.start]


def _along(volume: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Interpolate linearly between slices at fractional places."""
    lower = np.minimum(places.astype(int), len(volume) - 2)
    filled = np.empty((len(places), *volume.shape[1:]), np.float32)
    for target, index, weight in zip(filled, lower, (places - lower).astype(np.float32), strict=True):
        np.multiply(volume[index], 1 - weight, out=target)
        target += weight * volume[index + 1]
    return filled


def _different(gaps_mm: np.ndarray) -> str:
    """Write each gap once, to 0.01 mm, in order of first appearance."""
    return ", ".join(dict.fromkeys(f"{gap:.2f}" for gap in gaps_mm))
