from __future__ import annotations

import itertools
import math

import pytest
import torch

from medclip.encoders.output import fill_up, token_grid, token_mask


@pytest.mark.parametrize(
    ("size", "per_token"), [((13,), (4,)), ((13,), 4), ((5, 9), (2, 4)), ((5, 9), 3), ((4, 5, 7), (3, 2, 4))]
)
def test_a_token_is_real_if_any_place_below_it_is(size: tuple[int, ...], per_token: int | tuple[int, ...]) -> None:
    mask = torch.rand(3, *size, generator=torch.Generator().manual_seed(0)) < 0.1
    mask[2] = False
    steps = (per_token,) * len(size) if isinstance(per_token, int) else per_token
    grid = tuple(math.ceil(n / step) for n, step in zip(size, steps, strict=True))
    assert token_grid(size, per_token) == grid
    found = token_mask(mask, per_token)
    assert found.shape == (3, math.prod(grid))
    places = itertools.product(*(range(n) for n in grid))
    for token, place in enumerate(places):
        below = tuple(slice(n * step, (n + 1) * step) for n, step in zip(place, steps, strict=True))
        assert bool(found[0, token]) == bool(mask[0][below].any())
    assert found[2].all(), "a record of padding alone counts as real"
    assert token_mask(None, per_token) is None


def test_filling_up_appends_zeros() -> None:
    x = torch.ones(1, 2, 3, 4, 5)
    filled = fill_up(x, (2, 4, 3))
    assert filled.shape == (1, 2, 4, 4, 6)
    assert torch.equal(filled[:, :, :3, :4, :5], x)
    assert filled.sum() == x.sum()
    assert fill_up(x, (3, 2, 1)) is x
