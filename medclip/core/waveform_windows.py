"""Windows of a long waveform, each resampled for itself and still equal to its part of the whole, resampled."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from medclip.core.input_spec import PreparedInput
from medclip.core.resample import rate_ratio, reach
from medclip.core.sample import Sample
from medclip.core.windows import Window, WindowPlace, Windows, part_of, window_starts

if TYPE_CHECKING:
    from medclip.core.waveform_spec import WaveformSpec

__all__ = ["waveform_windows"]

# A recording that is so little longer than a window is cut to its middle: a second window would say the same.
_SURPLUS_SHARE = 0.05


def waveform_windows(spec: WaveformSpec, sample: Sample, *, overlap: float, at_most: int | None) -> Sequence[Window]:
    """Lay windows of the specification's length over a recording; see ``InputSpec.windows``."""
    rate_hz = float(sample.sampling_rate_hz or 0)
    up, down = rate_ratio(rate_hz, spec.sampling_rate_hz)
    n_resampled = -(-sample.array.shape[-1] * up // down)
    starts = window_starts(n_resampled, spec.n_samples, overlap=overlap, at_most=at_most)
    if n_resampled <= (1 + _SURPLUS_SHARE) * spec.n_samples:
        whole = WindowPlace(0.0, float(sample.duration_s or 0))
        return (Window(whole, sample, functools.partial(spec.prepare, sample)),)
    return Windows(starts, functools.partial(_window, spec, sample, up, down))


def _window(spec: WaveformSpec, sample: Sample, up: int, down: int, start: int) -> Window:
    rate_hz = float(sample.sampling_rate_hz or 0)
    begin, end = start * down // up, math.ceil((start + spec.n_samples) * down / up)
    place = WindowPlace(begin / rate_hz, min(end, sample.array.shape[-1]) / rate_hz)
    return Window(place, part_of(sample, place), functools.partial(_prepared, spec, sample, start, up, down))


def _prepared(spec: WaveformSpec, sample: Sample, start: int, up: int, down: int) -> PreparedInput:
    """Resample the window with as much of the recording around it as its samples depend on.

    The cut begins at a sample that both rates share: only there does the filter meet the same samples as in the whole.
    """
    margin = 0 if up == down else reach(up, down)
    first = max(0, start * down // up - margin) // down * down
    stop = math.ceil((start + spec.n_samples) * down / up) + margin
    # The steps that follow write into their array, which must not be the recording's own.
    cut = sample.array[None, :, first:stop].copy()
    batch = spec.prepare_arrays(
        cut, float(sample.sampling_rate_hz or 0), sample.channel_names or (), start=start - first * up // down
    )
    return PreparedInput(batch.values[0], batch.mask[0], batch.notes[0])
