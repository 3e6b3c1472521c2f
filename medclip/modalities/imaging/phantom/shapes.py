"""Shapes on a grid: how much of each voxel lies inside."""

from __future__ import annotations

import numpy as np

from medclip.modalities.imaging.phantom.grid import Grid

__all__ = ["ellipsoid", "ellipsoid_share", "inside", "paint", "polyline", "smooth_noise", "stamp"]


def inside(distance_mm: np.ndarray, grid: Grid) -> np.ndarray:
    """Share of each voxel inside a shape, from the distance to its surface (negative inside); float32 in [0, 1]."""
    share = distance_mm * np.float32(-1.0 / grid.softness_mm)
    share += np.float32(0.5)
    return np.clip(share, 0.0, 1.0, out=share)


def paint(hounsfield: np.ndarray, share: np.ndarray, value: float | np.ndarray) -> None:
    """Fill a shape with a value, in place, mixing at its edge."""
    touched = np.flatnonzero(share.any(axis=(1, 2)))
    if not touched.size:
        return
    part = slice(int(touched[0]), int(touched[-1]) + 1)
    whole = hounsfield.shape[0]
    filling = value[part] if isinstance(value, np.ndarray) and value.shape[0] == whole else value
    change = filling - hounsfield[part]
    change *= share[part]
    hounsfield[part] += change


def ellipsoid(
    grid: Grid, centre_mm: np.ndarray, semi_axes_mm: np.ndarray, rotation: np.ndarray | None = None
) -> np.ndarray:
    """Approximate distance to the surface of an ellipsoid, negative inside; exact on the surface.

    Args:
        grid: Where.
        centre_mm: (z, y, x).
        semi_axes_mm: Three lengths, each > 0.
        rotation: ``(3, 3)``; its rows are the directions of the semi-axes as (z, y, x). None: along the grid's axes.
    """
    axes = np.eye(3) if rotation is None else rotation
    form = (axes.T / np.asarray(semi_axes_mm) ** 2) @ axes
    z, y, x = (part - np.float32(middle) for part, middle in zip((grid.z, grid.y, grid.x), centre_mm, strict=True))
    (zz, zy, zx), (_, yy, yx), (_, _, xx) = form.astype(np.float32)
    # Terms of two coordinates are planes, so that only two sums run over the whole grid.
    square = (yy * y * y + 2 * yx * y * x + xx * x * x) + (zz * z * z + 2 * zx * z * x)
    square += 2 * zy * z * y
    np.maximum(square, 0.0, out=square)
    np.sqrt(square, out=square)
    square -= 1.0
    square *= np.float32(np.prod(semi_axes_mm) ** (1 / 3))
    distance: np.ndarray = square
    return distance


def ellipsoid_share(
    grid: Grid, centre_mm: np.ndarray, semi_axes_mm: np.ndarray, rotation: np.ndarray | None = None
) -> tuple[tuple[slice, slice, slice], np.ndarray] | None:
    """Share of each voxel inside an ellipsoid, and where in the grid it lies; None outside the grid.

    The arguments are those of ``ellipsoid``; only the voxels around the ellipsoid are computed.
    """
    reach = np.linalg.norm((np.eye(3) if rotation is None else rotation).T * semi_axes_mm, axis=1)
    reach = reach * 1.05 + 2 * max(grid.spacing_mm)
    found = grid.box(centre_mm - reach, centre_mm + reach)
    if found is None:
        return None
    place, part = found
    return place, inside(ellipsoid(part, centre_mm, semi_axes_mm, rotation), part)


