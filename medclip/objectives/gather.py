"""See the whole batch when several processes share it."""

from __future__ import annotations

import torch
import torch.distributed as distributed
from torch import Tensor

__all__ = ["gather", "rank", "world_size"]


def world_size() -> int:
    """Number of processes that train together; 1 outside distributed training."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Number of this process; 0 outside distributed training."""
    return distributed.get_rank() if world_size() > 1 else 0


def gather(rows: Tensor) -> Tensor:
    """Concatenate every process's rows in rank order, ``(B, ...)`` to ``(world_size * B, ...)``.

    Gradients flow back to the process that computed a row, summed over all processes that used it. An objective that
    averages over its own rows therefore has, after the averaging of data-parallel training, the gradient of one
    process that holds the whole batch. All processes must hold equally many rows.
    """
    if world_size() == 1:
        return rows
    if not rows.requires_grad:
        parts = [torch.empty_like(rows) for _ in range(world_size())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)
    gathered: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return gathered


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(world_size())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].contiguous()
        distributed.all_reduce(gradient)
        return gradient.chunk(world_size())[rank()]
