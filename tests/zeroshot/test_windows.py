"""From windows to an answer: what is left out and counted, pooled scores, and the places a clinician can go to."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

import medclip
from medclip.core.errors import ConfigError, SignalError
from medclip.core.label_set import LabelSet
from medclip.core.modality import find_modality
from medclip.core.sample import Sample
from medclip.zeroshot.calibration import Calibration
from medclip.zeroshot.windows import WindowReview, batches, choose_windows, pool_scores

LABELS = "simulated"


@pytest.fixture(scope="module")
def model(smoke_bundle):
    return medclip.load(smoke_bundle)


@pytest.fixture(scope="module")
def patients():
    dataset = medclip.open_dataset("simulated", n_patients=12, sampling_rate_hz=100)
    return [sample for sample in map(dataset.__getitem__, range(12)) if not sample.quality()][:4]


@pytest.fixture(scope="module")
def long(patients):
    """40 s: four sound patients one after the other."""
    return patients[0].replace(array=np.concatenate([one.array for one in patients], axis=1))


def spoilt(sample: Sample, start_s: float, stop_s: float, change) -> Sample:
    array = sample.array.copy()
    part = array[:, round(start_s * 100) : round(stop_s * 100)]
    part[:] = change(part)
    return sample.replace(array=array)


def test_windows_score_as_the_recordings_they_are(model, long, patients) -> None:
    """Without overlap, the windows of four recordings laid end to end are these recordings."""
    alone = [model.diagnose(one, labels=LABELS) for one in patients]
    findings = model.diagnose(long, labels=LABELS, overlap=0.0)
    for code in LabelSet.load(LABELS).codes:
        expected = [one[code].score for one in alone]
        assert findings.windows.of(code) == pytest.approx(expected, abs=1e-6)
        assert findings[code].score == pytest.approx(np.mean(expected), abs=1e-6)
        score, place, faults = findings.windows.highest(code)
        at = int(np.argmax(expected))
        assert (score, place.start_s, place.stop_s) == (pytest.approx(max(expected)), 10.0 * at, 10.0 * at + 10)
        assert faults == ()
    highest = model.diagnose(long, labels=LABELS, overlap=0.0, windows="max")
    for code in LabelSet.load(LABELS).codes:
        assert highest[code].score == pytest.approx(max(one[code].score for one in alone), abs=1e-6)
    assert findings.notes[0] == "4 windows of 10 s judged, of 0:40 recorded; scores are the mean over them"
    assert highest.notes[0].endswith("scores are the highest of them")
    assert len(model.diagnose(long, labels=LABELS).windows.places) == 7


@pytest.mark.parametrize(("how", "where"), [("first", 0), ("middle", 15)])
def test_one_window_only(model, long, how: str, where: int) -> None:
    findings = model.diagnose(long, labels=LABELS, windows=how)
    part = long.replace(array=long.array[:, where * 100 : where * 100 + 1000])
    for entry in model.diagnose(part, labels=LABELS):
        assert findings[entry.code].score == pytest.approx(entry.score, abs=1e-6)
    assert findings.windows is None
    assert f"only 0:{where:02d} to 0:{where + 10} of 0:40 judged" in findings.notes


def test_unusable_windows_are_left_out_counted_and_told(model, long) -> None:
    noise = np.random.default_rng(0)
    spoilt_twice = spoilt(long, 10, 20, lambda part: 0 * part)
    spoilt_twice = spoilt(spoilt_twice, 30, 40, lambda part: noise.normal(0, 1, part.shape))
    findings = model.diagnose(spoilt_twice, labels=LABELS, overlap=0.0)
    assert [place.start_s for place in findings.windows.places] == [0.0, 20.0]
    assert findings.windows.n_left_out == 2
    assert "2 windows of 10 s judged, of 0:40 recorded; 2 more left out as technically unusable" in findings.notes[0]
    told = {issue.kind: issue for issue in findings.quality}
    assert "In 1 of 4 windows, which were left out, first at 0:10." in told["flat"].message
    assert "In 1 of 4 windows, which were left out, first at 0:30." in told["noise"].message
    assert {issue.severity for issue in findings.quality} == {"warning"}
    sound = model.diagnose(long, labels=LABELS, overlap=0.0)
    for code in LabelSet.load(LABELS).codes:
        assert findings.windows.of(code) == pytest.approx(sound.windows.of(code)[[0, 2]], abs=1e-6)


def test_a_recording_without_a_usable_window_is_refused(model, long) -> None:
    silent = spoilt(long, 0, 40, lambda part: 0 * part)
    with pytest.raises(SignalError, match="none of the windows of the recording can be judged: No lead shows a heart"):
        model.diagnose(silent, labels=LABELS)
    with pytest.raises(SignalError, match=r"none of the windows .* can be judged"):
        model.diagnose(silent.replace(array=np.full_like(silent.array, np.nan)), labels=LABELS)
    for how in ("first", "middle"):
        with pytest.raises(SignalError, match="the recording cannot be judged: No lead shows a heart"):
            model.diagnose(silent, labels=LABELS, windows=how)


def test_swapped_arms_are_told_with_the_windows_they_are_in(model) -> None:
    sound = medclip.open_dataset("simulated", n_patients=1, sampling_rate_hz=100, duration_s=40)[0]
    sound = sound.replace(array=np.nan_to_num(sound.array))
    assert "exchanged" not in {issue.kind for issue in model.diagnose(sound, labels=LABELS).quality}
    array = sound.array.copy()
    leads = dict(zip(sound.channel_names, sound.array, strict=True))
    for name, value in {
        **{"I": -leads["I"], "II": leads["III"], "III": leads["II"]},
        **{"aVR": leads["aVL"], "aVL": leads["aVR"]},
    }.items():
        array[sound.channel_names.index(name), 2000:] = value[2000:]
    findings = model.diagnose(sound.replace(array=array), labels=LABELS, overlap=0.0)
    (issue,) = (issue for issue in findings.quality if issue.kind == "exchanged")
    assert issue.message.endswith("In 2 of 4 windows, first at 0:20.")
    assert str(findings).splitlines()[0].startswith("warning: ")
    assert [("exchanged" in kinds) for kinds in findings.windows.faults] == [False, False, True, True]


def test_a_fault_in_few_of_many_windows_is_a_note(long) -> None:
    spec = find_modality("ecg").default_input_spec()
    hour = long.replace(array=np.tile(long.array, (1, 12)))
    array = hour.array.copy()
    array[7, 0:300] = 0
    review = WindowReview(spec.windows(hour.replace(array=array), overlap=0.0))
    assert sum(1 for _ in review.usable()) == 48
    (issue,) = review.quality
    assert (issue.kind, issue.where, issue.severity) == ("flat", ("V2",), "note")
    assert "In 1 of 48 windows, first at 0:00." in issue.message


def test_text_json_and_html_say_where(model, long) -> None:
    findings = model.diagnose(long, labels=LABELS, overlap=0.0)
    best = findings.scores[0]
    score, place, _ = findings.windows.highest(best.code)
    assert f"  {best.code}  {score:.2f} at {place}\n" in str(findings)
    assert f"{score:.2f} at {place}" in findings._repr_html_()
    described = json.loads(json.dumps(findings.to_dict()))
    assert described["findings"][0]["highest_window"] == {
        "score": round(score, 4),
        "start_s": place.start_s,
        "stop_s": place.stop_s,
        "faults": [],
    }
    assert described["windows"]["scores"][best.code] == pytest.approx(findings.windows.of(best.code), abs=1e-4)
    assert (described["windows"]["start_s"], described["windows"]["stop_s"]) == ([0, 10, 20, 30], [10, 20, 30, 40])
    assert described["windows"]["n_left_out"] == 0
    short = model.diagnose(long.replace(array=long.array[:, :1000]), labels=LABELS)
    assert "windows" not in short.to_dict()
    assert " at 0:00" not in str(short)


def test_the_picture_is_of_the_highest_window(model, long) -> None:
    findings = model.diagnose(long, labels=LABELS, overlap=0.0)
    _, place, _ = findings.windows.highest(findings.scores[0].code)
    texts = " ".join(text.get_text() for axes in findings.plot().axes for text in axes.texts)
    assert f"{place} of the recording" in texts


def test_the_highest_of_several_probabilities_is_none(model, long) -> None:
    labels = LabelSet.load(LABELS)
    code = labels.codes[0]
    classifier = model.classifier(labels)
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (200, len(labels))).astype(float)
    from medclip.zeroshot.calibration import fit_calibration

    calibration: Calibration = fit_calibration(
        "platt",
        rng.normal(0, 1, truth.shape) + truth,
        truth,
        labels.codes,
        fitted_on={
            **{"dataset": "d", "dataset_version": "1", "label_set": LABELS, "folds": ["1"], "n_records": 200},
            **{"n_patients": 200, "data_sha256": "", "model": "m", "model_sha256": model.bundle.digest},
            "prompts_sha256": model.prompt_set(labels).digest(),
            "score_kind": classifier.score_kind,
        },
    )
    mean = model.diagnose(long, labels=labels, calibration=calibration)
    assert mean[code].is_probability
    assert mean[code].score == pytest.approx(mean.windows.of(code).mean())
    assert not model.diagnose(long, labels=labels, calibration=calibration, windows="max")[code].is_probability


def test_one_lead_is_answered_and_marked(model, patients) -> None:
    watch = patients[0].replace(array=patients[0].array[:1], channel_names=("I",))
    findings = model.diagnose(watch, labels=LABELS)
    lines = str(findings).splitlines()
    assert lines[0].startswith("reservation: 1 of 12 leads (without II, III, aVR, ")
    assert "far less reliable" in lines[0]
    assert findings["AFIB"].is_assessable
    assert not findings["LVH"].is_assessable
    (line,) = (line for line in lines if line.startswith("left ventricular hypertrophy"))
    assert line.split("  ")[-1].strip() == "LVH (not assessable: lacks V1 or V3; V5 or V6 or aVL)"
    n_assessable = sum(entry.is_assessable for entry in findings)
    assert all(entry.is_assessable for entry in findings.scores[:n_assessable])
    described = {entry["code"]: entry for entry in findings.to_dict()["findings"]}
    assert described["LVH"]["score"] is None
    assert described["LVH"]["not_assessable_without"] == ["V1 or V3", "V5 or V6 or aVL"]
    assert described["AFIB"]["score"] == round(findings["AFIB"].score, 4)
    assert findings.to_dict()["reservations"] == list(findings.reservations)
    assert "<b>1 of 12 leads" in findings._repr_html_()
    whole = model.diagnose(patients[0], labels=LABELS)
    assert whole.reservations == ()
    assert all(entry.is_assessable for entry in whole)


def test_eleven_leads_are_marked_mildly(model, patients) -> None:
    rows = [row for row, name in enumerate(patients[0].channel_names) if name != "V4"]
    names = tuple(patients[0].channel_names[row] for row in rows)
    findings = model.diagnose(patients[0].replace(array=patients[0].array[rows], channel_names=names), labels=LABELS)
    assert findings.reservations[0].startswith("11 of 12 leads (without V4)")
    assert "far" not in findings.reservations[0]
    assert findings["MI" if "MI" in LabelSet.load(LABELS).codes else "LVH"].is_assessable


@pytest.mark.parametrize("ending", ["hea", "edf", "csv"])
def test_thirty_seconds_of_a_watch_at_512_hz_from_a_file(model, tmp_path, ending: str) -> None:
    from medclip.modalities.ecg.export import write

    sample = medclip.open_dataset("simulated", n_patients=1, sampling_rate_hz=512, duration_s=30)[0]
    path = tmp_path / f"watch.{ending}"
    write(sample.replace(array=np.nan_to_num(sample.array[:1]), channel_names=("I",)), path)
    findings = model.diagnose(medclip.read(path), labels="ptbxl-rhythm")
    assert len(findings.windows.places) == 5
    assert findings.reservations
    assert findings["AFIB"].is_assessable


def test_bad_use_of_windows(model, long) -> None:
    with pytest.raises(ConfigError, match="unknown use of windows: received median; allowed: mean, max, first, middle"):
        model.diagnose(long, labels=LABELS, windows="median")
    with pytest.raises(ConfigError, match="overlap of windows is out of range"):
        model.diagnose(long, labels=LABELS, overlap=1.5)


def test_scores_are_pooled_by_recording() -> None:
    scores = np.array([[0.1, 0.9], [0.3, 0.2], [0.8, 0.4], [0.5, 0.5], [0.6, 0.7]])
    np.testing.assert_allclose(pool_scores(scores, [2, 1, 2], "mean"), [[0.2, 0.55], [0.8, 0.4], [0.55, 0.6]])
    np.testing.assert_allclose(pool_scores(scores, [2, 1, 2], "max"), [[0.3, 0.9], [0.8, 0.4], [0.6, 0.7]])


def test_only_a_few_windows_of_a_day_are_in_memory_at_once() -> None:
    spec = find_modality("ecg").default_input_spec()
    array = np.zeros((3, 24 * 3600 * 25), np.float32)
    array[:, ::23] = 1
    day = Sample("ecg", array, "day", sampling_rate_hz=25, channel_names=("I", "II", "V1"))
    tracemalloc.start()
    chosen = choose_windows(spec, day, "mean", overlap=0.0)
    review = WindowReview(chosen[::100])
    n_prepared = sum(len(batch.values) for batch in batches(review.usable(), 8))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(chosen), n_prepared, len(review.places)) == (8640, 87, 87)
    # A batch of 8 at 500 Hz is 1.9 MB, while the day at that rate would be 518 MB for three leads.
    assert peak < 12e6
