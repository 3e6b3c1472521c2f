"""Residual networks over time."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.encoders.configurable import Configurable
from medclip.encoders.output import EncoderOutput, token_mask, without_padding
from medclip.encoders.pooling import Pooling, Positions, build_pool

__all__ = ["ResNet1d"]

_SAMPLES_PER_TOKEN = 16
_BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


class ResNet1d(Configurable, nn.Module):
    """ResNet-10, -18, -34 or -50 with one-dimensional convolutions, as in MERL (arXiv 2403.06659).

    The stem looks at 7 samples of all channels together: at 500 Hz, 14 ms, the slope of a QRS. The first stage keeps
    that resolution and sees notches and pacing spikes; each later stage halves it, so that one token of the last stage
    spans several hundred milliseconds, about a P wave with its QRS or a QRS with its ST segment. There is no max-pool:
    it would drop the amplitude of small waves. Pooling then decides which beats of the recording matter.

    Args:
        n_channels: Rows of the input.
        depth: 10, 18, 34 (two convolutions a block) or 50 (bottleneck blocks). On a few thousand recordings 10 with
            long kernels learns more than 18 with short ones (docs/experiments.md).
        width: Channels of the first stage; the others have 2, 4 and 8 times as many. MERL: 64.
        embedding_dim: Width of tokens and pooled vector. MERL: 256.
        kernel_size: Samples a block's convolution sees, odd.
        pooling: ``attention``, ``mean`` or ``mean_max``.
        n_heads: Heads of the attention pooling. MERL: 4.
        positions: Positions of the attention pooling.
        n_positions: Length its interpolated positions are learned at.
        dropout: Probability of dropping a channel of the pooled vector.

    Raises:
        ConfigError: ``depth`` is not 10, 18, 34 or 50, or ``kernel_size`` is even.
    """

    def __init__(
        self,
        n_channels: int = 12,
        *,
        depth: Literal[10, 18, 34, 50] = 18,
        width: int = 64,
        embedding_dim: int = 256,
        kernel_size: int = 3,
        pooling: Pooling = "attention",
        n_heads: int = 4,
        positions: Positions = "interpolated",
        n_positions: int = 313,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if depth not in _BLOCKS:
            raise ConfigError("unknown depth of ResNet1d", received=depth, allowed=tuple(_BLOCKS))
        if kernel_size % 2 == 0:
            raise ConfigError("kernel_size must be odd", received=kernel_size)
        self.embedding_dim = embedding_dim
        block = _Bottleneck if depth == 50 else _BasicBlock
        self.stem = nn.Sequential(
            nn.Conv1d(n_channels, width, 7, stride=2, padding=3, bias=False), nn.BatchNorm1d(width), nn.ReLU()
        )
        stages: list[nn.Module] = []
        n_in = width
        for stage, n_blocks in enumerate(_BLOCKS[depth]):
            for index in range(n_blocks):
                stride = 2 if stage > 0 and index == 0 else 1
                stages.append(block(n_in, width * 2**stage, stride=stride, kernel_size=kernel_size))
                n_in = width * 2**stage * block.expansion
        self.stages = nn.Sequential(*stages)
        self.to_embedding = nn.Conv1d(n_in, embedding_dim, 1)
        self.pool = build_pool(pooling, embedding_dim, n_heads=n_heads, positions=positions, n_positions=n_positions)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> EncoderOutput:
        """Encode ``(B, n_channels, n_samples)``; ``mask`` is ``(B, n_samples)``, False where padded.

        What lies in the padding has no influence. Its length has a little, as the end of a recording has in any
        convolution, and through the batch statistics in training.
        """
        x, mask = without_padding(x, mask)
        tokens = self.to_embedding(self.stages(self.stem(x))).transpose(1, 2)
        real = token_mask(mask, _SAMPLES_PER_TOKEN)
        return EncoderOutput(self.dropout(self.pool(tokens, real)), tokens, real)


class _BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, n_in: int, n_out: int, *, stride: int, kernel_size: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(n_in, n_out, kernel_size, stride=stride, padding=kernel_size // 2, bias=False),
            nn.BatchNorm1d(n_out),
            nn.ReLU(),
            nn.Conv1d(n_out, n_out, kernel_size, padding=kernel_size // 2, bias=False),
            nn.BatchNorm1d(n_out),
        )
        self.shortcut = _shortcut(n_in, n_out, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.relu(self.body(x) + self.shortcut(x))
        return result


class _Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, n_in: int, n_out: int, *, stride: int, kernel_size: int) -> None:
        super().__init__()
        n_wide = n_out * self.expansion
        self.body = nn.Sequential(
            nn.Conv1d(n_in, n_out, 1, bias=False),
            nn.BatchNorm1d(n_out),
            nn.ReLU(),
            nn.Conv1d(n_out, n_out, kernel_size, stride=stride, padding=kernel_size // 2, bias=False),
            nn.BatchNorm1d(n_out),
            nn.ReLU(),
            nn.Conv1d(n_out, n_wide, 1, bias=False),
            nn.BatchNorm1d(n_wide),
        )
        self.shortcut = _shortcut(n_in, n_wide, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.relu(self.body(x) + self.shortcut(x))
        return result


def _shortcut(n_in: int, n_out: int, stride: int) -> nn.Module:
    if n_in == n_out and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv1d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm1d(n_out))
