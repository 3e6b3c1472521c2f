"""Turning, shifting and scaling of pictures of two or three axes, and what their values are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["move", "per_record", "uniform"]


def uniform(x: Tensor, *shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
    """Draw numbers on the device of ``x``."""
    return torch.empty(*shape, device=x.device, dtype=torch.float32).uniform_(low, high)


def per_record(numbers: Tensor, x: Tensor) -> Tensor:
    """Shape ``(B,)`` so that it multiplies ``x``, in the type of ``x``."""
    return numbers.to(x.dtype).view(-1, *[1] * (x.ndim - 1))


def move(x: Tensor, mask: Tensor, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Show each picture of a batch from another place.

    Args:
        x: ``(B, C, *spatial)``.
        mask: ``(B, *spatial)`` bool.
        turn: ``(B, n, n)``, what takes a place of the result, in cells from its middle, to one of the picture; axes in
            the order of ``spatial``.
        shift: ``(B, n)`` in shares of each axis.

    Returns:
        The moved pictures, with their own darkest value, that of air, where nothing is seen; and the moved mask.
    """
    size = torch.tensor(x.shape[2:], device=x.device, dtype=torch.float32)
    # torch counts places from -1 to 1 along each axis, and names the last axis first.
    relative = turn * size[None, None, :] / size[None, :, None]
    matrix = torch.cat([relative.flip(1, 2), 2 * shift.flip(1)[..., None]], dim=2)
    grid = functional.affine_grid(matrix, [len(x), 1, *x.shape[2:]], align_corners=False)
    seen = functional.grid_sample(mask[:, None].float(), grid, mode="nearest", align_corners=False)[:, 0] > 0.5
    darkest = x.float().amin(dim=tuple(range(1, x.ndim)), keepdim=True)
    moved = functional.grid_sample(x.float() - darkest, grid, mode="bilinear", align_corners=False) + darkest
    return torch.where(seen[:, None], moved, darkest).to(x.dtype), seen
