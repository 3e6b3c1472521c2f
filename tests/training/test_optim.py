from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from medclip.core.errors import ConfigError
from medclip.training.optim import OptimizerSettings


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
        self.text = nn.Linear(3, 4)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)
        self.temperature = nn.Parameter(torch.tensor(2.0))


def groups(settings: OptimizerSettings, module: Pair) -> dict[int, tuple[float, float]]:
    optimizer = settings.optimizer(module, module.text)
    return {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


def test_groups_by_decay_and_learning_rate() -> None:
    module = Pair()
    found = groups(OptimizerSettings(lr=1e-3, weight_decay=0.1, text_lr_factor=0.1), module)
    linear, norm = module.tower
    expected = {
        linear.weight: (1e-3, 0.1),
        linear.bias: (1e-3, 0.0),
        norm.weight: (1e-3, 0.0),
        norm.bias: (1e-3, 0.0),
        module.text.weight: (1e-4, 0.1),
        module.text.bias: (1e-4, 0.0),
        module.temperature: (1e-3, 0.0),
    }
    assert found == {id(parameter): pytest.approx(value) for parameter, value in expected.items()}


def test_nothing_left_to_train() -> None:
    with pytest.raises(ConfigError, match="nothing is left to train"):
        OptimizerSettings().optimizer(nn.Linear(2, 2).requires_grad_(False))


def test_cosine_agrees_with_torch() -> None:
    settings = OptimizerSettings(lr=0.5, warmup_share=0.0, final_lr=0.01)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40, eta_min=0.01)
    for step in range(41):
        assert 0.5 * settings.factor(step, 40) == pytest.approx(reference.get_last_lr()[0], rel=1e-6)
        optimizer.step()
        reference.step()


def test_restarts_agree_with_torch() -> None:
    """MERL's released code uses this schedule with T_0 = 5000 and eta_min = 1e-8."""
    settings = OptimizerSettings(lr=0.5, warmup_share=0.0, schedule="cosine_restarts", restart_steps=7, final_lr=1e-8)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    reference = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=7, eta_min=1e-8)
    for step in range(30):
        assert 0.5 * settings.factor(step, 30) == pytest.approx(reference.get_last_lr()[0], rel=1e-6)
        optimizer.step()
        reference.step()


def test_warm_up_is_linear_then_constant() -> None:
    settings = OptimizerSettings(schedule="constant", warmup_share=0.25)
    assert [settings.factor(step, 16) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert math.isclose(settings.factor(1000, 16), 1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"lr": 0.0},
        {"weight_decay": -1.0},
        {"warmup_share": 1.0},
        {"restart_steps": 0},
        {"text_lr_factor": -1.0},
        {"final_lr": 1.0},
        {"betas": (0.9, 1.0)},
        {"schedule": "step"},
    ],
)
def test_out_of_range(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"out of range|unknown schedule"):
        OptimizerSettings(**change)
