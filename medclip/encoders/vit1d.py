"""Vision transformer over time."""

from __future__ import annotations

from typing import Literal

from medclip.encoders.configurable import Configurable
from medclip.encoders.transformer import PatchTransformer, Size

__all__ = ["ViT1d"]


class ViT1d(Configurable, PatchTransformer):
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
        gradient_checkpointing: Compute activations of a block twice instead of keeping them.

    Raises:
        ConfigError: ``size`` is unknown.
    """

    def __init__(
        self,
        n_channels: int = 12,
        *,
        size: Size = "tiny",
        depth: int | None = None,
        patch_size: int = 50,
        positions: Literal["interpolated", "relative"] = "interpolated",
        n_positions: int = 100,
        pooling: Literal["attention", "mean"] = "mean",
        dropout: float = 0.0,
        drop_path: float = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__(
            1,
            n_channels,
            size=size,
            depth=depth,
            patch_size=(patch_size,),
            positions=positions,
            n_positions=n_positions,
            pooling=pooling,
            dropout=dropout,
            drop_path=drop_path,
            gradient_checkpointing=gradient_checkpointing,
        )
