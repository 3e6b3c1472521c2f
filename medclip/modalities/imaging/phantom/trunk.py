"""Paint what surrounds the lungs: skin, fat, muscle, the upper abdomen, and bones."""

from __future__ import annotations

import numpy as np

from medclip.modalities.imaging.phantom.canvas import HOUNSFIELD, Canvas
from medclip.modalities.imaging.phantom.shapes import inside, paint, stamp
from medclip.modalities.imaging.phantom.skeleton import bones, spine_box, spine_distance, vertebra_phase

__all__ = ["paint_abdomen", "paint_bones", "paint_wall"]

_DISC_FROM = 0.72
_CORTEX_MM = 2.5


def paint_wall(canvas: Canvas) -> None:
    """Paint the body as fat, breasts, muscle, and the fat of the mediastinum."""
    anatomy, body = canvas.anatomy, canvas.spaces.body
    canvas.fill(body, HOUNSFIELD["fat"])
    if anatomy.sex == "female":
        front = -anatomy.half_depth_mm - anatomy.fat_mm - 12.0
        size = np.array([48.0, 14.0 + 0.6 * anatomy.fat_mm, 52.0])
        for side in (-1.0, 1.0):
            centre = np.array([-58.0, front, 0.55 * anatomy.half_width_mm * side])
            canvas.fill_ellipsoid(centre, size, HOUNSFIELD["breast"])
    canvas.fill(body + np.float32(anatomy.fat_mm), HOUNSFIELD["muscle"])
    canvas.fill(canvas.spaces.cage, HOUNSFIELD["mediastinum"])


def paint_abdomen(canvas: Canvas) -> None:
    """Paint liver and spleen below the diaphragm, and the gas of the stomach."""
    anatomy = canvas.anatomy
    below = np.maximum(canvas.spaces.cage + np.float32(1.0), -canvas.spaces.diaphragm)
    organ = np.where(canvas.grid.x < 20.0, HOUNSFIELD["liver"], HOUNSFIELD["spleen"]).astype(np.float32)
    canvas.fill(below, organ)
    top = anatomy.dome_mm - anatomy.dome_offset_mm
    centre = np.array([top - 32.0, -0.15 * anatomy.half_depth_mm, 0.50 * anatomy.half_width_mm])
    canvas.fill_ellipsoid(centre, np.array([18.0, 32.0, 34.0]), HOUNSFIELD["air"])


def paint_bones(canvas: Canvas) -> None:
    """Paint the spine, and all other bones as marrow in a shell; marrow thins with age."""
    grid, anatomy = canvas.grid, canvas.anatomy
    marrow = HOUNSFIELD["marrow"] * (1.25 - 0.006 * anatomy.age_years)
    found = spine_box(anatomy, grid)
    if found is not None:
        place, part = found
        is_disc = np.clip((vertebra_phase(part.z) - _DISC_FROM) * 8.0, 0.0, 1.0)
        values = (marrow * (1 - is_disc) + HOUNSFIELD["disc"] * is_disc).astype(np.float32)
        paint(canvas.hounsfield[place], inside(spine_distance(anatomy, part), part), values)
    outer, inner = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    skeleton = bones(anatomy, max(2.0, 0.9 * grid.softness_mm))
    for radius in sorted({bone.radius_mm for bone in skeleton}):
        points = np.concatenate([bone.points_mm for bone in skeleton if bone.radius_mm == radius])
        stamp(outer, grid, points, radius)
        # Marrow that no voxel could show is left out.
        if radius - _CORTEX_MM > 0.7 * grid.softness_mm:
            stamp(inner, grid, points, radius - _CORTEX_MM)
    paint(canvas.hounsfield, outer, HOUNSFIELD["bone"])
    paint(canvas.hounsfield, inner, marrow)
