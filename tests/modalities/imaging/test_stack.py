"""Stacks of slices: what is even and straight, what is refused, and resampling beside scipy on a known function."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from medclip.core.errors import ConfigError, FormatError
from medclip.modalities.imaging.stack import arrange, check, check_repairs, same_places, slice_normal, straighten

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
TILTED = (1.0, 0.0, 0.0, 0.0, np.cos(np.radians(18.5)), -np.sin(np.radians(18.5)))


def along_z(*heights_mm: float) -> np.ndarray:
    return np.array([[-10.0, -20.0, height] for height in heights_mm])


def test_slices_are_sorted_along_their_normal_whatever_their_order() -> None:
    places = along_z(*(3.0 * np.arange(7)))
    order = np.random.default_rng(0).permutation(7)
    stack = arrange(places[order], AXIAL, (0.7, 0.8))
    np.testing.assert_array_equal(order[stack.order], np.arange(7))
    assert stack.grid.spacing_mm == (3.0, 0.7, 0.8)
    assert stack.grid.origin_mm == (-10.0, -20.0, 0.0)
    assert stack.is_even
    assert stack.is_straight
    check(stack)


def test_the_step_is_measured_along_the_normal_of_oblique_slices() -> None:
    normal = slice_normal(TILTED)
    stack = arrange(np.array([1.0, 2.0, 3.0]) + 4.0 * np.arange(5)[:, None] * normal, TILTED, (0.5, 0.5))
    assert stack.grid.spacing_mm[0] == pytest.approx(4.0)
    assert stack.is_straight
    check(stack)


def test_rounding_of_positions_to_a_tenth_of_a_millimetre_is_even() -> None:
    stack = arrange(along_z(*np.round(0.625 * np.arange(200), 1)), AXIAL, (0.7, 0.7))
    assert stack.is_even


@pytest.mark.parametrize(
    ("heights", "message"),
    [
        ((0, 5, 10, 20, 25), r"1 slice is missing: received 10.00 mm after slice 3 of 5, else 5.00 mm"),
        ((0, 5, 20, 25, 30), r"2 slices are missing: received 15.00 mm after slice 2 of 5"),
        ((0, 4, 8, 9.1, 16), r"not evenly spaced: received gaps of 4.00, 1.10, 6.90 mm"),
        ((*range(60), 60.5, 61.5), r"not evenly spaced"),
        ((*range(60), *range(61, 90)), r"1 slice is missing: received 2.00 mm after slice 60 of 89"),
    ],
)
def test_uneven_stacks_are_refused_with_the_place(heights: tuple[float, ...], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        check(arrange(along_z(*heights), AXIAL, (0.7, 0.7)))


def test_a_tilt_is_the_angle_between_the_table_and_the_normal() -> None:
    stack = arrange(along_z(0, 5, 10, 15), TILTED, (0.5, 0.5))
    assert stack.tilt_deg == pytest.approx(18.5)
    assert stack.grid.spacing_mm[0] == pytest.approx(5 * np.cos(np.radians(18.5)))
    with pytest.raises(FormatError, match=r"a tilt of 18.5 degrees.*llow resampling"):
        check(stack)
    with pytest.raises(FormatError, match=r"18.5"):
        check(stack, ["gaps"])
    check(stack, ["tilt"])


def test_a_tilted_stack_with_gaps_needs_both_repairs() -> None:
    stack = arrange(along_z(0, 5, 10, 20), TILTED, (0.5, 0.5))
    with pytest.raises(FormatError, match=r"1 slice is missing, and they are shifted.*18.5"):
        check(stack)
    with pytest.raises(FormatError, match="missing"):
        check(stack, ["tilt"])
    with pytest.raises(FormatError, match=r"tilt of 18.5"):
        check(stack, ["gaps"])
    check(stack, ["tilt", "gaps"])


def test_gaps_that_are_too_wide_are_not_filled_even_when_asked() -> None:
    with pytest.raises(FormatError, match="to be filled, up to 20 mm"):
        check(arrange(along_z(0, 1, 2, 9, 10), AXIAL, (0.7, 0.7)), ["gaps"])
    with pytest.raises(FormatError, match="to be filled"):
        check(arrange(along_z(0, 10, 20, 45, 55), AXIAL, (0.7, 0.7)), ["gaps"])


def test_too_few_slices_do_not_show_that_gaps_are_even() -> None:
    with pytest.raises(FormatError, match="too few slices"):
        arrange(along_z(0, 5), AXIAL, (0.7, 0.7))


def test_slices_at_one_place_are_found() -> None:
    assert same_places(along_z(5, 0, 5.001, 10), np.array(AXIAL)) == [[1], [0, 2], [3]]


@pytest.mark.parametrize(
    "orientation", [(1, 0, 0, 1, 0, 0), (0, 0, 0, 0, 1, 0), (2, 0, 0, 0, 1, 0), (1, 0, 0, 0.1, 1, 0)]
)
def test_an_orientation_that_is_none_is_refused(orientation: tuple[float, ...]) -> None:
    with pytest.raises(FormatError, match="orientation"):
        slice_normal(np.array(orientation, float))


def test_an_unknown_repair_is_refused() -> None:
    with pytest.raises(ConfigError, match="flip"):
        check_repairs(["flip"])


def linear(positions: np.ndarray) -> np.ndarray:
    """A density that linear interpolation restores exactly."""
    return (3.0 * positions[..., 0] - 2.0 * positions[..., 1] + 5.0 * positions[..., 2]).astype(np.float32)


def grid_positions(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return index @ affine[:3, :3].T + affine[:3, 3]


@pytest.mark.parametrize("heights", [(0, 5, 10, 15, 20), (0, 5, 10, 20, 25), (0, 4, 9, 13, 18)])
@pytest.mark.parametrize("orientation", [AXIAL, TILTED])
def test_a_straightened_linear_density_is_the_same_density(heights: tuple[float, ...], orientation: tuple) -> None:
    places, shape = along_z(*heights), (14, 11)
    row, column = np.reshape(orientation, (2, 3))
    pixel = np.stack(np.meshgrid(np.arange(shape[0]) * 0.9, np.arange(shape[1]) * 1.1, indexing="ij"), axis=-1)
    volume = linear(places[:, None, None] + pixel[..., :1] * column + pixel[..., 1:] * row)
    stack = arrange(places, orientation, (0.9, 1.1))
    fixed, grid = straighten(volume, stack)
    # Where a volume of zeros stays zero, no air from outside the scan was mixed in.
    was_scanned = straighten(np.zeros_like(volume), stack)[0] == 0
    expected = linear(grid_positions(grid.affine_lps, fixed.shape))
    np.testing.assert_allclose(fixed[was_scanned], expected[was_scanned], atol=2e-3)
    assert was_scanned.sum() > 0.7 * volume.size
    if orientation is AXIAL:
        assert was_scanned.all()


def test_gaps_are_filled_as_scipy_fills_them() -> None:
    heights = np.array([0.0, 5.0, 10.0, 20.0, 25.0])
    volume = np.random.default_rng(0).standard_normal((5, 6, 7)).astype(np.float32)
    fixed, grid = straighten(volume, arrange(along_z(*heights), AXIAL, (1.0, 1.0)))
    assert grid.spacing_mm == (5.0, 1.0, 1.0)
    at = np.interp(5.0 * np.arange(6), heights, np.arange(5))
    coordinates = np.stack(np.meshgrid(at, np.arange(6), np.arange(7), indexing="ij"))
    np.testing.assert_allclose(fixed, map_coordinates(volume, coordinates, order=1), atol=1e-5)
