"""Vision transformer over time."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from medclip.core.errors import ConfigError
from medclip.encoders.configurable import Configurable
from medclip.encoders.output import EncoderOutput, token_mask, without_padding
from medclip.encoders.pooling import build_pool
from medclip.encoders.positions import InterpolatedPositions, rotate

__all__ = ["ViT1d"]

# Width, depth and heads of DeiT (arXiv 2012.12877), which MERL's ViT-tiny follows.
_SIZES = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12)}


class ViT1d(Configurable, nn.Module):
    """Transformer over patches in time, all channels of a patch together.

    A patch of 50 samples at 500 Hz is 100 ms: a P wave, a QRS or a piece of an ST segment with the potentials of all
    leads at that moment, from which one linear map reads axis and amplitude. Attention then compares beats: rhythm,
    intervals, premature beats, P waves without QRS.

    Args:
        n_channels: Rows of the input.
        size: ``tiny`` (192 wide, 3 heads), ``small`` (384, 6) or ``base`` (768, 12).
        depth: Number of blocks; 12 if None.
        patch_size: Samples per patch; a rest at the end that fills no patch is padded with zeros. MERL: 50.
        positions: ``interpolated`` learned positions or ``relative`` rotations; both take any length.
        n_positions: Length that interpolated positions are learned at. MERL: 100.
        pooling: ``mean`` or ``attention``.
        dropout: Probability of dropping an activation after attention and in the feed-forward part.
        drop_path: Probability of dropping a whole block in the last layer, rising linearly from 0.

    Raises:
        ConfigError: ``size`` is unknown.
    """

    def __init__(
        self,
        n_channels: int = 12,
        *,
        size: Literal["tiny", "small", "base"] = "tiny",
        depth: int | None = None,
        patch_size: int = 50,
        positions: Literal["interpolated", "relative"] = "interpolated",
        n_positions: int = 100,
        pooling: Literal["attention", "mean"] = "mean",
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        if size not in _SIZES:
            raise ConfigError("unknown size of ViT1d", received=size, allowed=tuple(_SIZES))
        width, standard_depth, n_heads = _SIZES[size]
        depth = standard_depth if depth is None else depth
        self.embedding_dim = width
        self.patch_size = patch_size
        self.patches = nn.Conv1d(n_channels, width, patch_size, stride=patch_size)
        self.table = InterpolatedPositions(n_positions, width) if positions == "interpolated" else None
        drops = torch.linspace(0.0, drop_path, depth).tolist()
        self.blocks = nn.ModuleList(
            _Block(width, n_heads, dropout=dropout, drop_path=drop, relative=positions == "relative") for drop in drops
        )
        self.norm = nn.LayerNorm(width)
        self.pool = build_pool(pooling, width, n_heads=n_heads, positions="none", n_positions=n_positions)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> EncoderOutput:
        """Encode ``(B, n_channels, n_samples)``; ``mask`` is ``(B, n_samples)``, False where padded.

        What lies in the padding has no influence; neither has its length with relative positions and mean pooling.
        """
        x, mask = without_padding(x, mask)
        rest = -x.shape[-1] % self.patch_size
        tokens = self.patches(functional.pad(x, (0, rest))).transpose(1, 2)
        real = token_mask(mask, self.patch_size)
        if self.table is not None:
            tokens = tokens + self.table(tokens.shape[1])
        for block in self.blocks:
            tokens = block(tokens, real)
        tokens = self.norm(tokens)
        return EncoderOutput(self.pool(tokens, real), tokens, real)


class _Block(nn.Module):
    def __init__(self, width: int, n_heads: int, *, dropout: float, drop_path: float, relative: bool) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.relative = relative
        self.drop_path = drop_path
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.output = nn.Sequential(nn.Linear(width, width), nn.Dropout(dropout))
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
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
