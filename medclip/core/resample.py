"""Anti-aliased change of sampling rate, without importing a signal library for it."""

from __future__ import annotations

import functools
from fractions import Fraction

import numpy as np

from medclip.core.errors import SignalError

__all__ = ["resample"]


def resample(values: np.ndarray, from_hz: float, to_hz: float) -> np.ndarray:
    """Resample the last axis with a polyphase low-pass filter.

    The filter is the one of ``scipy.signal.resample_poly`` (a Kaiser window with beta 5 over ten periods of the slower
    rate on each side); the ends are held, so that an offset makes no step. Written here because importing
    ``scipy.signal`` takes longer than a whole diagnosis.

    Args:
        values: float32 ``(..., n_samples)``.
        from_hz: Present rate, > 0.
        to_hz: Wanted rate, > 0.

    Returns:
        float32 ``(..., ceil(n_samples * to_hz / from_hz))``.

    Raises:
        SignalError: The two rates differ by more than a factor of 1,000.

    >>> resample(np.ones((1, 500), np.float32), 500, 100).shape
    (1, 100)
    """
    # Rounding the ratio shifts time by less than one part in 2,000, far below the jitter of a recorder's clock.
    ratio = Fraction(to_hz / from_hz).limit_denominator(1_000)
    up, down = ratio.numerator, ratio.denominator
    if not 0.001 <= ratio <= 1_000:
        raise SignalError(
            "cannot convert the sampling rate", received=f"{from_hz} Hz", allowed=f"{to_hz / 1000} to {to_hz * 1000} Hz"
        )
    if up == down:
        return values
    flat = values.reshape(-1, values.shape[-1])
    return _polyphase(flat, up, down).reshape(*values.shape[:-1], -1)


def _polyphase(values: np.ndarray, up: int, down: int) -> np.ndarray:
    """Compute ``y[n] = sum_k h[half + n * down - k * up] x[k]``, one strided convolution per phase of the output."""
    import torch
    from torch.nn.functional import conv1d

    taps = _low_pass(up, down)
    half = len(taps) // 2
    n_out = -(-values.shape[-1] * up // down)
    reach = half // up + 1
    padded = torch.from_numpy(np.pad(values, ((0, 0), (reach, reach + down)), mode="edge"))[:, None]
    result = torch.empty(len(values), n_out)
    for phase in range(min(up, n_out)):
        last, first_tap = divmod(half + phase * down, up)
        kernel = torch.from_numpy(taps[first_tap::up][::-1].copy())[None, None]
        begin = last - (kernel.shape[-1] - 1) + reach
        n_phase = -(-(n_out - phase) // up)
        stop = begin + (n_phase - 1) * down + kernel.shape[-1]
        result[:, phase::up] = conv1d(padded[..., begin:stop], kernel, stride=down)[:, 0]
    return result.numpy()


@functools.lru_cache(maxsize=32)
def _low_pass(up: int, down: int) -> np.ndarray:
    slower = max(up, down)
    half = 10 * slower
    taps = np.sinc(np.arange(-half, half + 1) / slower) * np.kaiser(2 * half + 1, 5.0)
    return np.asarray(up * taps / taps.sum(), np.float32)
