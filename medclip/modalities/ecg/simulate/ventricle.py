"""Ventricular beats: depolarisation and repolarisation of the heart vector for each way of conduction."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from medclip.modalities.ecg.simulate.dipole import Waves, rotation
from medclip.modalities.ecg.simulate.patient import Patient

__all__ = ["Beat", "ectopic_beat", "left_bundle_branch_block_beat", "normal_beat", "paced_beat", "repolarisation"]

# Rows: centre and width in parts of the QRS duration, then x (left), y (feet), z (back) in millivolts. Centres and
# widths are such that the outermost waves are 2.4 standard deviations from onset and end, where they fall below 6 %.
_NORMAL = (
    (0.16, 0.065, -0.14, 0.02, -0.20),  # septum, from left to right
    (0.33, 0.085, 0.38, 0.26, -0.28),  # apex and anterior wall
    (0.50, 0.095, 1.02, 0.84, 0.28),  # free wall of the left ventricle
    (0.67, 0.090, 0.22, 0.10, 0.74),  # posterior and basal wall
    (0.83, 0.070, -0.20, -0.16, 0.24),  # crest of the septum and outflow tract
)
_LEFT_BUNDLE_BRANCH_BLOCK = (
    (0.12, 0.050, 0.14, 0.06, -0.10),  # right ventricle and septum, from right to left: no septal q
    (0.31, 0.095, 0.80, 0.32, 0.66),  # septum
    (0.52, 0.115, 0.52, 0.22, 0.98),  # through the muscle instead of the bundle
    (0.73, 0.105, 0.74, 0.08, 0.62),  # lateral wall, late
)
_ECTOPIC_RIGHT = (
    (0.14, 0.058, 0.10, 0.25, -0.10),
    (0.36, 0.120, 0.70, 1.05, 0.70),
    (0.60, 0.125, 0.65, 0.85, 1.00),
    (0.79, 0.085, 0.20, 0.10, 0.40),
)
_ECTOPIC_LEFT = (
    (0.15, 0.060, -0.15, -0.25, -0.15),
    (0.36, 0.115, -0.75, -0.85, -0.85),
    (0.58, 0.120, -0.60, -0.95, -0.70),
    (0.79, 0.085, -0.20, -0.30, 0.10),
)
_PACED = (
    (0.14, 0.058, 0.08, -0.25, 0.02),
    (0.34, 0.110, 0.48, -0.85, 0.66),  # from the apex of the right ventricle upwards
    (0.56, 0.120, 0.42, -0.85, 0.92),
    (0.77, 0.095, 0.32, -0.45, 0.55),
)
_ST_ROWS = ((0.10, 0.12), (0.28, 0.12), (0.46, 0.12))
_ST_SHARE = 0.62  # three equal waves of this height overlap to a plateau of 1.0
_NORMAL_T = (0.30, 0.21, -0.17)


@dataclass(frozen=True, eq=False)
class Beat:
    """One kind of ventricular beat.

    Args:
        depolarisation: Waves relative to the QRS onset.
        recovery: Waves relative to the end of QRS (J point), at 60 beats a minute; they stretch with the cycle.
        qrs_s: QRS duration.
        jt_s: From the J point to the end of T at 60 beats a minute.
    """

    depolarisation: Waves
    recovery: Waves
    qrs_s: float
    jt_s: float

    def at(self, time_s: np.ndarray) -> np.ndarray:
        """Heart vector ``(3, n_times)`` at 60 beats a minute; time runs from the QRS onset."""
        return np.asarray(self.depolarisation.at(time_s) + self.recovery.at(time_s - self.qrs_s))

    def amplified(self, factor: float) -> Beat:
        """Scale depolarisation and recovery alike."""
        return replace(self, depolarisation=self.depolarisation.scaled(factor), recovery=self.recovery.scaled(factor))


def repolarisation(st_mv: np.ndarray, t_mv: np.ndarray, jt_s: float, *, symmetric: bool = False) -> Waves:
    """Build ST segment and T wave, relative to the J point.

    Args:
        st_mv: ``(3,)`` plateau of the ST segment.
        t_mv: ``(3,)`` peak of the T wave.
        jt_s: From the J point to the end of T.
        symmetric: The T wave of ischaemia; otherwise T rises slowly and falls fast (two Gaussians for one asymmetric
            wave, after Clifford, Nemati, Sameni, Physiological Measurement 31:595-609, 2010).
    """
    rows = [(centre, width, *(_ST_SHARE * st_mv)) for centre, width in _ST_ROWS]
    rows.append((0.69, 0.105, *t_mv))
    if not symmetric:
        rows.append((0.51, 0.125, *(0.36 * t_mv)))
    return Waves.from_rows(rows, jt_s)


def normal_beat(patient: Patient, *, right_bundle_branch_block: bool, random: np.random.Generator) -> Beat:
    """Build a beat that is conducted by the left bundle branch, and by the right one or not."""
    qrs = Waves.from_rows(_NORMAL, patient.qrs_s)
    vector_mv = qrs.vector_mv * (1 + 0.14 * patient.shape[:5]) + 0.04 * patient.shape[:5]
    vector_mv[0] *= min(max(1 + 0.4 * patient.shape[5, 0], 0.6), 2.0)  # the septum differs most from heart to heart
    qrs = replace(qrs, vector_mv=vector_mv)
    qrs = qrs.turned(_turn(patient, 1.0)).scaled(patient.qrs_gain)
    t_mv = _turn(patient, 0.35) @ np.array(_NORMAL_T) * patient.t_gain
    qrs_s = patient.qrs_s
    if right_bundle_branch_block:
        qrs_s = float(random.uniform(0.138, 0.162))
        # Forces to the back meet those of the late right ventricle: S in V1 shrinks.
        qrs = qrs.scaled(np.where(np.arange(5)[:, None] >= 3, [1.0, 1.0, 0.45], 1.0))
        qrs += _late_right_ventricle(qrs_s, random)
        # T turns away from the late vector: inverted where R' is seen.
        t_mv = t_mv + np.array([0.03, 0.0, 0.30]) * random.uniform(0.85, 1.2)
    jt_s = patient.qtc_s - patient.qrs_s
    st_mv = np.array([0.02, 0.015, -0.02]) * patient.t_gain
    return Beat(qrs, repolarisation(st_mv, t_mv, jt_s), qrs_s, jt_s)


def left_bundle_branch_block_beat(patient: Patient, *, random: np.random.Generator) -> Beat:
    """Build a beat that reaches the left ventricle through the septum."""
    qrs_s = float(random.uniform(0.132, 0.165))
    qrs = _individual(_LEFT_BUNDLE_BRANCH_BLOCK, qrs_s, patient)
    qrs = qrs.turned(_turn(patient, 0.8)).scaled(patient.qrs_gain)
    return _with_discordant_recovery(qrs, qrs_s, patient, share=float(random.uniform(0.30, 0.42)))


def ectopic_beat(patient: Patient, *, random: np.random.Generator) -> Beat:
    """Build a premature ventricular beat, of right or left ventricular origin."""
    rows = _ECTOPIC_RIGHT if random.random() < 0.5 else _ECTOPIC_LEFT
    qrs_s = float(random.uniform(0.142, 0.180))
    qrs = _individual(rows, qrs_s, patient).turned(rotation(*random.normal(0, 12, 3)))
    qrs = qrs.scaled(float(random.uniform(0.95, 1.35)))
    return _with_discordant_recovery(qrs, qrs_s, patient, share=float(random.uniform(0.38, 0.52)))


def paced_beat(patient: Patient, *, random: np.random.Generator) -> Beat:
    """Build a beat paced from the apex of the right ventricle, without the stimulus."""
    qrs_s = float(random.uniform(0.148, 0.185))
    qrs = _individual(_PACED, qrs_s, patient).turned(rotation(*random.normal(0, 8, 3)))
    return _with_discordant_recovery(qrs, qrs_s, patient, share=float(random.uniform(0.32, 0.45)))


def _turn(patient: Patient, share: float) -> np.ndarray:
    return rotation(
        share * patient.frontal_turn_deg, share * patient.horizontal_turn_deg, share * patient.sagittal_turn_deg
    )


def _individual(rows: tuple[tuple[float, ...], ...], duration_s: float, patient: Patient) -> Waves:
    waves = Waves.from_rows(rows, duration_s)
    return waves.scaled(1 + 0.08 * patient.shape[: len(rows)])


def _late_right_ventricle(qrs_s: float, random: np.random.Generator) -> Waves:
    """Slow activation of the right ventricle after the left one: to the right and forwards."""
    peak_mv = np.array([-0.42, -0.06, -0.56]) * random.uniform(0.95, 1.25)
    rows = (
        (qrs_s - 0.080, 0.014, *(0.4 * peak_mv)),
        (qrs_s - 0.052, 0.016, *peak_mv),
        (qrs_s - 0.030, 0.0125, *(0.6 * peak_mv)),
    )
    return Waves.from_rows(rows, 1.0)


def _with_discordant_recovery(qrs: Waves, qrs_s: float, patient: Patient, *, share: float) -> Beat:
    """After abnormal conduction, ST and T point away from the main QRS vector."""
    weights = qrs.width_s / qrs.width_s.sum()
    main_mv = weights @ qrs.vector_mv
    jt_s = patient.qtc_s - patient.qrs_s
    recovery = repolarisation(-0.16 * main_mv, -share * main_mv * patient.t_gain**0.5, jt_s)
    return Beat(qrs, recovery, qrs_s, jt_s)
