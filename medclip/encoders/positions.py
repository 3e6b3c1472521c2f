"""Position information that works at any sequence length."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["InterpolatedPositions", "rotate"]


class InterpolatedPositions(nn.Module):
    """Learned positions, stretched linearly when the sequence is longer or shorter than in training.

    Args:
        n_positions: Length that the table is learned at.
        dim: Width of a token.
    """

    def __init__(self, n_positions: int, dim: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(n_positions, dim) * dim**-0.5)

    def forward(self, n_tokens: int) -> Tensor:
        """Return ``(n_tokens, dim)``."""
        if n_tokens == self.table.shape[0]:
            return self.table
        stretched = functional.interpolate(self.table.T[None], size=n_tokens, mode="linear", align_corners=False)
        return stretched[0].T


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
