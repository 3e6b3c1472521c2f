"""The scale of similarities."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from medclip.core.errors import ConfigError

__all__ = ["Scale", "inverse_temperature"]

_MAXIMUM_SCALE = 100.0


def inverse_temperature(temperature: float) -> float:
    """Return the scale that belongs to a temperature.

    Raises:
        ConfigError: It is not between 0.01 and 1000.

    >>> inverse_temperature(0.25)
    4.0
    """
    if not 1.0 / _MAXIMUM_SCALE <= temperature <= 1e3:
        raise ConfigError("temperature out of range", received=temperature, allowed="0.01 to 1000")
    return 1.0 / temperature


class Scale(nn.Module):
    """Multiplies cosines before a softmax or sigmoid; the inverse of a temperature.

    Args:
        temperature: Start value, > 0. CLIP and MERL: 0.07.
        learnable: Whether training adapts it; MERL keeps it fixed. Weight decay never applies to it, because the
            optimiser exempts parameters of fewer than two dimensions.

    The training loop calls ``clamp_`` after each step, so that the scale stays at or below 100 (CLIP, arXiv 2103.00020)
    and can come back from there; clamping in the forward pass would leave it stuck without a gradient.

    Raises:
        ConfigError: The temperature is out of range.
    """

    def __init__(self, temperature: float = 0.07, *, learnable: bool = True) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(inverse_temperature(temperature))), requires_grad=learnable)

    def forward(self) -> Tensor:
        """Return the scale, a positive number."""
        return self.log_scale.exp()

    @torch.no_grad()
    def clamp_(self) -> None:
        """Bring the scale back to at most 100."""
        self.log_scale.clamp_(max=math.log(_MAXIMUM_SCALE))
