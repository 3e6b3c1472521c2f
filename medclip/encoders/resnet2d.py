"""Residual networks over images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from medclip.encoders.configurable import Configurable
from medclip.encoders.pooling import Pooling
from medclip.encoders.residual import Depth, ResidualEncoder, Stem

__all__ = ["ResNet2d"]


class ResNet2d(Configurable, ResidualEncoder):
    """ResNet-10, -18, -34 or -50 over images (arXiv 1512.03385), with tokens that keep their place.

    The stem sees edges: vessel walls, a pleural line, a rib's cortex. The first stage keeps that resolution and sees
    texture; each later stage halves it, and a token of the last stage has seen a region from which shape can be told:
    the border of an opacity, a costophrenic angle, the width of the heart. Mean pooling makes the pooled vector the
    average of the tokens, so that similarities of tokens with a text are parts of the similarity of the image; a small
    finding is diluted by it, and ``log_sum_exp``, ``mean_max`` or ``attention`` keep it.

    With the defaults (50 deep) it has the geometry of torchvision's and Hugging Face's ResNet-50.

    Args:
        n_channels: 1 for grey images.
        depth: 10, 18, 34 (two convolutions a block) or 50 (bottleneck blocks).
        width: Channels of the first stage; the others have 2, 4 and 8 times as many.
        embedding_dim: Width of tokens and pooled vector.
        kernel_size: Pixels a block's convolution sees along each axis, odd; one number or one for each stage. With
            ``[3, 3, 1, 1]`` tokens know their surroundings only (BagNet, arXiv 1904.00760), as maps need it.
        stem: ``max_pool`` (7 x 7 with stride 2, then max-pool: a token stands for 32 x 32 pixels), ``plain`` (without
            the max-pool: 16 x 16 with ``stem_stride`` 2) or ``patch`` (non-overlapping patches of ``stem_stride``:
            several times as fast on a processor, and with tokens that look around the middle of their own place, as
            maps need it; those of the others look around its upper left corner).
        stem_stride: Stride of the stem along each axis; the side of a patch with ``patch``.
        stage_strides: Stride of each of the four stages, 1 or 2: ``[1, 2, 2, 1]`` leaves the last stage at the
            resolution of the third, twice as many tokens along each axis.
        pooling: ``mean``, ``mean_max``, ``log_sum_exp`` or ``attention``.
        n_heads: Heads of the attention pooling.
        n_positions: Tokens along each axis that its positions are learned at; other sizes are interpolated.
        dropout: Probability of dropping a channel of the pooled vector.
        gradient_checkpointing: Compute activations of a block twice instead of keeping them.
        traced_stage: Stage, 1 to 4, to whose features maps are traced back by gradient times feature (HiResCAM, arXiv
            2011.08891); None for maps of the tokens themselves. A token of a late stage has seen its neighbours, and
            may learn to answer for a finding beside it.
        placed_stage: Stage, 1 to 4, that is told where in the field each place lies (CoordConv, arXiv 1807.03247): with
            it, tokens that see little around themselves still know in which part of the body they are.

    Raises:
        ConfigError: A setting is out of range.
    """

    def __init__(
        self,
        n_channels: int = 1,
        *,
        depth: Depth = 50,
        width: int = 64,
        embedding_dim: int = 512,
        kernel_size: int | Sequence[int] = 3,
        stem: Stem = "max_pool",
        stem_stride: int = 2,
        stage_strides: Sequence[int] = (1, 2, 2, 2),
        pooling: Pooling = "mean",
        n_heads: int = 8,
        n_positions: Sequence[int] = (7, 7),
        dropout: float = 0.0,
        gradient_checkpointing: bool = False,
        traced_stage: Literal[1, 2, 3, 4] | None = None,
        placed_stage: Literal[1, 2, 3, 4] | None = None,
    ) -> None:
        super().__init__(
            2,
            n_channels,
            depth=depth,
            width=width,
            embedding_dim=embedding_dim,
            kernel_size=kernel_size,
            stem=stem,
            stem_stride=(stem_stride, stem_stride),
            stage_strides=stage_strides,
            pooling=pooling,
            n_heads=n_heads,
            positions="interpolated",
            n_positions=n_positions,
            dropout=dropout,
            gradient_checkpointing=gradient_checkpointing,
            traced_stage=traced_stage,
            placed_stage=placed_stage,
        )
