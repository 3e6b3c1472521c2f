"""Grids beside nibabel, and canonical axes beside the definition of a position."""

from __future__ import annotations

import itertools

import nibabel
import numpy as np
import pytest

from medclip.core.errors import FormatError
from medclip.modalities.imaging.geometry import Grid, canonical, grid_from_affine

SHAPE = (3, 4, 5)


def rotation(seed: int, degrees: float) -> np.ndarray:
    """Return a rotation by an angle about a random axis (Rodrigues)."""
    axis = np.random.default_rng(seed).standard_normal(3)
    x, y, z = axis / np.linalg.norm(axis)
    cross, angle = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]), np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def affine_of(axes: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * [1.5, 2.5, 0.5], [7.0, -8.0, 9.0]
    return affine


@pytest.mark.parametrize("degrees", [0, 12, 40, 90, 171])
def test_an_affine_survives_the_way_there_and_back(degrees: float) -> None:
    affine = affine_of(rotation(1, degrees))
    grid = grid_from_affine(affine, is_ras=True)
    np.testing.assert_allclose(grid.affine_ras, affine, atol=1e-12)
    np.testing.assert_allclose(grid.spacing_mm, nibabel.affines.voxel_sizes(affine))
    np.testing.assert_allclose(grid_from_affine(grid.affine_lps, is_ras=False).affine_ras, affine, atol=1e-12)
    # LPS is RAS with x and y turned.
    np.testing.assert_allclose(grid.position_mm((1, 2, 3)) * [-1, -1, 1], (affine @ [1, 2, 3, 1])[:3])


SIGNED_PERMUTATIONS = [
    np.array([[sign * (row == column) for column in order] for row, sign in zip(range(3), signs, strict=True)]).T
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1.0, -1.0), repeat=3)
]


@pytest.mark.parametrize("axes", SIGNED_PERMUTATIONS)
def test_axes_of_all_48_layouts_are_put_in_order_and_voxels_stay_where_they_are(axes: np.ndarray) -> None:
    array = np.random.default_rng(0).permutation(60).reshape(SHAPE)
    grid = grid_from_affine(affine_of(rotation(2, 8) @ axes), is_ras=True)
    view, ordered = canonical(array, grid)
    assert np.shares_memory(view, array)
    directions = np.reshape(ordered.direction, (3, 3))
    # Nearest to head, back and left, in LPS.
    assert np.argmax(np.abs(directions), axis=1).tolist() == [2, 1, 0]
    assert (directions[[0, 1, 2], [2, 1, 0]] > 0).all()
    for index in np.ndindex(view.shape):
        before = np.argwhere(array == view[index])[0]
        np.testing.assert_allclose(ordered.position_mm(index), grid.position_mm(tuple(before)), atol=1e-9)


@pytest.mark.parametrize("axes", SIGNED_PERMUTATIONS[::5])
def test_order_and_flips_are_those_of_nibabel(axes: np.ndarray) -> None:
    array = np.random.default_rng(0).permutation(60).reshape(SHAPE)
    affine = affine_of(rotation(3, 20) @ axes)
    ours = canonical(array, grid_from_affine(affine, is_ras=True))[0]
    theirs = np.asanyarray(nibabel.as_closest_canonical(nibabel.Nifti1Image(array.astype(np.int16), affine)).dataobj)
    # RAS with axes x, y, z against LPS with axes z, y, x.
    np.testing.assert_array_equal(ours, theirs.transpose(2, 1, 0)[:, ::-1, ::-1])


def test_spacing_and_direction_are_moved_and_not_recomputed() -> None:
    grid = Grid((0.1, 0.7, 5.0), (1.0, 2.0, 3.0), (1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0))
    _, ordered = canonical(np.zeros(SHAPE), grid)
    assert ordered.spacing_mm == (5.0, 0.7, 0.1)
    assert ordered.direction == (0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0)
    assert ordered.origin_mm == pytest.approx((1.0, 2.0 - 0.7 * 3, 3.0 - 5.0 * 4))
    assert "-0.0," not in repr(ordered)


def test_a_left_right_flip_is_seen() -> None:
    """The same voxels, stored from right to left or from left to right, must come out alike."""
    array = np.arange(60).reshape(SHAPE)
    right_to_left = Grid((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0))
    left_to_right = Grid((1.0, 1.0, 1.0), (4.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0, 1.0, 0.0, -1.0, 0.0, 0.0))
    first, first_grid = canonical(array, right_to_left)
    second, second_grid = canonical(array[:, :, ::-1], left_to_right)
    np.testing.assert_array_equal(first, second)
    assert first_grid == second_grid


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (np.diag([1.0, 0.0, 1.0, 1.0]), "not stated"),
        (np.diag([1.0, np.nan, 1.0, 1.0]), "not stated"),
        (np.array([[1, 0, 0, np.inf], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "not stated"),
        (np.array([[1, 0, 0, 0], [0, 1, 0.3, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "right angles"),
    ],
)
def test_a_grid_that_is_none_is_refused(broken: np.ndarray, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        grid_from_affine(broken, is_ras=True)
