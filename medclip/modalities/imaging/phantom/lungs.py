"""Paint the lungs and what is wrong with them."""

from __future__ import annotations

import itertools

import numpy as np

from medclip.modalities.imaging.phantom.canvas import HOUNSFIELD, Canvas
from medclip.modalities.imaging.phantom.disease import Lesion
from medclip.modalities.imaging.phantom.heart import Heart
from medclip.modalities.imaging.phantom.lesions import (
    bullae,
    consolidation,
    effusion,
    nodule_geometry,
    pneumothorax_gap,
)
from medclip.modalities.imaging.phantom.shapes import (
    ellipsoid,
    ellipsoid_share,
    inside,
    paint,
    polyline,
    smooth_noise,
    stamp,
)
from medclip.modalities.imaging.phantom.skeleton import spine_box, spine_distance
from medclip.modalities.imaging.phantom.vessels import vessel_trees

__all__ = ["paint_lungs"]

_PLEURA_MM = 1.2
_PERICARDIUM_MM = 3.0


def paint_lungs(canvas: Canvas, heart: Heart) -> None:
    """Paint lungs, then what fills them, then the fluid around them."""
    pleural = _pleural_distance(canvas, heart)
    space = inside(pleural, canvas.grid)
    lung = _collapse(canvas, pleural, space)
    _paint_parenchyma(canvas, lung)
    for kind, paint_lesion in (("consolidation", _paint_consolidation), ("nodule", _paint_nodule)):
        lesion = canvas.scene.lesion(kind)
        if lesion is not None:
            paint_lesion(canvas, lesion, lung)
    fluid = canvas.scene.lesion("effusion")
    if fluid is not None:
        share = effusion(fluid, canvas.anatomy, canvas.spaces, space, canvas.grid)
        paint(canvas.hounsfield, share, HOUNSFIELD["water"])
        canvas.shares["effusion"] = share


def _pleural_distance(canvas: Canvas, heart: Heart) -> np.ndarray:
    """Distance to the surface of both pleural spaces, negative inside; before air or fluid enters them."""
    spaces, grid = canvas.spaces, canvas.grid
    distance: np.ndarray = np.maximum(spaces.cage + np.float32(1.5), spaces.diaphragm * np.float32(0.8))
    np.maximum(distance, spaces.mediastinum, out=distance)
    reach = heart.reach_mm + _PERICARDIUM_MM + 2 * max(grid.spacing_mm)
    around_heart = grid.box(heart.centre_mm - reach, heart.centre_mm + reach)
    if around_heart is not None:
        place, part = around_heart
        away = ellipsoid(part, heart.centre_mm, heart.semi_axes_mm, heart.rotation)
        np.maximum(distance[place], np.float32(_PERICARDIUM_MM) - away, out=distance[place])
    around_spine = spine_box(canvas.anatomy, grid)
    if around_spine is not None:
        place, part = around_spine
        away = spine_distance(canvas.anatomy, part)
        np.maximum(distance[place], np.float32(2.0) - away, out=distance[place])
    return distance


def _collapse(canvas: Canvas, pleural: np.ndarray, space: np.ndarray) -> np.ndarray:
    """Paint air between lung and wall, and return the shares of the lungs that are left."""
    lesion = canvas.scene.lesion("pneumothorax")
    if lesion is None:
        return space
    grid = canvas.grid
    retracted = canvas.spaces.cage + pneumothorax_gap(lesion, canvas.anatomy, grid)
    lung = inside(np.maximum(pleural, retracted), grid)
    air = space - lung
    paint(canvas.hounsfield, space, HOUNSFIELD["air"])
    line = inside(np.abs(retracted) - np.float32(_PLEURA_MM / 2), grid)
    line *= np.float32(min(1.0, _PLEURA_MM / grid.softness_mm)) * space * (air > 0.02)
    paint(canvas.hounsfield, line, HOUNSFIELD["pleura"])
    canvas.shares["pneumothorax"] = air
    return lung


def _paint_parenchyma(canvas: Canvas, lung: np.ndarray) -> None:
    grid, anatomy = canvas.grid, canvas.anatomy
    # Blood gathers where the lung lies lowest: some 40 HU from front to back in a lying patient.
    lowest = grid.y / 90.0 if anatomy.posture == "supine" else -grid.z / 130.0
    tissue = smooth_noise(grid, canvas.random("texture"), scale_mm=20.0) * np.float32(9.0)
    tissue += (HOUNSFIELD["lung"] + 22.0 * lowest).astype(np.float32)
    vessels = np.zeros(grid.shape, np.float32)
    points, radii = vessel_trees(anatomy, canvas.random("vessels"), step_mm=max(1.0, 0.9 * grid.softness_mm))
    edges_mm = (0.0, 0.5 * grid.softness_mm, grid.softness_mm, np.inf)
    for low, high in itertools.pairwise(edges_mm):
        is_class = (low <= radii) & (radii < high)
        stamp(vessels, grid, points[is_class], radii[is_class])
    lesion = canvas.scene.lesion("emphysema")
    if lesion is not None:
        _destroy(canvas, lesion, tissue, vessels, lung)
    paint(canvas.hounsfield, lung, tissue)
    vessels *= lung
    paint(canvas.hounsfield, vessels, anatomy.blood_hounsfield)


def _destroy(canvas: Canvas, lesion: Lesion, tissue: np.ndarray, vessels: np.ndarray, lung: np.ndarray) -> None:
    """Emphysema: upper lobes lose tissue and vessels, and air spaces without walls lie in them."""
    upper = np.clip((canvas.grid.z + 70.0) / 110.0, 0.15, 1.0).astype(np.float32)
    tissue -= np.float32(75.0 + 35.0 * lesion.extent) * upper
    vessels *= 1 - np.float32(0.65) * upper
    holes = canvas.stamped(*bullae(lesion, canvas.anatomy, canvas.random("emphysema")))
    holes *= lung
    paint(tissue, holes, HOUNSFIELD["emphysema"])
    vessels *= 1 - holes
    canvas.shares["emphysema"] = holes


def _paint_consolidation(canvas: Canvas, lesion: Lesion, lung: np.ndarray) -> None:
    random = canvas.random("consolidation")
    share, centre = consolidation(lesion, canvas.anatomy, canvas.grid, random)
    share *= lung
    paint(canvas.hounsfield, share * np.float32(0.93), HOUNSFIELD["consolidation"])
    canvas.shares["consolidation"] = share
    # Air bronchograms: the airways stay open.
    hilum = np.array([14.0, 18.0, 42.0 if lesion.side == "left" else -42.0])
    lines, radii = [], []
    for _ in range(4):
        end = hilum + (np.array(centre) - hilum) * 1.25 + random.normal(0, 13.0, 3)
        lines.append(polyline(np.stack([hilum, end]), 0.5 * canvas.grid.softness_mm))
        radii.append(np.linspace(2.8, 1.2, len(lines[-1])))
    air = canvas.stamped(np.concatenate(lines), np.concatenate(radii))
    air *= share
    paint(canvas.hounsfield, air, HOUNSFIELD["lung"])


def _paint_nodule(canvas: Canvas, lesion: Lesion, lung: np.ndarray) -> None:
    centre, radius = nodule_geometry(lesion, canvas.anatomy, canvas.random("nodule"))
    share = np.zeros(canvas.grid.shape, np.float32)
    found = ellipsoid_share(canvas.grid, centre, np.full(3, radius))
    if found is not None:
        share[found[0]] = found[1]
        share *= lung
        paint(canvas.hounsfield, share, HOUNSFIELD["nodule"])
    canvas.shares["nodule"] = share
