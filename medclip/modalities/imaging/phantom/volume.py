"""A chest in Hounsfield units on a grid, with the exact masks of its findings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medclip.modalities.imaging.phantom.canvas import Canvas
from medclip.modalities.imaging.phantom.grid import Grid
from medclip.modalities.imaging.phantom.heart import heart_of
from medclip.modalities.imaging.phantom.lesions import heart_ratio
from medclip.modalities.imaging.phantom.lungs import paint_lungs
from medclip.modalities.imaging.phantom.mediastinum import paint_calcium, paint_heart
from medclip.modalities.imaging.phantom.scene import Scene
from medclip.modalities.imaging.phantom.trunk import paint_abdomen, paint_bones, paint_wall

__all__ = ["Phantom", "render"]


@dataclass(frozen=True, eq=False)
class Phantom:
    """A rendered chest.

    Args:
        grid: Where its voxels lie.
        hounsfield: float32 of the grid's shape.
        shares: ``{kind: float32 share of every voxel that the finding fills}``, for the findings it has.
    """

    grid: Grid
    hounsfield: np.ndarray
    shares: dict[str, np.ndarray]

    @property
    def masks(self) -> dict[str, np.ndarray]:
        """``{kind: bool}``, True where the finding fills half of a voxel, or half as much as where it fills most."""
        fullest = {kind: float(share.max(initial=0.0)) for kind, share in self.shares.items()}
        # Plaques are thinner than the voxels of a coarse grid; a finding outside the grid has no mask anywhere.
        return {kind: share >= max(0.5 * fullest[kind], 1e-3) for kind, share in self.shares.items()}


def render(scene: Scene, grid: Grid) -> Phantom:
    """Compute a chest without noise, from the skin inwards; the same patient on every grid."""
    canvas = Canvas(scene, grid)
    enlarged = scene.lesion("cardiomegaly")
    heart = heart_of(scene.anatomy, scene.anatomy.cardiothoracic_ratio if enlarged is None else heart_ratio(enlarged))
    paint_wall(canvas)
    paint_abdomen(canvas)
    paint_lungs(canvas, heart)
    paint_heart(canvas, heart)
    paint_bones(canvas)
    paint_calcium(canvas, heart)
    return Phantom(grid, canvas.hounsfield, canvas.shares)
