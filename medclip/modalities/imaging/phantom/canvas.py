"""A chest in the making: what organs are painted on.

Attenuation of tissues: Hounsfield units of air, lung, fat, muscle, liver, blood and bone as in M. Hofer, CT Teaching
Manual (4th edition, 2010); emphysema below -950 as in P. A. Gevenois et al., Am J Respir Crit Care Med 152:653 (1995).
"""

from __future__ import annotations

import numpy as np

from medclip.modalities.imaging.phantom.chest import Spaces, measure_spaces
from medclip.modalities.imaging.phantom.grid import Grid
from medclip.modalities.imaging.phantom.scene import Scene
from medclip.modalities.imaging.phantom.shapes import ellipsoid_share, inside, paint, stamp

__all__ = ["HOUNSFIELD", "Canvas"]

HOUNSFIELD = {
    "air": -1000.0,
    "lung": -850.0,
    "emphysema": -975.0,
    "fat": -100.0,
    "breast": -75.0,
    "mediastinum": -20.0,
    "water": 8.0,
    "pleura": 30.0,
    "consolidation": 35.0,
    "nodule": 40.0,
    "blood": 42.0,
    "heart": 45.0,
    "spleen": 50.0,
    "muscle": 52.0,
    "liver": 62.0,
    "disc": 85.0,
    "marrow": 220.0,
    "bone": 700.0,
    "calcium": 1100.0,
}
"""Attenuation of tissues."""

_STREAMS = (
    "vessels",
    "texture",
    "consolidation",
    "nodule",
    "emphysema",
    "aortic_calcification",
    "coronary_calcification",
)


class Canvas:
    """A volume of air, on which later organs are painted over earlier ones.

    Args:
        scene: The patient.
        grid: Where voxels lie.
    """

    def __init__(self, scene: Scene, grid: Grid) -> None:
        self.scene = scene
        self.grid = grid
        self.anatomy = scene.anatomy
        self.spaces: Spaces = measure_spaces(scene.anatomy, grid)
        self.hounsfield = np.full(grid.shape, HOUNSFIELD["air"], np.float32)
        self.shares: dict[str, np.ndarray] = {}

    def random(self, purpose: str) -> np.random.Generator:
        """Return fresh random numbers for one organ or finding, the same in every record of the patient."""
        return self.scene.key.patient_stream(10 + _STREAMS.index(purpose))

    def fill(self, distance_mm: np.ndarray, value: float | np.ndarray) -> None:
        """Paint a shape given by the distance to its surface."""
        paint(self.hounsfield, inside(distance_mm, self.grid), value)

    def fill_ellipsoid(
        self, centre_mm: np.ndarray, semi_axes_mm: np.ndarray, value: float, rotation: np.ndarray | None = None
    ) -> None:
        """Paint an ellipsoid; see ``shapes.ellipsoid``."""
        found = ellipsoid_share(self.grid, centre_mm, semi_axes_mm, rotation)
        if found is not None:
            paint(self.hounsfield[found[0]], found[1], value)

    def stamped(self, points_mm: np.ndarray, radius_mm: np.ndarray | float) -> np.ndarray:
        """Shares of all voxels inside any of some balls."""
        share = np.zeros(self.grid.shape, np.float32)
        stamp(share, self.grid, points_mm, radius_mm)
        return share
