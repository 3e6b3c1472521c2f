"""From many tokens to one vector, and back: what of the vector each token gave.

``shares`` of a pooling are vectors whose average over the real tokens is exactly the pooled vector, so that maps of a
score show where it comes from. ``local`` is what a token would give if all were like it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from medclip.core.errors import ConfigError
from medclip.encoders.output import EncoderOutput, masked_mean
from medclip.encoders.positions import InterpolatedPositions, rotate

__all__ = [
    "AttentionPool",
    "LogSumExpPool",
    "MeanMaxPool",
    "MeanPool",
    "Pooling",
    "PoolsTokens",
    "Positions",
    "build_pool",
]

Pooling = Literal["attention", "log_sum_exp", "mean", "mean_max"]
Positions = Literal["interpolated", "relative", "none"]


Grid = tuple[int, ...] | None


class MeanPool(nn.Module):
    """Average of the real tokens."""

    def forward(self, tokens: Tensor, mask: Tensor | None = None, grid: Grid = None) -> Tensor:
        """Reduce ``(B, T, D)`` to ``(B, D)``."""
        return masked_mean(tokens, mask)

    def local(self, tokens: Tensor, grid: Grid = None) -> Tensor:
        """Return the tokens themselves: the pooled vector is their average."""
        return tokens

    def shares(self, tokens: Tensor, mask: Tensor | None = None, grid: Grid = None) -> Tensor:
        """Return the tokens themselves."""
        return tokens


class MeanMaxPool(nn.Module):
    """Average and maximum of the real tokens, mixed to one vector: what is always there, and what occurs once.

    Args:
        dim: Width of tokens and result.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * dim, dim)

    def forward(self, tokens: Tensor, mask: Tensor | None = None, grid: Grid = None) -> Tensor:
        """Reduce ``(B, T, D)`` to ``(B, D)``; tokens where ``mask`` is False are not seen."""
        seen = tokens if mask is None else tokens.masked_fill(~mask[..., None], -torch.inf)
        mixed: Tensor = self.mix(torch.cat([masked_mean(tokens, mask), seen.amax(dim=1)], dim=-1))
        return mixed

    def local(self, tokens: Tensor, grid: Grid = None) -> Tensor:
        """What each token would be as the only one of its recording, ``(B, T, D)``."""
        mixed: Tensor = self.mix(torch.cat([tokens, tokens], dim=-1))
        return mixed

    def shares(self, tokens: Tensor, mask: Tensor | None = None, grid: Grid = None) -> Tensor:
        """Share of each token, ``(B, T, D)``: a channel's maximum is that of the token that has it."""
        seen = tokens if mask is None else tokens.masked_fill(~mask[..., None], -torch.inf)
        highest, place = seen.max(dim=1, keepdim=True)
        alone = torch.zeros_like(tokens).scatter_(1, place, highest * _n_real(tokens, mask))
        mixed: Tensor = self.mix(torch.cat([tokens, alone], dim=-1))
        return mixed


