"""Vision transformer over volumes with factorised attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.encoders.checkpointing import run
from medclip.encoders.configurable import Configurable
from medclip.encoders.output import EncoderOutput, fill_up, token_grid, token_mask, without_padding
from medclip.encoders.pooling import PoolsTokens, build_pool
from medclip.encoders.positions import InterpolatedPositions
from medclip.encoders.transformer import Block

__all__ = ["ViT3d"]


class ViT3d(Configurable, PoolsTokens, nn.Module):
    """Transformer over blocks of voxels: first within a layer of the volume, then along it.

    The blocks attend to each other within one layer (axial anatomy: left and right, front and back), then along the
    first axis at one place (what continues from slab to slab: a vessel, a lobe, an effusion's level). Attention over
    24 x 24 blocks and then over 24 costs a hundredth of attention over all 13,824.

    The defaults are the geometry of CT-CLIP's image encoder (arXiv 2403.17834, ``scripts/run_train.py`` of its
    repository): 240 x 480 x 480 voxels in blocks of 10 x 20 x 20, width 512, 4 layers within and 4 along, 8 heads of
    width 32. Positions are learned tables that are interpolated to other sizes, where CT-CLIP computes a bias from
    distances and convolves the tokens; the feed-forward part is a plain one; so its weights do not fit.

    Args:
        n_channels: 1 for a volume, more for several windows of it.
        width: Of a token and of the pooled vector.
        spatial_depth: Blocks of attention within a layer.
        axial_depth: Blocks of attention along the first axis.
        n_heads: Attention heads.
        head_width: Width of a head; ``width / n_heads`` if None.
        patch_size: Slices, rows and columns of a block of voxels; a rest at the end is filled up with zeros.
        n_positions: Blocks along each axis that positions are learned at; other sizes are interpolated.
        pooling: ``mean`` or ``attention``.
        dropout: Probability of dropping an activation after attention and in the feed-forward part.
        gradient_checkpointing: Compute activations of a block twice instead of keeping them.

    Raises:
        ConfigError: A setting is out of range.
    """

    def __init__(
        self,
        n_channels: int = 1,
        *,
        width: int = 512,
        spatial_depth: int = 4,
        axial_depth: int = 4,
        n_heads: int = 8,
        head_width: int | None = 32,
        patch_size: Sequence[int] = (10, 20, 20),
        n_positions: Sequence[int] = (24, 24, 24),
        pooling: Literal["attention", "mean"] = "mean",
        dropout: float = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if len(patch_size) != 3 or len(n_positions) != 3 or (head_width is None and width % n_heads):
            raise ConfigError(
                "settings of ViT3d out of range",
                received=f"patch_size {list(patch_size)}, n_positions {list(n_positions)}, {n_heads} heads on {width}",
                allowed="three numbers each, width divisible by n_heads unless head_width is given",
            )
        self.embedding_dim = width
        self.gradient_checkpointing = gradient_checkpointing
        self.per_token = (patch_size[0], patch_size[1], patch_size[2])
        self.patches = nn.Conv3d(n_channels, width, self.per_token, stride=self.per_token)
        self.norm_patches = nn.LayerNorm(width)
        self.spatial_table = InterpolatedPositions(tuple(n_positions)[1:], width)
        self.axial_table = InterpolatedPositions(n_positions[0], width)

        def blocks(depth: int) -> nn.ModuleList:
            return nn.ModuleList(Block(width, n_heads, head_width=head_width, dropout=dropout) for _ in range(depth))

        self.spatial_blocks = blocks(spatial_depth)
        self.axial_blocks = blocks(axial_depth)
        self.norm = nn.LayerNorm(width)
        self.pool = build_pool(pooling, width, n_heads=n_heads, positions="none", n_positions=n_positions)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> EncoderOutput:
        """Encode ``(B, n_channels, depth, height, width)``; ``mask`` lacks the channels and is False where padded.

        What lies in the padding has no influence; its extent only shifts the positions.
        """
        x, mask = without_padding(x, mask)
        grid = token_grid(x.shape[2:], self.per_token)
        patches = self.patches(fill_up(x, self.per_token)).flatten(3).permute(0, 2, 3, 1)
        real = token_mask(mask, self.per_token)
        layered = None if real is None else real.reshape(len(real), grid[0], -1)
        tokens = self.norm_patches(patches) + self.spatial_table(grid[1:]) + self.axial_table(grid[0])[:, None]
        tokens = self._within(self.spatial_blocks, tokens, layered)
        tokens = tokens.transpose(1, 2)
        tokens = self._within(self.axial_blocks, tokens, None if layered is None else layered.transpose(1, 2))
        tokens = self.norm(tokens.transpose(1, 2).flatten(1, 2))
        return EncoderOutput(self.pool(tokens, real, grid), tokens, real, grid)

    def _within(self, blocks: nn.ModuleList, tokens: Tensor, mask: Tensor | None) -> Tensor:
        """Attend within each group of ``(B, groups, members, D)``."""
        joined = tokens.flatten(0, 1)
        members = None
        if mask is not None:
            members = mask.flatten(0, 1)
            # A group of padding alone attends to itself; nobody looks at what comes of it.
            members = members | ~members.any(dim=1, keepdim=True)
        for block in blocks:
            joined = run(block, joined, members, recompute=self.gradient_checkpointing)
        return joined.reshape(tokens.shape)
