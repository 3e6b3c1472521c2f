"""The simulator as a whole: what it accepts, repeats and labels."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from medclip.core.errors import InputError
from medclip.modalities.ecg.leads import STANDARD_LEADS
from medclip.modalities.ecg.simulate import CODES, RHYTHMS, NoiseLevels, simulate_cohort, simulate_ecg
from medclip.modalities.ecg.simulate.heart import RecordKey, draw_heart

_DIGEST = """
import hashlib
from medclip.modalities.ecg.simulate import simulate_ecg
total = hashlib.sha256()
for seed, codes in enumerate([["AFIB", "LVH"], ["PACE"], ["PVC", "IMI", "1AVB"], ["AFLT"], None]):
    ecg = simulate_ecg(codes, seed=seed)
    total.update(ecg.array.tobytes() + (ecg.report or "").encode())
print(total.hexdigest())
"""


def leads(array: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(STANDARD_LEADS, array.astype(np.float64), strict=True))


def test_einthoven_and_goldberger_hold_within_the_resolution() -> None:
    for seed, codes in enumerate([[], ["AFIB"], ["PACE"], ["CLBBB"]]):
        lead = leads(simulate_ecg(codes, seed=seed, noise="heavy").array)
        np.testing.assert_allclose(lead["III"], lead["II"] - lead["I"], atol=1e-6)
        np.testing.assert_allclose(lead["aVR"] + lead["aVL"] + lead["aVF"], 0.0, atol=1e-6)
        np.testing.assert_allclose(lead["aVF"], (lead["II"] + lead["III"]) / 2, atol=1e-6)


def test_leads_span_three_dimensions_without_noise() -> None:
    array = simulate_ecg(["IMI"], seed=3, noise="none").array.astype(np.float64)
    strengths = np.linalg.svd(array, compute_uv=False)
    assert strengths[2] > 100 * strengths[3]


def test_same_seed_gives_the_same_microvolts_in_another_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        ).stdout
        for hash_seed in ("0", "7")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_last_bits_of_another_processor_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    here = [simulate_ecg(None, seed=seed).array for seed in range(12)]
    for name in ("exp", "sin", "cos", "cbrt", "log"):
        exact = getattr(np, name)
        monkeypatch.setattr(np, name, lambda values, exact=exact: np.nextafter(exact(values), np.inf))
    there = [simulate_ecg(None, seed=seed).array for seed in range(12)]
    assert all(np.array_equal(one, other) for one, other in zip(here, there, strict=True))


def test_measured_leads_are_whole_microvolts() -> None:
    array = simulate_ecg(["AFIB"], seed=1).array[[0, 1, 6, 7, 8, 9, 10, 11]].astype(np.float64) * 1000
    np.testing.assert_allclose(array, np.round(array), atol=1e-3)


def test_order_of_findings_does_not_matter_and_seeds_do() -> None:
    one, same, other = (
        simulate_ecg(codes, seed=seed) for codes, seed in ((["LVH", "AFIB"], 5), (("AFIB", "LVH"), 5), (["AFIB"], 6))
    )
    assert np.array_equal(one.array, same.array)
    assert one.report == same.report
    assert not np.array_equal(one.array, other.array)


@pytest.mark.parametrize("codes", [[], ["AFIB"], ["AFLT"], ["PVC", "AMI"], ["CRBBB", "1AVB"]])
def test_the_same_heart_is_recorded_at_every_rate(codes: list[str]) -> None:
    fine = simulate_ecg(codes, seed=11, sampling_rate_hz=1000, noise="none")
    coarse = simulate_ecg(codes, seed=11, sampling_rate_hz=250, noise="none")
    np.testing.assert_allclose(fine.array[:, ::4], coarse.array, atol=0.002)
    assert fine.report == coarse.report


def test_reference_agrees_with_a_resampled_recording() -> None:
    signal = pytest.importorskip("scipy.signal")
    fine = simulate_ecg(["LVH"], seed=2, sampling_rate_hz=500, noise="none").array.astype(np.float64)
    coarse = simulate_ecg(["LVH"], seed=2, sampling_rate_hz=100, noise="none").array
    resampled = signal.resample_poly(fine, 1, 5, axis=1)
    error = np.abs(resampled - coarse)[:, 50:-50]
    assert np.median(error) < 0.01


@pytest.mark.parametrize(
    ("rate_hz", "duration_s", "n_samples"), [(500, 10, 5000), (100, 2, 200), (257.0, 7.3, 1876), (1000, 31.5, 31500)]
)
def test_odd_rates_and_durations(rate_hz: float, duration_s: float, n_samples: int) -> None:
    for codes in (["PVC", "SBRAD"], ["PVC", "AFIB"], ["AFLT"], ["PACE"]):
        ecg = simulate_ecg(codes, seed=1, sampling_rate_hz=rate_hz, duration_s=duration_s)
        assert ecg.array.shape == (12, n_samples)
        assert np.isfinite(ecg.array).all()


def test_labels_say_what_was_asked_for_and_what_cannot_be_told() -> None:
    labels = simulate_ecg(["AFIB", "LVH"], seed=0).labels
    assert tuple(labels) == CODES
    assert labels["AFIB"] == labels["LVH"] == 1.0
    assert labels["SR"] == labels["NORM"] == labels["IMI"] == 0.0
    assert math.isnan(labels["STD_"])
    assert math.isnan(simulate_ecg(["SBRAD"], seed=0).labels["NORM"])
    assert simulate_ecg([], seed=0).labels["NORM"] == simulate_ecg(["SR"], seed=0).labels["NORM"] == 1.0
    assert simulate_ecg(["STD_"], seed=0).labels["STD_"] == 1.0


def test_every_pair_is_simulated_or_refused_with_a_reason() -> None:
    n_refused = 0
    for pair in itertools.combinations(CODES, 2):
        refusal, ecg = "", None
        try:
            ecg = simulate_ecg(pair, seed=1, sampling_rate_hz=100, noise="none")
        except InputError as error:
            refusal = str(error)
        if ecg is None:
            n_refused += 1
            assert all(code in refusal for code in pair)
        else:
            assert all(ecg.labels[code] == 1.0 for code in pair)
            assert np.abs(ecg.array).max() < 8
    assert 30 < n_refused < 90
    simulate_ecg(["AFIB", "PACE"], seed=1)


@pytest.mark.parametrize(
    "codes", [["NORM", "AFIB"], ["SR", "AFIB"], ["CLBBB", "CRBBB"], ["LVH", "LVOLT"], ["1AVB", "AFLT"]]
)
def test_contradictions_are_refused(codes: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        simulate_ecg(codes, seed=0)
    assert caught.value.action


@pytest.mark.parametrize(
    "options",
    [
        {"findings": ["afib"]},
        {"findings": "AFIB"},
        {"seed": -1},
        {"seed": 1.5},
        {"sampling_rate_hz": 10},
        {"duration_s": 1},
        {"duration_s": 1000},
        {"noise": "loud"},
        {"noise": 0.1},
        {"findings": [1, "AFIB"]},
        {"language": "fr"},
        {"electrodes_off": ["V9"]},
    ],
)
def test_bad_input_is_named(options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        simulate_ecg(**{"findings": None, "seed": 0, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [-0.1, math.nan, math.inf])
def test_impossible_noise_is_refused(level: float) -> None:
    with pytest.raises(InputError):
        NoiseLevels(emg_mv=level)


def test_noise_levels_are_what_they_say() -> None:
    clean = simulate_ecg([], seed=4, noise="none").array.astype(np.float64)
    loud = simulate_ecg([], seed=4, noise=NoiseLevels(emg_mv=0.05)).array.astype(np.float64)
    rms = np.sqrt(((loud - clean) ** 2).mean(axis=1))
    # I, II and III see two electrodes, V1 its own and a third of each limb electrode.
    np.testing.assert_allclose(rms[:3], 0.05 * math.sqrt(2), rtol=0.05)
    assert rms[6] == pytest.approx(0.05 * math.sqrt(1 + 3 / 9), rel=0.05)
    hum = simulate_ecg([], seed=4, noise=NoiseLevels(mains_mv=0.1, mains_hz=60.0)).array.astype(np.float64) - clean
    spectrum = np.abs(np.fft.rfft(hum[6]))
    assert np.argmax(spectrum) == 600
    coarse = simulate_ecg([], seed=4, noise=NoiseLevels(mains_mv=0.1, mains_hz=50.0), sampling_rate_hz=100)
    assert np.array_equal(coarse.array, simulate_ecg([], seed=4, noise="none", sampling_rate_hz=100).array)


def test_wander_and_motion_are_seen_in_all_leads_of_an_electrode() -> None:
    clean = simulate_ecg([], seed=4, noise="none").array.astype(np.float64)
    for levels in (NoiseLevels(wander_mv=0.3), NoiseLevels(motion_mv=0.5)):
        array = simulate_ecg([], seed=4, noise=levels).array.astype(np.float64) - clean
        lead = leads(array)
        assert np.abs(array).max() > 0.1
        np.testing.assert_allclose(lead["III"], lead["II"] - lead["I"], atol=1e-6)


@pytest.mark.parametrize(
    ("electrode", "gone"),
    [("V3", {"V3"}), ("LL", {"II", "III", "aVR", "aVL", "aVF"}), ("RA", {"I", "II", "aVR", "aVL", "aVF"})],
)
def test_electrodes_that_came_off_blank_their_leads(electrode: str, gone: set[str]) -> None:
    missing = simulate_ecg(["LVH"], seed=0, electrodes_off=[electrode])
    flat = simulate_ecg(["LVH"], seed=0, electrodes_off=[electrode], off_as="flat")
    assert {name for name, row in zip(STANDARD_LEADS, missing.array, strict=True) if np.isnan(row).all()} == gone
    assert {name for name, row in zip(STANDARD_LEADS, flat.array, strict=True) if not row.any()} == gone


def test_random_cohort_has_every_finding_and_keeps_a_patients_heart() -> None:
    cohort = list(simulate_cohort(150, 3, sampling_rate_hz=100, noise="none"))
    assert len({ecg.record_id for ecg in cohort}) == len(cohort)
    present = {code: sum(ecg.labels[code] == 1.0 for ecg in cohort) for code in CODES}
    assert min(present.values()) >= 3
    assert all(sum(ecg.labels[code] == 1.0 for code in RHYTHMS) in (1, 2) for ecg in cohort)
    patients: dict[str, list[int]] = {}
    for index, ecg in enumerate(cohort):
        patients.setdefault(str(ecg.patient_id), []).append(index)
    pairs = [indices for indices in patients.values() if len(indices) == 2]
    assert 15 <= len(pairs) <= 50
    for first, second in pairs:
        assert cohort[first].attributes == cohort[second].attributes
        np.testing.assert_equal(cohort[first].labels, cohort[second].labels)
        assert not np.array_equal(cohort[first].array, cohort[second].array)


@pytest.mark.parametrize("seed", range(20))
def test_a_premature_beat_takes_the_place_of_a_conducted_one(seed: int) -> None:
    for codes in (("SR",), ("AFIB",), ("AFLT",)):
        without, with_premature = (
            draw_heart(RecordKey(seed), (*codes, *more), duration_s=10.0).rhythm for more in ((), ("PVC",))
        )
        instants_s = np.sort(np.concatenate([with_premature.qrs_s, with_premature.ectopic_s]))
        assert 1 <= len(with_premature.ectopic_s) <= 3
        assert all(0 < instant_s < 10 for instant_s in with_premature.ectopic_s)
        assert len(with_premature.qrs_s) <= len(without.qrs_s) - len(with_premature.ectopic_s)
        assert np.diff(instants_s).min() > 0.25


def test_people_differ() -> None:
    ages, peaks = [], []
    for seed in range(40):
        ecg = simulate_ecg([], seed=seed, sampling_rate_hz=100, noise="none")
        ages.append(ecg.attributes["age"])
        peaks.append(float(ecg.array[STANDARD_LEADS.index("V5")].max()))
    assert 18 <= min(ages) < 45 < 70 < max(ages) <= 95
    assert {simulate_ecg([], seed=seed, sampling_rate_hz=100).attributes["sex"] for seed in range(20)} == {
        "female",
        "male",
    }
    assert np.std(peaks) / np.mean(peaks) > 0.1
