"""Disturbances at the electrodes, so that what one electrode picks up is seen in every lead that uses it."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

import numpy as np

from medclip.core.errors import InputError

__all__ = ["NOISE_PRESETS", "NoiseLevels", "draw_levels", "draw_noise"]

_ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")
_EMG_BANDWIDTH_HZ = 150.0  # of a diagnostic ECG (IEC 60601-2-25); levels are stated for it
_N_WANDER = 3


@dataclass(frozen=True)
class NoiseLevels:
    """Disturbance of a recording, per electrode.

    Args:
        emg_mv: Root mean square of muscle noise in 150 Hz of bandwidth.
        wander_mv: Amplitude of the slow drift of the baseline with breathing and skin.
        mains_mv: Amplitude of mains hum.
        mains_hz: 50 or 60.
        motion_mv: Amplitude of jerks; 0 for a patient who lies still.

    Raises:
        InputError: A level is negative or no number.
    """

    emg_mv: float = 0.0
    wander_mv: float = 0.0
    mains_mv: float = 0.0
    mains_hz: float = 50.0
    motion_mv: float = 0.0

    def __post_init__(self) -> None:
        levels = astuple(self)
        if not all(math.isfinite(level) and level >= 0 for level in levels):
            raise InputError("noise levels must be 0 or more", received=levels)


NOISE_PRESETS = ("none", "typical", "heavy")
"""Names that stand for drawn noise levels."""


def draw_levels(preset: str, random: np.random.Generator) -> NoiseLevels:
    """Draw the disturbance of one recording.

    Raises:
        InputError: The preset is unknown.
    """
    if preset not in NOISE_PRESETS:
        raise InputError("unknown noise", received=preset, allowed=(*NOISE_PRESETS, "a NoiseLevels object"))
    emg, wander, mains, motion, has_mains, has_motion, is_60_hz = random.random(7)
    if preset == "none":
        return NoiseLevels()
    strength = 4.0 if preset == "heavy" else 1.0
    return NoiseLevels(
        emg_mv=strength * (0.002 + 0.018 * emg**3),
        wander_mv=strength * (0.008 + 0.120 * wander**4),
        mains_mv=strength * (0.002 + 0.010 * mains) * float(has_mains < 0.25 * strength),
        mains_hz=60.0 if is_60_hz < 0.3 else 50.0,
        motion_mv=strength * (0.05 + 0.10 * motion) * float(has_motion < 0.12 * strength),
    )


def draw_noise(
    levels: NoiseLevels, *, sampling_rate_hz: float, n_samples: int, random: np.random.Generator
) -> np.ndarray:
    """Draw noise for the independent leads: ``(8, n_samples)`` in millivolts, rows I, II, V1 to V6."""
    time_s = np.arange(n_samples) / sampling_rate_hz
    potential_mv = _wander(time_s, levels.wander_mv, random)
    if levels.emg_mv > 0:
        share = min(1.0, 0.5 * sampling_rate_hz / _EMG_BANDWIDTH_HZ) ** 0.5
        potential_mv += levels.emg_mv * share * random.standard_normal((len(_ELECTRODES), n_samples))
    # At or above the Nyquist frequency a recorder's filter has removed the hum.
    if levels.mains_mv > 0 and levels.mains_hz < 0.45 * sampling_rate_hz:
        gains = levels.mains_mv * random.uniform(0.2, 1.0, len(_ELECTRODES))
        potential_mv += gains[:, None] * np.sin(2 * np.pi * (levels.mains_hz * time_s + random.random()))
    if levels.motion_mv > 0:
        _add_motion(potential_mv, time_s, levels.motion_mv, random)
    return _independent_leads(potential_mv)


def _wander(time_s: np.ndarray, amplitude_mv: float, random: np.random.Generator) -> np.ndarray:
    frequencies_hz = random.uniform(0.05, 0.45, _N_WANDER)
    phases = 2 * np.pi * random.random((len(_ELECTRODES), _N_WANDER))
    angles = 2 * np.pi * frequencies_hz[:, None] * time_s
    scale = amplitude_mv / _N_WANDER**0.5
    return np.asarray(scale * (np.cos(phases) @ np.sin(angles) + np.sin(phases) @ np.cos(angles)))


def _add_motion(potential_mv: np.ndarray, time_s: np.ndarray, amplitude_mv: float, random: np.random.Generator) -> None:
    """Add up to three jerks, each at one electrode: a step that the recorder's high-pass lets decay."""
    for _ in range(1 + int(3 * random.random())):
        electrode = int(random.random() * len(_ELECTRODES))
        since_s = time_s - random.random() * time_s[-1]
        rise = 1 / (1 + np.exp(-np.clip(since_s / 0.03, -50, 50)))
        decay = np.exp(-np.clip(since_s, 0, None) / random.uniform(0.2, 0.8))
        potential_mv[electrode] += amplitude_mv * random.choice(np.array([-1.0, 1.0])) * rise * decay


def _independent_leads(potential_mv: np.ndarray) -> np.ndarray:
    right_arm, left_arm, left_leg = potential_mv[:3]
    central_terminal = potential_mv[:3].mean(axis=0)
    return np.concatenate([np.stack([left_arm - right_arm, left_leg - right_arm]), potential_mv[3:] - central_terminal])
