"""Bones of the chest as lines of balls: ribs, sternum, clavicles, scapulae, arms; and the spine as a stack of drums."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from medclip.modalities.imaging.phantom.anatomy import Anatomy
from medclip.modalities.imaging.phantom.chest import CAGE_POWER, cage_profile, spine_shift
from medclip.modalities.imaging.phantom.grid import Grid
from medclip.modalities.imaging.phantom.shapes import polyline

__all__ = ["Bone", "bones", "spine_box", "spine_distance", "vertebra_phase"]


class Bone(NamedTuple):
    """A bone as balls of one size.

    Args:
        points_mm: ``(n, 3)`` as (z, y, x).
        radius_mm: Radius of the balls.
    """

    points_mm: np.ndarray
    radius_mm: float


_VERTEBRA_MM = 24.0
_N_RIBS = 11


def bones(anatomy: Anatomy, step_mm: float) -> list[Bone]:
    """Return all bones but the spine, with points about ``step_mm`` apart."""
    found: list[Bone] = []
    for side in (-1.0, 1.0):
        found += [Bone(_rib(anatomy, number, side, step_mm), 5.0) for number in range(_N_RIBS)]
        found += _shoulder(anatomy, side, step_mm)
    return [*found, Bone(_sternum(anatomy, step_mm), 7.0), Bone(_spinous_processes(anatomy), 5.0)]


def spine_distance(anatomy: Anatomy, grid: Grid) -> np.ndarray:
    """Distance to the column of vertebral bodies, negative inside."""
    y, x = (shift.astype(np.float32) for shift in spine_shift(anatomy, grid.z))
    radius = 17.0 - 0.025 * np.clip(grid.z + 100.0, 0.0, 250.0)
    distance: np.ndarray = np.sqrt(((grid.y - y) * 1.15) ** 2 + (grid.x - x) ** 2)
    distance -= radius.astype(np.float32)
    return distance


def spine_box(anatomy: Anatomy, grid: Grid) -> tuple[tuple[slice, slice, slice], Grid] | None:
    """Return the part of a grid around the vertebral bodies."""
    y, _ = spine_shift(anatomy, grid.axis(0))
    margin = 22.0 + 2 * max(grid.spacing_mm)
    reach = abs(anatomy.scoliosis_mm) + margin
    return grid.box((-np.inf, y.min() - margin, -reach), (np.inf, y.max() + margin, reach))


def vertebra_phase(z_mm: np.ndarray) -> np.ndarray:
    """Return how far from the middle of its vertebra a height is: 0 the middle, 1 the middle of a disc."""
    return np.abs((z_mm / _VERTEBRA_MM) % 1.0 - 0.5) * 2


def _rib(anatomy: Anatomy, number: int, side: float, step_mm: float) -> np.ndarray:
    top = anatomy.apex_mm + 8.0
    start = top - number * (anatomy.apex_mm + 150.0) / _N_RIBS
    drop = 18.0 + 8.0 * min(number, 7)
    reach = 2.75 if number < 8 else 2.75 - 0.35 * (number - 7)  # radians from the spine to the front
    turn = np.linspace(0.28, reach, max(8, int(330.0 / step_mm)))
    z = start - drop * (1 - np.cos(turn)) / 2 * (2.0 / (1 - np.cos(2.75)))
    half_width, half_depth, middle = cage_profile(anatomy, np.minimum(z, anatomy.apex_mm - 6.0))
    out = 5.5
    sine, cosine = np.sin(turn), np.cos(turn)
    radius = (np.abs(sine) ** CAGE_POWER + np.abs(cosine) ** CAGE_POWER) ** (-1 / CAGE_POWER)
    y = middle + (half_depth + out) * radius * cosine
    x = (half_width + out) * radius * sine * side
    return np.stack([z, y, x], axis=1)


def _shoulder(anatomy: Anatomy, side: float, step_mm: float) -> list[Bone]:
    is_up = anatomy.posture == "supine"
    width, apex, depth = anatomy.half_width_mm, anatomy.apex_mm, anatomy.half_depth_mm
    joint = np.array([apex + (22.0 if is_up else -22.0), 10.0, (width + 36.0) * side])
    hand = (
        np.array([apex + 190.0, 0.0, (width + 24.0) * side]) if is_up else joint + np.array([-200.0, 0.0, 34.0 * side])
    )
    blade = np.array(
        [
            joint + np.array([-6.0, 14.0, -14.0 * side]),
            [apex - 18.0, depth + 10.0, (0.62 * width) * side],
            [apex - (115.0 if not is_up else 95.0), depth + 12.0, (0.80 * width + (0 if not is_up else 24.0)) * side],
        ]
    )
    clavicle = np.array(
        [
            [apex - 38.0, -0.72 * depth, 18.0 * side],
            [apex - 22.0, -0.78 * depth, 0.40 * width * side],
            [apex - 10.0, -0.35 * depth, 0.85 * width * side],
            joint + np.array([14.0, -12.0, -14.0 * side]),
        ]
    )
    return [
        Bone(polyline(clavicle, step_mm), 5.5),
        Bone(_sheet(blade, max(step_mm, 3.0)), 2.5),
        Bone(joint[None, :], 22.0),
        Bone(polyline(np.stack([joint, hand]), step_mm), 11.0),
    ]


def _sternum(anatomy: Anatomy, step_mm: float) -> np.ndarray:
    z = np.arange(-65.0, anatomy.apex_mm - 38.0, step_mm)
    _, depth, middle = cage_profile(anatomy, z)
    lines = [np.stack([z, middle - depth - 6.0, np.full_like(z, x)], axis=1) for x in (-9.0, -3.0, 3.0, 9.0)]
    return np.concatenate(lines)


def _spinous_processes(anatomy: Anatomy) -> np.ndarray:
    z = np.arange(-8, 9) * _VERTEBRA_MM + _VERTEBRA_MM / 2
    y, x = spine_shift(anatomy, z)
    rows = [np.stack([z - 0.5 * away, y + 26.0 + away, x], axis=1) for away in (0.0, 7.0, 14.0)]
    wings = [np.stack([z, y + 24.0, x + out], axis=1) for out in (-26.0, -18.0, -11.0, 11.0, 18.0, 26.0)]
    return np.concatenate(rows + wings)


def _sheet(triangle: np.ndarray, step_mm: float) -> np.ndarray:
    n = int(np.linalg.norm(triangle[2] - triangle[0]) / step_mm) + 2
    a, b = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n))
    keep = a + b <= 1
    weights = np.stack([1 - a[keep] - b[keep], a[keep], b[keep]], axis=1)
    points: np.ndarray = weights @ triangle
    return points
