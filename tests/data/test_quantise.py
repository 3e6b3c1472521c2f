"""Quantising: exact where a recorder's own steps are known, bounded everywhere else, and honest about gaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medclip.core.errors import StoreError
from medclip.data.quantise import MISSING, dequantise, quantise


@pytest.mark.parametrize("steps_per_mv", [1000, 200, 2000, 400])
def test_every_count_of_a_common_recorder_comes_back_exactly(steps_per_mv: int) -> None:
    counts = np.arange(-32767, 32768).reshape(3, -1)
    # As readers compute it: in double precision, rounded once.
    values = (counts / float(steps_per_mv)).astype(np.float32)
    stored, gain = quantise(values)
    assert stored.dtype == np.int16
    np.testing.assert_array_equal(dequantise(stored, gain), values)


def test_channels_keep_gains_of_their_own() -> None:
    generator = np.random.default_rng(0)
    gains = np.array([[1000.0], [200.0], [2000.0], [123.25]])
    values = (generator.integers(-32767, 32767, (4, 900)) / gains).astype(np.float32)
    values[3, 0] = 32767 / 123.25
    stored, gain = quantise(values)
    restored = dequantise(stored, gain)
    np.testing.assert_array_equal(restored[:3], values[:3])
    assert np.abs(restored[3] - values[3]).max() < 1e-4


@pytest.mark.parametrize("largest", [1e-20, 1e-6, 0.0321, 1.0, 33.0, 7e4, 1e30])
def test_the_error_is_at_most_half_a_step(largest: float) -> None:
    generator = np.random.default_rng(1)
    values = (generator.uniform(-1, 1, (12, 4000)) * largest).astype(np.float32)
    stored, gain = quantise(values)
    error = np.abs(dequantise(stored, gain).astype(np.float64) - values)
    bound = np.abs(values).max(axis=1, keepdims=True).astype(np.float64) / 65534
    # float32 itself rounds the result by at most one part in 2^24.
    assert (error <= bound * (1 + 1e-6) + np.abs(values) * 2.0**-24).all()
    assert error.max() > bound.min() / 10
    np.testing.assert_array_equal(stored, np.rint(values.astype(np.float64) * gain[:, None].astype(np.float64)))


@settings(max_examples=100, deadline=None)
@given(arrays(np.float32, (2, 5), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)))
def test_any_values_come_back_within_the_bound(values: np.ndarray) -> None:
    stored, gain = quantise(values)
    # What stands for a gap in a channel of the very largest values is beyond them, until it becomes NaN.
    with np.errstate(over="ignore"):
        restored = dequantise(stored, gain)
    known = np.isfinite(values)
    np.testing.assert_array_equal(np.isnan(restored), ~known)
    assert np.isfinite(gain).all()
    assert (gain > 0).all()
    for row in range(len(values)):
        exact, found = values[row][known[row]].astype(np.float64), restored[row][known[row]].astype(np.float64)
        largest = np.abs(exact).max(initial=0.0)
        assert (np.abs(found - exact) <= max(largest / 65534 * (1 + 1e-4), 5e-31)).all()


def test_missing_values_leave_the_others_alone() -> None:
    values = np.array([[0.5, -0.25, 1.0], [0.1, 0.2, 0.3]], np.float32)
    with_gaps = np.concatenate([values, [[np.nan, np.inf], [-np.inf, np.nan]]], axis=1).astype(np.float32)
    stored, gain = quantise(with_gaps)
    expected, expected_gain = quantise(values)
    np.testing.assert_array_equal(stored[:, :3], expected)
    np.testing.assert_array_equal(gain, expected_gain)
    assert (stored[:, 3:] == MISSING).all()
    assert np.isnan(dequantise(stored, gain)[:, 3:]).all()


def test_the_smallest_16_bit_count_is_a_value_and_no_gap() -> None:
    values = np.array([[-32.768, 0.0, 1.5]], np.float32)
    stored, gain = quantise(values)
    restored = dequantise(stored, gain)
    assert not np.isnan(restored).any()
    np.testing.assert_allclose(restored, values, atol=32.768 / 65534)


def test_zeros_and_nothing_but_gaps() -> None:
    for values in (np.zeros((2, 3), np.float32), np.full((2, 3), np.nan, np.float32)):
        stored, gain = quantise(values)
        np.testing.assert_array_equal(dequantise(stored, gain), values)


def test_dequantise_writes_where_it_is_told() -> None:
    stored = np.array([[[100, MISSING]], [[-5, 7]]], np.int16)
    out = np.full(stored.shape, 9, np.float32)
    result = dequantise(stored, np.array([[10.0], [2.0]], np.float32), out=out)
    assert result is out
    np.testing.assert_array_equal(out, np.array([[[10, np.nan]], [[-2.5, 3.5]]], np.float32))
    single = dequantise(stored[1], np.float32(2.0), has_missing=False)
    np.testing.assert_array_equal(single, [[-2.5, 3.5]])


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4)])
def test_other_arrays_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(StoreError, match="channels and samples"):
        quantise(np.zeros(shape, np.float32))
