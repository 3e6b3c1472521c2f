"""Every simulated finding meets the numeric criterion of its diagnosis, measured on the samples alone."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import pytest

from medclip.core.sample import Sample
from medclip.modalities.ecg.leads import STANDARD_LEADS
from medclip.modalities.ecg.simulate import simulate_ecg

RATE_HZ = 1000
SEEDS = range(8)


@dataclass(frozen=True)
class Measured:
    """What a reader with a ruler finds, in milliseconds and millivolts, on the median of the dominant beats."""

    beats_s: np.ndarray
    beat: dict[str, np.ndarray]
    onset: int
    end: int

    @property
    def qrs_ms(self) -> float:
        return 1000 * (self.end - self.onset) / RATE_HZ

    @property
    def rate_per_min(self) -> float:
        return 60 / float(np.diff(self.beats_s).mean())

    def qrs(self, lead: str) -> np.ndarray:
        level = self.beat[lead][self.onset - 20 : self.onset - 4].mean()
        return self.beat[lead][self.onset : self.end + 1] - level

    def q_ms(self, lead: str) -> float:
        """Duration of an initial negative deflection; 0 if QRS begins upwards."""
        qrs = self.qrs(lead)
        seen = np.flatnonzero(np.abs(qrs) > max(0.03, 0.06 * np.ptp(qrs)))
        if not len(seen) or qrs[seen[0]] > 0:
            return 0.0
        back = np.flatnonzero(qrs[seen[0] :] > 0)
        return 1000 * (seen[0] + back[0] if len(back) else len(qrs)) / RATE_HZ

    def st_mv(self, lead: str, after_j_ms: int = 60) -> float:
        level = self.beat[lead][self.onset - 20 : self.onset - 4].mean()
        return float(self.beat[lead][self.end + after_j_ms] - level)

    def pr_ms(self) -> float:
        """From the onset of P to the onset of QRS in the frontal leads; nan without a P wave."""
        trace = smooth(self.beat["I"] + self.beat["II"] + self.beat["aVF"], 9)[: self.onset - 15]
        for peak in range(len(trace) - 30, 60, -1):
            foot = max(0, peak - 110) + int(np.argmin(trace[max(0, peak - 110) : peak]))
            is_top = trace[peak] == trace[peak - 25 : peak + 26].max()
            height = trace[peak] - trace[foot]
            if is_top and height > 0.08:
                rising = np.flatnonzero(trace[foot:peak] - trace[foot] > 0.08 * height)
                return float(self.onset - foot - rising[0])
        return math.nan


def measure(ecg: Sample, *, is_dominant: float = 0.75) -> Measured:
    leads = dict(zip(STANDARD_LEADS, ecg.array.astype(float), strict=True))
    independent = np.stack([leads[name] for name in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")])
    beats = find_qrs(independent)
    inside = beats[(beats > 450) & (beats < independent.shape[1] - 500)]
    windows = np.stack([np.array([leads[name][b - 450 : b + 500] for name in STANDARD_LEADS]) for b in inside])
    middle = np.median(windows, axis=0)
    likeness = [np.corrcoef(w[:, 350:550].ravel(), middle[:, 350:550].ravel())[0, 1] for w in windows]
    median = np.median(windows[np.array(likeness) > is_dominant], axis=0)
    velocity = smooth(np.abs(np.diff(median, axis=1)).sum(axis=0) * RATE_HZ, 5)
    active = np.flatnonzero(velocity[300:650] > 0.07 * velocity[300:650].max()) + 300
    joined = np.split(active, np.flatnonzero(np.diff(active) > 24) + 1)
    main = max(joined, key=lambda run: velocity[run].sum())
    beat = dict(zip(STANDARD_LEADS, median, strict=True))
    return Measured(beats / RATE_HZ, beat, int(main[0]), int(main[-1]) + 1)


def find_qrs(independent: np.ndarray, *, window: int = 60) -> np.ndarray:
    """Detect QRS complexes by the way all leads together go within a window; a long one finds slow complexes too."""
    speed = smooth(np.abs(np.diff(independent, axis=1)).sum(axis=0), window)
    threshold = 0.45 * np.percentile(speed, 99)
    above = np.flatnonzero(speed > threshold)
    runs = np.split(above, np.flatnonzero(np.diff(above) > 120) + 1)
    return np.array([int(np.average(run, weights=speed[run])) for run in runs])


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    return np.convolve(values, np.ones(width) / width, mode="same")


def _without_line(values: np.ndarray) -> np.ndarray:
    return values - np.median(values)


@functools.cache
def simulated(codes: tuple[str, ...], seed: int) -> Sample:
    return simulate_ecg(codes, seed=seed, sampling_rate_hz=RATE_HZ, noise="none")


def without_spikes(ecg: Sample) -> tuple[Sample, np.ndarray]:
    """Return a paced ECG without its stimuli, and where they were in samples."""
    jump = np.abs(np.diff(ecg.array, n=2, axis=1)).sum(axis=0)
    runs = np.split(found := np.flatnonzero(jump > 0.6), np.flatnonzero(np.diff(found) > 50) + 1)
    spikes = np.array([int(run.mean()) + 1 for run in runs if len(run)])
    array = ecg.array.copy()
    for spike in spikes:
        low, high = max(0, spike - 5), min(array.shape[1] - 1, spike + 5)
        array[:, low : high + 1] = np.linspace(array[:, low], array[:, high], high - low + 1, axis=1)
    return ecg.replace(array=array), spikes


@pytest.mark.parametrize("seed", SEEDS)
def test_normal_ecg_is_within_all_normal_limits(seed: int) -> None:
    measured = measure(simulated(("NORM",), seed))
    assert 60 <= measured.rate_per_min <= 100
    assert 115 <= measured.pr_ms() <= 200
    assert 70 <= measured.qrs_ms < 115
    assert sokolow_lyon_mv(measured) < 3.5
    assert 0.5 < limb_voltage_mv(measured) < 3.0
    assert all(abs(measured.st_mv(lead)) < 0.1 for lead in STANDARD_LEADS)
    assert all(measured.q_ms(lead) < 30 for lead in ("II", "aVF", "V2", "V3", "V4", "V5", "V6"))
    assert all(t_wave_mv(measured, lead) > 0.05 for lead in ("II", "V3", "V4", "V5", "V6"))


@pytest.mark.parametrize("seed", SEEDS)
def test_first_degree_block_has_a_long_pr_interval(seed: int) -> None:
    assert 200 < measure(simulated(("1AVB",), seed)).pr_ms() < 400
    assert 200 < measure(simulated(("1AVB", "SBRAD", "CRBBB"), seed)).pr_ms() < 400


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("others", [(), ("AFIB",), ("IMI",), ("LVOLT",)])
def test_right_bundle_branch_block_is_wide_with_late_r_in_v1_and_s_in_v6(others: tuple[str, ...], seed: int) -> None:
    measured = measure(simulated(("CRBBB", *others), seed))
    qrs_mv = np.ptp(measured.qrs("V1"))
    assert measured.qrs_ms >= 120
    assert measured.qrs("V1")[-70:].max() > 0.25 * qrs_mv
    assert measured.qrs("V6")[-60:].min() < -0.08
    assert measured.qrs("I")[-60:].min() < -0.04


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("others", [(), ("AFIB",), ("1AVB",)])
def test_left_bundle_branch_block_is_wide_without_q_and_discordant(others: tuple[str, ...], seed: int) -> None:
    measured = measure(simulated(("CLBBB", *others), seed))
    assert measured.qrs_ms >= 120
    for lead in ("I", "V5", "V6"):
        assert measured.q_ms(lead) == 0
        assert measured.qrs(lead).max() > 3 * -measured.qrs(lead).min()
        assert measured.st_mv(lead) < 0
    assert -measured.qrs("V1").min() > 3 * measured.qrs("V1").max()
    assert measured.st_mv("V1") > 0.05


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("others", [(), ("CRBBB",), ("AFIB",), ("STACH",)])
def test_inferior_infarction_has_wide_q_waves_in_the_inferior_leads(others: tuple[str, ...], seed: int) -> None:
    measured = measure(simulated(("IMI", *others), seed))
    for lead in ("II", "III", "aVF"):
        assert measured.q_ms(lead) >= 40
    assert all(-measured.qrs(lead)[:50].min() >= 0.1 for lead in ("III", "aVF"))
    assert others or measured.qrs_ms < 120


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("others", [(), ("CRBBB",), ("AFIB",), ("STACH",)])
def test_anterior_infarction_has_wide_q_waves_in_v2_and_v3(others: tuple[str, ...], seed: int) -> None:
    measured = measure(simulated(("AMI", *others), seed))
    for lead in ("V2", "V3"):
        assert measured.q_ms(lead) >= 40
        assert -measured.qrs(lead)[:50].min() >= 0.1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("others", [(), ("CRBBB",), ("STACH",), ("IMI",)])
def test_st_depression_is_a_millimetre_in_two_lateral_leads(others: tuple[str, ...], seed: int) -> None:
    measured = measure(simulated(("STD_", *others), seed))
    assert sum(measured.st_mv(lead) <= -0.1 for lead in ("V4", "V5", "V6")) >= 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("others", [(), ("AFIB",), ("1AVB",), ("PVC",)])
def test_hypertrophy_meets_sokolow_lyon_and_shows_strain(others: tuple[str, ...], seed: int) -> None:
    measured = measure(simulated(("LVH", *others), seed))
    assert sokolow_lyon_mv(measured) >= 3.5
    assert measured.st_mv("V6") < -0.03
    assert measured.beat["V6"][measured.end + 120 : measured.end + 300].min() < -0.05
    assert measured.qrs_ms < 120


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("others", [(), ("CRBBB",), ("STACH",), ("1AVB",)])
def test_low_voltage_is_below_half_a_millivolt_in_limb_leads(others: tuple[str, ...], seed: int) -> None:
    measured = measure(simulated(("LVOLT", *others), seed))
    assert 0.1 < limb_voltage_mv(measured) < 0.5
    assert max(np.ptp(measured.qrs(lead)) for lead in STANDARD_LEADS[6:]) < 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_premature_beats_are_early_wide_and_followed_by_a_compensatory_pause(seed: int) -> None:
    ecg = simulated(("PVC",), seed)
    measured, ectopic = measure(ecg), ectopic_beats(ecg)
    usual_s = float(np.median(np.diff(measured.beats_s)))
    assert 1 <= len(ectopic) <= 5
    for before_s, after_s, width_ms in ectopic:
        assert before_s < 0.9 * usual_s
        assert width_ms >= 120
        assert before_s + after_s == pytest.approx(2 * usual_s, rel=0.15)


def ectopic_beats(ecg: Sample) -> list[tuple[float, float, float]]:
    """Beats unlike the others: seconds since the beat before, seconds to the one after, width in milliseconds."""
    independent = ecg.array[[0, 1, 6, 7, 8, 9, 10, 11]].astype(float)
    beats = find_qrs(independent, window=150)
    cuts = [independent[:, max(0, b - 100) : b + 100] for b in beats]
    whole = np.median(np.stack([cut for cut in cuts if cut.shape[1] == 200]), axis=0)
    found = []
    for index in range(1, len(beats) - 1):
        if np.corrcoef(cuts[index].ravel(), whole.ravel())[0, 1] < 0.75:
            speed = smooth(np.abs(np.diff(independent[:, beats[index] - 150 : beats[index] + 150])).sum(axis=0), 5)
            fast = np.flatnonzero(speed > 0.12 * speed.max())
            onset = beats[index] - 150 + fast[0]
            gaps = (beats[index] - beats[index - 1]) / RATE_HZ, (beats[index + 1] - beats[index]) / RATE_HZ
            found.append((*gaps, float(beats[index] + 150 - onset if len(fast) < 2 else fast[-1] - fast[0])))
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("others", [(), ("AFIB",)])
def test_paced_beats_are_wide_and_follow_a_spike(others: tuple[str, ...], seed: int) -> None:
    cleaned, spikes = without_spikes(simulated(("PACE", *others), seed))
    measured = measure(cleaned)
    assert measured.qrs_ms >= 120
    delays_ms = [
        float((1000 * measured.beats_s - spike)[1000 * measured.beats_s > spike].min()) for spike in spikes[:-1]
    ]
    assert len(spikes) >= len(measured.beats_s) - 1
    assert max(delays_ms) < 130
    assert np.ptp(delays_ms) < 20


def sokolow_lyon_mv(measured: Measured) -> float:
    return float(max(measured.qrs("V5").max(), measured.qrs("V6").max()) - measured.qrs("V1").min())


def limb_voltage_mv(measured: Measured) -> float:
    return float(max(np.ptp(measured.qrs(lead)) for lead in STANDARD_LEADS[:6]))


def t_wave_mv(measured: Measured, lead: str) -> float:
    wave = measured.beat[lead][measured.end + 100 : measured.end + 330] - measured.beat[lead][measured.onset - 10]
    return float(wave[np.argmax(np.abs(wave))])
