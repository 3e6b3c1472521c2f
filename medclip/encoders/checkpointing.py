"""Gradient checkpointing: activations are computed twice instead of kept (arXiv 1604.06174)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

__all__ = ["run"]


def run(module: nn.Module, *inputs: Tensor | None, recompute: bool) -> Tensor:
    """Call a module; with ``recompute`` its inner activations are not kept but computed again for the gradient.

    Batch statistics move once, not twice.
    """
    if not recompute or not torch.is_grad_enabled():
        result: Tensor = module(*inputs)
        return result

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_kept(module)

    again: Tensor = checkpoint(module, *inputs, use_reentrant=False, context_fn=contexts)
    return again


@contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    counts = [None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone() for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)
