"""From a heart at work to the samples that a recorder stores."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import numpy as np

from medclip.core.errors import InputError
from medclip.modalities.ecg.leads import STANDARD_LEADS
from medclip.modalities.ecg.simulate.atrium import fibrillation, flutter, p_wave
from medclip.modalities.ecg.simulate.dipole import Waves, project, superpose, twelve_leads
from medclip.modalities.ecg.simulate.heart import Heart
from medclip.modalities.ecg.simulate.ventricle import Beat

__all__ = ["ELECTRODES", "digitise", "heart_vector", "independent_leads", "take_off"]

_RESOLUTION_PER_MV = 1000.0  # 1 uV, as in PTB-XL; it also hides what the last bit of a processor's exp() differs in
_STIMULUS_WIDTH_S = 0.0009
_STIMULUS_MV = (0.45, -0.70, 0.55)  # from the apex of the right ventricle
_STIMULUS_LEAD_S = 0.006

ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")
"""Electrodes that can come off; the right leg is the ground and in no lead."""

_LEADS_OF_ELECTRODE = {
    "RA": ("I", "II", "aVR", "aVL", "aVF"),
    "LA": ("I", "III", "aVR", "aVL", "aVF"),
    "LL": ("II", "III", "aVR", "aVL", "aVF"),
}


def independent_leads(
    heart: Heart, *, sampling_rate_hz: float, n_samples: int, random: np.random.Generator
) -> np.ndarray:
    """Return the undisturbed leads I, II, V1 to V6: ``(8, n_samples)`` in millivolts."""
    dipole_mv = heart_vector(heart, sampling_rate_hz=sampling_rate_hz, n_samples=n_samples, random=random)
    return project(_breathe(dipole_mv, heart, sampling_rate_hz), heart.patient.lead_vectors)


def heart_vector(heart: Heart, *, sampling_rate_hz: float, n_samples: int, random: np.random.Generator) -> np.ndarray:
    """Return the heart vector ``(3, n_samples)`` in millivolts: atria, ventricles and pacemaker.

    Args:
        heart: What beats when.
        sampling_rate_hz: Samples per second.
        n_samples: Length of the recording.
        random: Source of the shape of f and F waves.
    """
    rhythm, patient = heart.rhythm, heart.patient

    def repeat(waves: Waves, starts_s: np.ndarray, stretch: np.ndarray | float = 1.0) -> np.ndarray:
        factors = np.broadcast_to(np.asarray(stretch, np.float64), starts_s.shape)
        return superpose(waves, starts_s, stretch=factors, sampling_rate_hz=sampling_rate_hz, n_samples=n_samples)

    def beats(beat: Beat, starts_s: np.ndarray, cycle_s: np.ndarray | float) -> np.ndarray:
        # Fridericia: the QT interval goes with the cube root of the cycle.
        recovery = repeat(beat.recovery, starts_s + beat.qrs_s, np.cbrt(cycle_s))
        return np.asarray(repeat(beat.depolarisation, starts_s) + recovery)

    total_mv: np.ndarray = beats(heart.beat, rhythm.qrs_s, rhythm.cycle_s)
    if heart.ectopic is not None:
        total_mv += beats(heart.ectopic, rhythm.ectopic_s, rhythm.mean_cycle_s)
    if len(rhythm.p_s):
        total_mv += repeat(p_wave(patient), rhythm.p_s)
    if "PACE" in heart.findings:
        total_mv += repeat(_stimulus(sampling_rate_hz), rhythm.qrs_s - _STIMULUS_LEAD_S)
    total_mv += _continuous_atrial_activity(heart, np.arange(n_samples) / sampling_rate_hz, random)
    return total_mv


def digitise(independent_mv: np.ndarray) -> np.ndarray:
    """Round the eight measured leads to 1 uV and complete them to twelve: float32 ``(12, n_samples)``."""
    steps = np.round(independent_mv * _RESOLUTION_PER_MV)
    return (twelve_leads(steps) / _RESOLUTION_PER_MV).astype(np.float32)


def take_off(array_mv: np.ndarray, electrodes: Collection[str], *, as_value: Literal["nan", "flat"]) -> None:
    """Blank the leads that electrodes which came off belong to, in place.

    Raises:
        InputError: An electrode is unknown.
    """
    unknown = sorted(set(electrodes) - set(ELECTRODES))
    if unknown:
        raise InputError("unknown electrodes", received=unknown, allowed=ELECTRODES)
    for electrode in electrodes:
        for lead in _LEADS_OF_ELECTRODE.get(electrode, (electrode,)):
            array_mv[STANDARD_LEADS.index(lead)] = np.nan if as_value == "nan" else 0.0


def _breathe(dipole_mv: np.ndarray, heart: Heart, sampling_rate_hz: float) -> np.ndarray:
    """Let breathing swing the heart by 2.5 degrees in the frontal plane and its amplitude by 2.5 %."""
    time_s = np.arange(dipole_mv.shape[1]) / sampling_rate_hz
    breath = np.sin(2 * np.pi * heart.patient.respiration_hz * time_s + heart.breathing_phase)
    x, y, z = dipole_mv * (1 + 0.025 * breath)
    swing = np.radians(2.5) * breath
    return np.stack([x - swing * y, y + swing * x, z])


def _stimulus(sampling_rate_hz: float) -> Waves:
    """A pacing spike: narrower than any sampling interval, so it is as wide, and as low, as the recorder makes it."""
    width_s = max(_STIMULUS_WIDTH_S, 0.45 / sampling_rate_hz)
    vector_mv = np.array([_STIMULUS_MV]) * (_STIMULUS_WIDTH_S / width_s)
    return Waves(np.zeros(1), np.array([width_s]), vector_mv)


def _continuous_atrial_activity(heart: Heart, time_s: np.ndarray, random: np.random.Generator) -> np.ndarray:
    rhythm = heart.rhythm
    share = 0.6 if "LVOLT" in heart.findings else 1.0
    if rhythm.flutter_cycle_s is not None:
        return share * flutter(
            time_s, first_wave_s=rhythm.flutter_start_s, cycle_s=rhythm.flutter_cycle_s, random=random
        )
    if "AFIB" in heart.findings:
        return share * fibrillation(time_s, random=random)
    return np.zeros((3, len(time_s)))
