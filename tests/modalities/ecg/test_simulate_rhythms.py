"""Simulated rhythms keep to their rates and regularity, as the QRS detector of another project sees them."""

from __future__ import annotations

import numpy as np
import pytest

from medclip.core.sample import Sample
from medclip.modalities.ecg.leads import STANDARD_LEADS
from medclip.modalities.ecg.simulate import simulate_ecg

processing = pytest.importorskip("wfdb.processing")

RATE_HZ = 500
SEEDS = range(8)


def beats_of(ecg: Sample) -> np.ndarray:
    """QRS complexes in samples, found by wfdb's XQRS in the chest lead with the tallest of them."""
    chest = ecg.array[6:].astype(np.float64)
    lead = chest[int(np.argmax(np.abs(chest).max(axis=1)))]
    return np.asarray(processing.xqrs_detect(lead, fs=RATE_HZ, verbose=False))


def rate_and_variation(ecg: Sample) -> tuple[float, float]:
    """Mean rate per minute, and the standard deviation of the cycles as a share of their mean."""
    cycles_s = np.diff(beats_of(ecg)) / RATE_HZ
    return float(60 / cycles_s.mean()), float(cycles_s.std() / cycles_s.mean())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("noise", ["none", "typical"])
@pytest.mark.parametrize(("code", "low", "high"), [("SBRAD", 30, 60), ("SR", 60, 100), ("STACH", 100, 160)])
def test_sinus_rhythms_keep_to_their_rates(code: str, low: float, high: float, noise: str, seed: int) -> None:
    rate, variation = rate_and_variation(simulate_ecg([code, "LVH"], seed=seed, noise=noise))
    assert low < rate < high
    assert variation < 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_sinus_arrhythmia_goes_with_breathing_in_the_young(seed: int) -> None:
    ecg = simulate_ecg([], seed=seed, noise="none", duration_s=40)
    _, variation = rate_and_variation(ecg)
    assert variation > 0.002
    if ecg.attributes["age"] < 40:
        assert variation > 0.012


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("others", [(), ("LVH",), ("CLBBB",)])
def test_fibrillation_is_irregular_and_has_f_waves_but_no_p(others: tuple[str, ...], seed: int) -> None:
    ecg = simulate_ecg(["AFIB", *others], seed=seed, noise="none")
    rate, variation = rate_and_variation(ecg)
    assert 45 < rate < 160
    assert variation > 0.1
    assert before_qrs(ecg, "V1").std() > 0.008
    sinus = simulate_ecg(["SR", "LVH"], seed=seed, noise="none")
    assert p_locking(ecg) < 0.6 < p_locking(sinus)


def before_qrs(ecg: Sample, lead: str) -> np.ndarray:
    """A lead between 240 and 60 ms before each R peak, where a P wave would be: ``(n_beats, 90)``, without offsets."""
    starts = [int(beat) - 120 for beat in beats_of(ecg) if beat > 120]
    trace = ecg.array[STANDARD_LEADS.index(lead)].astype(np.float64)
    return np.stack([trace[start : start + 90] - trace[start : start + 90].mean() for start in starts])


def p_locking(ecg: Sample) -> float:
    """Share of the atrial signal before QRS that is the same in every beat: 1 for P waves, small for f waves."""
    pieces = before_qrs(ecg, "II")
    return float((pieces.mean(axis=0) ** 2).mean() / (pieces**2).mean())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("others", [(), ("LVH",)])
def test_flutter_waves_run_at_300_a_minute_and_set_the_cycle(others: tuple[str, ...], seed: int) -> None:
    ecg = simulate_ecg(["AFLT", *others], seed=seed, noise="none")
    avf, beats = ecg.array[STANDARD_LEADS.index("aVF")].astype(np.float64), beats_of(ecg)
    quiet = np.ones(len(avf), np.bool_)
    for beat in beats:
        quiet[max(0, beat - 40) : beat + 40] = False
    times_s = np.flatnonzero(quiet) / RATE_HZ
    rates = np.arange(240.0, 360.0, 1.0)
    fits = [sawtooth_fit(avf[quiet], times_s, rate) for rate in rates]
    best = int(np.argmax([share for share, _ in fits]))
    assert 255 <= rates[best] <= 345
    waves_per_beat = np.diff(beats) / RATE_HZ * rates[best] / 60
    assert np.abs(waves_per_beat - waves_per_beat.round()).max() < 0.35
    assert set(waves_per_beat.round()) <= {2.0, 3.0, 4.0}
    # With 2:1 conduction every second wave lies in a T wave.
    assert waves_per_beat.mean() < 2.5 or fits[best][1] > 0.3


def sawtooth_fit(values: np.ndarray, times_s: np.ndarray, rate_per_min: float) -> tuple[float, float]:
    """Share of the variance that a wave with one harmonic explains, and its shape.

    A wave that falls slowly and rises fast is sin(x) + sin(2x)/2: shape 1. Its mirror image has shape -1.
    """
    angles = 2 * np.pi * rate_per_min / 60 * times_s
    basis = np.stack([np.ones_like(times_s), *(f(k * angles) for k in (1, 2) for f in (np.sin, np.cos))], axis=1)
    weights = np.linalg.lstsq(basis, values, rcond=None)[0]
    phases = np.arctan2(weights[2], weights[1]), np.arctan2(weights[4], weights[3])
    return float(1 - (values - basis @ weights).var() / values.var()), float(np.cos(phases[1] - 2 * phases[0]))


@pytest.mark.parametrize("seed", SEEDS)
def test_pacing_is_regular(seed: int) -> None:
    for codes in (["PACE"], ["PACE", "AFIB"]):
        ecg = simulate_ecg(codes, seed=seed, noise="none")
        jump = np.abs(np.diff(ecg.array.astype(np.float64), n=2, axis=1)).sum(axis=0)
        spikes = np.flatnonzero(jump > 0.2 * jump.max())
        spikes = spikes[np.diff(spikes, prepend=-1000) > 100]
        cycles_s = np.diff(spikes) / RATE_HZ
        assert 55 < 60 / cycles_s.mean() < 90
        assert cycles_s.std() / cycles_s.mean() < 0.03
