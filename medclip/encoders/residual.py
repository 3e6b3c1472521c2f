"""Residual networks over one, two or three axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.encoders.checkpointing import run
from medclip.encoders.output import EncoderOutput, fill_up, token_grid, token_mask, without_padding
from medclip.encoders.pooling import Pooling, PoolsTokens, Positions, build_pool
from medclip.encoders.positions import Coordinates

__all__ = ["Depth", "ResidualEncoder", "Stem"]

Depth = Literal[10, 18, 34, 50]
Stem = Literal["plain", "max_pool", "patch"]

_BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
_CONV: dict[int, type[nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_NORM: dict[int, type[nn.Module]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_MAX_POOL: dict[int, type[nn.Module]] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
_MEAN_POOL: dict[int, type[nn.Module]] = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


class ResidualEncoder(PoolsTokens, nn.Module):
    """Stem, four stages of residual blocks, a 1-wide convolution to the embedding, and a pooling.

    Args:
        n_axes: 1, 2 or 3.
        n_channels: Channels of the input.
        depth: 10, 18, 34 (two convolutions a block) or 50 (bottleneck blocks).
        width: Channels of the first stage; the others have 2, 4 and 8 times as many.
        embedding_dim: Width of tokens and pooled vector.
        kernel_size: Places that a block's convolution sees along each axis, odd; one number or one for each stage.
            1 in the last stages leaves tokens that only know their surroundings.
        stem: ``plain`` (7 wide, stride ``stem_stride``), ``max_pool`` (the same, then 3 wide with stride 2) or
            ``patch`` (non-overlapping patches of ``stem_stride``, cheap on large inputs). With ``patch`` the stages are
            parted by averages over pairs, so that a token sees around the middle of its own place; a convolution with
            stride 2 looks around the first of the two, and five of them around the first of 32.
        stem_stride: Stride of the stem along each axis.
        stage_strides: Stride of each stage along every axis, 1 or 2; each 1 for a 2 keeps twice as many tokens along
            each.
        pooling: ``attention``, ``mean``, ``mean_max`` or ``log_sum_exp``.
        n_heads: Heads of the attention pooling.
        positions: Positions of the attention pooling.
        n_positions: Tokens along each axis that its interpolated positions are learned at.
        dropout: Probability of dropping a channel of the pooled vector.
        gradient_checkpointing: Compute activations of a block twice instead of keeping them.
        traced_stage: Stage, 1 to 4, to whose features maps are traced back; None for maps of the tokens.
        placed_stage: Stage, 1 to 4, that is told where in the field each place lies; None for a network that knows
            only what it sees around.

    Raises:
        ConfigError: A setting is out of range.
    """

    def __init__(
        self,
        n_axes: int,
        n_channels: int,
        *,
        depth: Depth,
        width: int,
        embedding_dim: int,
        kernel_size: int | Sequence[int],
        stem: Stem,
        stem_stride: Sequence[int],
        stage_strides: Sequence[int],
        pooling: Pooling,
        n_heads: int,
        positions: Positions,
        n_positions: int | Sequence[int],
        dropout: float,
        gradient_checkpointing: bool,
        traced_stage: int | None = None,
        placed_stage: int | None = None,
    ) -> None:
        super().__init__()
        kernels = (kernel_size,) * 4 if isinstance(kernel_size, int) else tuple(kernel_size)
        _check(n_axes, depth, kernels, stem, stem_stride, stage_strides)
        for stage in (traced_stage, placed_stage):
            if stage not in (None, 1, 2, 3, 4):
                raise ConfigError("no such stage of a residual network", received=stage, allowed="1 to 4, or none")
        self.embedding_dim = embedding_dim
        self.gradient_checkpointing = gradient_checkpointing
        more = math.prod(stage_strides) * (2 if stem == "max_pool" else 1)
        self.per_token = tuple(stride * more for stride in stem_stride)
        self.fill_to = tuple(stem_stride) if stem == "patch" else (1,) * n_axes
        self.stem = nn.Sequential(*_stem(n_axes, n_channels, width, stem, stem_stride))
        block = _Bottleneck if depth == 50 else _BasicBlock
        stages: list[nn.Module] = []
        n_in, self._n_traced = width, 0
        for stage, n_blocks in enumerate(_BLOCKS[depth]):
            stride = stage_strides[stage]
            if stem == "patch" and stride == 2:
                stages.append(_MEAN_POOL[n_axes](2, ceil_mode=True))
                stride = 1
            if stage + 1 == placed_stage:
                coordinates = Coordinates(n_axes)
                stages.append(coordinates)
                n_in += coordinates.n_channels
            for index in range(n_blocks):
                step = stride if index == 0 else 1
                stages.append(block(n_axes, n_in, width * 2**stage, stride=step, kernel_size=kernels[stage]))
                n_in = width * 2**stage * block.expansion
            if stage + 1 == traced_stage:
                self._n_traced = len(stages)
        self.is_traced = traced_stage is not None
        self.stages = nn.Sequential(*stages)
        self.to_embedding = _CONV[n_axes](n_in, embedding_dim, 1)
        self.pool = build_pool(pooling, embedding_dim, n_heads=n_heads, positions=positions, n_positions=n_positions)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> EncoderOutput:
        """Encode ``(B, n_channels, *spatial)``; ``mask`` is ``(B, *spatial)``, False where padded.

        What lies in the padding has no influence. Its extent has a little, as the border of a recording has in any
        convolution, and through the batch statistics in training.
        """
        x, mask = without_padding(x, mask)
        return self._rest(self._early(x), x, mask)

    @torch.no_grad()
    def trace(self, x: Tensor, mask: Tensor | None = None) -> tuple[EncoderOutput, Tensor]:
        """Encode as ``forward`` does, and return the features ``(B, C, *grid)`` of ``traced_stage``.

        The output can be differentiated with respect to these features and to nothing else.
        """
        x, mask = without_padding(x, mask)
        early = self._early(x).requires_grad_(True)
        with torch.enable_grad():
            return self._rest(early, x, mask), early

    def _early(self, x: Tensor) -> Tensor:
        features = run(self.stem, fill_up(x, self.fill_to), recompute=self.gradient_checkpointing)
        if features.dim() in _CHANNELS_LAST:
            # The stages of a narrow network take about two thirds of the time on a processor that they take otherwise.
            features = features.contiguous(memory_format=_CHANNELS_LAST[features.dim()])
        return self._through(list(self.stages)[: self._n_traced], features)

    def _rest(self, early: Tensor, x: Tensor, mask: Tensor | None) -> EncoderOutput:
        features = self._through(list(self.stages)[self._n_traced :], early)
        tokens = self.to_embedding(features).flatten(2).transpose(1, 2)
        grid, real = token_grid(x.shape[2:], self.per_token), token_mask(mask, self.per_token)
        return EncoderOutput(self.dropout(self.pool(tokens, real, grid)), tokens, real, grid)

    def _through(self, blocks: Sequence[nn.Module], features: Tensor) -> Tensor:
        for block in blocks:
            features = run(block, features, recompute=self.gradient_checkpointing)
        return features


def _check(
    n_axes: int, depth: int, kernels: Sequence[int], stem: str, stem_stride: Sequence[int], stage_strides: Sequence[int]
) -> None:
    if depth not in _BLOCKS:
        raise ConfigError("unknown depth of a residual network", received=depth, allowed=tuple(_BLOCKS))
    if len(kernels) != 4 or any(size % 2 == 0 for size in kernels):
        raise ConfigError(
            "kernel_size must be odd",
            received=list(kernels),
            allowed="one of 1, 3, 5, ..., or one for each of 4 stages",
        )
    if stem not in ("plain", "max_pool", "patch"):
        raise ConfigError("unknown stem", received=stem, allowed=("plain", "max_pool", "patch"))
    if len(stem_stride) != n_axes or min(stem_stride) < 1 or len(stage_strides) != 4 or not {*stage_strides} <= {1, 2}:
        raise ConfigError(
            "strides of a residual network out of range",
            received=f"stem_stride {list(stem_stride)}, stage_strides {list(stage_strides)}",
            allowed=f"{n_axes} positive numbers, and four that are 1 or 2",
        )


def _stem(n_axes: int, n_channels: int, width: int, stem: Stem, stride: Sequence[int]) -> list[nn.Module]:
    kernel, padding = (tuple(stride), 0) if stem == "patch" else (7, 3)
    convolution = _CONV[n_axes](n_channels, width, kernel, stride=tuple(stride), padding=padding, bias=False)
    layers = [convolution, _NORM[n_axes](width), nn.ReLU()]
    if stem == "max_pool":
        layers.append(_MAX_POOL[n_axes](3, stride=2, padding=1))
    return layers


class _BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, n_axes: int, n_in: int, n_out: int, *, stride: int, kernel_size: int) -> None:
        super().__init__()
        norm = _NORM[n_axes]
        self.body = nn.Sequential(
            *_convolution(n_axes, n_in, n_out, kernel_size, stride),
            norm(n_out),
            nn.ReLU(),
            *_convolution(n_axes, n_out, n_out, kernel_size),
            norm(n_out),
        )
        self.shortcut = _shortcut(n_axes, n_in, n_out, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.relu(self.body(x) + self.shortcut(x))
        return result


class _Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, n_axes: int, n_in: int, n_out: int, *, stride: int, kernel_size: int) -> None:
        super().__init__()
        norm, n_wide = _NORM[n_axes], n_out * self.expansion
        self.body = nn.Sequential(
            *_convolution(n_axes, n_in, n_out, 1),
            norm(n_out),
            nn.ReLU(),
            *_convolution(n_axes, n_out, n_out, kernel_size, stride),
            norm(n_out),
            nn.ReLU(),
            *_convolution(n_axes, n_out, n_wide, 1),
            norm(n_wide),
        )
        self.shortcut = _shortcut(n_axes, n_in, n_wide, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.relu(self.body(x) + self.shortcut(x))
        return result


def _shortcut(n_axes: int, n_in: int, n_out: int, stride: int) -> nn.Module:
    if n_in == n_out and stride == 1:
        return nn.Identity()
    return nn.Sequential(*_convolution(n_axes, n_in, n_out, 1, stride), _NORM[n_axes](n_out))


def _convolution(n_axes: int, n_in: int, n_out: int, kernel_size: int, stride: int = 1) -> list[nn.Module]:
    """Return a convolution that keeps the grid, or keeps every ``stride``-th place of it.

    A 1-wide one gets its places picked before it, not by its stride, which is the same and safe: in channels-last order
    oneDNN's gradient of a 1-wide strided convolution of few channels writes past its buffers (uxlfoundation/oneDNN
    issue 6035), and training dies of it, or goes on with damaged memory.
    """
    picked: list[nn.Module] = []
    if kernel_size == 1 and stride > 1:
        picked, stride = [_EveryPlace(n_axes, stride)], 1
    return [
        *picked,
        _CONV[n_axes](n_in, n_out, kernel_size, stride=stride, padding=kernel_size // 2, bias=False),
    ]


class _EveryPlace(nn.Module):
    """Every ``stride``-th place along each axis, the first among them."""

    def __init__(self, n_axes: int, stride: int) -> None:
        super().__init__()
        self.picked = (slice(None), slice(None), *[slice(None, None, stride)] * n_axes)

    def forward(self, x: Tensor) -> Tensor:
        return x[self.picked]
