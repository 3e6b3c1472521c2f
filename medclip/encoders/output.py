"""What every encoder returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

__all__ = ["EncoderOutput", "fill_up", "masked_mean", "token_grid", "token_mask", "without_padding"]

_MAX_POOL = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}


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
        x: ``(B, C, *spatial)``.
        mask: ``(B, *spatial)`` bool, False where padded.

    Returns:
        The input, and the mask, or None in its place if nothing is padding.
    """
    if mask is None or bool(mask.all()):
        return x, None
    return x.masked_fill(~mask[:, None], 0.0), mask


def token_mask(mask: Tensor | None, per_token: int | Sequence[int]) -> Tensor | None:
    """Bring a mask of samples, pixels or voxels down to tokens.

    Args:
        mask: ``(B, *spatial)`` bool, False where padded.
        per_token: Places along each axis that one token stands for.

    Returns:
        ``(B, T)`` with ``ceil(n / per_token)`` tokens along each axis, first axis slowest. A token is real if any place
        below it is. A recording without any real place, one that a study lacks, counts as wholly real: attention over
        nothing would be NaN and spoil the gradients of the others.
    """
    if mask is None:
        return None
    size = (per_token,) * (mask.ndim - 1) if isinstance(per_token, int) else tuple(per_token)
    pooled = _MAX_POOL[mask.ndim - 1](mask[:, None].float(), size, ceil_mode=True)
    real = pooled.flatten(1) > 0
    return real | ~real.any(dim=1, keepdim=True)


def token_grid(spatial: Sequence[int], per_token: int | Sequence[int]) -> tuple[int, ...]:
    """How many tokens lie along each axis when the last one of an axis may be partly empty.

    >>> token_grid((100, 32), 16)
    (7, 2)
    """
    sizes = [per_token] * len(spatial) if isinstance(per_token, int) else list(per_token)
    return tuple(-(-n // size) for n, size in zip(spatial, sizes, strict=True))


def fill_up(x: Tensor, multiple: int | Sequence[int]) -> Tensor:
    """Append zeros at the end of each spatial axis of ``(B, C, *spatial)`` until it is a multiple."""
    sizes = [multiple] * (x.ndim - 2) if isinstance(multiple, int) else list(multiple)
    rest = [-n % size for n, size in zip(x.shape[2:], sizes, strict=True)]
    if not any(rest):
        return x
    return functional.pad(x, [value for n in reversed(rest) for value in (0, n)])
