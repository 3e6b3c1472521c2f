"""Paint the heart, the large vessels, the airways, and calcium in arteries."""

from __future__ import annotations

import numpy as np

from medclip.modalities.imaging.phantom.canvas import HOUNSFIELD, Canvas
from medclip.modalities.imaging.phantom.heart import (
    CHAMBERS,
    Heart,
    aorta_points,
    aortic_calcium,
    coronary_calcium,
    pulmonary_trunks,
)
from medclip.modalities.imaging.phantom.shapes import ellipsoid_share, paint, polyline, stamp
from medclip.modalities.imaging.phantom.vessels import airways

__all__ = ["paint_calcium", "paint_heart"]

_TRUNK_RADII_MM = (13.0, 8.5, 8.0, 9.0)
_PLAQUE_MM = {"aortic_calcification": 3.6, "coronary_calcification": 2.4}


def paint_heart(canvas: Canvas, heart: Heart) -> None:
    """Paint heart, vessels and airways; contrast medium is seen in chambers and vessels."""
    grid, blood = canvas.grid, canvas.anatomy.blood_hounsfield
    found = ellipsoid_share(grid, heart.centre_mm, heart.semi_axes_mm, heart.rotation)
    if found is not None:
        place, muscle = found
        # The muscle takes up a quarter of the contrast.
        paint(canvas.hounsfield[place], muscle, HOUNSFIELD["heart"] + 0.25 * (blood - HOUNSFIELD["blood"]))
        if canvas.scene.lesion("cardiomegaly"):
            canvas.shares["cardiomegaly"] = np.zeros(grid.shape, np.float32)
            canvas.shares["cardiomegaly"][place] = muscle
    for middle, size in CHAMBERS:
        canvas.fill_ellipsoid(heart.point(*middle), heart.semi_axes_mm * size, blood, heart.rotation)
    step_mm = 0.6 * grid.softness_mm
    vessels = canvas.stamped(polyline(aorta_points(canvas.anatomy), step_mm), canvas.anatomy.aorta_mm)
    for line, radius_mm in zip(pulmonary_trunks(), _TRUNK_RADII_MM, strict=True):
        stamp(vessels, grid, polyline(line, step_mm), radius_mm)
    paint(canvas.hounsfield, vessels, blood)
    air = np.zeros(grid.shape, np.float32)
    for line, radius_mm in airways(canvas.anatomy):
        stamp(air, grid, polyline(line, step_mm), radius_mm)
    paint(canvas.hounsfield, air, HOUNSFIELD["air"])


def paint_calcium(canvas: Canvas, heart: Heart) -> None:
    """Paint plaques in the wall of the aorta and in the coronary arteries."""
    for kind, radius_mm in _PLAQUE_MM.items():
        lesion = canvas.scene.lesion(kind)
        if lesion is None:
            continue
        random = canvas.random(kind)
        is_aortic = kind == "aortic_calcification"
        points = (
            aortic_calcium(canvas.anatomy, lesion.extent, random)
            if is_aortic
            else coronary_calcium(heart, lesion.extent, random)
        )
        share = canvas.stamped(points, radius_mm)
        paint(canvas.hounsfield, share, HOUNSFIELD["calcium"])
        canvas.shares[kind] = share
