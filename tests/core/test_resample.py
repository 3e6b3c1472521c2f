"""The resampler beside SciPy's, and on signals whose answer is known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from medclip.core.errors import SignalError
from medclip.core.resample import resample

# Both sum at most a few hundred products of numbers near 1 in single precision.
TOLERANCE = 5e-6


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Return float32 noise of deviation 1 about 3, so that a step at the ends would show."""
    return (3 + np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def by_scipy(values: np.ndarray, up: int, down: int) -> np.ndarray:
    """Resample in double precision."""
    return resample_poly(values.astype(np.float64), up, down, axis=-1, padtype="edge")


@pytest.mark.parametrize(
    ("from_hz", "to_hz", "n_samples"),
    [
        (500, 100, 5000),
        (500, 250, 4999),
        (1000, 500, 10000),
        (1000, 100, 777),
        (100, 500, 1000),
        (250, 500, 2500),
        (400, 500, 4000),
        (360, 500, 3600),
        (257, 500, 2570),
        (128, 500, 1281),
        (500, 257, 5001),
        (500, 499, 5000),
        (977, 500, 3001),
        (512.5, 500, 2000),
        (240, 500, 1),
        (500, 100, 1),
        (500, 100, 3),
        (100, 500, 2),
        (500, 333, 17),
        (1000, 1, 3000),
        (1, 1000, 5),
    ],
)
def test_equals_scipy(from_hz: float, to_hz: float, n_samples: int) -> None:
    ratio = Fraction(to_hz) / Fraction(from_hz)
    values = noise(2, 3, n_samples)
    found, expected = resample(values, from_hz, to_hz), by_scipy(values, ratio.numerator, ratio.denominator)
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 300))
def test_equals_scipy_at_any_ratio(up: int, down: int, n_samples: int) -> None:
    values = noise(n_samples, seed=up * 61 + down)
    ratio = Fraction(up, down)
    np.testing.assert_allclose(
        resample(values, down, up), by_scipy(values, ratio.numerator, ratio.denominator), atol=TOLERANCE
    )


def test_a_recorder_that_is_a_little_off_needs_no_resampling() -> None:
    values = noise(2, 5000)
    assert resample(values, 499.98, 500) is values
    assert resample(values, 500, 500.0) is values
    assert resample(values, 497.5, 500).shape == (2, 5026)


@pytest.mark.parametrize("rate", [497.5, 333.333333, 1013.7, 72.5, 5000.1])
def test_time_is_kept_at_rates_that_are_no_whole_numbers(rate: float) -> None:
    """A slow sine is still where it was; the worst ratio is off by one part in 1,000."""
    seconds = np.arange(round(10 * rate)) / rate
    found = resample(np.sin(2 * np.pi * seconds).astype(np.float32), rate, 500)
    expected = np.sin(2 * np.pi * np.arange(len(found)) / 500)
    assert abs(len(found) - 5000) <= 5
    assert np.abs(found - expected)[100:-100].max() < 0.07


def chirp(rate_hz: float, top_hz: float) -> np.ndarray:
    """Return 10 s of a sine whose frequency grows from 0 to ``top_hz``, and its frequency at each sample."""
    seconds = np.arange(round(10 * rate_hz)) / rate_hz
    return np.sin(np.pi * top_hz / 10 * seconds**2)


def test_what_the_lower_rate_cannot_hold_is_removed_and_the_rest_stays() -> None:
    """A chirp from 0 to 250 Hz at 500 Hz; at 100 Hz all above 50 Hz would come back as a lower tone."""
    found = resample(chirp(500, 250).astype(np.float32), 500, 100)
    envelope = np.array([np.abs(part).max() for part in found.reshape(50, 20)])
    frequency_hz = np.linspace(0, 250, 50, endpoint=False) + 2.5
    assert envelope[(frequency_hz > 5) & (frequency_hz < 40)].min() > 0.95
    assert envelope[frequency_hz > 62].max() < 0.01
    every_fifth = chirp(500, 250)[::5]
    assert np.abs(every_fifth.reshape(50, 20)).max(axis=1)[frequency_hz > 62].min() > 0.5


RATES_HZ = (100, 128, 250, 257, 400, 500, 512, 977, 1000)


