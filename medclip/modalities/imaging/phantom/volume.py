"""A chest in Hounsfield units on a grid, with the exact masks of its findings.

Attenuation of tissues: Hounsfield units of air, lung, fat, muscle, liver, blood and bone as in H. Hofer, CT Teaching
Manual (4th edition, 2010); emphysema below -950 as in P. A. Gevenois et al., Am J Respir Crit Care Med 152:653 (1995).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medclip.modalities.imaging.phantom.anatomy import Anatomy
from medclip.modalities.imaging.phantom.chest import Spaces, measure_spaces
from medclip.modalities.imaging.phantom.grid import Grid
from medclip.modalities.imaging.phantom.heart import (
    Heart,
    aorta_points,
    aortic_calcium,
    coronary_calcium,
    heart_of,
    pulmonary_trunks,
)
from medclip.modalities.imaging.phantom.lesions import (
    bullae,
    consolidation,
    effusion,
    heart_ratio,
    nodule,
    nodule_geometry,
    pneumothorax_gap,
)
from medclip.modalities.imaging.phantom.scene import Scene
from medclip.modalities.imaging.phantom.shapes import ellipsoid, inside, paint, polyline, smooth_noise, stamp
from medclip.modalities.imaging.phantom.skeleton import bones, spine_distance, vertebra_phase
from medclip.modalities.imaging.phantom.vessels import airways, vessel_trees

__all__ = ["HOUNSFIELD", "Phantom", "render"]

HOUNSFIELD = {
    "air": -1000.0,
    "lung": -850.0,
    "emphysema": -975.0,
    "fat": -100.0,
    "water": 8.0,
    "muscle": 52.0,
    "heart": 45.0,
    "liver": 62.0,
    "spleen": 50.0,
    "disc": 85.0,
    "marrow": 220.0,
    "bone": 620.0,
    "calcium": 900.0,
}
"""Attenuation of tissues."""

_STREAMS = {"vessels": 11, "consolidation": 12, "nodule": 13, "emphysema": 14, "calcium": 15, "texture": 16}


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
        """``{kind: bool}``, True where the finding fills at least half of the voxel."""
        return {kind: share >= 0.5 for kind, share in self.shares.items()}


def render(scene: Scene, grid: Grid) -> Phantom:
    """Compute a chest without noise; the same patient on every grid."""
    return _Rendering(scene, grid).run()


class _Rendering:
    """One chest in the making; later organs are painted over earlier ones."""

    def __init__(self, scene: Scene, grid: Grid) -> None:
        self.scene = scene
        self.grid = grid
        self.anatomy: Anatomy = scene.anatomy
        self.spaces: Spaces = measure_spaces(scene.anatomy, grid)
        enlarged = scene.lesion("cardiomegaly")
        ratio = scene.anatomy.cardiothoracic_ratio if enlarged is None else heart_ratio(enlarged)
        self.heart: Heart = heart_of(scene.anatomy, ratio)
        self.heart_distance = ellipsoid(grid, self.heart.centre_mm, self.heart.semi_axes_mm, self.heart.rotation)
        self.hounsfield = np.full(grid.shape, HOUNSFIELD["air"], np.float32)
        self.shares: dict[str, np.ndarray] = {}

    def run(self) -> Phantom:
        """Paint from the skin inwards."""
        self._paint_wall()
        self._paint_abdomen()
        self._paint_lungs()
        self._paint_heart()
        self._paint_bones()
        if self.scene.lesion("aortic_calcification"):
            self._paint_calcium("aortic_calcification")
        if self.scene.lesion("coronary_calcification"):
            self._paint_calcium("coronary_calcification")
        return Phantom(self.grid, self.hounsfield, self.shares)

    def _random(self, purpose: str) -> np.random.Generator:
        return self.scene.key.patient_stream(_STREAMS[purpose])

    def _fill(self, distance: np.ndarray, value: float | np.ndarray) -> None:
        paint(self.hounsfield, inside(distance, self.grid), value)

    def _paint_wall(self) -> None:
        anatomy, body = self.anatomy, self.spaces.body
        self._fill(body, HOUNSFIELD["fat"])
        if anatomy.sex == "female":
            for side in (-1.0, 1.0):
                centre = np.array(
                    [-55.0, -anatomy.half_depth_mm - anatomy.fat_mm - 12.0, 0.55 * anatomy.half_width_mm * side]
                )
                size = np.array([52.0, 26.0 + 0.8 * anatomy.fat_mm, 56.0])
                paint(self.hounsfield, inside(ellipsoid(self.grid, centre, size), self.grid), -60.0)
        self._fill(body + np.float32(anatomy.fat_mm), HOUNSFIELD["muscle"])
        # The mediastinum: fat between muscle, vessels and nodes.
        self._fill(self.spaces.cage, -10.0)

    def _paint_abdomen(self) -> None:
        anatomy, grid = self.anatomy, self.grid
        below = np.maximum(self.spaces.cage + np.float32(1.0), -self.spaces.diaphragm)
        side = np.where(grid.x < 20.0, HOUNSFIELD["liver"], HOUNSFIELD["spleen"]).astype(np.float32)
        self._fill(below, side)
        top = anatomy.dome_mm - anatomy.dome_offset_mm
        centre = np.array([top - 32.0, -0.15 * anatomy.half_depth_mm, 0.50 * anatomy.half_width_mm])
        self._fill(ellipsoid(grid, centre, np.array([20.0, 34.0, 36.0])), HOUNSFIELD["air"])

    def _lung_distance(self) -> np.ndarray:
        """Distance to the pleural space, negative inside; before air or fluid enters it."""
        distance = np.maximum(self.spaces.cage + np.float32(1.5), self.spaces.diaphragm * np.float32(0.8))
        np.maximum(distance, self.spaces.mediastinum, out=distance)
        np.maximum(distance, np.float32(3.0) - self.heart_distance, out=distance)
        return np.maximum(distance, np.float32(2.0) - spine_distance(self.anatomy, self.grid), out=distance)

    def _paint_lungs(self) -> None:
        pleural = self._lung_distance()
        space = inside(pleural, self.grid)
        lung = self._collapsed(pleural, space)
        self._paint_parenchyma(lung)
        self._paint_consolidation(lung)
        self._paint_nodule(lung)
        fluid = self.scene.lesion("effusion")
        if fluid is not None:
            share = effusion(fluid, self.anatomy, self.spaces, space, self.grid)
            paint(self.hounsfield, share, HOUNSFIELD["water"])
            self.shares["effusion"] = share

    def _collapsed(self, pleural: np.ndarray, space: np.ndarray) -> np.ndarray:
        """Paint air between lung and wall, and return the shares of the lungs that are left."""
        lesion = self.scene.lesion("pneumothorax")
        if lesion is None:
            return space
        retracted = self.spaces.cage + pneumothorax_gap(lesion, self.anatomy, self.grid)
        lung = inside(np.maximum(pleural, retracted), self.grid)
        air = space - lung
        paint(self.hounsfield, space, HOUNSFIELD["air"])
        self.shares["pneumothorax"] = air
        # The visceral pleura, about 1 mm thick.
        line = np.abs(retracted) - np.float32(0.6)
        amplitude = np.float32(min(1.0, 1.2 / self.grid.softness_mm))
        paint(self.hounsfield, inside(line, self.grid) * space * (air > 0.02) * amplitude, 30.0)
        return lung

    def _paint_parenchyma(self, lung: np.ndarray) -> None:
        grid, anatomy = self.grid, self.anatomy
        # Blood gathers where the lung lies lowest: up to 40 HU from front to back in a lying patient.
        lowest = grid.y / 90.0 if anatomy.posture == "supine" else -grid.z / 130.0
        tissue = smooth_noise(grid, self._random("texture"), scale_mm=20.0) * np.float32(9.0)
        tissue += (HOUNSFIELD["lung"] + 22.0 * lowest).astype(np.float32)
        vessels = np.zeros(grid.shape, np.float32)
        points, radii = vessel_trees(anatomy, self._random("vessels"))
        for is_class in (radii < 1.6, radii >= 1.6):
            stamp(vessels, grid, points[is_class], radii[is_class])
        lesion = self.scene.lesion("emphysema")
        if lesion is not None:
            self._destroy(tissue, vessels, lung)
        paint(self.hounsfield, lung, tissue)
        vessels *= lung
        paint(self.hounsfield, vessels, anatomy.blood_hounsfield)

    def _destroy(self, tissue: np.ndarray, vessels: np.ndarray, lung: np.ndarray) -> None:
        """Emphysema: upper lobes lose tissue and vessels, and bullae lie in them."""
        lesion, grid = self.scene.lesion("emphysema"), self.grid
        if lesion is None:
            return
        upper = np.clip((grid.z + 70.0) / 110.0, 0.15, 1.0).astype(np.float32)
        tissue -= np.float32(45.0 + 30.0 * lesion.extent) * upper
        vessels *= 1 - np.float32(0.65) * upper
        holes = np.zeros(grid.shape, np.float32)
        stamp(holes, grid, *bullae(lesion, self.anatomy, self._random("emphysema")))
        holes *= lung
        paint(tissue, holes, HOUNSFIELD["emphysema"])
        vessels *= 1 - holes
        self.shares["emphysema"] = holes

    def _paint_consolidation(self, lung: np.ndarray) -> None:
        lesion = self.scene.lesion("consolidation")
        if lesion is None:
            return
        random = self._random("consolidation")
        share, centre = consolidation(lesion, self.anatomy, self.grid, random)
        share *= lung
        paint(self.hounsfield, share * np.float32(0.93), 35.0)
        self.shares["consolidation"] = share
        # Air bronchograms: the airways stay open.
        hilum = np.array([14.0, 18.0, 42.0 if "left" in lesion.lobe else -42.0])
        air = np.zeros(self.grid.shape, np.float32)
        for _ in range(4):
            end = hilum + (np.array(centre) - hilum) * 1.25 + random.normal(0, 13.0, 3)
            points = polyline(np.stack([hilum, end]), 0.5 * self.grid.softness_mm)
            stamp(air, self.grid, points, np.linspace(2.8, 1.2, len(points)))
        paint(self.hounsfield, air * share, -850.0)

    def _paint_nodule(self, lung: np.ndarray) -> None:
        lesion = self.scene.lesion("nodule")
        if lesion is None:
            return
        ball = nodule_geometry(lesion, self.anatomy, self._random("nodule"))
        share = nodule(ball, self.grid) * lung
        paint(self.hounsfield, share, 40.0)
        self.shares["nodule"] = share

    def _paint_heart(self) -> None:
        grid, heart, blood = self.grid, self.heart, self.anatomy.blood_hounsfield
        muscle = inside(self.heart_distance, grid)
        paint(self.hounsfield, muscle, HOUNSFIELD["heart"] + 0.25 * (blood - 42.0))
        if self.scene.lesion("cardiomegaly"):
            self.shares["cardiomegaly"] = muscle
        for place, size in _CHAMBERS:
            centre, axes = heart.point(*place), heart.semi_axes_mm * size
            self._fill(ellipsoid(grid, centre, axes, heart.rotation), blood)
        vessels = np.zeros(grid.shape, np.float32)
        step = 0.6 * grid.softness_mm
        stamp(vessels, grid, polyline(aorta_points(self.anatomy), step), self.anatomy.aorta_mm)
        for line, radius in zip(pulmonary_trunks(self.anatomy), (13.0, 8.5, 8.0, 9.0), strict=True):
            stamp(vessels, grid, polyline(line, step), radius)
        paint(self.hounsfield, vessels, blood)
        air = np.zeros(grid.shape, np.float32)
        for line, radius in airways(self.anatomy):
            stamp(air, grid, polyline(line, step), radius)
        paint(self.hounsfield, air, HOUNSFIELD["air"])

    def _paint_bones(self) -> None:
        grid = self.grid
        spine = inside(spine_distance(self.anatomy, grid), grid)
        is_disc = np.clip((vertebra_phase(grid.z) - 0.72) * 8.0, 0.0, 1.0)
        age = np.float32(1.25 - 0.006 * self.anatomy.age_years)
        paint(self.hounsfield, spine, (HOUNSFIELD["marrow"] * age * (1 - is_disc) + HOUNSFIELD["disc"] * is_disc))
        outer, inner = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
        skeleton = bones(self.anatomy, max(2.0, 0.7 * grid.softness_mm))
        for radius in sorted({radius for _, radius in skeleton}):
            points = np.concatenate([line for line, own in skeleton if own == radius])
            stamp(outer, grid, points, radius)
            if radius > 4.0:
                stamp(inner, grid, points, radius - 2.5)
        paint(self.hounsfield, outer, HOUNSFIELD["bone"])
        paint(self.hounsfield, inner, HOUNSFIELD["marrow"] * age)

    def _paint_calcium(self, kind: str) -> None:
        lesion = self.scene.lesion(kind)
        if lesion is None:
            return
        random = self._random("calcium")
        is_aortic = kind == "aortic_calcification"
        points = (
            aortic_calcium(self.anatomy, lesion.extent, random)
            if is_aortic
            else coronary_calcium(self.heart, lesion.extent, random)
        )
        share = np.zeros(self.grid.shape, np.float32)
        stamp(share, self.grid, points, 2.8 if is_aortic else 2.4)
        paint(self.hounsfield, share, HOUNSFIELD["calcium"])
        self.shares[kind] = share


_CHAMBERS = (
    ((0.42, -0.10, 0.30), (0.42, 0.42, 0.42)),
    ((0.25, -0.10, -0.50), (0.55, 0.50, 0.30)),
    ((-0.45, 0.25, 0.35), (0.38, 0.45, 0.42)),
    ((-0.50, 0.00, -0.40), (0.36, 0.45, 0.38)),
)
