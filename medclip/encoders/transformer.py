"""Transformers over the patches of one, two or three axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from medclip.core.errors import ConfigError
from medclip.encoders.checkpointing import run
from medclip.encoders.output import EncoderOutput, fill_up, token_grid, token_mask, without_padding
from medclip.encoders.pooling import PoolsTokens, build_pool
from medclip.encoders.positions import InterpolatedPositions, rotate

__all__ = ["Block", "PatchTransformer", "Size", "size_of"]

Size = Literal["tiny", "small", "base"]

# Width, depth and heads of DeiT (arXiv 2012.12877), which MERL's ViT-tiny follows.
_SIZES = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12)}
_CONV: dict[int, type[nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def size_of(size: str) -> tuple[int, int, int]:
    """Return width, depth and heads.

    Raises:
        ConfigError: The size is unknown.
    """
    if size not in _SIZES:
        raise ConfigError("unknown size of a vision transformer", received=size, allowed=tuple(_SIZES))
    return _SIZES[size]


class PatchTransformer(PoolsTokens, nn.Module):
    """Patches, positions, transformer blocks, a norm and a pooling.

    Args:
        n_axes: 1, 2 or 3.
        n_channels: Channels of the input.
        size: ``tiny`` (192 wide, 3 heads), ``small`` (384, 6) or ``base`` (768, 12).
        depth: Number of blocks; 12 if None.
        patch_size: Places along each axis of a patch; a rest at the end is filled up with zeros.
        positions: ``interpolated`` learned positions or, on one axis, ``relative`` rotations.
        n_positions: Patches along each axis that interpolated positions are learned at.
        pooling: ``mean`` or ``attention``.
        dropout: Probability of dropping an activation after attention and in the feed-forward part.
        drop_path: Probability of dropping a whole block in the last layer, rising linearly from 0.
        gradient_checkpointing: Compute activations of a block twice instead of keeping them.

    Raises:
        ConfigError: A setting is out of range.
    """

    def __init__(
        self,
        n_axes: int,
        n_channels: int,
        *,
        size: Size,
        depth: int | None,
        patch_size: Sequence[int],
        positions: Literal["interpolated", "relative"],
        n_positions: int | Sequence[int],
        pooling: Literal["attention", "mean"],
        dropout: float,
        drop_path: float,
        gradient_checkpointing: bool,
    ) -> None:
        super().__init__()
        width, standard_depth, n_heads = size_of(size)
        depth = standard_depth if depth is None else depth
        self.embedding_dim = width
        self.gradient_checkpointing = gradient_checkpointing
        self.per_token = tuple(patch_size)
        self.patches = _CONV[n_axes](n_channels, width, self.per_token, stride=self.per_token)
        self.table = InterpolatedPositions(n_positions, width) if positions == "interpolated" else None
        drops = torch.linspace(0.0, drop_path, depth).tolist()
        self.blocks = nn.ModuleList(
            Block(width, n_heads, dropout=dropout, drop_path=drop, relative=positions == "relative") for drop in drops
        )
        self.norm = nn.LayerNorm(width)
        self.pool = build_pool(pooling, width, n_heads=n_heads, positions="none", n_positions=n_positions)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> EncoderOutput:
        """Encode ``(B, n_channels, *spatial)``; ``mask`` is ``(B, *spatial)``, False where padded.

        What lies in the padding has no influence; neither has its extent with relative positions and mean pooling.
        """
        x, mask = without_padding(x, mask)
        grid = token_grid(x.shape[2:], self.per_token)
        tokens = self.patches(fill_up(x, self.per_token)).flatten(2).transpose(1, 2)
        real = token_mask(mask, self.per_token)
        if self.table is not None:
            tokens = tokens + self.table(grid)
        for block in self.blocks:
            tokens = run(block, tokens, real, recompute=self.gradient_checkpointing)
        tokens = self.norm(tokens)
        return EncoderOutput(self.pool(tokens, real, grid), tokens, real, grid)


class Block(nn.Module):
    """Attention and feed-forward part, each behind a norm and beside a shortcut.

    Args:
        width: Of a token.
        n_heads: Attention heads.
        head_width: Width of a head; ``width / n_heads`` if None.
        dropout: Probability of dropping an activation after attention and in the feed-forward part.
        drop_path: Probability of dropping the whole block for a recording.
        relative: Rotate queries and keys by their place.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        *,
        head_width: int | None = None,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        relative: bool = False,
    ) -> None:
        super().__init__()
        inner = n_heads * head_width if head_width else width
        self.n_heads = n_heads
        self.relative = relative
        self.drop_path = drop_path
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * inner)
        self.output = nn.Sequential(nn.Linear(inner, width), nn.Dropout(dropout))
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        """Transform ``(B, T, D)``; nobody looks at tokens where ``mask`` ``(B, T)`` is False."""
        tokens = tokens + self._drop(self._attend(self.norm_attention(tokens), mask))
        return tokens + self._drop(self.feed_forward(tokens))

    def _attend(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = self.qkv(tokens).unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        if self.relative:
            places = torch.arange(tokens.shape[1], device=tokens.device)
            query, key = rotate(query, places), rotate(key, places)
        allowed = None if mask is None else mask[:, None, None]
        heads = functional.scaled_dot_product_attention(query, key, value, allowed)
        attended: Tensor = self.output(heads.transpose(1, 2).flatten(2))
        return attended

    def _drop(self, branch: Tensor) -> Tensor:
        """Stochastic depth (arXiv 1603.09382): drop the branch for whole recordings, scale up the others."""
        if not self.training or self.drop_path == 0.0:
            return branch
        keep = 1.0 - self.drop_path
        return branch * torch.empty(len(branch), 1, 1, device=branch.device).bernoulli_(keep) / keep