def sweep(rate_hz: float, low_hz: float, high_hz: float) -> np.ndarray:
    """Return 10 s of a sine whose frequency grows linearly from one to the other."""
    seconds = np.arange(round(10 * rate_hz)) / rate_hz
    return np.sin(2 * np.pi * (low_hz * seconds + (high_hz - low_hz) / 20 * seconds**2))


@pytest.mark.parametrize("to_hz", RATES_HZ)
@pytest.mark.parametrize("from_hz", RATES_HZ)
def test_a_chirp_that_both_rates_can_hold_stays_within_a_hundredth(from_hz: int, to_hz: int) -> None:
    """Up to 80 % of the lower Nyquist frequency, beside the chirp computed at the new rate and beside SciPy's."""
    top_hz = 0.4 * min(from_hz, to_hz)
    found = resample(sweep(from_hz, 0, top_hz).astype(np.float32), from_hz, to_hz)
    inner = slice(len(found) // 20, -len(found) // 20)
    assert np.abs(found - sweep(to_hz, 0, top_hz))[inner].max() < 0.01
    ratio = Fraction(to_hz, from_hz)
    expected = by_scipy(sweep(from_hz, 0, top_hz).astype(np.float32), ratio.numerator, ratio.denominator)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


LOWERED = [(high, low) for high in RATES_HZ for low in RATES_HZ if high >= 1.25 * low]


@pytest.mark.parametrize(("from_hz", "to_hz"), LOWERED)
def test_a_chirp_above_the_new_nyquist_frequency_is_40_db_down(from_hz: int, to_hz: int) -> None:
    """From 1.15 of the new Nyquist frequency on, where the filter has fallen; picking samples would keep all of it."""
    chirp_above = sweep(from_hz, 1.15 * to_hz / 2, 0.49 * from_hz)
    found = resample(chirp_above.astype(np.float32), from_hz, to_hz)
    inner = found[len(found) // 20 : -len(found) // 20]
    loudest = max(np.sqrt(np.mean(part**2)) for part in np.array_split(inner, 20))
    assert 20 * np.log10(loudest / np.sqrt(0.5)) < -40
    picked = np.interp(np.arange(len(found)) / to_hz, np.arange(len(chirp_above)) / from_hz, chirp_above)
    assert 20 * np.log10(picked.std() / np.sqrt(0.5)) > -10


def test_a_higher_rate_adds_nothing() -> None:
    seconds = np.arange(2000) / 200
    found = resample(np.sin(2 * np.pi * 30 * seconds).astype(np.float32), 200, 1000)
    power = np.abs(np.fft.rfft(found * np.hanning(len(found)))) ** 2
    frequency_hz = np.fft.rfftfreq(len(found), 1 / 1000)
    assert power[np.abs(frequency_hz - 30) > 2].sum() < 1e-4 * power.sum()


def test_an_offset_makes_no_step_at_the_ends() -> None:
    """The filter itself lets up to one part in 1,900 of an offset through as a ripple at the old rate."""
    for to_hz in (100, 257, 1000):
        np.testing.assert_allclose(resample(np.full((1, 700), -2.5, np.float32), 500, to_hz), -2.5, rtol=6e-4)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 12, 500), (2, 0, 500), (2, 12, 0)])
def test_nothing_stays_nothing(shape: tuple[int, ...]) -> None:
    assert resample(np.zeros(shape, np.float32), 500, 100).shape == (*shape[:-1], shape[-1] // 5)


def test_one_row_does_not_depend_on_the_others() -> None:
    values = noise(5, 12, 1003)
    for from_hz, to_hz in ((500, 100), (250, 500), (257, 500)):
        together = resample(values, from_hz, to_hz)
        np.testing.assert_array_equal(together[3:4], resample(values[3:4], from_hz, to_hz))
        np.testing.assert_array_equal(together[3, 7], resample(values[3, 7], from_hz, to_hz))
        np.testing.assert_array_equal(together[::2], resample(values[::2], from_hz, to_hz))


def test_the_input_is_left_as_it_was() -> None:
    values = noise(2, 500)
    kept = values.copy()
    resample(values, 500, 100)
    np.testing.assert_array_equal(values, kept)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(500_001, 500), (0.4999, 500), (1e-300, 500)])
def test_absurd_ratios_are_refused(from_hz: float, to_hz: float) -> None:
    with pytest.raises(SignalError, match="cannot convert the sampling rate"):
        resample(noise(2, 10), from_hz, to_hz)
