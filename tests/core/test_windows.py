"""Where windows lie in a recording."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medclip.core.errors import ConfigError
from medclip.core.sample import Sample
from medclip.core.windows import WindowPlace, clock, part_of, window_starts


@given(st.integers(1, 5000), st.integers(1, 500), st.floats(0, 0.95), st.none() | st.integers(1, 40))
def test_windows_cover_the_recording_from_end_to_end(
    n_samples: int, n_window: int, overlap: float, at_most: int | None
) -> None:
    starts = window_starts(n_samples, n_window, overlap=overlap, at_most=at_most)
    assert starts == sorted(set(starts))
    assert min(starts) >= 0
    assert max(starts) + n_window <= max(n_samples, n_window)
    if at_most is not None:
        assert len(starts) <= at_most
    if len(starts) > 1:
        assert (starts[0], starts[-1]) == (0, n_samples - n_window)
        steps = np.diff(starts)
        assert steps.max() - steps.min() <= 1
        if at_most is None:
            # One sample for rounding each window to a place.
            assert steps.max() <= max(1, round(n_window * (1 - overlap))) + 1


def test_one_window_alone_lies_in_the_middle() -> None:
    assert window_starts(101, 11, overlap=0.5, at_most=1) == [45]
    assert window_starts(5, 11, overlap=0.5, at_most=None) == [0]


@pytest.mark.parametrize("overlap", [-0.1, 1.0, 7, float("nan")])
def test_an_overlap_that_cannot_be(overlap: float) -> None:
    with pytest.raises(ConfigError, match=r"overlap of windows is out of range: .*allowed: 0 to less than 1"):
        window_starts(100, 10, overlap=overlap, at_most=None)


def test_no_window_at_all_cannot_be_asked_for() -> None:
    with pytest.raises(ConfigError, match="number of windows is out of range: received 0; allowed: 1 or more"):
        window_starts(100, 10, overlap=0.5, at_most=0)


def test_times_as_a_clock_shows_them() -> None:
    assert [clock(seconds) for seconds in (0, 59.99, 60, 3599, 3600, 86_399)] == [
        *("0:00", "0:59", "1:00", "59:59", "1:00:00", "23:59:59")
    ]
    assert str(WindowPlace(3590, 3600)) == "59:50 to 1:00:00"


def test_a_part_is_a_view_without_what_is_said_of_the_whole() -> None:
    array = np.arange(2000, dtype=np.float32).reshape(2, 1000)
    regions = {"X": np.ones((2, 1000), np.bool_)}
    sample = Sample("ecg", array, "r", sampling_rate_hz=100, channel_names=("I", "II"), report="x", regions=regions)
    part = part_of(sample, WindowPlace(1.5, 4.0))
    np.testing.assert_array_equal(part.array, array[:, 150:400])
    assert np.shares_memory(part.array, array)
    assert (part.report, dict(part.regions), dict(part.labels)) == (None, {}, {})
