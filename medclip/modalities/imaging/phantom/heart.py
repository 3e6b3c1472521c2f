"""Heart and large vessels, and the calcium in their walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medclip.modalities.imaging.phantom.anatomy import Anatomy
from medclip.modalities.imaging.phantom.chest import spine_shift

__all__ = ["CHAMBERS", "Heart", "aorta_points", "aortic_calcium", "coronary_calcium", "heart_of", "pulmonary_trunks"]


CHAMBERS = (
    ((0.42, -0.10, 0.30), (0.42, 0.42, 0.42)),
    ((0.25, -0.10, -0.50), (0.55, 0.50, 0.30)),
    ((-0.45, 0.25, 0.35), (0.38, 0.45, 0.42)),
    ((-0.50, 0.00, -0.40), (0.36, 0.45, 0.38)),
)
"""Left and right ventricle, left and right atrium: middle and semi-axes, as shares of the heart's semi-axes."""


@dataclass(frozen=True, eq=False)
class Heart:
    """An ellipsoid with a long axis to the left, the front and the foot.

    Args:
        centre_mm: (z, y, x).
        semi_axes_mm: Long axis, then two short ones.
        rotation: ``(3, 3)``, rows are the directions of the axes as (z, y, x).
    """

    centre_mm: np.ndarray
    semi_axes_mm: np.ndarray
    rotation: np.ndarray

    @property
    def reach_mm(self) -> np.ndarray:
        """Half of its extent along z, y and x."""
        reach: np.ndarray = np.linalg.norm(self.rotation.T * self.semi_axes_mm, axis=1)
        return reach

    def point(self, along: float, across: float, over: float) -> np.ndarray:
        """Return a point given in semi-axes, as (z, y, x) in mm."""
        place: np.ndarray = self.centre_mm + (np.array([along, across, over]) * self.semi_axes_mm) @ self.rotation
        return place


def heart_of(anatomy: Anatomy, cardiothoracic_ratio: float) -> Heart:
    """Build a heart whose width is the given share of the chest's inner width."""
    turn, forward = anatomy.heart_turn_rad, np.radians(25.0)
    long = np.array([-np.sin(turn), -np.cos(turn) * np.sin(forward), np.cos(turn) * np.cos(forward)])
    up = np.array([1.0, 0.0, 0.0])
    short = up - (up @ long) * long
    short /= np.linalg.norm(short)
    rotation = np.stack([long, short, np.cross(long, short)])
    shape = np.array([1.0, 0.80, 0.72])
    half_width = cardiothoracic_ratio * anatomy.half_width_mm
    semi_axes = shape * half_width / np.sqrt(((rotation[:, 2] * shape) ** 2).sum())
    # A heart rests on the diaphragm and grows to the left, much less to the right.
    height = anatomy.dome_mm + 0.62 * semi_axes[0] - 2.0
    centre = np.array([height, -0.24 * anatomy.half_depth_mm, 0.36 * half_width])
    return Heart(centre, semi_axes, rotation)


def aorta_points(anatomy: Anatomy) -> np.ndarray:
    """Return the middle of the thoracic aorta from the valve to the diaphragm, ``(n, 3)`` as (z, y, x)."""
    z = np.array([40.0, 0.0, -60.0, -140.0, -200.0])
    y, x = spine_shift(anatomy, z)
    ascending = [[-15.0, -22.0, 2.0], [20.0, -30.0, -16.0], [50.0, -22.0, -14.0], [68.0, -4.0, 4.0]]
    arch = [[70.0, 14.0, 19.0], [60.0, 28.0, 27.0]]
    descending = np.stack([z, y - 14.0, x + np.array([28.0, 26.0, 24.0, 14.0, 6.0])], axis=1)
    return _rounded(np.array([*ascending, *arch, *descending]))