class LogSumExpPool(nn.Module):
    """Between average and maximum, for each channel where training puts it (Pinheiro and Collobert, arXiv 1411.6228).

    log(mean(exp(r x))) / r is the average for a small r and the maximum for a large one. A small finding is not diluted
    by the places around it, and unlike under the maximum all places learn (ChestX-ray8, arXiv 1705.02315).

    Args:
        dim: Width of tokens and result.
        sharpness: r of every channel at the start, > 0.
    """

    def __init__(self, dim: int, *, sharpness: float = 3.0) -> None:
        super().__init__()
        self.log_sharpness = nn.Parameter(torch.full((dim,), math.log(sharpness)))

    def forward(self, tokens: Tensor, mask: Tensor | None = None, grid: Grid = None) -> Tensor:
        """Reduce ``(B, T, D)`` to ``(B, D)``; tokens where ``mask`` is False are not seen."""
        raised = self._raised(tokens, mask)
        n_real = _n_real(tokens, mask)[:, 0]
        pooled: Tensor = (torch.logsumexp(raised, dim=1) - n_real.to(raised.dtype).log()) / self.log_sharpness.exp()
        return pooled

    def local(self, tokens: Tensor, grid: Grid = None) -> Tensor:
        """Return the tokens themselves: each is what the pooled vector would be if all were like it."""
        return tokens

    def shares(self, tokens: Tensor, mask: Tensor | None = None, grid: Grid = None) -> Tensor:
        """Share of each token, ``(B, T, D)``: in each channel as large as its part of the sum of exponentials."""
        weights = self._raised(tokens, mask).softmax(dim=1) * _n_real(tokens, mask)
        return weights * self.forward(tokens, mask)[:, None]

    def _raised(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        raised = self.log_sharpness.exp() * tokens
        return raised if mask is None else raised.masked_fill(~mask[..., None], -torch.inf)


class AttentionPool(nn.Module):
    """The mean token asks all tokens what matters (the pooling of CLIP's and MERL's residual networks).

    MERL's released pooling works at one length only; here positions are stretched or relative.

    Args:
        dim: Width of tokens and result.
        n_heads: Attention heads; ``dim`` must be divisible by it.
        positions: ``interpolated`` learned positions, ``relative`` rotations of the keys around the middle of the
            recording, or ``none``.
        n_positions: Tokens along each axis that interpolated positions are learned at (MERL: 313 tokens for 5000
            samples). The mean token has a position of its own.

    Raises:
        ConfigError: ``dim`` cannot be divided among the heads, or relative positions are asked for on several axes.
    """

    def __init__(
        self,
        dim: int,
        *,
        n_heads: int = 4,
        positions: Positions = "interpolated",
        n_positions: int | Sequence[int] = 313,
    ) -> None:
        super().__init__()
        if dim % (2 * n_heads):
            raise ConfigError(
                "attention pooling needs heads of even width",
                received=f"dim {dim}, {n_heads} heads",
                allowed="dim divisible by 2 x n_heads",
            )
        if positions == "relative" and not isinstance(n_positions, int) and len(n_positions) > 1:
            raise ConfigError("relative positions are for one axis", allowed="interpolated, none")
        self.n_heads = n_heads
        self.positions = positions
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.output = nn.Linear(dim, dim)
        self.table = InterpolatedPositions(n_positions, dim) if positions == "interpolated" else None
        self.mean_position = InterpolatedPositions(1, dim) if positions == "interpolated" else None

    def forward(self, tokens: Tensor, mask: Tensor | None = None, grid: Grid = None) -> Tensor:
        """Reduce ``(B, T, D)`` to ``(B, D)``; tokens where ``mask`` is False are not seen.

        ``grid`` says how the T tokens lie along the axes; None for one axis.
        """
        query, keys, values, allowed = self._attention(tokens, mask, grid)
        answer = functional.scaled_dot_product_attention(query, keys, values, allowed)
        pooled: Tensor = self.output(answer.transpose(1, 2).flatten(1))
        return pooled

    def local(self, tokens: Tensor, grid: Grid = None) -> Tensor:
        """What each token adds to the pooled vector if all attention falls on it, ``(B, T, D)`` (MaskCLIP, 2112.01071).

        With one head the pooled vector is a weighted average of these and of what the mean token adds.
        """
        added: Tensor = self.output(self.value(self._placed(tokens, grid)))
        return added

    def shares(self, tokens: Tensor, mask: Tensor | None = None, grid: Grid = None) -> Tensor:
        """Share of each token, ``(B, T, D)``: its value times its attention; the mean token's is shared evenly."""
        query, keys, values, allowed = self._attention(tokens, mask, grid)
        closeness = query @ keys.transpose(-1, -2) / math.sqrt(keys.shape[-1])
        weights = (closeness if allowed is None else closeness.masked_fill(~allowed, -torch.inf)).softmax(dim=-1)
        given = (weights.transpose(-1, -2) * values).transpose(1, 2).flatten(2)
        share: Tensor = self.output(given[:, 1:] * _n_real(tokens, mask) + given[:, :1])
        return share

    def _attention(
        self, tokens: Tensor, mask: Tensor | None, grid: Grid
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Return query, keys and values by head, the mean token first, and where may be looked."""
        question = masked_mean(tokens, mask)[:, None]
        if self.mean_position is not None:
            question = question + self.mean_position(1)
        seen = torch.cat([question, self._placed(tokens, grid)], dim=1)
        keys = self._split(self.key(seen))
        if self.positions == "relative":
            places = torch.arange(seen.shape[1], device=tokens.device) - seen.shape[1] / 2
            places[0] = 0.0
            keys = rotate(keys, places)
        allowed = None if mask is None else functional.pad(mask, (1, 0), value=True)[:, None, None]
        return self._split(self.query(question)), keys, self._split(self.value(seen)), allowed

    def _placed(self, tokens: Tensor, grid: Grid) -> Tensor:
        return tokens if self.table is None else tokens + self.table(grid or tokens.shape[1])

    def _split(self, tokens: Tensor) -> Tensor:
        n_batch, n_tokens, dim = tokens.shape
        return tokens.view(n_batch, n_tokens, self.n_heads, dim // self.n_heads).transpose(1, 2)


def _n_real(tokens: Tensor, mask: Tensor | None) -> Tensor:
    """Number of real tokens, ``(B or 1, 1, 1)``."""
    if mask is None:
        return torch.full((1, 1, 1), tokens.shape[1], device=tokens.device)
    return mask.sum(dim=1)[:, None, None]


class PoolsTokens:
    """What an encoder says of its tokens once its ``pool`` has made one vector of them."""

    pool: nn.Module

    def local_tokens(self, output: EncoderOutput) -> Tensor | None:
        """Tokens in the space of the pooled vector, ``(B, T, D)``."""
        return None if output.tokens is None else self.pool.local(output.tokens, output.grid)  # type: ignore[operator]

    def shares(self, output: EncoderOutput) -> Tensor | None:
        """What each token gave to the pooled vector, ``(B, T, D)``: the average over the real ones is that vector."""
        tokens, mask, grid = output.tokens, output.mask, output.grid
        return None if tokens is None else self.pool.shares(tokens, mask, grid)  # type: ignore[operator]


def build_pool(
    pooling: Pooling, dim: int, *, n_heads: int, positions: Positions, n_positions: int | Sequence[int]
) -> nn.Module:
    """Return the pooling that a recipe names.

    Raises:
        ConfigError: The name is unknown.
    """
    if pooling == "mean":
        return MeanPool()
    if pooling == "mean_max":
        return MeanMaxPool(dim)
    if pooling == "log_sum_exp":
        return LogSumExpPool(dim)
    if pooling == "attention":
        return AttentionPool(dim, n_heads=n_heads, positions=positions, n_positions=n_positions)
    raise ConfigError("unknown pooling", received=pooling, allowed=get_args(Pooling))
