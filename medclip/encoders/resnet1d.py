"""Residual networks over time."""

from __future__ import annotations

from medclip.encoders.configurable import Configurable
from medclip.encoders.pooling import Pooling, Positions
from medclip.encoders.residual import Depth, ResidualEncoder

__all__ = ["ResNet1d"]


class ResNet1d(Configurable, ResidualEncoder):
    """ResNet-10, -18, -34 or -50 with one-dimensional convolutions, as in MERL (arXiv 2403.06659).

    The stem looks at 7 samples of all channels together: at 500 Hz, 14 ms, the slope of a QRS. The first stage keeps
    that resolution and sees notches and pacing spikes; each later stage halves it, so that one token of the last stage
    spans several hundred milliseconds, about a P wave with its QRS or a QRS with its ST segment. There is no max-pool:
    it would drop the amplitude of small waves. Pooling then decides which beats of the recording matter. One token
    stands for 16 samples.

    Args:
        n_channels: Rows of the input.
        depth: 10, 18, 34 (two convolutions a block) or 50 (bottleneck blocks). On a few thousand recordings 10 with
            long kernels learns more than 18 with short ones (docs/experiments.md).
        width: Channels of the first stage; the others have 2, 4 and 8 times as many. MERL: 64.
        embedding_dim: Width of tokens and pooled vector. MERL: 256.
        kernel_size: Samples a block's convolution sees, odd.
        pooling: ``attention``, ``mean``, ``mean_max`` or ``log_sum_exp``.
        n_heads: Heads of the attention pooling. MERL: 4.
        positions: Positions of the attention pooling.
        n_positions: Length its interpolated positions are learned at.
        dropout: Probability of dropping a channel of the pooled vector.
        gradient_checkpointing: Compute activations of a block twice instead of keeping them.

    Raises:
        ConfigError: ``depth`` is not 10, 18, 34 or 50, or ``kernel_size`` is even.
    """

    def __init__(
        self,
        n_channels: int = 12,
        *,
        depth: Depth = 18,
        width: int = 64,
        embedding_dim: int = 256,
        kernel_size: int = 3,
        pooling: Pooling = "attention",
        n_heads: int = 4,
        positions: Positions = "interpolated",
        n_positions: int = 313,
        dropout: float = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__(
            1,
            n_channels,
            depth=depth,
            width=width,
            embedding_dim=embedding_dim,
            kernel_size=kernel_size,
            stem="plain",
            stem_stride=(2,),
            stage_strides=(1, 2, 2, 2),
            pooling=pooling,
            n_heads=n_heads,
            positions=positions,
            n_positions=n_positions,
            dropout=dropout,
            gradient_checkpointing=gradient_checkpointing,
        )
