"""What diseases do to a ventricular beat, each brought to the numeric criterion by which it is diagnosed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from medclip.modalities.ecg.leads import STANDARD_LEADS
from medclip.modalities.ecg.simulate.dipole import Waves, twelve_leads
from medclip.modalities.ecg.simulate.patient import Patient
from medclip.modalities.ecg.simulate.ventricle import (
    Beat,
    left_bundle_branch_block_beat,
    normal_beat,
    paced_beat,
    repolarisation,
)

__all__ = ["Stage", "beat_leads", "conducted_beat"]

Stage = Literal["acute", "recent", "old"]
_LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")
_CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
_SCAR_S = (0.012, 0.023, 0.034, 0.044)
_SCAR_WIDTH_S = 0.0090
_Q_S = 0.046  # the Q wave is negative until then; the criterion is 40 ms (Fourth Universal Definition: 30 ms)
_DELAY_S = 0.011
# By stage of an infarction: ST vector, T vector, symmetric T.
_Recovery = tuple[tuple[float, float, float], tuple[float, float, float], bool]
_INFERIOR: Mapping[str, _Recovery] = {
    "acute": ((-0.05, 0.20, 0.03), (0.14, 0.30, -0.10), False),
    "recent": ((-0.01, 0.05, 0.02), (0.30, -0.22, -0.14), True),
    "old": ((0.0, 0.01, -0.01), (0.28, 0.03, -0.14), False),
}
_ANTERIOR: Mapping[str, _Recovery] = {
    "acute": ((0.11, 0.03, -0.18), (0.30, 0.12, -0.38), False),
    "recent": ((0.03, 0.0, -0.07), (-0.25, 0.06, 0.20), True),
    "old": ((0.0, 0.0, -0.02), (0.10, 0.14, 0.04), False),
}


def conducted_beat(findings: Collection[str], patient: Patient, *, stage: Stage, random: np.random.Generator) -> Beat:
    """Build the dominant ventricular beat of a patient with these findings.

    Args:
        findings: Codes without contradictions.
        patient: Whose heart it is.
        stage: Age of an infarction, if there is one.
        random: Source of what is individual in the disease.
    """
    if "PACE" in findings:
        return paced_beat(patient, random=random)
    if "CLBBB" in findings:
        return _within_voltage_limits(left_bundle_branch_block_beat(patient, random=random), patient)
    beat = normal_beat(patient, right_bundle_branch_block="CRBBB" in findings, random=random)
    if "IMI" in findings:
        beat = _infarcted(beat, patient, ("II", "III", "aVF"), np.array([0.0, -1.0, 0.0]))
        beat = _with_infarct_recovery(beat, _INFERIOR[stage], random)
    if "AMI" in findings:
        beat = _infarcted(beat, patient, ("V2", "V3"), np.array([-0.2, 0.0, 1.0]))
        beat = _with_infarct_recovery(beat, _ANTERIOR[stage], random)
    if "LVH" in findings:
        return _hypertrophied(beat, patient, random)
    is_low = "LVOLT" in findings
    beat = _low_voltage(beat, patient, random) if is_low else _within_voltage_limits(beat, patient)
    return _with_depressed_st(beat, patient, random) if "STD_" in findings else beat


def beat_leads(beat: Beat, patient: Patient, time_s: np.ndarray) -> Mapping[str, np.ndarray]:
    """Return the beat in all twelve leads, ``{lead: (n_times,)}`` in millivolts, at 60 beats a minute."""
    return _leads(beat.at(time_s), patient)


def _leads(dipole_mv: np.ndarray, patient: Patient) -> dict[str, np.ndarray]:
    return dict(zip(STANDARD_LEADS, twelve_leads(patient.lead_vectors @ dipole_mv), strict=True))


def _qrs_leads(beat: Beat, patient: Patient) -> dict[str, np.ndarray]:
    return _leads(beat.at(np.arange(-0.01, beat.qrs_s + 0.01, 0.002)), patient)


def _infarcted(beat: Beat, patient: Patient, leads: tuple[str, ...], scar: np.ndarray) -> Beat:
    """Turn the first 46 ms away from the scar, so that the leads that face it begin with a Q wave.

    Early waves lose what points towards the scar, the healthy wall follows later, and the electrical window adds a
    vector along ``scar`` that is just large enough for the Q wave in every one of ``leads``.
    """
    waves = beat.depolarisation
    is_early = (waves.centre_s < 0.42 * patient.qrs_s)[:, None]
    towards = np.minimum(waves.vector_mv @ scar, 0.0)[:, None] * scar / (scar @ scar)
    vectors = np.where(is_early, 0.5 * (waves.vector_mv - towards), waves.vector_mv)
    delay_s = _DELAY_S * np.clip((waves.centre_s / patient.qrs_s - 0.15) / 0.35, 0.0, 1.0)
    remaining = Waves(waves.centre_s + delay_s, waves.width_s, vectors)
    window = Waves(np.array(_SCAR_S), np.full(4, _SCAR_WIDTH_S), np.tile(scar, (4, 1)))
    time_s = np.arange(0.004, _Q_S, 0.001)
    healthy, scarred = _leads(remaining.at(time_s), patient), _leads(window.at(time_s), patient)
    needed = max(float(np.max((healthy[lead] + 0.06) / -scarred[lead])) for lead in leads)
    return replace(beat, depolarisation=remaining + window.scaled(max(needed, 0.16)), qrs_s=beat.qrs_s + _DELAY_S)


def _with_infarct_recovery(beat: Beat, recovery: _Recovery, random: np.random.Generator) -> Beat:
    st_mv, t_mv, symmetric = recovery
    st = np.array(st_mv) * random.uniform(0.85, 1.6)
    t = np.array(t_mv) * random.uniform(0.8, 1.4)
    return replace(beat, recovery=repolarisation(st, t, beat.jt_s, symmetric=symmetric))


def _hypertrophied(beat: Beat, patient: Patient, random: np.random.Generator) -> Beat:
    """Sokolow-Lyon: S in V1 plus the larger R of V5 and V6 at least 3.5 mV (Am Heart J 37:161-186, 1949); strain."""
    larger = replace(beat, depolarisation=beat.depolarisation.scaled(np.array([1.25, 0.85, 1.12])))
    factor = random.uniform(3.9, 5.0) / _sokolow_lyon_mv(_qrs_leads(larger, patient))
    strain = random.uniform(0.6, 1.5)
    recovery = repolarisation(
        strain * np.array([-0.10, -0.03, -0.06]), strain * np.array([-0.24, -0.05, -0.22]), beat.jt_s
    )
    return replace(larger, depolarisation=larger.depolarisation.scaled(factor), recovery=recovery)


def _low_voltage(beat: Beat, patient: Patient, random: np.random.Generator) -> Beat:
    """QRS from peak to peak below 0.5 mV in every limb lead and below 1.0 mV in every chest lead."""
    leads = _qrs_leads(beat, patient)
    factor = min(
        random.uniform(0.27, 0.40) / _peak_to_peak_mv(leads, _LIMB),
        random.uniform(0.70, 0.88) / _peak_to_peak_mv(leads, _CHEST),
    )
    return replace(
        beat, depolarisation=beat.depolarisation.scaled(factor), recovery=beat.recovery.scaled(min(1.0, factor**0.85))
    )


def _within_voltage_limits(beat: Beat, patient: Patient) -> Beat:
    """Keep clear of both voltage criteria, so that a beat without them does not meet them by chance."""
    leads = _qrs_leads(beat, patient)
    factor = min(1.0, 3.1 / _sokolow_lyon_mv(leads))
    factor = max(factor, 0.65 / _peak_to_peak_mv(leads, _LIMB))
    return replace(beat, depolarisation=beat.depolarisation.scaled(factor))


def _with_depressed_st(beat: Beat, patient: Patient, random: np.random.Generator) -> Beat:
    """ST depression of 0.11 mV or more in at least two of V4 to V6, 60 ms after the J point; flat T."""
    direction = np.array([-0.83, -0.45, 0.25])
    flat_t = random.uniform(0.15, 0.7) * np.array([0.28, 0.2, -0.12]) * patient.t_gain
    without = replace(beat, recovery=repolarisation(np.zeros(3), flat_t, beat.jt_s))
    unit = replace(without, recovery=repolarisation(direction, np.zeros(3), beat.jt_s))
    time_s = np.array([beat.qrs_s + 0.06])
    present, per_unit = beat_leads(without, patient, time_s), beat_leads(unit, patient, time_s)
    target_mv = random.uniform(0.14, 0.30)
    needed = sorted(float((present[lead][0] + target_mv) / -per_unit[lead][0]) for lead in ("V4", "V5", "V6"))
    return replace(beat, recovery=repolarisation(direction * needed[1], flat_t, beat.jt_s))


def _sokolow_lyon_mv(leads: Mapping[str, np.ndarray]) -> float:
    return float(max(leads["V5"].max(), leads["V6"].max()) - min(leads["V1"].min(), 0.0))


def _peak_to_peak_mv(leads: Mapping[str, np.ndarray], names: tuple[str, ...]) -> float:
    return max(float(leads[name].max() - leads[name].min()) for name in names)
