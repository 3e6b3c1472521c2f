"""When the atria and the ventricles beat."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from medclip.modalities.ecg.simulate.patient import Patient

__all__ = ["Rhythm", "draw_rhythm"]

_LEAD_IN_S = 2.5  # beats before the recording whose T waves reach into it
_RATES_PER_MIN = {"SBRAD": (40.0, 56.0), "SR": (62.0, 96.0), "STACH": (104.0, 148.0)}


@dataclass(frozen=True, eq=False)
class Rhythm:
    """Instants in seconds from the start of the recording, some before it.

    Args:
        qrs_s: Onsets of conducted (or paced) QRS complexes.
        cycle_s: Cycle that sets the QT interval of each of them.
        p_s: Onsets of P waves; empty if there are none.
        ectopic_s: Onsets of premature ventricular beats.
        mean_cycle_s: Mean distance of ventricular beats, premature ones left out.
        flutter_cycle_s: Length of a flutter wave, or None.
        flutter_start_s: Start of a flutter wave.
    """

    qrs_s: np.ndarray
    cycle_s: np.ndarray
    p_s: np.ndarray
    ectopic_s: np.ndarray
    mean_cycle_s: float
    flutter_cycle_s: float | None = None
    flutter_start_s: float = 0.0


def draw_rhythm(
    findings: Collection[str], patient: Patient, *, duration_s: float, random: np.random.Generator
) -> Rhythm:
    """Draw the instants of all beats for a set of findings that includes one rhythm."""
    if "AFLT" in findings:
        rhythm = _flutter(duration_s, random)
    elif "AFIB" in findings and "PACE" not in findings:
        rhythm = _fibrillation(duration_s, random)
    elif "PACE" in findings:
        rhythm = _paced(duration_s, random, has_p="AFIB" not in findings)
    else:
        rhythm = _sinus(findings, patient, duration_s, random)
    if "PVC" in findings:
        rhythm = _with_premature_beats(rhythm, duration_s, random)
    return rhythm


def _sinus(findings: Collection[str], patient: Patient, duration_s: float, random: np.random.Generator) -> Rhythm:
    name = next(code for code in _RATES_PER_MIN if code in findings)
    cycle_s = 60.0 / random.uniform(*_RATES_PER_MIN[name])
    n_beats = int((duration_s + 2 * _LEAD_IN_S) / cycle_s * 1.2) + 3
    about_s = np.arange(n_beats) * cycle_s
    breathing = np.sin(2 * np.pi * (patient.respiration_hz * about_s + random.random()))
    slow = np.sin(2 * np.pi * (0.1 * about_s + random.random()))
    swing = patient.sinus_arrhythmia * min(1.0, cycle_s / 0.8)
    cycles_s = cycle_s * (1 + swing * breathing + 0.3 * swing * slow + 0.004 * random.standard_normal(n_beats))
    p_s = np.cumsum(cycles_s) - _LEAD_IN_S - cycle_s * random.random()
    pr_s = _pr_interval_s(findings, patient, cycle_s, random)
    return Rhythm(p_s + pr_s, cycles_s, p_s, np.empty(0), cycle_s)


def _pr_interval_s(findings: Collection[str], patient: Patient, cycle_s: float, random: np.random.Generator) -> float:
    if "1AVB" in findings:
        # Longer than 200 ms, and short enough that P clears the T wave before it.
        return float(random.uniform(0.218, max(0.235, min(0.32, 0.42 * cycle_s))))
    # The PR interval shortens with the rate.
    return max(0.128, patient.pr_s - 0.06 * max(0.0, 0.75 - cycle_s))


def _fibrillation(duration_s: float, random: np.random.Generator) -> Rhythm:
    """Irregular intervals: gamma distributed, no shorter than the refractory period."""
    cycle_s = 60.0 / random.uniform(58.0, 135.0)
    variation = random.uniform(0.17, 0.27)
    n_beats = int((duration_s + 2 * _LEAD_IN_S) / cycle_s * 1.6) + 4
    spread = random.gamma(4.0, size=n_beats)
    # Standardised, so that a short recording is never regular by chance.
    spread = (spread - spread.mean()) / spread.std()
    cycles_s = np.maximum(cycle_s * (1 + variation * spread), 0.36)
    qrs_s = np.cumsum(cycles_s) - _LEAD_IN_S
    # Repolarisation follows the rate with a lag: mostly the mean cycle, a little the last one.
    return Rhythm(qrs_s, 0.75 * cycles_s.mean() + 0.25 * cycles_s, np.empty(0), np.empty(0), float(cycles_s.mean()))


def _flutter(duration_s: float, random: np.random.Generator) -> Rhythm:
    flutter_cycle_s = 60.0 / random.uniform(262.0, 335.0)
    n_beats = int((duration_s + 2 * _LEAD_IN_S) / flutter_cycle_s / 2) + 4
    pattern = random.random()
    if pattern < 0.75:
        waves_per_beat = np.full(n_beats, (2, 3, 4, 4)[int(pattern / 0.75 * 4)])
    else:
        waves_per_beat = random.choice(np.array([2, 4, 4]), n_beats)
    start_s = -_LEAD_IN_S - random.random() * flutter_cycle_s
    qrs_s = start_s + np.cumsum(waves_per_beat) * flutter_cycle_s + random.uniform(0.0, 0.2)
    cycles_s = waves_per_beat * flutter_cycle_s
    mean_s = float(cycles_s.mean())
    return Rhythm(qrs_s, np.full(n_beats, mean_s), np.empty(0), np.empty(0), mean_s, flutter_cycle_s, start_s)


def _paced(duration_s: float, random: np.random.Generator, *, has_p: bool) -> Rhythm:
    cycle_s = 60.0 / random.uniform(60.0, 85.0 if has_p else 75.0)
    n_beats = int((duration_s + 2 * _LEAD_IN_S) / cycle_s) + 3
    qrs_s = np.arange(n_beats) * cycle_s - _LEAD_IN_S - cycle_s * random.random()
    if not has_p:
        return Rhythm(qrs_s, np.full(n_beats, cycle_s), np.empty(0), np.empty(0), cycle_s)
    # The pacemaker follows the sinus node: ventricular stimulus a fixed delay after P.
    qrs_s = qrs_s + 0.006 * np.cumsum(random.standard_normal(n_beats))
    return Rhythm(qrs_s, np.full(n_beats, cycle_s), qrs_s - random.uniform(0.15, 0.19), np.empty(0), cycle_s)


def _with_premature_beats(rhythm: Rhythm, duration_s: float, random: np.random.Generator) -> Rhythm:
    """Insert premature beats; the next conducted beat of each falls out, P waves go on (full compensatory pause)."""
    before = _beats_before_premature_ones(rhythm, duration_s, random)
    cycles_s = rhythm.qrs_s[before + 1] - rhythm.qrs_s[before]
    share = random.uniform(0.56, 0.68)
    coupling_s = np.maximum(0.34, share * np.minimum(cycles_s, 1.1 * rhythm.mean_cycle_s))
    ectopic_s = rhythm.qrs_s[before] + coupling_s
    kept = np.ones(len(rhythm.qrs_s), np.bool_)
    kept[before + 1] = False
    for instant_s in ectopic_s:
        # In fibrillation and flutter the node stays refractory for a while after a premature beat.
        refractory_until_s = instant_s + max(0.5, 0.6 * rhythm.mean_cycle_s)
        kept &= (rhythm.qrs_s <= instant_s) | (rhythm.qrs_s > refractory_until_s)
    return replace(rhythm, qrs_s=rhythm.qrs_s[kept], cycle_s=rhythm.cycle_s[kept], ectopic_s=ectopic_s)


def _beats_before_premature_ones(rhythm: Rhythm, duration_s: float, random: np.random.Generator) -> np.ndarray:
    """Choose one to three conducted beats, far from each other, whose premature beat and pause are on the record."""
    inside = np.flatnonzero((rhythm.qrs_s > 0.15) & (rhythm.qrs_s < duration_s - 0.15))
    # Two seconds may be too short for a whole pause: then the beat before the middle must do.
    middle = np.argmin(np.abs(rhythm.qrs_s + 0.5 - 0.5 * duration_s))
    candidates = inside[:-2] if len(inside) > 2 else np.array([middle])
    wanted = 1 + int(random.random() * min(3.0, len(candidates) / 3))
    chosen: list[int] = []
    for index in random.permutation(candidates):
        if len(chosen) < wanted and all(abs(index - other) > 2 for other in chosen):
            chosen.append(int(index))
    return np.sort(np.array(chosen, np.int64))
