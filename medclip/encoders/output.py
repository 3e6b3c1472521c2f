"""What every encoder returns."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

__all__ = ["EncoderOutput", "masked_mean", "token_mask", "without_padding"]


@dataclass(frozen=True, eq=False)
class EncoderOutput:
    """Embedding of a batch.

    Args:
        pooled: ``(B, D)``, one vector per recording or text.
        tokens: ``(B, T, D)``, one vector per place in it, or None if the encoder has none.
        mask: ``(B, T)`` bool, False where a token stands for padding, or None if all are real.
        grid: How many tokens lie along each axis of the input, first axis slowest; their product is T. None if the
            tokens have no place.
    """

    pooled: Tensor
    tokens: Tensor | None = None
    mask: Tensor | None = None
    grid: tuple[int, ...] | None = None

    def mean(self) -> Tensor:
        """Average of the real tokens, ``(B, D)``; ``pooled`` where there are no tokens."""
        if self.tokens is None:
            return self.pooled
        return masked_mean(self.tokens, self.mask)


def masked_mean(tokens: Tensor, mask: Tensor | None) -> Tensor:
    """Average ``(B, T, D)`` over the places where ``mask`` ``(B, T)`` is True."""
    if mask is None:
        return tokens.mean(dim=1)
    weight = mask.to(tokens.dtype)
    return (tokens * weight[..., None]).sum(dim=1) / weight.sum(dim=1, keepdim=True).clamp_min(1.0)


def without_padding(x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Set what is padding to zero, so that no encoder depends on what lies there.

    Args:
        x: ``(B, C, n_samples)``.
        mask: ``(B, n_samples)`` bool, False where padded.

    Returns:
        The input, and the mask, or None in its place if nothing is padding.
    """
    if mask is None or bool(mask.all()):
        return x, None
    return x.masked_fill(~mask[:, None], 0.0), mask


def token_mask(mask: Tensor | None, samples_per_token: int) -> Tensor | None:
    """Reduce a mask over samples ``(B, n_samples)`` to tokens ``(B, ceil(n_samples / samples_per_token))``.

    A token is real if any sample below it is. A recording without any real sample, one that a study lacks, counts as
    wholly real: attention over nothing would be NaN and spoil the gradients of the others.
    """
    if mask is None:
        return None
    real = functional.max_pool1d(mask[:, None].float(), samples_per_token, ceil_mode=True)[:, 0] > 0
    return real | ~real.any(dim=1, keepdim=True)
