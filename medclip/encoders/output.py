"""What every encoder returns."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

__all__ = ["EncoderOutput", "masked_mean", "token_mask"]


@dataclass(frozen=True, eq=False)
class EncoderOutput:
    """Embedding of a batch.

    Args:
        pooled: ``(B, D)``, one vector per recording or text.
        tokens: ``(B, T, D)``, one vector per place in it, or None if the encoder has none.
        mask: ``(B, T)`` bool, False where a token stands for padding, or None if all are real.
    """

    pooled: Tensor
    tokens: Tensor | None = None
    mask: Tensor | None = None

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


def token_mask(mask: Tensor | None, n_tokens: int) -> Tensor | None:
    """Reduce a mask over samples ``(B, n_samples)`` to tokens ``(B, n_tokens)``.

    A token is real if any sample below it is. None stays None, and so does a mask without padding.
    """
    if mask is None or bool(mask.all()):
        return None
    return functional.adaptive_max_pool1d(mask[:, None].float(), n_tokens)[:, 0] > 0
