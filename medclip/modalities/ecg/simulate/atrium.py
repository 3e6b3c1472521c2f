"""Atrial activity: P waves, and the continuous waves of fibrillation and flutter."""

from __future__ import annotations

import numpy as np

from medclip.modalities.ecg.simulate.dipole import Waves
from medclip.modalities.ecg.simulate.patient import Patient

__all__ = ["fibrillation", "flutter", "p_wave"]

# Parts of the P duration (centre, width), then x, y, z in millivolts.
_P = (
    (0.30, 0.125, 0.045, 0.085, -0.045),  # right atrium, which lies in front
    (0.50, 0.110, 0.050, 0.060, 0.000),
    (0.72, 0.115, 0.065, 0.050, 0.040),  # left atrium, at the back
)


def p_wave(patient: Patient) -> Waves:
    """Build the P wave of the sinus node, relative to its onset."""
    return Waves.from_rows(_P, 0.100).scaled(patient.p_gain)


def fibrillation(time_s: np.ndarray, *, random: np.random.Generator) -> np.ndarray:
    """Return the f waves of atrial fibrillation: heart vector ``(3, n_samples)`` in millivolts.

    A few sawtooth-like sources between 5 and 8.5 Hz (300 to 510 a minute), whose frequency and amplitude drift,
    largest in V1; the signal model is that of Stridh and Sornmo (IEEE Transactions on Biomedical Engineering
    48:105-111, 2001).
    """
    dominant_hz = random.uniform(5.0, 8.0)
    amplitude_mv = random.uniform(0.025, 0.085)
    total = np.zeros((3, len(time_s)))
    directions = np.array([(-0.45, 0.35, -0.80), (0.10, 0.60, -0.20), (0.30, -0.30, 0.30)])
    for direction, share in zip(directions, (1.0, 0.6, 0.5), strict=True):
        source = _drifting_sawtooth(time_s, dominant_hz + random.normal(0, 0.35), random)
        total += share * direction[:, None] * source
    return amplitude_mv * total


def flutter(time_s: np.ndarray, *, first_wave_s: float, cycle_s: float, random: np.random.Generator) -> np.ndarray:
    """Return the F waves of typical atrial flutter: heart vector ``(3, n_samples)`` in millivolts.

    A continuous sawtooth, negative in II, III and aVF with a slow fall and a quick rise, and a small positive wave in
    V1 (Bun et al., European Heart Journal 36:2356-2363, 2015).

    Args:
        time_s: ``(n_samples,)``.
        first_wave_s: Start of one of the waves.
        cycle_s: Length of a wave, about 0.2 s.
        random: Source of the individual amplitude.
    """
    phase = 2 * np.pi * (time_s - first_wave_s) / cycle_s
    # Four harmonics of a sawtooth, damped so that its edge does not ring.
    saw = sum(np.sin(order * phase) * 0.82 ** (order - 1) / order for order in range(1, 5))
    anterior = np.exp(2.2 * (np.cos(phase - 2.0) - 1)) - 0.33
    amplitude_mv = random.uniform(0.10, 0.18)
    y_mv = amplitude_mv * (saw - 0.25)
    return np.stack([0.10 * y_mv, y_mv, -amplitude_mv * random.uniform(0.7, 1.1) * anterior])


def _drifting_sawtooth(time_s: np.ndarray, frequency_hz: float, random: np.random.Generator) -> np.ndarray:
    start, drift, swell = random.uniform(0, 2 * np.pi, 3)
    drift_hz, swell_hz = random.uniform(0.1, 0.4, 2)
    phase = 2 * np.pi * frequency_hz * time_s + start + 1.2 * np.sin(2 * np.pi * drift_hz * time_s + drift)
    envelope = 1 + 0.35 * np.sin(2 * np.pi * swell_hz * time_s + swell)
    return np.asarray(envelope * (np.sin(phase) + 0.35 * np.sin(2 * phase) + 0.12 * np.sin(3 * phase)))
