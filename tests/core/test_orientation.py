"""The nearest order of axes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from medclip.core.orientation import axis_order

CANONICAL = {0: (0, 0, 1), 1: (0, 1, 0), 2: (1, 0, 0)}


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", list(itertools.product((1, -1), repeat=3)))
def test_every_order_and_direction_is_found(axes: tuple[int, ...], signs: tuple[int, ...]) -> None:
    direction = np.zeros((3, 3))
    for canonical, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        direction[axis] = sign * np.array(CANONICAL[canonical])
    found = axis_order(direction.ravel().tolist())
    assert (found.axes, found.signs, found.tilt_degrees) == (axes, signs, 0.0)


def test_a_tilted_gantry_keeps_its_axes_and_says_the_angle() -> None:
    angle = np.radians(20)
    tilted = (0, -np.sin(angle), np.cos(angle), 0, np.cos(angle), np.sin(angle), 1, 0, 0)
    found = axis_order(tilted)
    assert (found.axes, found.signs) == ((0, 1, 2), (1, 1, 1))
    assert found.tilt_degrees == pytest.approx(20)
