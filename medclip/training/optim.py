"""AdamW with the groups and schedules that contrastive training needs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from medclip.core.errors import ConfigError

__all__ = ["OptimizerSettings"]

Schedule = Literal["cosine", "cosine_restarts", "constant"]


@dataclass(frozen=True)
class OptimizerSettings:
    """What a recipe says about optimisation.

    Args:
        lr: Learning rate after warm-up.
        weight_decay: Of matrices and kernels; biases, norms and temperatures have none.
        betas: Of AdamW.
        text_lr_factor: The text encoder learns at ``lr`` times this.
        schedule: ``cosine`` to ``final_lr`` at the last step, ``cosine_restarts`` every ``restart_steps`` (MERL's
            released code: 5000), or ``constant``.
        warmup_share: Part of all steps over which the rate rises linearly from 0.
        restart_steps: Steps between restarts.
        final_lr: Lowest learning rate.

    Raises:
        ConfigError: A value is out of range.
    """

    lr: float = 1e-3
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.999)
    text_lr_factor: float = 1.0
    schedule: Schedule = "cosine"
    warmup_share: float = 0.1
    restart_steps: int = 5000
    final_lr: float = 1e-8

    def __post_init__(self) -> None:
        is_rate = self.lr > 0 and self.text_lr_factor >= 0 and 0 <= self.final_lr <= self.lr
        is_decay = self.weight_decay >= 0 and all(0 <= beta < 1 for beta in self.betas)
        if not is_rate or not is_decay or not 0 <= self.warmup_share < 1 or self.restart_steps < 1:
            raise ConfigError(
                "optimiser settings out of range",
                received=self,
                allowed="lr > 0, weight_decay >= 0, betas in [0, 1), text_lr_factor >= 0, 0 <= warmup_share < 1, "
                "restart_steps >= 1, 0 <= final_lr <= lr",
            )
        if self.schedule not in ("cosine", "cosine_restarts", "constant"):
            raise ConfigError("unknown schedule", received=self.schedule, allowed="cosine, cosine_restarts, constant")

    def optimizer(self, module: nn.Module, text_encoder: nn.Module | None = None) -> torch.optim.AdamW:
        """Return AdamW over the parameters that are trained, in groups by decay and learning rate."""
        text = {id(parameter) for parameter in text_encoder.parameters()} if text_encoder is not None else set()
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for parameter in _trained(module.parameters()):
            groups.setdefault((parameter.ndim >= 2, id(parameter) in text), []).append(parameter)
        described: list[dict[str, Any]] = [
            {
                "params": members,
                "weight_decay": self.weight_decay if decays else 0.0,
                "lr": self.lr * (self.text_lr_factor if is_text else 1.0),
            }
            for (decays, is_text), members in groups.items()
        ]
        return torch.optim.AdamW(described, lr=self.lr, betas=self.betas)

    def factor(self, step: int, n_steps: int) -> float:
        """Return the learning rate at a step as a share of ``lr``.

        >>> settings = OptimizerSettings(lr=1.0, warmup_share=0.1, final_lr=0.0)
        >>> [round(settings.factor(step, 100), 3) for step in (0, 5, 10, 55, 100)]
        [0.1, 0.6, 1.0, 0.5, 0.0]
        """
        warmup = int(self.warmup_share * n_steps)
        if step < warmup:
            return (step + 1) / warmup
        if self.schedule == "constant":
            return 1.0
        if self.schedule == "cosine":
            share = (step - warmup) / max(1, n_steps - warmup)
        else:
            share = (step - warmup) % self.restart_steps / self.restart_steps
        lowest = self.final_lr / self.lr
        return lowest + (1.0 - lowest) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))


def _trained(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if not trained:
        raise ConfigError("nothing is left to train", action="unfreeze a tower or add LoRA")
    return trained
