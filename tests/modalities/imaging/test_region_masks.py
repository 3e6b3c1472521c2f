"""Masks from boxes, run lengths and outlines, beside closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from medclip.core.errors import DatasetError
from medclip.modalities.imaging.region_masks import (
    Box,
    BoxRegions,
    box_mask,
    outline_mask,
    parse_box,
    run_length_mask,
)


def test_boxes_hold_the_pixels_whose_centres_they_enclose() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        left, top = generator.uniform(-3, 20, 2)
        box = Box(left, top, left + generator.uniform(1, 20), top + generator.uniform(1, 20))
        if box.right <= 1 or box.bottom <= 1:
            continue
        rows, columns = np.mgrid[:25, :31] + 0.5
        inside = (columns >= box.left) & (columns < box.right) & (rows >= box.top) & (rows < box.bottom)
        np.testing.assert_array_equal(box_mask((25, 31), [box]), inside)


def test_a_box_thinner_than_a_pixel_is_not_lost() -> None:
    mask = box_mask((10, 10), [Box(3.6, 2.0, 3.9, 4.0)])
    assert np.argwhere(mask).tolist() == [[2, 3], [3, 3]]


@pytest.mark.parametrize(
    ("numbers", "is_extent"),
    [
        (("1", "2", "0", "4"), True),
        (("1", "2", "nan", "4"), True),
        (("1", "2", "inf", "4"), True),
        (("1", "2", "3"), True),
        (("5", "2", "3", "4"), False),
        (("-9", "2", "-3", "4"), False),
    ],
)
def test_malformed_boxes(numbers: tuple[str, ...], is_extent: bool) -> None:
    with pytest.raises(DatasetError, match="here has a malformed box"):
        parse_box(numbers, where="here", is_extent=is_extent)


def test_boxes_outside_the_image() -> None:
    with pytest.raises(DatasetError, match="a box of record r lies outside its image"):
        BoxRegions({"r": {"A": [Box(0, 12, 3, 15)]}})("r", (10, 40))
    assert BoxRegions({})("r", (10, 40)) == {}


def test_run_lengths_count_down_the_columns_from_the_last_end() -> None:
    mask = run_length_mask("2 3 5 1", (4, 5), where="here")
    flat = mask.T.ravel()
    assert np.flatnonzero(flat).tolist() == [2, 3, 4, 10]
    assert run_length_mask("0 20", (4, 5), where="here").all()


@pytest.mark.parametrize("runs", ["", "1", "1 2 3", "a b", "19 2", "-1 2", "5 -2"])
def test_malformed_run_lengths(runs: str) -> None:
    with pytest.raises(DatasetError, match="here has a malformed mask"):
        run_length_mask(runs, (4, 5), where="here")


def winding(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return how often an outline runs round each pixel's centre, NaN on the outline itself."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    to = points[None] - np.stack([columns.ravel(), rows.ravel()], 1)[:, None]
    then = np.roll(to, -1, axis=1)
    cross = to[..., 0] * then[..., 1] - to[..., 1] * then[..., 0]
    dot = (to * then).sum(-1)
    turns = np.arctan2(cross, dot).sum(1) / (2 * np.pi)
    turns[((cross == 0) & (dot <= 0)).any(1)] = np.nan
    return turns.reshape(shape).round(6)


def test_outlines_beside_winding_numbers() -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        angles = np.sort(generator.uniform(0, 2 * np.pi, 9))
        radius = generator.uniform(8, 16, 9)
        points = np.stack([20 + radius * np.cos(angles), 18 + radius * np.sin(angles)], 1).round().astype(int)
        mask, turns = outline_mask((36, 40), points), winding(points, (36, 40))
        # An outline of corners only runs between pixels: where it touches a centre, only its own points are out.
        is_off = ~np.isnan(turns)
        np.testing.assert_array_equal(mask[is_off], np.abs(turns[is_off]) % 2 == 1)
        assert not mask[points[:, 1].clip(0, 35), points[:, 0].clip(0, 39)].any()


def test_an_outline_that_leaves_the_image() -> None:
    square = np.array([(-5, -5), (10, -5), (10, 10), (-5, 10)])
    expected = np.zeros((20, 20), bool)
    expected[:10, :10] = True
    mask = outline_mask((20, 20), square)
    np.testing.assert_array_equal(mask[:10, :10], expected[:10, :10])
    assert not mask[11:].any()
