"""Anti-aliased change of sampling rate, without importing a signal library for it."""

from __future__ import annotations

import functools
from fractions import Fraction

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from medclip.core.errors import SignalError

__all__ = ["rate_ratio", "reach", "resample"]

_LARGEST_FACTOR = 1_000
_N_PERIODS = 10  # of the slower rate, on each side of the filter
# Outputs of one matrix product: fewer leave the processor's vector units idle, more multiply by more zeros.
_OUTPUTS_AT_A_TIME = 16


def resample(values: np.ndarray, from_hz: float, to_hz: float) -> np.ndarray:
    """Resample the last axis with a polyphase low-pass filter.

    The filter is the one of ``scipy.signal.resample_poly`` (a Kaiser window with beta 5 over ten periods of the slower
    rate on each side): up to 80 % of the lower Nyquist frequency amplitudes stay within 1 %, and from 115 % on they
    fall by 40 dB or more. The ends are held, so that an offset makes no step. Written here because importing
    ``scipy.signal`` takes longer than a whole diagnosis. Each row is computed alone: the result does not depend on
    which others are resampled with it.

    Args:
        values: float32 ``(..., n_samples)``.
        from_hz: Present rate, > 0.
        to_hz: Wanted rate, > 0.

    Returns:
        float32 ``(..., ceil(n_samples * to_hz / from_hz))``; ``values`` itself if the rates are the same within one
        part in 2,000.

    Raises:
        SignalError: The two rates differ by more than a factor of 1,000.

    >>> resample(np.ones((1, 500), np.float32), 500, 100).shape
    (1, 100)
    """
    up, down = rate_ratio(from_hz, to_hz)
    if up == down:
        return values
    n_samples = values.shape[-1]
    result = np.empty((*values.shape[:-1], -(-n_samples * up // down)), np.float32)
    if result.size:
        n_rows = values.shape[-2] if values.ndim > 1 else 1
        _polyphase(values.reshape(-1, n_rows, n_samples), result.reshape(-1, n_rows, result.shape[-1]), up, down)
    return result


def rate_ratio(from_hz: float, to_hz: float) -> tuple[int, int]:
    """Return the ratio ``(up, down)`` of the new rate to the present one as a fraction of numbers up to 1,000.

    Rounding it stretches time by less than one part in 1,000, and not at all between rates in whole hertz up to 1,000.

    Raises:
        SignalError: The two rates differ by more than a factor of 1,000.
    """
    if not 1 / _LARGEST_FACTOR <= to_hz / from_hz <= _LARGEST_FACTOR:
        raise SignalError(
            "cannot convert the sampling rate",
            received=f"{from_hz:g} Hz",
            allowed=f"{to_hz / _LARGEST_FACTOR:g} to {to_hz * _LARGEST_FACTOR:g} Hz",
        )
    if to_hz <= from_hz:
        ratio = Fraction(to_hz / from_hz).limit_denominator(_LARGEST_FACTOR)
        return ratio.numerator, ratio.denominator
    inverse = Fraction(from_hz / to_hz).limit_denominator(_LARGEST_FACTOR)
    return inverse.denominator, inverse.numerator


def reach(up: int, down: int) -> int:
    """Return how many samples before and after its own place a resampled sample depends on."""
    return -(-_N_PERIODS * max(up, down) // up) + 1


def _polyphase(recordings: np.ndarray, results: np.ndarray, up: int, down: int) -> None:
    """Compute ``y[n] = sum_k h[half + n * down - k * up] x[k]`` for each row of ``(n_recordings, n_rows, n_samples)``.

    A block of outputs depends on a window of inputs through the same matrix wherever it lies, so that all blocks of a
    row are one matrix product. One recording at a time: it stays in the processor's cache from one step to the next.
    """
    matrix, n_before = _block_matrix(up, down)
    n_inputs, n_outputs = matrix.shape
    n_rows, n_samples = recordings.shape[1:]
    n_blocks = -(-results.shape[-1] // n_outputs)
    step = down * n_outputs // up
    end = n_before + n_samples
    held = np.empty((n_rows, max(end, (n_blocks - 1) * step + n_inputs)), np.float32)
    windows = sliding_window_view(held, n_inputs, axis=-1)[:, ::step][:, :n_blocks]
    copied = np.empty(windows.shape, np.float32)
    blocks = np.empty((n_rows, n_blocks, n_outputs), np.float32)
    for recording, result in zip(recordings, results, strict=True):
        held[:, :n_before] = recording[:, :1]
        held[:, n_before:end] = recording
        held[:, end:] = recording[:, -1:]
        np.copyto(copied, windows)
        # A product a row is too small for the library to spread over threads, which would fight with those of torch.
        np.matmul(copied, matrix, out=blocks)
        result[...] = blocks.reshape(n_rows, -1)[:, : result.shape[-1]]


@functools.lru_cache(maxsize=32)
def _block_matrix(up: int, down: int) -> tuple[np.ndarray, int]:
    """Return float32 ``(n_inputs, n_outputs)`` and how many inputs lie before the block's own first one."""
    taps = _low_pass(up, down)
    half = len(taps) // 2
    n_periods = -(-_OUTPUTS_AT_A_TIME // up)
    outputs = np.arange(up * n_periods)
    n_before = half // up
    last = (half + outputs[-1].item() * down) // up
    inputs = np.arange(-n_before, last + 1)
    position = half + outputs[None, :] * down - inputs[:, None] * up
    is_inside = (position >= 0) & (position < len(taps))
    matrix = np.where(is_inside, taps[np.clip(position, 0, len(taps) - 1)], 0.0)
    return matrix.astype(np.float32), n_before


def _low_pass(up: int, down: int) -> np.ndarray:
    slower = max(up, down)
    half = _N_PERIODS * slower
    taps = np.sinc(np.arange(-half, half + 1) / slower) * np.kaiser(2 * half + 1, 5.0)
    return np.asarray(up * taps / taps.sum(), np.float64)
