"""Evaluation over windows and over fewer channels gives what single diagnoses give; by default nothing changes."""

from __future__ import annotations

import numpy as np
import pytest

import medclip
from medclip.core.errors import ConfigError, SignalError
from medclip.core.label_set import LabelSet
from medclip.evaluation.zeroshot import calibrate_zeroshot, evaluate_zeroshot

LABELS = LabelSet.load("simulated")


@pytest.fixture(scope="module")
def model(smoke_bundle):
    return medclip.load(smoke_bundle)


@pytest.fixture(scope="module")
def dataset():
    return medclip.open_dataset("simulated", n_patients=10, sampling_rate_hz=100, duration_s=25)


def single(model, dataset, evaluation, **options) -> np.ndarray:
    by_id = {info.record_id: index for index, info in enumerate(dataset.records)}
    answers = [model.diagnose(dataset[by_id[record]], labels=LABELS, **options) for record in evaluation.record_ids]
    return np.array([[answer[code].score for code in LABELS.codes] for answer in answers])


def evaluate(model, dataset, **options):
    return evaluate_zeroshot(model, dataset, LABELS, n_resamples=5, **options)


@pytest.mark.parametrize("how", ["mean", "max", "first"])
def test_windows_are_those_of_a_diagnosis(model, dataset, how: str) -> None:
    evaluation = evaluate(model, dataset, windows=how, skip_unreadable=True)
    np.testing.assert_allclose(evaluation.scores, single(model, dataset, evaluation, windows=how), atol=1e-5)
    assert ("first window" if how == "first" else f"{how} over windows") in evaluation.protocol.score_kind


def test_the_middle_is_the_default_and_the_protocol_of_ever(model, dataset) -> None:
    usual, middle = evaluate(model, dataset), evaluate(model, dataset, windows="middle")
    np.testing.assert_array_equal(usual.scores, middle.scores)
    assert usual.protocol == middle.protocol
    assert "window" not in usual.protocol.score_kind
    assert "channels_kept" not in usual.protocol.input_spec
    expected = single(model, dataset, usual, windows="middle")
    np.testing.assert_allclose(1 / (1 + np.exp(-usual.scores)), expected, atol=1e-4)
    assert usual.protocol.digest() != evaluate(model, dataset, windows="mean", skip_unreadable=True).protocol.digest()


def test_fewer_channels_are_a_recording_of_those_alone(model, dataset) -> None:
    evaluation = evaluate(model, dataset, channels=["II"])
    assert evaluation.protocol.input_spec["channels_kept"] == ["II"]
    spec = model.input_specs[dataset.modality]
    kept = [
        sample.replace(array=sample.array[[sample.channel_names.index("II")]], channel_names=("II",))
        for sample in map(dataset.__getitem__, range(len(evaluation.record_ids)))
    ]
    batch = spec.prepare_batch(kept)
    embeddings = model.embed_batches(dataset.modality, iter([batch]))
    np.testing.assert_allclose(evaluation.scores, model.classifier(LABELS).logits(embeddings).numpy(), atol=1e-4)
    with pytest.raises(SignalError, match="a record has none of the channels asked for: received MLII; allowed: I, II"):
        evaluate(model, dataset, channels=["MLII"])


def test_probabilities_are_not_used_on_other_windows_than_they_were_fitted_on(model) -> None:
    dataset = medclip.open_dataset("simulated", n_patients=60, sampling_rate_hz=100)
    folds = ["1", "2", "3", "4", "5"]
    calibrated = calibrate_zeroshot(model, dataset, LABELS, folds=folds, method="temperature")
    with pytest.raises(ConfigError, match="fitted on the middle of each record: received windows max; allowed: middle"):
        evaluate(model, dataset, folds=["6"], classifier=calibrated, windows="max")


def test_an_unknown_use_of_windows(model, dataset) -> None:
    with pytest.raises(ConfigError, match="unknown use of windows: received median"):
        evaluate(model, dataset, windows="median")
