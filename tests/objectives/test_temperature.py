from __future__ import annotations

import math

import pytest
import torch

from medclip.core.errors import ConfigError
from medclip.objectives.temperature import Scale, inverse_temperature


def test_scale_is_the_inverse_of_the_temperature_and_learns_its_logarithm():
    scale = Scale(0.07)
    assert scale().item() == pytest.approx(1 / 0.07, rel=1e-6)
    assert scale.log_scale.ndim == 0, "so that the optimiser gives it no weight decay"
    scale().backward()
    assert scale.log_scale.grad.item() == pytest.approx(1 / 0.07, rel=1e-6)
    assert not Scale(learnable=False).log_scale.requires_grad


def test_clamping_keeps_it_at_100_and_lets_it_come_back():
    scale = Scale(0.01)
    optimizer = torch.optim.SGD(scale.parameters(), lr=0.1)
    for direction, expected in ((-1.0, 100.0), (1.0, 100.0 * math.exp(-0.1))):
        optimizer.zero_grad()
        (direction * scale.log_scale).backward()
        optimizer.step()
        scale.clamp_()
        assert scale().item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("temperature", [0.0, -1.0, 0.009, 1001.0, math.nan, math.inf])
def test_temperatures_out_of_range(temperature):
    with pytest.raises(ConfigError, match="temperature"):
        inverse_temperature(temperature)
    with pytest.raises(ConfigError, match="temperature"):
        Scale(temperature)
