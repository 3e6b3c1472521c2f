"""Technical faults are found, named for the person at the electrodes, and not imagined."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medclip.core.errors import InputError
from medclip.core.modality import QualityIssue
from medclip.core.sample import Sample
from medclip.modalities.ecg.leads import INDEPENDENT_LEADS, STANDARD_LEADS, standard_lead_name
from medclip.modalities.ecg.quality import assess_quality
from medclip.modalities.ecg.simulate import CODES, NoiseLevels, simulate_ecg
from medclip.modalities.ecg.simulate.dipole import lead_vectors

_LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")


def kinds(sample: Sample) -> dict[str, QualityIssue]:
    return {issue.kind: issue for issue in assess_quality(sample)}


def changed(sample: Sample, lead: str, change: Callable[[np.ndarray], np.ndarray]) -> Sample:
    array = sample.array.copy()
    array[STANDARD_LEADS.index(lead)] = change(array[STANDARD_LEADS.index(lead)])
    return sample.replace(array=array)


def with_arms_exchanged(sample: Sample) -> Sample:
    """What is recorded when the right arm electrode is on the left arm: -I, III, II, aVL, aVR, aVF, V1 to V6."""
    names = sample.channel_names or ()
    rows = dict(zip(names, sample.array, strict=True))
    other = {**rows, "I": -rows["I"], "II": rows["III"], "III": rows["II"], "aVR": rows["aVL"], "aVL": rows["aVR"]}
    return sample.replace(array=np.stack([other[name] for name in names]))


@pytest.mark.parametrize("rate_hz", [100, 250, 500, 1000])
def test_ordinary_recordings_are_not_criticised(rate_hz: int) -> None:
    for seed, code in enumerate(CODES):
        assert assess_quality(simulate_ecg([code], seed=seed, sampling_rate_hz=rate_hz)) == ()


@pytest.mark.parametrize("duration_s", [2, 5.3, 30])
def test_ordinary_recordings_of_other_lengths(duration_s: float) -> None:
    for seed in range(5):
        assert assess_quality(simulate_ecg(None, seed=seed, duration_s=duration_s)) == ()


@pytest.mark.parametrize(
    ("electrode", "advice"),
    [("V3", "chest electrode V3"), ("LL", "left leg"), ("RA", "right arm"), ("LA", "left arm")],
)
@pytest.mark.parametrize(("off_as", "kind"), [("nan", "missing"), ("flat", "flat")])
def test_an_electrode_that_came_off_is_named(electrode: str, advice: str, off_as: str, kind: str) -> None:
    sample = simulate_ecg(["LVH"], seed=3, electrodes_off=[electrode], off_as=off_as)  # type: ignore[arg-type]
    dead = {name for name, row in zip(STANDARD_LEADS, sample.array, strict=True) if not np.nan_to_num(row).any()}
    issue = kinds(sample)[kind]
    assert set(issue.where) >= dead
    if electrode.startswith("V"):
        assert advice in issue.message


def test_the_electrode_shared_by_two_limb_leads_is_named() -> None:
    for leads, electrode in ((("I", "II"), "right arm"), (("I", "III"), "left arm"), (("II", "III"), "left leg")):
        array = simulate_ecg([], seed=3).array.copy()
        for lead in leads:
            array[STANDARD_LEADS.index(lead)] = np.nan
        assert f"the {electrode} electrode" in kinds(simulate_ecg([], seed=3).replace(array=array))["missing"].message


def test_nothing_at_all_is_unusable() -> None:
    empty = simulate_ecg([], seed=0)
    for value in (0.0, np.nan, 0.7):
        issues = assess_quality(empty.replace(array=np.full_like(empty.array, value)))
        assert issues[-1].severity == "unusable"
        assert issues[-1].where == ()


@pytest.mark.parametrize(("n_missing", "severity"), [(50, "note"), (2000, "warning")])
def test_gaps_in_a_lead(n_missing: int, severity: str) -> None:
    def cut(lead: np.ndarray) -> np.ndarray:
        lead[1000 : 1000 + n_missing] = np.nan
        return lead

    found = kinds(changed(simulate_ecg(["AFIB"], seed=1), "V5", cut))
    assert set(found) == {"gap"}
    assert (found["gap"].where, found["gap"].severity) == (("V5",), severity)


def test_infinite_values_count_as_missing() -> None:
    def spoil(lead: np.ndarray) -> np.ndarray:
        lead[10:20] = np.inf
        return lead

    assert set(kinds(changed(simulate_ecg([], seed=1), "V2", spoil))) == {"gap"}


def test_a_lead_that_goes_flat_half_way() -> None:
    def hold(lead: np.ndarray) -> np.ndarray:
        lead[2500:] = lead[2500]
        return lead

    found = kinds(changed(simulate_ecg(["SR"], seed=5), "V4", hold))
    assert found["flat"].where == ("V4",)


def test_cut_off_peaks() -> None:
    sample = simulate_ecg(["CLBBB"], seed=8, noise="none")
    low = 0.7 * float(sample.array[STANDARD_LEADS.index("V2")].min())
    assert kinds(changed(sample, "V2", lambda lead: np.maximum(lead, low)))["saturated"].where == ("V2",)
    assert "saturated" not in kinds(sample)


def test_a_last_value_held_to_the_end_is_no_clipping() -> None:
    sample = simulate_ecg(["LVH"], seed=8)
    peak = int(np.argmax(sample.array[STANDARD_LEADS.index("V5"), 4000:4900])) + 4000

    def hold(lead: np.ndarray) -> np.ndarray:
        lead[peak:] = lead[peak]
        return lead[: peak + 60]

    array = np.stack([hold(row.copy()) for row in sample.array])
    assert "saturated" not in kinds(sample.replace(array=array))


@pytest.mark.parametrize("factor", [1000.0, 0.001])
def test_another_unit_is_suspected(factor: float) -> None:
    sample = simulate_ecg(["AFIB"], seed=2)
    found = kinds(sample.replace(array=(sample.array * factor).astype(np.float32)))
    if factor < 1:
        assert "unusable" in {issue.severity for issue in found.values()}
    else:
        assert found["amplitude"].severity == "unusable"
        assert "mV" in found["amplitude"].message


def test_noise_and_hum() -> None:
    noisy = kinds(simulate_ecg([], seed=1, noise=NoiseLevels(emg_mv=0.12)))
    assert len(noisy["noise"].where) >= 10
    humming = kinds(simulate_ecg([], seed=1, noise=NoiseLevels(mains_mv=0.08, mains_hz=50.0)))
    assert "50 Hz" in humming["mains"].message
    assert "60 Hz" in kinds(simulate_ecg([], seed=1, noise=NoiseLevels(mains_mv=0.08, mains_hz=60.0)))["mains"].message
    assert "mains" not in kinds(simulate_ecg(["PACE"], seed=1))


@pytest.mark.parametrize("rate_hz", [100, 250, 500])
@pytest.mark.parametrize("leads", [slice(None), slice(0, 1)])
def test_nothing_but_noise_cannot_be_judged(leads: slice, rate_hz: int) -> None:
    sound = simulate_ecg([], seed=1, sampling_rate_hz=rate_hz)
    names = sound.channel_names[leads]
    noise = np.random.default_rng(0).normal(0, 0.3, (len(names), 10 * rate_hz)).astype(np.float32)
    (issue,) = (
        issue for issue in sound.replace(array=noise, channel_names=names).quality() if issue.severity == "unusable"
    )
    assert issue.kind == "noise"
    # A heart among noise, and one lead of noise beside others, are worth a warning only.
    heart = kinds(sound.replace(array=sound.array[leads] + noise / 5, channel_names=names))
    assert heart["noise"].severity == "warning"
    if len(names) > 1:
        beside = sound.array.copy()
        beside[3] = noise[3]
        assert kinds(sound.replace(array=beside))["noise"].where == ("aVR",)


@pytest.mark.parametrize(("flat_s", "severity"), [(5.1, "unusable"), (4.9, "warning")])
def test_all_leads_still_for_half_of_the_time_cannot_be_judged(flat_s: float, severity: str) -> None:
    sound = simulate_ecg([], seed=1)
    array = sound.array.copy()
    array[:, : round(flat_s * 500)] = 0
    assert kinds(sound.replace(array=array))["flat"].severity == severity
    array[4] = sound.array[4]
    assert kinds(sound.replace(array=array))["flat"].severity == "warning"


def test_hum_at_one_electrode_names_it() -> None:
    time_s = np.arange(5000) / 500
    hum = (0.1 * np.sin(2 * np.pi * 50 * time_s)).astype(np.float32)
    found = kinds(changed(simulate_ecg([], seed=1), "V6", lambda lead: lead + hum))
    assert found["mains"].where == ("V6",)
    assert "electrode V6" in found["mains"].message


def test_drifting_baseline_is_a_note() -> None:
    drift = np.linspace(-1.5, 1.5, 5000, dtype=np.float32)
    found = kinds(changed(simulate_ecg([], seed=1), "V1", lambda lead: lead + drift))
    assert (found["wander"].where, found["wander"].severity) == (("V1",), "note")


@pytest.mark.parametrize("lead", ["III", "aVR", "aVL", "aVF"])
def test_leads_that_contradict_each_other(lead: str) -> None:
    found = kinds(changed(simulate_ecg(["SR"], seed=4), lead, lambda row: np.roll(row, 40)))
    assert found["inconsistent"].where == (lead,)


def test_exchanged_arms_are_found_in_every_rhythm_and_conduction() -> None:
    for seed, codes in enumerate([[], ["AFIB"], ["CLBBB"], ["CRBBB"], ["AFLT"], ["IMI"], ["LVH"], ["PVC"], ["STACH"]]):
        sample = simulate_ecg(codes, seed=seed)
        assert "exchanged" not in kinds(sample), codes
        assert "arm" in kinds(with_arms_exchanged(sample))["exchanged"].message, codes


def test_dextrocardia_is_not_called_an_exchange() -> None:
    sample = simulate_ecg([], seed=4)
    rows = dict(zip(STANDARD_LEADS, with_arms_exchanged(sample).array, strict=True))
    # The heart mirrored: limb leads as with exchanged arms, and R waves that shrink from V1 to V6.
    for lead, share in zip(("V1", "V2", "V3", "V4", "V5", "V6"), (0.4, 0.2, 0.0, -0.2, -0.4, -0.6), strict=True):
        rows[lead] = np.float32(share) * sample.array[0] - np.float32(0.2) * sample.array[1]
    mirrored = sample.replace(array=np.stack([rows[name] for name in STANDARD_LEADS]))
    assert "exchanged" not in kinds(mirrored)


def test_an_exchange_needs_lead_i_to_contradict_v6() -> None:
    sample = with_arms_exchanged(simulate_ecg([], seed=4))
    assert "exchanged" in kinds(sample)
    # A small V6 that goes with I changes little of what the other leads say.
    agreeing = changed(sample, "V6", lambda lead: np.float32(0.3) * sample.array[0])
    assert "exchanged" not in kinds(agreeing)


def test_a_heart_that_points_down_is_not_called_an_exchange() -> None:
    """Straight down, Dower's I is negative and V6 positive: unlike each other, but one heart vector explains both."""
    sample = simulate_ecg(["LVH"], seed=4, noise="none")
    down_mv = sample.array[STANDARD_LEADS.index("aVF")].astype(np.float64)
    vectors = lead_vectors()
    rows = dict(
        zip(INDEPENDENT_LEADS, vectors[:, 1:2] * down_mv + 0.2 * vectors[:, 2:] * np.roll(down_mv, 8), strict=True)
    )
    array = np.stack([rows[name] for name in INDEPENDENT_LEADS]).astype(np.float32)
    assert np.corrcoef(array[0], array[7])[0, 1] < -0.3
    assert "exchanged" not in kinds(sample.replace(array=array, channel_names=INDEPENDENT_LEADS))


