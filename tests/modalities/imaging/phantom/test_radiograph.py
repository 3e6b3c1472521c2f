"""Line integrals and the display of radiographs beside closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from medclip.modalities.imaging.phantom.grid import Grid
from medclip.modalities.imaging.phantom.radiograph import (
    attenuation_per_mm,
    display,
    line_integrals,
    projection_grid,
)
from medclip.modalities.imaging.phantom.shapes import ellipsoid, inside


def test_attenuation_of_air_and_water():
    values = attenuation_per_mm(np.array([-1000.0, -1024.0, 0.0, 1000.0], np.float32))
    assert values[:2] == pytest.approx([0.0, 0.0], abs=1e-8)
    assert values[2] == pytest.approx(0.0206)
    assert values[3] > 2 * 0.0206


@pytest.mark.parametrize("view", ["frontal", "lateral"])
def test_parallel_rays_through_an_ellipsoid_have_the_length_of_its_chords(view):
    grid = Grid((60, 61, 62), (2.0, 2.0, 2.0))
    axes = np.array([40.0, 30.0, 50.0])
    share = inside(ellipsoid(grid, np.zeros(3), axes), grid)
    image = line_integrals(share, grid, view=view, source_mm=None)
    along, across, columns = (30.0, 50.0, grid.axis(2)) if view == "frontal" else (50.0, 30.0, grid.axis(1))
    square = 1 - (grid.axis(0)[::-1, None] / 40.0) ** 2 - (columns[None, :] / across) ** 2
    expected = 2 * along * np.sqrt(np.maximum(square, 0))
    core = square > 0.15
    np.testing.assert_allclose(image[core], expected[core], rtol=0.03)
    assert np.abs(image[square < -0.15]).max() < 1e-3


@pytest.mark.parametrize(("y", "x", "z"), [(100.0, 60.0, 50.0), (-100.0, -60.0, -40.0), (0.0, 30.0, 70.0)])
def test_a_cone_of_rays_enlarges_what_is_near_its_focus(y, x, z):
    """The focus lies behind the patient; the scale is true in the middle of the patient."""
    source, grid = 1000.0, Grid((100, 130, 100), (2.0, 2.0, 2.0))
    share = inside(ellipsoid(grid, np.array([z, y, x]), np.full(3, 12.0)), grid)
    image = line_integrals(share, grid, view="frontal", source_mm=source)
    weights = image / image.sum()
    scale = source / (source - y)
    assert (weights.sum(axis=0) * grid.axis(2)).sum() == pytest.approx(x * scale, abs=0.4)
    assert (weights.sum(axis=1) * grid.axis(0)[::-1]).sum() == pytest.approx(z * scale, abs=0.4)
    width = np.sqrt((weights.sum(axis=0) * (grid.axis(2) - x * scale) ** 2).sum())
    assert width == pytest.approx(scale * 12.0 / np.sqrt(5), rel=0.03)  # a ball's deviation along one axis


def test_the_frontal_view_shows_the_right_side_on_the_left_and_the_head_on_top():
    grid = projection_grid(64, 400.0, view="frontal")
    ball = inside(ellipsoid(grid, np.array([100.0, 0.0, -120.0]), np.full(3, 20.0)), grid)
    row, column = np.unravel_index(line_integrals(ball, grid, view="frontal").argmax(), (64, 64))
    assert row < 32
    assert column < 32


def test_the_lateral_view_shows_the_front_on_the_left():
    grid = projection_grid(64, 400.0, view="lateral")
    ball = inside(ellipsoid(grid, np.array([-100.0, -90.0, 0.0]), np.full(3, 20.0)), grid)
    row, column = np.unravel_index(line_integrals(ball, grid, view="lateral").argmax(), (64, 64))
    assert row > 32
    assert column < 32


def test_display_raises_what_is_small_over_what_is_wide():
    absorbed = np.full((100, 100), 3.0, np.float32)
    absorbed[:5], absorbed[-5:] = 1.0, 6.0  # the range of greys
    wide, small = absorbed.copy(), absorbed.copy()
    wide[20:80, 20:80] += 0.2
    small[47:53, 47:53] += 0.2
    plain, *shown = (display(one, 2.0, np.random.default_rng(0), noise=0.0) for one in (absorbed, wide, small))
    rises = [float(one[50, 50] - plain[50, 50]) for one in shown]
    assert rises[1] > 1.5 * rises[0] > 0


def test_display_is_dark_for_air_bright_for_bone_and_noisy_as_asked():
    absorbed = np.zeros((80, 80), np.float32)
    absorbed[10:70, 10:70] = np.linspace(1.0, 6.0, 60, dtype=np.float32)
    clean = display(absorbed, 4.0, np.random.default_rng(0), noise=0.0)
    assert clean.dtype == np.float32
    assert clean.min() >= 0
    assert clean.max() <= 1
    assert clean[2, 2] < 1e-3
    assert (np.diff(clean[40, 20:60]) > -1e-3).all()
    noisy = [display(absorbed, 4.0, np.random.default_rng(1), noise=level) - clean for level in (0.05, 0.2)]
    assert 0 < noisy[0][20:60, 40:60].std() < noisy[1][20:60, 40:60].std()
