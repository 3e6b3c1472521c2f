"""Position information that works at any size of the input."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Coordinates", "InterpolatedPositions", "rotate"]

_MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


class Coordinates(nn.Module):
    """Further channels that tell where in the field each place lies (CoordConv, arXiv 1807.03247).

    Sine and cosine of a quarter, a half and a whole turn across each axis: smooth, without anything to learn, and the
    same wherever there are more or fewer places.

    Args:
        n_axes: Axes of the features.
    """

    _TURNS = (0.25, 0.5, 1.0)

    def __init__(self, n_axes: int) -> None:
        super().__init__()
        self.n_channels = 2 * len(self._TURNS) * n_axes

    def forward(self, features: Tensor) -> Tensor:
        """Append to ``(B, C, *grid)``; the result has ``n_channels`` more."""
        grid = features.shape[2:]
        channels = [features]
        for axis, n_places in enumerate(grid):
            middle = (torch.arange(n_places, device=features.device) + 0.5) / n_places - 0.5
            for turns in self._TURNS:
                angle = (2 * math.pi * turns * middle).to(features.dtype)
                shape = [-1 if other == axis else 1 for other in range(len(grid))]
                channels += [wave.view(shape).expand(len(features), 1, *grid) for wave in (angle.sin(), angle.cos())]
        return torch.cat(channels, dim=1)


class InterpolatedPositions(nn.Module):
    """Learned positions, stretched linearly when there are more or fewer tokens along an axis than in training.

    Args:
        n_positions: Tokens along each axis that the table is learned at; a number for one axis.
        dim: Width of a token.
    """

    def __init__(self, n_positions: int | Sequence[int], dim: int) -> None:
        super().__init__()
        self.grid = (n_positions,) if isinstance(n_positions, int) else tuple(n_positions)
        self.table = nn.Parameter(torch.randn(math.prod(self.grid), dim) * dim**-0.5)

    def forward(self, grid: int | Sequence[int]) -> Tensor:
        """Return ``(n_tokens, dim)`` for so many tokens along each axis, first axis slowest."""
        wanted = (grid,) if isinstance(grid, int) else tuple(grid)
        if wanted == self.grid:
            return self.table
        table = self.table.T.reshape(1, -1, *self.grid)
        stretched = functional.interpolate(table, size=wanted, mode=_MODES[len(wanted)], align_corners=False)
        return stretched[0].flatten(1).T


def rotate(heads: Tensor, places: Tensor, base: float = 10_000.0) -> Tensor:
    """Rotate queries or keys by their place, so that their product depends on distance only (RoPE, arXiv 2104.09864).

    Args:
        heads: ``(..., T, D)`` with D even.
        places: ``(T,)`` position of each token.
        base: Slowest wavelength, in tokens over 2 pi.
    """
    half = heads.shape[-1] // 2
    speed = base ** (-torch.arange(half, device=heads.device, dtype=torch.float32) / half)
    angle = places.float()[:, None] * speed
    sine, cosine = angle.sin().to(heads.dtype), angle.cos().to(heads.dtype)
    first, second = heads[..., :half], heads[..., half:]
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)
