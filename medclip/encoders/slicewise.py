"""Volumes through an encoder of images, slice by slice."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.encoders.configurable import Configurable
from medclip.encoders.output import EncoderOutput, fill_up, without_padding
from medclip.encoders.pooling import AttentionPool

__all__ = ["SliceWise"]


class SliceWise(Configurable, nn.Module):
    """Each slice, or each slab of a few, is an image for a 2-D encoder; attention decides which slices matter.

    This is how a radiologist scrolls: most slices are passed by, a few are looked at. It fits small machines and makes
    use of any encoder of images, also a pretrained and frozen one. What only shows across slices, such as whether a
    round spot is a vessel, is seen within one slab and no further.

    Args:
        encoder: Encoder of images with ``n_channels`` = slices per image x channels of the volume.
        slices_per_image: Neighbouring slices that are the channels of one image; no slice is used twice.
        n_heads: Heads of the attention over slices.
        n_positions: Images per volume that positions are learned at; other numbers are interpolated.

    Raises:
        ConfigError: ``slices_per_image`` is below 1, or the encoder does not state its width.
    """

    def __init__(
        self, encoder: nn.Module, *, slices_per_image: int = 1, n_heads: int = 4, n_positions: int = 32
    ) -> None:
        super().__init__()
        width = getattr(encoder, "embedding_dim", None)
        if slices_per_image < 1 or not isinstance(width, int):
            raise ConfigError(
                "settings of SliceWise out of range",
                received=f"{type(encoder).__name__}, {slices_per_image} slices an image",
                allowed="an encoder with embedding_dim, at least one slice",
            )
        self.embedding_dim = width
        self.encoder = encoder
        self.slices_per_image = slices_per_image
        self.pool = AttentionPool(width, n_heads=n_heads, n_positions=n_positions)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> EncoderOutput:
        """Encode ``(B, n_channels, depth, height, width)``; ``mask`` lacks the channels and is False where padded.

        Images without any real voxel are not encoded at all, so that a volume's embedding depends neither on what lies
        in its padding nor, through batch statistics, on how much there is; only the positions shift.
        """
        x, mask = without_padding(x, mask)
        images, image_masks = self._images(x), None if mask is None else self._masks(mask)
        if image_masks is None:
            output, chosen = self.encoder(images.flatten(0, 1), None), None
        else:
            chosen = image_masks.flatten(2).any(dim=2)
            chosen = chosen | ~chosen.any(dim=1, keepdim=True)
            output = self.encoder(images[chosen], image_masks[chosen])
        pooled = self.pool(_put_back(output.pooled, chosen, images.shape[:2]), chosen)
        return self._output(pooled, output, chosen, images.shape[:2])

    def local_tokens(self, output: EncoderOutput) -> Tensor | None:
        """Tokens in the space of the pooled vector, ``(B, T, D)``."""
        if output.tokens is None or output.grid is None:
            return None
        inner = getattr(self.encoder, "local_tokens", None)
        tokens = output.tokens.reshape(len(output.tokens), output.grid[0], -1, output.tokens.shape[-1])
        if inner is not None:
            image = EncoderOutput(tokens[:, 0, 0], tokens.flatten(0, 1), grid=output.grid[1:])
            tokens = inner(image).reshape(tokens.shape)
        placed = tokens if self.pool.table is None else tokens + self.pool.table(output.grid[0])[:, None]
        local: Tensor = self.pool.output(self.pool.value(placed))
        return local.flatten(1, 2)

    def _images(self, x: Tensor) -> Tensor:
        """Cut ``(B, C, D, H, W)`` into images ``(B, S, C x slices, H, W)``."""
        filled = fill_up(x, (self.slices_per_image, 1, 1))
        n_batch, n_channels, n_slices, *size = filled.shape
        slabs = filled.reshape(n_batch, n_channels, n_slices // self.slices_per_image, self.slices_per_image, *size)
        return slabs.transpose(1, 2).flatten(2, 3)

    def _masks(self, mask: Tensor) -> Tensor:
        """A pixel of an image is real if it is in any of its slices, ``(B, S, H, W)``."""
        filled = fill_up(mask[:, None], (self.slices_per_image, 1, 1))[:, 0]
        n_batch, n_slices, *size = filled.shape
        return filled.reshape(n_batch, n_slices // self.slices_per_image, self.slices_per_image, *size).any(dim=2)

    @staticmethod
    def _output(pooled: Tensor, image: EncoderOutput, chosen: Tensor | None, shape: torch.Size) -> EncoderOutput:
        if image.tokens is None or image.grid is None:
            return EncoderOutput(pooled)
        tokens = _put_back(image.tokens, chosen, shape).flatten(1, 2)
        if chosen is None:
            return EncoderOutput(pooled, tokens, None, (shape[1], *image.grid))
        own = image.mask
        if own is None:
            own = torch.ones(image.tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        return EncoderOutput(pooled, tokens, _put_back(own, chosen, shape).flatten(1, 2), (shape[1], *image.grid))


def _put_back(rows: Tensor, chosen: Tensor | None, shape: torch.Size) -> Tensor:
    """Arrange results of the encoded images as ``(B, S, ...)``, zero where an image was left out."""
    if chosen is None:
        return rows.reshape(*shape, *rows.shape[1:])
    return rows.new_zeros((*shape, *rows.shape[1:])).masked_scatter(
        chosen.view(*shape, *[1] * (rows.ndim - 1)).expand(*shape, *rows.shape[1:]), rows
    )
