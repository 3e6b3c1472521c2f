"""Vision transformer over images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from medclip.encoders.configurable import Configurable
from medclip.encoders.transformer import PatchTransformer, Size

__all__ = ["ViT2d"]


class ViT2d(Configurable, PatchTransformer):
    """Transformer over square patches of an image (arXiv 2010.11929), with tokens that keep their place.

    One linear map reads a patch: brightness, edges, texture. Attention then compares places, however far apart: left
    lung with right, the heart with the chest around it, the tip of a tube with the carina. It has to learn nearness,
    which a convolution is born with, and so wants more images or pretrained weights (``PretrainedImage``).

    Args:
        n_channels: 1 for grey images.
        size: ``tiny`` (192 wide, 3 heads), ``small`` (384, 6) or ``base`` (768, 12).
        depth: Number of blocks; 12 if None.
        patch_size: Side of a patch in pixels; a rest at the right and lower border is filled up with zeros.
        n_positions: Patches along each axis that positions are learned at; other sizes are interpolated.
        pooling: ``mean`` or ``attention``.
        dropout: Probability of dropping an activation after attention and in the feed-forward part.
        drop_path: Probability of dropping a whole block in the last layer, rising linearly from 0.
        gradient_checkpointing: Compute activations of a block twice instead of keeping them.

    Raises:
        ConfigError: ``size`` is unknown.
    """

    def __init__(
        self,
        n_channels: int = 1,
        *,
        size: Size = "small",
        depth: int | None = None,
        patch_size: int = 16,
        n_positions: Sequence[int] = (14, 14),
        pooling: Literal["attention", "mean"] = "mean",
        dropout: float = 0.0,
        drop_path: float = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__(
            2,
            n_channels,
            size=size,
            depth=depth,
            patch_size=(patch_size, patch_size),
            positions="interpolated",
            n_positions=n_positions,
            pooling=pooling,
            dropout=dropout,
            drop_path=drop_path,
            gradient_checkpointing=gradient_checkpointing,
        )
