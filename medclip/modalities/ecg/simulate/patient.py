"""The person behind a simulated recording: what stays the same from one recording to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medclip.modalities.ecg.simulate.dipole import lead_vectors

__all__ = ["Patient", "draw_patient"]


@dataclass(frozen=True, eq=False)
class Patient:
    """Traits that shape a person's ECG.

    Args:
        age_years: 18 to 95.
        sex: ``female`` or ``male``.
        frontal_turn_deg: Turn of the heart in the frontal plane from a normal axis of about 60 degrees.
        horizontal_turn_deg: Turn about the long axis of the body; moves the transition zone.
        sagittal_turn_deg: Tilt forwards or backwards.
        qrs_gain: Amplitude of ventricular depolarisation, 1 on average.
        t_gain: Amplitude of repolarisation, 1 on average.
        p_gain: Amplitude of atrial depolarisation, 1 on average.
        pr_s: PR interval with normal conduction, 0.130 to 0.188.
        qrs_s: QRS duration with normal conduction, 0.078 to 0.098.
        qtc_s: QT interval at 60 beats a minute, 0.37 to 0.45.
        respiration_hz: Breaths per second.
        sinus_arrhythmia: Share by which breathing changes the sinus cycle; falls with age.
        lead_vectors: ``(8, 3)``: Dower's, with individual deviations of torso and electrode positions.
        shape: ``(6, 3)`` standard normal numbers that make the QRS loop individual.
    """

    age_years: int
    sex: str
    frontal_turn_deg: float
    horizontal_turn_deg: float
    sagittal_turn_deg: float
    qrs_gain: float
    t_gain: float
    p_gain: float
    pr_s: float
    qrs_s: float
    qtc_s: float
    respiration_hz: float
    sinus_arrhythmia: float
    lead_vectors: np.ndarray
    shape: np.ndarray


def draw_patient(random: np.random.Generator) -> Patient:
    """Draw a person.

    The axis moves to the left and sinus arrhythmia fades with age; women have a shorter QRS, a longer QTc and a lower
    T wave (Macfarlane and Lawrie, Comprehensive Electrocardiology, chapter on normal limits). The remaining ranges are
    the usual normal limits of adults.
    """
    age_years = round(_normal(random, 60, 17, low=18, high=95))
    is_male = bool(random.random() < 0.5)
    ageing = (age_years - 60) / 40
    return Patient(
        age_years=age_years,
        sex="male" if is_male else "female",
        frontal_turn_deg=_normal(random, -20 - 15 * ageing, 22, low=-65, high=22),
        horizontal_turn_deg=_normal(random, 0, 9, low=-18, high=18),
        sagittal_turn_deg=_normal(random, 0, 8, low=-16, high=16),
        qrs_gain=_normal(random, 1.02 - 0.08 * ageing, 0.2, low=0.62, high=1.6),
        t_gain=_normal(random, 1.06 if is_male else 0.94, 0.2, low=0.6, high=1.6),
        p_gain=_normal(random, 1.0, 0.18, low=0.65, high=1.45),
        pr_s=float(random.uniform(0.130, 0.188)),
        qrs_s=float(random.uniform(0.078, 0.094) + (0.004 if is_male else 0.0)),
        qtc_s=_normal(random, 0.402 if is_male else 0.414, 0.014, low=0.37, high=0.45),
        respiration_hz=float(random.uniform(0.18, 0.33)),
        sinus_arrhythmia=_normal(random, 0.035 - 0.02 * ageing, 0.012, low=0.006, high=0.08),
        lead_vectors=lead_vectors() * (1 + 0.09 * random.standard_normal((8, 1)))
        + 0.05 * random.standard_normal((8, 3)),
        shape=random.standard_normal((6, 3)),
    )


def _normal(random: np.random.Generator, mean: float, deviation: float, *, low: float, high: float) -> float:
    return float(min(max(random.normal(mean, deviation), low), high))
