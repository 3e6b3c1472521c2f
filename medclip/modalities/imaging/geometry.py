"""Where the voxels of an image lie in the patient, and how its axes are put in order without interpolation.

Positions are in millimetres in DICOM's patient coordinates, LPS: x to the patient's left, y to the back, z to the head.
NIfTI uses RAS, the same with x and y negated.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from medclip.core.errors import FormatError

__all__ = ["Grid", "canonical", "grid_from_affine"]

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_RIGHT_ANGLE_WITHIN = 1e-3  # as strict as a sample is; 0.06 degrees

# Foot to head, front to back, the patient's right to left: the axis of LPS along which each array axis runs.
_CANONICAL_AXES = (2, 1, 0)


@dataclass(frozen=True)
class Grid:
    """A regular grid of voxels: ``position = origin + sum(index[i] * spacing[i] * direction[3 * i : 3 * i + 3])``.

    Args:
        spacing_mm: Distance between voxel centres along each array axis, each > 0.
        origin_mm: Centre of the first voxel, LPS.
        direction: Three unit vectors at right angles, LPS, one after the other, one per array axis.
    """

    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: tuple[float, ...]

    @property
    def affine_lps(self) -> np.ndarray:
        """The float64 ``(4, 4)`` matrix that turns ``(index of axis 0, of axis 1, of axis 2, 1)`` into LPS."""
        affine = np.eye(4)
        affine[:3, :3] = np.reshape(self.direction, (3, 3)).T * np.asarray(self.spacing_mm)
        affine[:3, 3] = self.origin_mm
        return affine

    @property
    def affine_ras(self) -> np.ndarray:
        """The same matrix into RAS, as NIfTI has it."""
        return np.asarray(_LPS_FROM_RAS @ self.affine_lps)

    def position_mm(self, index: tuple[float, float, float]) -> np.ndarray:
        """Position of an index, fractions allowed: float64 ``(3,)``, LPS."""
        return np.asarray(self.affine_lps @ np.array([*index, 1.0]))[:3]

    def reordered(self, order: tuple[int, ...], is_flipped: tuple[bool, ...], shape: tuple[int, ...]) -> Grid:
        """Return the grid of ``array.transpose(order)``, then flipped along the axes that ``is_flipped`` says.

        Args:
            order: Old axis of each new axis.
            is_flipped: One flag per new axis.
            shape: Shape of the array before.
        """
        signs = np.where(is_flipped, -1.0, 1.0)
        first = [0.0] * 3
        for axis, flip in zip(order, is_flipped, strict=True):
            first[axis] = float(flip) * (shape[axis] - 1)
        # Adding zero turns minus zero, an eyesore in headers, into zero.
        vectors = np.reshape(self.direction, (3, 3))[list(order)] * signs[:, None] + 0.0
        spacing = _triple(np.asarray(self.spacing_mm)[list(order)])
        return Grid(spacing, _triple(self.position_mm(_triple(np.array(first)))), _nine(vectors))


def grid_from_affine(affine: np.ndarray, *, is_ras: bool) -> Grid:
    """Read spacing, origin and direction from a matrix ``(3, 4)`` or ``(4, 4)`` of index to position.

    Raises:
        FormatError: A number is not finite, an axis has no length, or axes are not at right angles.
    """
    steps, origin = np.asarray(affine, np.float64)[:3, :3], np.asarray(affine, np.float64)[:3, 3]
    if is_ras and np.isfinite(affine).all():
        steps, origin = _LPS_FROM_RAS[:3, :3] @ steps, _LPS_FROM_RAS[:3, :3] @ origin
    spacing = np.linalg.norm(steps, axis=0)
    if not (np.isfinite(affine).all() and (spacing > 0).all()):
        raise FormatError(
            "the position of the voxels is not stated",
            received=f"spacing {_numbers(spacing)} mm",
            allowed="three positive spacings and a finite origin",
            action="convert the image again from its DICOM series",
        )
    unit = steps / spacing
    if not np.allclose(unit.T @ unit, np.eye(3), atol=_RIGHT_ANGLE_WITHIN):
        raise FormatError(
            "the axes of the image are not at right angles (a tilted gantry that was not corrected)",
            received=f"cosines between axes {_numbers((unit.T @ unit)[np.triu_indices(3, 1)])}",
            allowed=f"0 within {_RIGHT_ANGLE_WITHIN:g}",
            action="give the original DICOM series, or resample the image onto a rectangular grid",
        )
    return Grid(_triple(spacing), _triple(origin + 0.0), _nine(unit.T + 0.0))


def canonical(array: np.ndarray, grid: Grid) -> tuple[np.ndarray, Grid]:
    """Put axes in the order foot to head, front to back, patient's right to left, by permutation and flips only.

    Each array axis goes where it is nearest to; an oblique image keeps its obliquity in ``direction``.

    Args:
        array: Any array of three axes.
        grid: Where its voxels lie.

    Returns:
        A view of the array, and its grid.
    """
    components = np.reshape(grid.direction, (3, 3))[:, list(_CANONICAL_AXES)]
    # Of the six ways to name three axes, the one whose axes lie closest overall.
    order = max(
        itertools.permutations(range(3)),
        key=lambda old: sum(abs(components[axis, new]) for new, axis in enumerate(old)),
    )
    is_flipped = tuple(bool(components[axis, new] < 0) for new, axis in enumerate(order))
    view = array.transpose(order)[tuple(slice(None, None, -1 if flip else 1) for flip in is_flipped)]
    return view, grid.reordered(order, is_flipped, array.shape)


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third


def _nine(vectors: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in vectors.ravel())


def _numbers(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
