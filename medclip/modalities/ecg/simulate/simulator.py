"""Simulated ECGs as samples: one at a time, or a cohort of patients."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from medclip.core.errors import InputError
from medclip.core.sample import Sample
from medclip.core.simulated_keys import checked_seed, cohort_keys
from medclip.modalities.ecg.leads import STANDARD_LEADS
from medclip.modalities.ecg.simulate.findings import labels_of
from medclip.modalities.ecg.simulate.heart import Heart, RecordKey, draw_heart
from medclip.modalities.ecg.simulate.noise import NOISE_PRESETS, NoiseLevels, draw_levels, draw_noise
from medclip.modalities.ecg.simulate.render import digitise, independent_leads, take_off
from medclip.modalities.ecg.simulate.reports import write_report

__all__ = ["Description", "describe_record", "simulate_cohort", "simulate_ecg", "simulate_record"]


@dataclass(frozen=True)
class Description:
    """What is known of a simulated record without its samples.

    Args:
        record_id: Seed, patient and record number.
        patient_id: Seed and patient number.
        report: What was written about it.
        labels: Labels of the set ``simulated``.
        attributes: Age in years, sex and device.
    """

    record_id: str
    patient_id: str
    report: str
    labels: Mapping[str, float]
    attributes: Mapping[str, object]


def simulate_ecg(
    findings: Collection[str] | None = None,
    *,
    seed: int,
    sampling_rate_hz: float = 500.0,
    duration_s: float = 10.0,
    noise: str | NoiseLevels = "typical",
    language: str | None = None,
    electrodes_off: Collection[str] = (),
    off_as: Literal["nan", "flat"] = "nan",
) -> Sample:
    """Simulate one ECG with known findings.

    The same arguments give the same samples, to the microvolt, on every machine. At another sampling rate or noise
    level the same heart beats.

    Args:
        findings: Codes of ``medclip.modalities.ecg.simulate.CODES``; empty for a normal ECG, None for a random choice.
        seed: At least 0.
        sampling_rate_hz: 50 to 4000.
        duration_s: 2 to 120.
        noise: ``none``, ``typical`` or ``heavy``, or levels of one's own.
        language: ``en``, ``de`` or ``sv`` for the report; None draws one, English three times out of four.
        electrodes_off: Electrodes that came off: RA, LA, LL, V1 to V6.
        off_as: What is stored in their leads: ``nan`` or ``flat`` (0).

    Returns:
        A sample of 12 leads in millivolts with a report, labels of the set ``simulated``, age and sex.

    Raises:
        InputError: A value is out of range, or findings exclude each other.

    >>> ecg = simulate_ecg(["AFIB", "LVH"], seed=1)
    >>> ecg
    Sample(modality='ecg', shape=(12, 5000), sampling_rate_hz=500.0, duration_s=10.0)
    >>> ecg.channel_names[:3], [code for code, value in ecg.labels.items() if value == 1]
    (('I', 'II', 'III'), ['AFIB', 'LVH'])
    """
    key = RecordKey(checked_seed(seed))
    return simulate_record(
        key,
        findings,
        sampling_rate_hz=sampling_rate_hz,
        duration_s=duration_s,
        noise=noise,
        language=language,
        electrodes_off=electrodes_off,
        off_as=off_as,
    )


def simulate_record(
    key: RecordKey,
    findings: Collection[str] | None = None,
    *,
    sampling_rate_hz: float = 500.0,
    duration_s: float = 10.0,
    noise: str | NoiseLevels = "typical",
    language: str | None = None,
    electrodes_off: Collection[str] = (),
    off_as: Literal["nan", "flat"] = "nan",
) -> Sample:
    """Simulate one record of a cohort; the arguments are those of ``simulate_ecg``."""
    n_samples = _checked_length(sampling_rate_hz, duration_s)
    heart = draw_heart(key, findings, duration_s=duration_s)
    array_mv = _record(heart, key, sampling_rate_hz=sampling_rate_hz, n_samples=n_samples, noise=noise)
    take_off(array_mv, electrodes_off, as_value=off_as)
    described = _describe(heart, key, language)
    return Sample(
        modality="ecg",
        array=array_mv,
        record_id=described.record_id,
        patient_id=described.patient_id,
        sampling_rate_hz=float(sampling_rate_hz),
        channel_names=STANDARD_LEADS,
        report=described.report,
        labels=described.labels,
        attributes=described.attributes,
        source="simulated",
    )


def describe_record(
    key: RecordKey, findings: Collection[str] | None = None, *, duration_s: float = 10.0, language: str | None = None
) -> Description:
    """Return everything about a record of a cohort but its samples, several times faster than simulating it."""
    return _describe(draw_heart(key, findings, duration_s=duration_s), key, language)


def simulate_cohort(
    n_patients: int,
    seed: int,
    *,
    sampling_rate_hz: float = 500.0,
    duration_s: float = 10.0,
    noise: str | NoiseLevels = "typical",
) -> Iterator[Sample]:
    """Simulate patients with random findings, one record after the other; one in five patients has two records.

    >>> [ecg.record_id for ecg in simulate_cohort(3, 7, sampling_rate_hz=100)]
    ['7-00000-0', '7-00001-0', '7-00002-0']
    """
    for key in cohort_keys(n_patients, seed, RecordKey):
        yield simulate_record(key, sampling_rate_hz=sampling_rate_hz, duration_s=duration_s, noise=noise)


def _describe(heart: Heart, key: RecordKey, language: str | None) -> Description:
    return Description(
        record_id=key.record_id,
        patient_id=key.patient_id,
        report=write_report(heart, language=language, random=key.record_stream(2)),
        labels=labels_of(heart.findings),
        attributes={"age": float(heart.patient.age_years), "sex": heart.patient.sex, "device": "simulator"},
    )


def _record(
    heart: Heart, key: RecordKey, *, sampling_rate_hz: float, n_samples: int, noise: str | NoiseLevels
) -> np.ndarray:
    if not isinstance(noise, (str, NoiseLevels)):
        raise InputError("noise has no such level", received=noise, allowed=(*NOISE_PRESETS, "a NoiseLevels object"))
    random = key.record_stream(3)
    levels = draw_levels(noise, random) if isinstance(noise, str) else noise
    leads_mv = independent_leads(
        heart, sampling_rate_hz=sampling_rate_hz, n_samples=n_samples, random=key.record_stream(1)
    )
    leads_mv += draw_noise(levels, sampling_rate_hz=sampling_rate_hz, n_samples=n_samples, random=random)
    return digitise(leads_mv)


def _checked_length(sampling_rate_hz: float, duration_s: float) -> int:
    if not (50 <= sampling_rate_hz <= 4000 and 2 <= duration_s <= 120):
        raise InputError(
            "the simulator does not record like that",
            received=f"{duration_s} s at {sampling_rate_hz} Hz",
            allowed="2 to 120 s at 50 to 4000 Hz",
        )
    return round(sampling_rate_hz * duration_s)
