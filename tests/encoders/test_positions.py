from __future__ import annotations

import math

import pytest
import torch

from medclip.encoders.positions import Coordinates


@pytest.mark.parametrize("grid", [(7,), (4, 6), (3, 4, 5)])
def test_coordinates_are_appended_and_nothing_is_changed(grid: tuple[int, ...]) -> None:
    features = torch.randn(2, 3, *grid)
    told = Coordinates(len(grid))(features)
    assert told.shape == (2, 3 + 6 * len(grid), *grid)
    assert Coordinates(len(grid)).n_channels == 6 * len(grid)
    assert torch.equal(told[:, :3], features)
    assert torch.equal(told[0, 3:], told[1, 3:])


def test_coordinates_are_turns_across_the_field() -> None:
    told = Coordinates(2)(torch.zeros(1, 0, 4, 2))[0, :, 2, 0]
    down, across = 1 / 8, -1 / 4  # of the field, from its middle
    angles = [2 * math.pi * turns * place for place in (down, across) for turns in (0.25, 0.5, 1.0)]
    assert told.tolist() == pytest.approx([wave(angle) for angle in angles for wave in (math.sin, math.cos)], abs=1e-6)


def test_twice_as_many_places_lie_around_the_same_ones() -> None:
    coarse, fine = (Coordinates(1)(torch.zeros(1, 0, n))[0] for n in (8, 16))
    torch.testing.assert_close((fine[:, ::2] + fine[:, 1::2]) / 2, coarse, rtol=0, atol=0.02)
