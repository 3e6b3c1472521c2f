"""Windows: the parts of a recording that is longer than what an encoder takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

from medclip.core.errors import ConfigError

if TYPE_CHECKING:
    from medclip.core.input_spec import PreparedInput
    from medclip.core.sample import Sample

__all__ = ["Window", "WindowPlace", "Windows", "clock", "part_of", "whole", "window_starts"]


@dataclass(frozen=True)
class WindowPlace:
    """Where in a recording a window lies.

    Args:
        start_s: Seconds from the beginning of the recording, at least 0.
        stop_s: Seconds from the beginning of the recording, more than ``start_s``.

    >>> str(WindowPlace(75.0, 85.0))
    '1:15 to 1:25'
    """

    start_s: float
    stop_s: float

    def __str__(self) -> str:
        return f"{clock(self.start_s)} to {clock(self.stop_s)}"


@dataclass(frozen=True, eq=False)
class Window:
    """One window of a recording.

    Args:
        place: Where it lies; None if the recording has no time axis and the window is the whole of it.
        part: What was recorded there, without a copy, so that its quality can be judged.
        prepare: Brings it into the form that the encoder takes, or raises ``SignalError``. Called only when its turn
            comes, so that no more than a few windows are in memory.
    """

    place: WindowPlace | None
    part: Sample
    prepare: Callable[[], PreparedInput]


@dataclass(frozen=True, eq=False)
class Windows(Sequence[Window]):
    """Many windows, each made only when it is looked at.

    Args:
        starts: One per window.
        at: Makes the window that begins there.
    """

    starts: Sequence[int]
    at: Callable[[int], Window]

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> Window: ...

    @overload
    def __getitem__(self, index: slice) -> Windows: ...

    def __getitem__(self, index: int | slice) -> Window | Windows:
        if isinstance(index, slice):
            return Windows(self.starts[index], self.at)
        return self.at(self.starts[index])


def whole(
    sample: Sample, prepare: Callable[[], PreparedInput], *, overlap: float, at_most: int | None
) -> Sequence[Window]:
    """Return the one window of a recording without a time axis.

    Raises:
        ConfigError: A number is out of range.
    """
    window_starts(1, 1, overlap=overlap, at_most=at_most)
    return (Window(None, sample, prepare),)


def window_starts(n_samples: int, n_window: int, *, overlap: float, at_most: int | None) -> list[int]:
    """Lay windows evenly over a recording, the first at its beginning and the last at its end.

    Args:
        n_samples: Length of the recording.
        n_window: Length of a window, at least 1.
        overlap: Least share that a window has in common with the next, in [0, 1).
        at_most: Largest number of windows, which may leave gaps between them; one alone lies in the middle. None
            sets no limit.

    Raises:
        ConfigError: A number is out of range.

    >>> window_starts(30, 10, overlap=0.5, at_most=None)
    [0, 5, 10, 15, 20]
    >>> window_starts(31, 10, overlap=0.0, at_most=2)
    [0, 21]
    """
    if not 0 <= overlap < 1:
        raise ConfigError("the overlap of windows is out of range", received=overlap, allowed="0 to less than 1")
    if at_most is not None and at_most < 1:
        raise ConfigError("the number of windows is out of range", received=at_most, allowed="1 or more")
    last = max(0, n_samples - n_window)
    step = max(1, round(n_window * (1 - overlap)))
    n_windows = -(-last // step) + 1
    if at_most is not None:
        n_windows = min(n_windows, at_most)
    if n_windows == 1:
        return [last // 2]
    starts: list[int] = np.linspace(0, last, n_windows).round().astype(int).tolist()
    return starts


def part_of(sample: Sample, place: WindowPlace) -> Sample:
    """Return what a waveform holds within a window, without a copy, and without what is said of the whole."""
    rate_hz = float(sample.sampling_rate_hz or 0)
    begin, end = round(place.start_s * rate_hz), round(place.stop_s * rate_hz)
    return sample.replace(array=sample.array[:, begin:end], labels={}, report=None, regions={})


def clock(seconds: float) -> str:
    """Write a time as a clock shows it, in whole seconds.

    >>> clock(5.9), clock(75), clock(7384)
    ('0:05', '1:15', '2:03:04')
    """
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
