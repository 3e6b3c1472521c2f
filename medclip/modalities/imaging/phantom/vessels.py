"""Airways, and the trees of vessels inside the lungs."""

from __future__ import annotations

import numpy as np

from medclip.modalities.imaging.phantom.anatomy import Anatomy

__all__ = ["airways", "vessel_trees"]

_N_BRANCHES = 46
_N_TWIGS = 2


def airways(anatomy: Anatomy) -> list[tuple[np.ndarray, float]]:
    """Return trachea and main bronchi as corners ``(n, 3)`` of lines and their radius in mm."""
    carina = np.array([44.0, 14.0, 0.0])
    return [
        (np.array([[anatomy.apex_mm + 80.0, -4.0, 0.0], carina]), 8.5),
        (np.array([carina, [18.0, 18.0, -34.0], [-12.0, 22.0, -52.0]]), 5.5),
        (np.array([carina, [22.0, 20.0, 38.0], [-8.0, 28.0, 56.0]]), 5.5),
    ]


def vessel_trees(anatomy: Anatomy, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return points ``(n, 3)`` as (z, y, x) and radii ``(n,)`` of the vessels of both lungs, tapering outwards."""
    points, radii = [], []
    for side in (-1.0, 1.0):
        hilum = np.array([14.0, 14.0, 42.0 * side])
        ends = _ends(anatomy, side, random)
        stems = _curves(hilum + random.normal(0, 5.0, ends.shape), ends, random)
        thick = np.linspace(1.0, 0.22, stems.shape[1])[None, :] * random.uniform(2.4, 4.2, (len(ends), 1))
        points.append(stems.reshape(-1, 3))
        radii.append(thick.reshape(-1))
        for _ in range(_N_TWIGS):
            start = random.integers(stems.shape[1] // 4, stems.shape[1] * 2 // 3, len(ends))
            foot, at = stems[np.arange(len(ends)), start], thick[np.arange(len(ends)), start]
            twigs = _curves(foot, foot + random.normal(0, 26.0, foot.shape), random)
            points.append(twigs.reshape(-1, 3))
            radii.append((np.linspace(0.8, 0.3, twigs.shape[1])[None, :] * at[:, None]).reshape(-1))
    return np.concatenate(points), np.concatenate(radii)


def _ends(anatomy: Anatomy, side: float, random: np.random.Generator) -> np.ndarray:
    turn, height = random.uniform(0, 2 * np.pi, _N_BRANCHES), random.uniform(-1.0, 1.0, _N_BRANCHES)
    middle = 0.53 * anatomy.half_width_mm
    z = np.where(height > 0, height * (anatomy.apex_mm - 22.0), height * 150.0)
    y = 0.82 * anatomy.half_depth_mm * np.cos(turn)
    x = side * (middle + 0.40 * anatomy.half_width_mm * np.sin(turn))
    return np.stack([z, y, x], axis=1)


def _curves(starts: np.ndarray, ends: np.ndarray, random: np.random.Generator, n_points: int = 36) -> np.ndarray:
    """Bent lines between points, ``(n, n_points, 3)``."""
    share = np.linspace(0.0, 1.0, n_points)[None, :, None]
    bend = (starts + ends) / 2 + random.normal(0, 9.0, starts.shape)
    ends = share**2 * ends[:, None]
    curves: np.ndarray = (1 - share) ** 2 * starts[:, None] + 2 * share * (1 - share) * bend[:, None] + ends
    return curves
