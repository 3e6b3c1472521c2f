"""What of a sample a writer can write: a waveform with its rate and its leads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from medclip.core.errors import InputError
from medclip.core.sample import Sample

__all__ = ["Waveform", "waveform_of"]


class Waveform(NamedTuple):
    """A recording without the things that may be missing.

    Args:
        array: float32 ``(n_leads, n_samples)`` in millivolts, not empty.
        rate_hz: Samples per second.
        names: Names of the leads.
    """

    array: np.ndarray
    rate_hz: float
    names: tuple[str, ...]


def waveform_of(sample: Sample) -> Waveform:
    """Return the waveform of a sample, or raise ``InputError`` if it is none, is empty or is not in millivolts."""
    if sample.sampling_rate_hz is None or sample.channel_names is None or sample.array.size == 0:
        raise InputError("only a waveform can be written as an ECG", received=sample)
    if sample.attributes.get("amplitude_is_calibrated") is False:
        raise InputError(
            "the amplitude of this recording is not calibrated, and a file in millivolts would claim that it is",
            action="write it as a table, whose layout can say so",
        )
    if np.isinf(sample.array).any():
        raise InputError("an infinite voltage cannot be written", received="infinity")
    if any(not name or not name.isprintable() for name in sample.channel_names):
        raise InputError("a lead has a name that cannot be written", received=sample.channel_names)
    return Waveform(sample.array, float(sample.sampling_rate_hz), sample.channel_names)
