"""Everything about a simulated recording that is decided before its samples are computed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from medclip.core import simulated_keys
from medclip.modalities.ecg.simulate.conditions import Stage, beat_leads, conducted_beat
from medclip.modalities.ecg.simulate.findings import complete_findings, draw_findings
from medclip.modalities.ecg.simulate.patient import Patient, draw_patient
from medclip.modalities.ecg.simulate.rhythm import Rhythm, draw_rhythm
from medclip.modalities.ecg.simulate.ventricle import Beat, ectopic_beat

__all__ = ["Heart", "RecordKey", "draw_heart", "qrs_axis_deg"]

_STAGES: tuple[Stage, ...] = ("acute", "recent", "old")


class RecordKey(simulated_keys.RecordKey):
    """One record of one simulated patient, whose findings are drawn before anything else."""

    def findings(self) -> tuple[str, ...]:
        """Draw what the patient has; cheap, because nothing else needs to be drawn for it."""
        return draw_findings(self.patient_stream(0))


@dataclass(frozen=True, eq=False)
class Heart:
    """A heart at work.

    Args:
        patient: Whose heart it is.
        findings: Codes, complete and without contradictions.
        stage: Age of an infarction, if there is one.
        beat: The dominant ventricular beat.
        ectopic: The premature ventricular beat, or None if there are none.
        rhythm: Instants of all beats.
        breathing_phase: Phase of breathing at 0 s, in radians.
    """

    patient: Patient
    findings: tuple[str, ...]
    stage: Stage
    beat: Beat
    ectopic: Beat | None
    rhythm: Rhythm
    breathing_phase: float

    @property
    def rate_per_min(self) -> float:
        """Mean ventricular rate, premature beats left out."""
        return 60.0 / self.rhythm.mean_cycle_s


def draw_heart(key: RecordKey, findings: Collection[str] | None, *, duration_s: float) -> Heart:
    """Draw a heart with the given findings, or with random ones if ``findings`` is None.

    Raises:
        InputError: A finding is unknown, or two of them cannot be on one ECG.
    """
    codes = key.findings() if findings is None else complete_findings(findings)
    traits, timing = key.patient_stream(1), key.record_stream(0)
    patient = draw_patient(traits)
    drawn_stage = _STAGES[int(len(_STAGES) * traits.random())]
    # ST depression is a finding of its own only beside an old infarct, whose ST segment is at rest.
    stage = "old" if "STD_" in codes else drawn_stage
    beat = conducted_beat(codes, patient, stage=stage, random=traits)
    ectopic = ectopic_beat(patient, random=traits) if "PVC" in codes else None
    rhythm = draw_rhythm(codes, patient, duration_s=duration_s, random=timing)
    return Heart(patient, codes, stage, beat, ectopic, rhythm, 2 * np.pi * timing.random())


def qrs_axis_deg(heart: Heart) -> float:
    """Return the electrical axis of QRS in degrees, from the areas of QRS in I and aVF; -180 to 180.

    aVF is weighted with 2/sqrt(3), because Goldberger's leads are smaller than Einthoven's (Novosel et al.,
    Corrected formula for the calculation of the electrical heart axis, Croatian Medical Journal 40:77-79, 1999).
    """
    leads = beat_leads(heart.beat, heart.patient, np.arange(0.0, heart.beat.qrs_s, 0.002))
    return float(np.degrees(np.arctan2(leads["aVF"].sum() * 2 / np.sqrt(3), leads["I"].sum())))