def test_a_single_spike_is_not_called_hum() -> None:
    def spike(lead: np.ndarray) -> np.ndarray:
        lead[2500] += 100
        return lead

    assert "mains" not in kinds(changed(simulate_ecg([], seed=1), "V2", spike))


@pytest.mark.parametrize("names", [("I", "II", "V1"), ("II",), ("MLII", "V5"), ("X", "Y", "Z")])
def test_few_leads_in_any_order(names: tuple[str, ...]) -> None:
    array = simulate_ecg([], seed=4).array[: len(names)]
    assert assess_quality(simulate_ecg([], seed=4).replace(array=array, channel_names=names)) == ()


def test_eight_leads_in_another_order() -> None:
    sample = with_arms_exchanged(simulate_ecg([], seed=4))
    order = [STANDARD_LEADS.index(name) for name in ("V6", "V1", "II", "V2", "V3", "I", "V4", "V5")]
    names = tuple(STANDARD_LEADS[row] for row in order)
    assert "exchanged" in kinds(sample.replace(array=sample.array[order], channel_names=names))


def test_not_a_waveform() -> None:
    with pytest.raises(InputError):
        assess_quality(Sample("ecg", np.zeros((4, 4), np.float32), "r"))


def _real_recordings() -> list[Sample]:
    folder = os.environ.get("MEDCLIP_TEST_DATA")
    if not folder:
        pytest.skip("MEDCLIP_TEST_DATA names no folder with real recordings")
    found = []
    for path in sorted(Path(folder, "ptbxl_mini", "records100").rglob("*.dat")):
        array = np.fromfile(path, "<i2").reshape(-1, 12).T / np.float32(1000)
        found.append(
            Sample("ecg", array.astype(np.float32), path.stem, sampling_rate_hz=100, channel_names=STANDARD_LEADS)
        )
    wfdb = pytest.importorskip("wfdb")
    for path in sorted(Path(folder, "ecg_sets", "cinc2021").glob("*.hea")):
        values, fields = wfdb.rdsamp(str(path.with_suffix("")))
        names = tuple(standard_lead_name(name) for name in fields["sig_name"])
        array = np.ascontiguousarray(values.T, np.float32)
        found.append(Sample("ecg", array, path.stem, sampling_rate_hz=fields["fs"], channel_names=names))
    return found


def test_exchanged_arms_on_real_recordings() -> None:
    recordings = _real_recordings()
    assert len(recordings) > 80
    wrong = sum("exchanged" in kinds(sample) for sample in recordings)
    found = sum("exchanged" in kinds(with_arms_exchanged(sample)) for sample in recordings)
    assert wrong / len(recordings) < 0.02
    assert found / len(recordings) > 0.9


def test_real_recordings_keep_einthovens_relation() -> None:
    assert not [sample.source for sample in _real_recordings() if "inconsistent" in kinds(sample)]
