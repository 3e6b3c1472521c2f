"""Where in the lungs and pleural spaces a finding lies, as shares of voxels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from medclip.modalities.imaging.phantom.anatomy import Anatomy
from medclip.modalities.imaging.phantom.chest import Spaces, is_lower_lobe
from medclip.modalities.imaging.phantom.disease import Lesion
from medclip.modalities.imaging.phantom.grid import Grid
from medclip.modalities.imaging.phantom.shapes import ellipsoid, inside, smooth_noise

__all__ = [
    "bullae",
    "consolidation",
    "effusion",
    "heart_ratio",
    "nodule_geometry",
    "nodule_radius_mm",
    "pneumothorax_gap",
]

# Middle of each lobe in half widths, half depths and lung heights: x to the patient's left, y to the back, z up.
_LOBE_MIDDLES = {
    "right upper lobe": (-0.50, 0.00, 0.50),
    "right middle lobe": (-0.55, -0.42, -0.30),
    "right lower lobe": (-0.56, 0.42, -0.42),
    "left upper lobe": (0.52, -0.05, 0.46),
    "left lower lobe": (0.64, 0.42, -0.42),
}
_NODULE_RADIUS_MM = (10.0, 15.0)


def heart_ratio(lesion: Lesion) -> float:
    """Cardiothoracic ratio of an enlarged heart."""
    return 0.56 + 0.12 * lesion.extent


def effusion(lesion: Lesion, anatomy: Anatomy, spaces: Spaces, lung: np.ndarray, grid: Grid) -> np.ndarray:
    """Fluid that replaces the lowest part of the pleural space: ``(depth, height, width)`` shares.

    Upright it gathers at the base and climbs along the wall, lying it layers at the back. Its volume is 6 to 45 % of a
    lung's.

    Args:
        lesion: Side and extent.
        anatomy: Posture.
        spaces: The wall that fluid climbs along.
        lung: Shares of both lungs.
        grid: Where.
    """
    share = 0.07 + 0.38 * lesion.extent**1.5
    climb = np.exp(np.maximum(spaces.cage, -60.0) / np.float32(14.0))  # 1 at the wall, falling inwards
    down = grid.y + 0.0 * grid.x if anatomy.posture == "supine" else -grid.z
    depth = down + climb * np.float32(20.0 if anatomy.posture == "supine" else 34.0)
    fluid = np.zeros(grid.shape, np.float32)
    for side in ("right", "left"):
        if lesion.side not in (side, "both"):
            continue
        half = slice(None, grid.shape[2] // 2) if side == "right" else slice(grid.shape[2] // 2, None)
        inner = lung[..., half] > 0.5
        if inner.any():
            level = np.quantile(depth[..., half][inner], 1 - share)
            fluid[..., half] = inside(level - depth[..., half], grid)
    fluid *= lung
    return fluid


def pneumothorax_gap(lesion: Lesion, anatomy: Anatomy, grid: Grid) -> np.ndarray:
    """Distance between lung and chest wall in mm, a plane that broadcasts to the grid; 0 on the other side."""
    widest = 20.0 + 34.0 * lesion.extent
    is_side = (grid.x > 0) if lesion.side == "left" else (grid.x < 0)
    is_supine = anatomy.posture == "supine"
    shape = _rise((20.0 - grid.y) / 90.0) if is_supine else 0.2 + 0.8 * _rise((grid.z + 60.0) / 120.0)
    gap: np.ndarray = (widest * shape * is_side).astype(np.float32)
    return gap


def consolidation(
    lesion: Lesion, anatomy: Anatomy, grid: Grid, random: np.random.Generator
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Shares of airless lung in one lobe, with an uneven edge except at the fissures; and its centre (z, y, x)."""
    centre = _lobe_centre(lesion.lobe, anatomy, random, spread_mm=6.0)
    radius = 30.0 + 24.0 * lesion.extent
    stretch = random.uniform(0.85, 1.15, 3)
    distance = ellipsoid(grid, np.array(centre), radius * stretch)
    distance += smooth_noise(grid, random, scale_mm=16.0) * np.float32(6.0)
    return inside(np.maximum(distance, _outside_lobe(lesion.lobe, anatomy, grid)), grid), centre


def nodule_radius_mm(lesion: Lesion) -> float:
    """Radius of a nodule: at most 15 mm, beyond which it would be a mass."""
    smallest, largest = _NODULE_RADIUS_MM
    return smallest + (largest - smallest) * lesion.extent


def nodule_geometry(lesion: Lesion, anatomy: Anatomy, random: np.random.Generator) -> tuple[np.ndarray, float]:
    """Draw the centre (z, y, x) of a nodule, and return it with its radius; both in mm."""
    centre = _lobe_centre(lesion.lobe, anatomy, random, spread_mm=11.0)
    return np.array(centre), nodule_radius_mm(lesion)


def bullae(lesion: Lesion, anatomy: Anatomy, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Centres ``(n, 3)`` and radii of air spaces without walls, most of them in the upper lobes."""
    n = 90 + int(110 * lesion.extent)
    height = anatomy.apex_mm * (1 - 1.5 * random.random(n) ** 1.6)
    turn, away = random.uniform(0, 2 * np.pi, n), np.sqrt(random.random(n))
    side = np.where(random.random(n) < 0.5, -1.0, 1.0)
    x = side * anatomy.half_width_mm * (0.54 + 0.34 * away * np.cos(turn))
    y = 0.8 * anatomy.half_depth_mm * away * np.sin(turn)
    return np.stack([height - 8.0, y, x], axis=1), random.uniform(4.0, 10.0, n)


def _lobe_centre(
    lobe: str, anatomy: Anatomy, random: np.random.Generator, *, spread_mm: float
) -> tuple[float, float, float]:
    x, y, z = _LOBE_MIDDLES[lobe]
    height = anatomy.apex_mm if z > 0 else -anatomy.dome_mm
    off = random.uniform(-spread_mm, spread_mm, 3)
    return (
        float(z * height + off[0]),
        float(y * anatomy.half_depth_mm + off[1]),
        float(x * anatomy.half_width_mm + off[2]),
    )


def _outside_lobe(lobe: str, anatomy: Anatomy, grid: Grid) -> np.ndarray:
    """Distance to the fissures that bound a lobe, negative inside it."""
    oblique = is_lower_lobe(anatomy, grid)
    horizontal = grid.z + np.float32(8.0)
    outside: Mapping[str, np.ndarray] = {
        "right upper lobe": np.maximum(-oblique, -horizontal),
        "right middle lobe": np.maximum(-oblique, horizontal),
        "left upper lobe": -oblique,
    }
    return outside.get(lobe, oblique)


def _rise(place: np.ndarray) -> np.ndarray:
    clipped = np.clip(place, 0.0, 1.0)
    rise: np.ndarray = clipped * clipped * (3 - 2 * clipped)
    return rise
