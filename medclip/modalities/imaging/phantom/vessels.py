"""Airways, and the trees of vessels inside the lungs."""

from __future__ import annotations

from dataclasses import dataclass

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


def vessel_trees(anatomy: Anatomy, random: np.random.Generator, *, step_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Return points ``(n, 3)`` as (z, y, x) and radii ``(n,)`` of the vessels of both lungs, tapering outwards.

    Args:
        anatomy: The chest.
        random: Source of chance; the same vessels whatever the step.
        step_mm: Points lie about this far apart.
    """
    points, radii = [], []
    for side in (-1.0, 1.0):
        hilum = np.array([14.0, 14.0, 42.0 * side])
        stems = _Curves.draw(hilum + random.normal(0, 5.0, (_N_BRANCHES, 3)), _ends(anatomy, side, random), random)
        thickness_mm = random.uniform(2.4, 4.2, (_N_BRANCHES, 1))
        trees = [(stems.at(_shares(120.0, step_mm)), thickness_mm * (1 - 0.78 * _shares(120.0, step_mm)))]
        for _ in range(_N_TWIGS):
            share = random.uniform(0.25, 0.67, (_N_BRANCHES, 1))
            feet = stems.at(share)[:, 0]
            twigs = _Curves.draw(feet, feet + random.normal(0, 26.0, feet.shape), random)
            along = _shares(50.0, step_mm)
            trees.append((twigs.at(along), thickness_mm * (1 - 0.78 * share) * (0.8 - 0.5 * along)))
        points += [places.reshape(-1, 3) for places, _ in trees]
        radii += [thick.reshape(-1) for _, thick in trees]
    return np.concatenate(points), np.concatenate(radii)


@dataclass(frozen=True, eq=False)
class _Curves:
    """Bent lines between points, each ``(n, 3)``."""

    starts: np.ndarray
    bends: np.ndarray
    ends: np.ndarray

    @classmethod
    def draw(cls, starts: np.ndarray, ends: np.ndarray, random: np.random.Generator) -> _Curves:
        return cls(starts, (starts + ends) / 2 + random.normal(0, 9.0, starts.shape), ends)

    def at(self, shares: np.ndarray) -> np.ndarray:
        """Points at shares of the way, ``(n, n_shares, 3)``; ``shares`` is ``(1 or n, n_shares)``."""
        way = shares[:, :, None]
        places: np.ndarray = (
            (1 - way) ** 2 * self.starts[:, None]
            + 2 * way * (1 - way) * self.bends[:, None]
            + way**2 * self.ends[:, None]
        )
        return places


def _shares(length_mm: float, step_mm: float) -> np.ndarray:
    return np.linspace(0.0, 1.0, int(np.ceil(length_mm / step_mm)) + 1)[None, :]


def _ends(anatomy: Anatomy, side: float, random: np.random.Generator) -> np.ndarray:
    turn, height = random.uniform(0, 2 * np.pi, _N_BRANCHES), random.uniform(-1.0, 1.0, _N_BRANCHES)
    middle = 0.53 * anatomy.half_width_mm
    z = np.where(height > 0, height * (anatomy.apex_mm - 22.0), height * 150.0)
    y = 0.82 * anatomy.half_depth_mm * np.cos(turn)
    x = side * (middle + 0.40 * anatomy.half_width_mm * np.sin(turn))
    return np.stack([z, y, x], axis=1)
