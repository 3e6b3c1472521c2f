"""Resampling along axes, beside the same by torch and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch.nn import functional

from medclip.core.axis_map import AxisMap, resample_axes


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).random(shape, dtype=np.float32)


def whole(source: tuple[int, ...], target: tuple[int, ...]) -> list[AxisMap]:
    """All of the source on all of the target, as torch does it."""
    return [AxisMap.centred(n, wanted, n / wanted) for n, wanted in zip(source, target, strict=True)]


@pytest.mark.parametrize(
    ("source", "target"),
    [((37, 53), (11, 64)), ((300, 2001), (31, 17)), ((64, 64), (64, 32)), ((9, 7), (40, 41)), ((2, 1), (5, 3))],
)
def test_two_axes_are_as_torch_has_them(source: tuple[int, int], target: tuple[int, int]) -> None:
    values = noise(*source)
    expected = functional.interpolate(torch.from_numpy(values)[None, None], target, mode="bilinear", antialias=True)
    np.testing.assert_allclose(resample_axes(values, whole(source, target)), expected[0, 0].numpy(), atol=2e-6)


def test_three_axes_without_smoothing_are_as_torch_has_them() -> None:
    values, target = noise(2, 9, 20, 31), (13, 17, 40)
    expected = functional.interpolate(torch.from_numpy(values)[None], target, mode="trilinear", align_corners=False)
    found = resample_axes(values, whole(values.shape[1:], target), smooth=False)
    np.testing.assert_allclose(found, expected[0].numpy(), atol=2e-6)


@pytest.mark.parametrize(("start", "step"), [(3.3, 0.7), (25.1, -0.9), (0.0, 0.25), (7.0, 1.0), (18.0, -1.0)])
def test_any_place_and_direction_are_as_scipy_has_them(start: float, step: float) -> None:
    values = noise(30, 5)
    way = AxisMap(30, 19, start, step)
    places = np.clip(start + step * np.arange(19), 0, 29)
    expected = np.stack([map_coordinates(values[:, row], [places], order=1) for row in range(5)], axis=1)
    np.testing.assert_allclose(resample_axes(values, [way, AxisMap(5, 5, 0.0, 1.0)]), expected, atol=1e-6)


def test_what_lies_outside_is_zero_and_said_to_be_outside() -> None:
    way = AxisMap.centred(10, 20, 1.0)
    assert way.is_inside.tolist() == [False] * 5 + [True] * 10 + [False] * 5
    assert resample_axes(np.ones((3, 10), np.float32), [way]).tolist() == [[0.0] * 5 + [1.0] * 10 + [0.0] * 5] * 3
    assert AxisMap(4, 3, 50.0, 1.0).seen_cells < 0
    assert AxisMap.centred(10, 20, 1.0).seen_cells == 10
    assert AxisMap.centred(30, 10, -2.0).seen_cells == 20


def test_shrinking_keeps_the_mean_and_drops_what_cannot_be_shown() -> None:
    checks = np.indices((64, 64)).sum(axis=0).astype(np.float32) % 2
    ways = whole((64, 64), (13, 13))
    np.testing.assert_allclose(resample_axes(checks, ways), 0.5, atol=0.02)
    # Without smoothing a fine pattern comes back as a coarse one.
    assert resample_axes(checks, ways, smooth=False).std() > 0.1


@pytest.mark.parametrize("way", [AxisMap.centred(31, 12, 2.2), AxisMap.centred(31, 50, -0.5, centre=11.7)])
def test_the_way_back_leads_where_one_came_from(way: AxisMap) -> None:
    # A cell of the target that lies at x on the source is found at its own number from x.
    back = way.inverse(way.n_target)
    source = np.arange(back.n_target)
    np.testing.assert_allclose(way.start + way.step * back.places, source, atol=1e-9)
    # The middle of the first of 4 tokens lies an eighth into the target.
    middle = way.start + way.step * (way.n_target / 8 - 0.5)
    tokens = way.inverse(4)
    assert tokens.start + tokens.step * middle == pytest.approx(0.0, abs=1e-9)


def test_an_axis_that_stays_as_it_is_is_not_copied() -> None:
    values = noise(4, 6)
    assert np.shares_memory(resample_axes(values, whole((4, 6), (4, 6))), values)
