"""Convolution and batch norm over time, arranged in memory so that a processor trains them fast.

Tensors have torch's shape ``(B, C, T)``, but lie in memory in the order time, record, channel. Neighbours in time are
then whole slabs, batch statistics run along memory, and a convolution over time is a product of large matrices. On a
GPU, under autocast, for a handful of records and for unusual settings, these are torch's own modules.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from medclip.encoders.winograd import convolve_three

__all__ = ["BatchNorm1d", "Conv1d", "is_fast", "time_major"]

_FEWEST_RECORDS = 8
_FEWEST_CHANNELS = 16
_CHANNELS_WORTH_WINOGRAD = 128


def is_fast(x: Tensor) -> bool:
    """Whether the arrangement pays for ``x`` ``(B, C, T)``: in full precision, on a processor, for several records."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and x.ndim == 3
        and len(x) >= _FEWEST_RECORDS
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def time_major(x: Tensor) -> Tensor:
    """Return ``(B, C, T)`` as contiguous ``(T, B, C)``; free of cost if it lies so already."""
    return x.permute(2, 0, 1).contiguous()


class Conv1d(nn.Conv1d):
    """``torch.nn.Conv1d`` with the same parameters and, within rounding, the same result."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(B, C, T)``."""
        if not is_fast(x) or not self._is_plain():
            return super().forward(x)
        if self.in_channels < _FEWEST_CHANNELS:
            return time_major(super().forward(x)).permute(1, 2, 0)
        y = self._convolve(time_major(x))
        return (y if self.bias is None else y + self.bias).permute(1, 2, 0)

    def _convolve(self, x: Tensor) -> Tensor:
        stride = self.stride[0]
        if self.kernel_size == (1,):
            return functional.linear(x[::stride], self.weight[..., 0])
        is_worth_winograd = min(self.in_channels, self.out_channels) >= _CHANNELS_WORTH_WINOGRAD
        if self.kernel_size == (3,) and stride == 1 and is_worth_winograd:
            return convolve_three(x, self.weight)
        result: Tensor = _Convolution.apply(x, self.weight, stride)  # type: ignore[no-untyped-call]
        return result

    def _is_plain(self) -> bool:
        centred = self.kernel_size[0] % 2 == 1 and self.padding == (self.kernel_size[0] // 2,)
        return centred and self.groups == 1 and self.dilation == (1,) and self.padding_mode == "zeros"


class BatchNorm1d(nn.BatchNorm1d):
    """``torch.nn.BatchNorm1d`` along memory."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(B, C, T)`` or ``(B, C)``."""
        if not is_fast(x):
            return super().forward(x)
        rows = time_major(x)
        normalised = super().forward(rows.flatten(0, 1))
        return normalised.reshape(rows.shape).permute(1, 2, 0)


class _Convolution(torch.autograd.Function):
    """Direct convolution of ``(T, B, C)``: an image of height T and width B to torch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        y = functional.conv2d(_image(x), _kernel(weight), stride=(stride, 1), padding=(weight.shape[2] // 2, 0))
        return y[0].permute(1, 2, 0).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None]:
        x, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        x_gradient = _input_gradient(gradient, weight, ctx.stride, len(x)) if ctx.needs_input_grad[0] else None
        taps = [
            _tap_gradient(x, gradient, offset - weight.shape[2] // 2, ctx.stride) for offset in range(weight.shape[2])
        ]
        return x_gradient, torch.stack(taps, dim=2), None


def _image(x: Tensor) -> Tensor:
    """``(T, B, C)`` as ``(1, C, T, B)``, which lies in memory as torch's channels-last images do."""
    return x.permute(2, 0, 1)[None]


def _kernel(weight: Tensor) -> Tensor:
    """``(n_out, n_in, K)`` as an image's, in the order by which torch recognises how the image lies in memory."""
    return weight[..., None].contiguous(memory_format=torch.channels_last)


def _input_gradient(gradient: Tensor, weight: Tensor, stride: int, n_times: int) -> Tensor:
    half = weight.shape[2] // 2
    unreached = n_times - ((len(gradient) - 1) * stride - 2 * half + weight.shape[2])
    image = functional.conv_transpose2d(
        _image(gradient), _kernel(weight), stride=(stride, 1), padding=(half, 0), output_padding=(unreached, 0)
    )
    return image[0].permute(1, 2, 0).contiguous()


def _tap_gradient(x: Tensor, gradient: Tensor, offset: int, stride: int) -> Tensor:
    """Gradient of the filter's sample that looks ``offset`` samples ahead, ``(n_out, n_in)``."""
    first = max(0, -(offset // stride))
    last = min(len(gradient), (len(x) - 1 - offset) // stride + 1)
    seen = x[first * stride + offset : (last - 1) * stride + offset + 1 : stride]
    return gradient[first:last].flatten(0, 1).T @ seen.flatten(0, 1)
