"""Three-sample convolution with half the multiplications (Winograd, F(4, 3); Lavin and Gray, arXiv 1509.09308).

Four neighbouring outputs of a three-sample filter need 12 products when computed one by one. Evaluated as polynomials
at 0, 1, -1, 2, -2 and infinity they need 6: inputs and filter are first combined into 6 sums each, which are
multiplied, and the products are combined into the outputs. In float32 the result is as close to the exact one as the
direct computation's (tested); libraries leave it out for one dimension on x86.

Tensors here are time-major, ``(T, B, C)``, so that neighbours in time are whole slabs of memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

__all__ = ["convolve_three"]

_TILE = 4
_N_PRODUCTS = 6
_FILTER_SUMS = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)
_ROWS_AT_A_TIME = 1024


def convolve_three(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve with a filter of three samples at stride 1, zeros beyond both ends.

    Args:
        x: ``(T, B, n_in)``, contiguous.
        weight: ``(n_out, n_in, 3)``.

    Returns:
        ``(T, B, n_out)``, contiguous.
    """
    result: Tensor = _Convolution.apply(x, weight)  # type: ignore[no-untyped-call]
    return result


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        n_times, n_batch, n_in = x.shape
        n_tiles = -(-n_times // _TILE)
        filters = _filter_sums(weight)
        padded = _pad(x, n_tiles)
        y = x.new_empty(n_tiles * _TILE, n_batch, weight.shape[0])
        for first, last in _parts(n_tiles, n_batch):
            sums, spare = _buffers(x, last - first, n_batch, n_in)
            _input_sums(_slabs(padded, first, last, 6), sums, spare)
            products = torch.bmm(sums.flatten(1, 2), filters).reshape(_N_PRODUCTS, last - first, n_batch, -1)
            _outputs(products, _slabs(y, first, last, _TILE), torch.empty_like(products[0]))
        ctx.save_for_backward(x, weight)
        return y[:n_times]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        n_times, n_batch, n_in = x.shape
        n_tiles = -(-n_times // _TILE)
        filters = _filter_sums(weight)
        padded = _pad(x, n_tiles)
        gradient = functional.pad(gradients[0], (0, 0, 0, 0, 0, n_tiles * _TILE - n_times)).contiguous()
        x_gradient, filter_gradient = torch.zeros_like(padded), torch.zeros_like(filters)
        for first, last in _parts(n_tiles, n_batch):
            sums, spare = _buffers(x, last - first, n_batch, n_in)
            slopes, spare_out = _buffers(x, last - first, n_batch, weight.shape[0])
            _output_slopes(_slabs(gradient, first, last, _TILE), slopes, spare_out)
            _input_sums(_slabs(padded, first, last, 6), sums, spare)
            filter_gradient.baddbmm_(sums.flatten(1, 2).mT, slopes.flatten(1, 2))
            torch.bmm(slopes.flatten(1, 2), filters.mT, out=sums.flatten(1, 2))
            _add_input_slopes(sums, _slabs(x_gradient, first, last, 6), spare)
        mix = torch.tensor(_FILTER_SUMS, dtype=x.dtype)
        weight_gradient = (mix.T @ filter_gradient.flatten(1)).reshape(-1, *filter_gradient.shape[1:]).permute(2, 1, 0)
        return x_gradient[1 : n_times + 1], weight_gradient


def _filter_sums(weight: Tensor) -> Tensor:
    """Return the 6 sums of each filter, ``(6, n_in, n_out)``."""
    mix = torch.tensor(_FILTER_SUMS, dtype=weight.dtype)
    return (mix @ weight.permute(2, 1, 0).flatten(1)).reshape(_N_PRODUCTS, weight.shape[1], weight.shape[0])


def _pad(x: Tensor, n_tiles: int) -> Tensor:
    """One zero before, and zeros behind up to the last tile's six inputs."""
    return functional.pad(x, (0, 0, 0, 0, 1, n_tiles * _TILE + 1 - len(x)))


def _parts(n_tiles: int, n_batch: int) -> Iterator[tuple[int, int]]:
    """Cut the tiles so that their sums stay in the processor's cache."""
    step = max(1, _ROWS_AT_A_TIME // n_batch)
    for first in range(0, n_tiles, step):
        yield first, min(first + step, n_tiles)


def _buffers(like: Tensor, n_tiles: int, n_batch: int, n_channels: int) -> tuple[Tensor, Tensor]:
    room = like.new_empty(_N_PRODUCTS + 1, n_tiles, n_batch, n_channels)
    return room[:-1], room[-1]


def _slabs(x: Tensor, first: int, last: int, n: int) -> list[Tensor]:
    """Every tile's first, second, ... n-th sample, each ``(n_tiles, B, C)``."""
    begin, end = first * _TILE, (last - 1) * _TILE + 1
    return [x[begin + offset : end + offset : _TILE] for offset in range(n)]


def _input_sums(x: Sequence[Tensor], sums: Tensor, spare: Tensor) -> None:
    """4x0 - 5x2 + x4, x4 - 4x2 +- (x3 - 4x1), x4 - x2 +- 2(x3 - x1), 4x1 - 5x3 + x5."""
    torch.sub(x[4], x[2], alpha=4, out=sums[1])
    torch.sub(x[3], x[1], alpha=4, out=spare)
    torch.sub(sums[1], spare, out=sums[2])
    sums[1] += spare
    torch.sub(x[4], x[2], out=sums[3])
    torch.sub(x[0], x[2], out=sums[0])
    torch.add(sums[3], sums[0], alpha=4, out=sums[0])
    torch.sub(x[3], x[1], out=spare)
    torch.sub(sums[3], spare, alpha=2, out=sums[4])
    sums[3].add_(spare, alpha=2)
    torch.sub(x[5], x[3], out=sums[5])
    sums[5].sub_(spare, alpha=4)


def _outputs(products: Tensor, y: Sequence[Tensor], spare: Tensor) -> None:
    """Combine the products, which are overwritten, into four outputs."""
    near_sum = torch.add(products[1], products[2], out=spare)
    near_difference = products[1].sub_(products[2])
    far_sum = torch.add(products[3], products[4], out=products[2])
    far_difference = products[3].sub_(products[4])
    torch.add(products[0], near_sum, out=y[0]).add_(far_sum)
    torch.add(near_difference, far_difference, alpha=2, out=y[1])
    torch.add(near_sum, far_sum, alpha=4, out=y[2])
    torch.add(near_difference, far_difference, alpha=8, out=y[3]).add_(products[5])


def _output_slopes(gradient: Sequence[Tensor], slopes: Tensor, spare: Tensor) -> None:
    """Transpose of ``_outputs``: gradients of the products."""
    slopes[0].copy_(gradient[0])
    torch.add(gradient[0], gradient[2], out=slopes[1])
    torch.add(gradient[1], gradient[3], out=spare)
    torch.sub(slopes[1], spare, out=slopes[2])
    slopes[1] += spare
    torch.add(gradient[0], gradient[2], alpha=4, out=slopes[3])
    torch.add(gradient[1], gradient[3], alpha=4, out=spare)
    torch.sub(slopes[3], spare, alpha=2, out=slopes[4])
    slopes[3].add_(spare, alpha=2)
    slopes[5].copy_(gradient[3])


def _add_input_slopes(slopes: Tensor, gradient: Sequence[Tensor], spare: Tensor) -> None:
    """Transpose of ``_input_sums``: add to the gradients of the inputs; the slopes are overwritten."""
    near_sum = torch.add(slopes[1], slopes[2], out=spare)
    near_difference = slopes[1].sub_(slopes[2])
    far_sum = torch.add(slopes[3], slopes[4], out=slopes[2])
    far_difference = slopes[3].sub_(slopes[4])
    gradient[0].add_(slopes[0], alpha=4)
    gradient[1].sub_(near_difference, alpha=4).sub_(far_difference, alpha=2).add_(slopes[5], alpha=4)
    gradient[2].sub_(slopes[0], alpha=5).sub_(near_sum, alpha=4).sub_(far_sum)
    gradient[3].add_(near_difference).add_(far_difference, alpha=2).sub_(slopes[5], alpha=5)
    gradient[4].add_(slopes[0]).add_(near_sum).add_(far_sum)
    gradient[5].add_(slopes[5])
