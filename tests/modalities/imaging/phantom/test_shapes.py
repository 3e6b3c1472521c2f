"""Shapes on a grid beside closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from medclip.core.errors import InputError
from medclip.modalities.imaging.phantom.grid import Grid
from medclip.modalities.imaging.phantom.shapes import (
    ellipsoid,
    ellipsoid_share,
    inside,
    paint,
    polyline,
    smooth_noise,
    stamp,
)

GRID = Grid((41, 52, 63), (2.0, 1.5, 1.25), (3.0, -4.0, 5.0))
VOXEL_MM3 = 2.0 * 1.5 * 1.25
TURNED = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]


@pytest.mark.parametrize("rotation", [None, TURNED])
def test_an_ellipsoid_has_the_volume_of_the_closed_form(rotation):
    axes = np.array([21.0, 14.0, 9.0])
    share = inside(ellipsoid(GRID, np.array([2.0, -3.0, 4.0]), axes, rotation), GRID)
    assert share.sum() * VOXEL_MM3 == pytest.approx(4 / 3 * np.pi * axes.prod(), rel=0.02)
    place, part = ellipsoid_share(GRID, np.array([2.0, -3.0, 4.0]), axes, rotation)
    np.testing.assert_allclose(part, share[place], atol=1e-4)
    assert share.sum() == pytest.approx(part.sum(), rel=1e-4)


def test_an_ellipsoid_outside_the_grid_is_nowhere():
    assert ellipsoid_share(GRID, np.array([500.0, 0.0, 0.0]), np.full(3, 5.0)) is None


def test_a_rotated_ellipsoid_contains_the_ends_of_its_axes_and_no_more():
    axes = np.array([18.0, 10.0, 6.0])
    for length, direction in zip(axes, TURNED, strict=True):
        for scale, is_inside in ((0.8, True), (1.25, False)):
            spot = direction * length * scale
            point = Grid((1, 1, 1), (1.0, 1.0, 1.0), tuple(spot))
            assert (ellipsoid(point, np.zeros(3), axes, TURNED).item() < 0) == is_inside


def test_a_stamped_ball_and_tube_have_the_volumes_of_the_closed_forms():
    share = np.zeros(GRID.shape, np.float32)
    stamp(share, GRID, np.array([[3.3, -4.1, 5.6]]), 9.0)
    assert share.sum() * VOXEL_MM3 == pytest.approx(4 / 3 * np.pi * 9.0**3, rel=0.02)
    share[:] = 0
    line = polyline(np.array([[-20.0, -4.0, 5.0], [20.0, 4.0, 5.0]]), 0.5)
    stamp(share, GRID, line, 6.0)
    length = np.hypot(40.0, 8.0)
    assert share.sum() * VOXEL_MM3 == pytest.approx(np.pi * 36.0 * length + 4 / 3 * np.pi * 216.0, rel=0.03)
    assert share.max() == 1.0


def test_a_ball_reaches_every_voxel_it_should():
    """All distances, computed for the whole grid, against those that the stamp looked at."""
    points, radius = np.array([[3.9, -5.2, 7.7], [-36.0, 20.0, 40.0]]), 4.3
    share = np.zeros(GRID.shape, np.float32)
    stamp(share, GRID, points, radius)
    voxels = np.stack(np.broadcast_arrays(GRID.z, GRID.y, GRID.x), axis=-1)
    away = np.linalg.norm(voxels[None] - points[:, None, None, None, :], axis=-1).min(axis=0)
    expected = np.clip(0.5 + (radius - away) / np.mean(GRID.spacing_mm), 0, 1)
    np.testing.assert_allclose(share, expected, atol=1e-4)


def test_a_thin_tube_fills_its_part_of_a_voxel():
    grid = Grid((21, 21, 21), (4.0, 4.0, 4.0))
    share = np.zeros(grid.shape, np.float32)
    stamp(share, grid, polyline(np.array([[-30.0, 0.0, 0.0], [30.0, 0.0, 0.0]]), 1.0), 0.8)
    assert share.max() == pytest.approx((0.8 / 2.0) ** 2)
    assert share.sum() * 64.0 == pytest.approx(np.pi * 0.64 * 60.0, rel=0.5)


def test_paint_mixes_at_the_edge_and_leaves_the_rest():
    values = np.full((4, 2, 2), 10.0, np.float32)
    share = np.zeros((4, 2, 2), np.float32)
    share[1], share[2] = 0.25, 1.0
    paint(values, share, 50.0)
    assert values[:, 0, 0].tolist() == [10.0, 20.0, 50.0, 10.0]
    paint(values, share, np.arange(4, dtype=np.float32)[:, None, None] * np.ones((4, 2, 2), np.float32))
    assert values[:, 1, 1].tolist() == [10.0, 15.25, 2.0, 10.0]


def test_smooth_noise_is_the_same_place_by_place_on_another_grid():
    coarse = smooth_noise(Grid((5, 5, 5), (8.0, 8.0, 8.0)), np.random.default_rng(3), scale_mm=20.0)
    fine = smooth_noise(Grid((17, 17, 17), (2.0, 2.0, 2.0)), np.random.default_rng(3), scale_mm=20.0)
    np.testing.assert_allclose(fine[::4, ::4, ::4], coarse, atol=1e-4)
    assert fine.std() > 0.3


def test_a_box_is_the_part_of_the_grid_between_two_corners():
    place, part = GRID.box((-10.0, -20.0, 0.0), (12.0, 5.0, 30.0))
    for axis in range(3):
        np.testing.assert_allclose(part.axis(axis), GRID.axis(axis)[place[axis]], atol=1e-4)
    assert part.axis(0)[0] >= -10 > GRID.axis(0)[place[0].start - 1]
    assert GRID.box((900.0, 0.0, 0.0), (901.0, 1.0, 1.0)) is None


@pytest.mark.parametrize(
    ("shape", "spacing"), [((0, 4, 4), (1.0, 1.0, 1.0)), ((4, 4, 4), (1.0, -1.0, 1.0)), ((9000, 900, 900), (1, 1, 1))]
)
def test_impossible_grids_are_refused(shape, spacing):
    with pytest.raises(InputError, match="grid"):
        Grid(shape, spacing)