def polyline(points_mm: np.ndarray, step_mm: float) -> np.ndarray:
    """Return points along a line at even steps, ``(n, 3)``, from its corners."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points_mm, axis=0), axis=1))])
    places = np.linspace(0.0, lengths[-1], max(2, int(np.ceil(lengths[-1] / step_mm)) + 1))
    return np.stack([np.interp(places, lengths, points_mm[:, axis]) for axis in range(3)], axis=1)


def stamp(share: np.ndarray, grid: Grid, points_mm: np.ndarray, radius_mm: np.ndarray | float) -> None:
    """Add balls to a map of shares, in place; a ball smaller than a voxel fills its part of one.

    Args:
        share: float32 of the grid's shape, the larger of old and new is kept.
        grid: Where.
        points_mm: ``(n, 3)`` as (z, y, x).
        radius_mm: One for all, or one for each.
    """
    radii = np.broadcast_to(np.asarray(radius_mm, np.float32), (len(points_mm),))
    soft = np.float32(grid.softness_mm)
    reach_mm = max(float(radii.max(initial=0.0)), 0.5 * grid.softness_mm) + 0.5 * grid.softness_mm
    is_near = np.ones(len(points_mm), np.bool_)
    for axis in range(3):
        places = grid.axis(axis)
        is_near &= (points_mm[:, axis] > places[0] - reach_mm) & (points_mm[:, axis] < places[-1] + reach_mm)
    if not is_near.any():
        return
    points_mm, radii = points_mm[is_near], radii[is_near]
    drawn = np.maximum(radii, np.float32(0.5) * soft)
    amplitude = np.minimum(1.0, (radii / drawn) ** 2)
    square, index = _neighbours(grid, points_mm, reach_mm=reach_mm)
    near = square < ((drawn + np.float32(0.5) * soft) ** 2)[:, None]
    ball = np.broadcast_to(np.arange(len(points_mm))[:, None], near.shape)[near]
    filled = np.minimum((drawn[ball] - np.sqrt(square[near])) / soft + np.float32(0.5), np.float32(1.0))
    np.maximum.at(share.reshape(-1), index[near], filled * amplitude[ball])


def _neighbours(grid: Grid, points_mm: np.ndarray, *, reach_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Voxels around points: squared distances in mm (infinite outside the grid) and flat indices, ``(n, k)``."""
    square: np.ndarray = np.zeros((len(points_mm), 1), np.float32)
    index: np.ndarray = np.zeros((len(points_mm), 1), np.int32)
    for axis, (size, spacing) in enumerate(zip(grid.shape, grid.spacing_mm, strict=True)):
        places = ((points_mm[:, axis] - grid.axis(axis)[0]) / spacing).astype(np.float32)
        # The nearest voxel lies up to half a step away, so that the one k steps further lies k - 1/2 steps away.
        n = int(np.ceil(reach_mm / spacing + 0.5)) - 1
        voxels = np.rint(places).astype(np.int32)[:, None] + np.arange(-n, n + 1, dtype=np.int32)
        away = (((voxels - places[:, None]) * np.float32(spacing)) ** 2).astype(np.float32)
        away[(voxels < 0) | (voxels >= size)] = np.inf
        square = (square[:, :, None] + away[:, None, :]).reshape(len(points_mm), -1)
        index = (index[:, :, None] * np.int32(size) + voxels[:, None, :]).reshape(len(points_mm), -1)
    return square, index


def smooth_noise(grid: Grid, random: np.random.Generator, *, scale_mm: float) -> np.ndarray:
    """Random values of mean 0 and deviation near 1 that change over ``scale_mm``; the same places on every grid."""
    coarse = random.standard_normal((24, 24, 24)).astype(np.float32)
    result = coarse
    for axis in range(3):
        weights = _linear_weights(grid.axis(axis), 24, scale_mm)
        result = np.moveaxis(np.tensordot(weights, result, axes=(1, axis)), 0, axis)
    result = np.ascontiguousarray(result)
    result *= np.float32(1.8)
    return result


def _linear_weights(coordinates_mm: np.ndarray, n_nodes: int, scale_mm: float) -> np.ndarray:
    """Weights of linear interpolation, ``(n_coordinates, n_nodes)``; the nodes repeat beyond their end."""
    places = coordinates_mm / scale_mm + n_nodes / 2
    below = np.floor(places).astype(int)
    weights = np.zeros((len(places), n_nodes), np.float32)
    rows = np.arange(len(places))
    weights[rows, below % n_nodes] += (1 - (places - below)).astype(np.float32)
    weights[rows, (below + 1) % n_nodes] += (places - below).astype(np.float32)
    return weights
