"""The points of space at which a phantom is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medclip.core.errors import InputError

__all__ = ["Grid"]

_MOST_VOXELS = 64_000_000


@dataclass(frozen=True)
class Grid:
    """A regular grid with canonical axes: foot to head, front to back, patient's right to left.

    Args:
        shape: Number of voxels along each axis, each >= 1.
        spacing_mm: Distance between voxel centres along each axis, each > 0.
        centre_mm: Middle of the grid, (z, y, x): z to the head, y to the back, x to the patient's left; 0 is the middle
            of the chest.

    Raises:
        InputError: A number is out of range.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        n_voxels = int(np.prod(self.shape))
        is_sound = len(self.shape) == len(self.spacing_mm) == 3 and min(self.shape) >= 1 and min(self.spacing_mm) > 0
        if not is_sound or n_voxels > _MOST_VOXELS:
            raise InputError(
                "no phantom can be computed on this grid",
                received=f"shape {self.shape}, spacing {self.spacing_mm} mm",
                allowed=f"three axes, positive spacing, at most {_MOST_VOXELS} voxels",
            )

    def axis(self, number: int) -> np.ndarray:
        """Coordinates of the voxel centres along one axis, float32 in mm."""
        steps = np.arange(self.shape[number], dtype=np.float32) - (self.shape[number] - 1) / 2
        coordinates: np.ndarray = (steps * self.spacing_mm[number] + self.centre_mm[number]).astype(np.float32)
        return coordinates

    @cached_property
    def z(self) -> np.ndarray:
        """Height, ``(depth, 1, 1)`` in mm."""
        return self.axis(0)[:, None, None]

    @cached_property
    def y(self) -> np.ndarray:
        """Distance to the back, ``(1, height, 1)`` in mm."""
        return self.axis(1)[None, :, None]

    @cached_property
    def x(self) -> np.ndarray:
        """Distance to the patient's left, ``(1, 1, width)`` in mm."""
        return self.axis(2)[None, None, :]

    @cached_property
    def softness_mm(self) -> float:
        """Width of the edge of a shape: the mean size of a voxel, for the partial volume effect."""
        return float(np.mean(self.spacing_mm))

    def box(
        self, low_mm: Sequence[float] | np.ndarray, high_mm: Sequence[float] | np.ndarray
    ) -> tuple[tuple[slice, slice, slice], Grid] | None:
        """Return the part between two corners, as slices and as a grid of its own; None if there is none."""
        parts, shape, centre = [], [], []
        for axis in range(3):
            places = self.axis(axis)
            start, stop = np.searchsorted(places, (low_mm[axis], high_mm[axis]))
            if start == stop:
                return None
            parts.append(slice(int(start), int(stop)))
            shape.append(int(stop - start))
            centre.append(float(places[start] + places[stop - 1]) / 2)
        return (parts[0], parts[1], parts[2]), Grid(
            (shape[0], shape[1], shape[2]), self.spacing_mm, (centre[0], centre[1], centre[2])
        )

    @property
    def origin_mm(self) -> tuple[float, float, float]:
        """Centre of the first voxel as (x, y, z)."""
        return float(self.axis(2)[0]), float(self.axis(1)[0]), float(self.axis(0)[0])