def pulmonary_trunks() -> list[np.ndarray]:
    """Return the middle lines of the pulmonary trunk with both main arteries, and of the superior vena cava."""
    trunk = np.array([[-10.0, -35.0, 18.0], [22.0, -20.0, 22.0], [30.0, 5.0, 24.0]])
    left = np.array([[30.0, 0.0, 22.0], [34.0, 14.0, 40.0], [20.0, 26.0, 48.0], [-10.0, 30.0, 50.0]])
    right = np.array([[26.0, -5.0, 20.0], [22.0, 0.0, -20.0], [16.0, 8.0, -42.0], [-20.0, 18.0, -50.0]])
    cava = np.array([[-30.0, -8.0, -30.0], [40.0, -14.0, -26.0], [100.0, -8.0, -24.0]])
    return [_rounded(line) for line in (trunk, left, right, cava)]


def aortic_calcium(anatomy: Anatomy, extent: float, random: np.random.Generator) -> np.ndarray:
    """Return points of plaques in the wall of the arch and the descending aorta, ``(n, 3)``; more with extent."""
    line = aorta_points(anatomy)
    along = np.diff(line, axis=0, append=line[-1:] * 2 - line[-2:-1])
    is_calcified = (line[:, 0] > 45.0) | ((line[:, 1] > 15.0) & (line[:, 0] > -130.0))
    candidates = np.flatnonzero(is_calcified)
    starts = random.choice(candidates, size=7 + int(9 * extent))
    # One plaque always lies on the outer curve of the arch, where a radiograph shows it.
    starts[0] = candidates[np.argmin(np.abs(line[candidates, 0] - 66.0))]
    points = []
    for number, start in enumerate(starts):
        angle = np.pi / 2 if number == 0 else random.uniform(0, 2 * np.pi)
        sector = angle + np.linspace(-1.1, 1.1, 11) * random.uniform(0.6, 1.2)
        places = range(max(start - 2, 0), min(start + 2 + int(random.integers(0, 4)), len(line)))
        points += [line[place] + anatomy.aorta_mm * _ring(along[place], sector) for place in places]
    return np.concatenate(points)


def coronary_calcium(heart: Heart, extent: float, random: np.random.Generator) -> np.ndarray:
    """Return points along calcified stretches of the three coronary arteries, ``(n, 3)``; more with extent."""
    degrees = np.radians(np.linspace(200.0, 340.0, 60))
    descending = np.stack([heart.point(-np.cos(a) * 0.97, 0.25, -0.97 * abs(np.sin(a))) for a in degrees])
    circumflex = np.stack([heart.point(-0.35, np.cos(a), np.sin(a)) for a in degrees - np.pi / 2])
    right = np.stack([heart.point(-0.35, -np.cos(a), -abs(np.sin(a))) for a in degrees])
    points = []
    for artery, share in zip((descending, circumflex, right), (1.0, 0.6, 0.6), strict=True):
        n_points = int(len(artery) * share * (0.35 + 0.5 * extent) * random.uniform(0.8, 1.2))
        start = int(random.integers(0, len(artery) - n_points))
        points.append(artery[start : start + n_points])
    return np.concatenate(points)


def _ring(direction: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Points of a unit circle around a direction; angle pi/2 lies to the patient's left."""
    axis = direction / np.linalg.norm(direction)
    left = np.array([0.0, 0.0, 1.0]) - axis[2] * axis
    left = left / max(float(np.linalg.norm(left)), 1e-6)
    other = np.cross(axis, left)
    ring: np.ndarray = np.sin(angles)[:, None] * left + np.cos(angles)[:, None] * other
    return ring


def _rounded(corners: np.ndarray) -> np.ndarray:
    """A smooth line near some corners, with points about 4 mm apart."""
    line = corners
    for _ in range(2):
        quarter, three = 0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]
        line = np.concatenate([line[:1], np.stack([quarter, three], axis=1).reshape(-1, 3), line[-1:]])
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    places = np.linspace(0.0, lengths[-1], int(lengths[-1] / 4.0) + 2)
    return np.stack([np.interp(places, lengths, line[:, axis]) for axis in range(3)], axis=1)
