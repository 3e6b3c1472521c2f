"""The linear probe: what it recovers, what it must not see, and what it leaves undefined."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from medclip.core.errors import InputError, LabelError
from medclip.evaluation.metrics import auroc
from medclip.evaluation.probe import INVERSE_STRENGTHS, choose_inverse_strength, linear_probe, set_aside_patients


def simulate(n_records: int = 300, n_features: int = 13, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Features of very different sizes, two classes that depend on them, three records a patient."""
    generator = np.random.default_rng(seed)
    standard = generator.normal(size=(n_records, n_features))
    # World and scale are the same for every seed; only the records differ.
    world = np.random.default_rng(99)
    logits = standard @ world.normal(size=(n_features, 2))
    labels = (generator.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    features = standard * 10.0 ** world.integers(-2, 3, n_features) + 5
    return features.astype(np.float32), labels, [str(record // 3) for record in range(n_records)]


def test_scores_equal_a_scikit_learn_pipeline():
    features, labels, patients = simulate()
    labels[::7, 1] = np.nan
    new, _, _ = simulate(50, seed=1)
    ours = linear_probe(features, labels, new, patient_ids=patients, inverse_strength=0.1)
    for column in range(2):
        known = ~np.isnan(labels[:, column])
        scaler = StandardScaler().fit(features)
        model = make_pipeline(LogisticRegression(C=0.1, max_iter=1000))
        model.fit(scaler.transform(features)[known], labels[known, column])
        np.testing.assert_allclose(ours[:, column], model.decision_function(scaler.transform(new)), atol=2e-3)


def test_probe_finds_what_is_there_and_nothing_where_nothing_is():
    features, labels, patients = simulate(600)
    new, truth, _ = simulate(600, seed=1)
    assert (auroc(linear_probe(features, labels, new, patient_ids=patients), truth) > 0.8).all()
    noise = np.random.default_rng(2).normal(size=features.shape)
    values = auroc(linear_probe(noise, labels, noise[::-1], patient_ids=patients), truth)
    np.testing.assert_allclose(values, 0.5, atol=0.1)


def test_class_that_cannot_be_learned_is_nan():
    features, labels, patients = simulate(90)
    labels = np.column_stack([labels, np.zeros(90), np.ones(90), np.full(90, np.nan)]).astype(np.float32)
    scores = linear_probe(features, labels, features[:7], patient_ids=patients)
    assert scores.shape == (7, 5)
    assert np.isfinite(scores[:, :2]).all()
    assert np.isnan(scores[:, 2:]).all()


def test_scores_of_a_test_record_do_not_depend_on_other_test_records():
    features, labels, patients = simulate()
    new, _, _ = simulate(40, seed=1)
    alone = linear_probe(features, labels, new[:1], patient_ids=patients)
    together = linear_probe(features, labels, np.concatenate([new, 1e6 * new]), patient_ids=patients)
    np.testing.assert_allclose(alone[0], together[0], rtol=1e-9)


def test_constant_feature_does_no_harm():
    features, labels, patients = simulate()
    widened = np.column_stack([features, np.full(len(features), 3.0, np.float32)])
    given = {"patient_ids": patients, "inverse_strength": 0.1}
    np.testing.assert_allclose(
        linear_probe(widened, labels, widened[:5], **given),
        linear_probe(features, labels, features[:5], **given),
        atol=1e-3,
    )


def best_strength(features: np.ndarray, labels: np.ndarray, rows: np.ndarray, judged: np.ndarray) -> float:
    """Strength whose fit on ``rows`` ranks ``judged`` best."""
    reached = {}
    for strength in INVERSE_STRENGTHS:
        given = {"patient_ids": list(map(str, rows)), "inverse_strength": strength}
        scores = linear_probe(features[rows], labels[rows], features[judged], **given)
        reached[strength] = auroc(scores, labels[judged]).mean()
    return max(reached, key=reached.get)


def test_strength_is_the_best_on_patients_that_were_not_fitted():
    features, labels, patients = simulate(150, n_features=4)
    noise = np.random.default_rng(4).normal(size=(150, 60))
    features = np.column_stack([features, noise])
    validation = set_aside_patients(patients)
    fitted, judged = np.flatnonzero(~validation), np.flatnonzero(validation)
    honest = best_strength(features, labels, fitted, judged)
    leaked = best_strength(features, labels, np.arange(150), judged)
    assert honest < leaked
    assert choose_inverse_strength(features, labels, patient_ids=patients) == honest


def test_strongest_regularisation_wins_a_tie():
    features = np.repeat([[0.0], [1.0]], 60, axis=0)
    labels = features.astype(np.float32)
    patients = [str(record) for record in range(120)]
    assert choose_inverse_strength(features, labels, patient_ids=patients, candidates=(10.0, 0.1, 1.0)) == 0.1


def test_patients_are_set_aside_whole_and_always_the_same():
    patients = [f"p{record % 1000}" for record in range(3000)]
    aside = set_aside_patients(patients, share=0.3)
    np.testing.assert_array_equal(aside[:1000], aside[1000:2000])
    assert aside.mean() == pytest.approx(0.3, abs=0.06)
    np.testing.assert_array_equal(set_aside_patients(patients[::-1], share=0.3), aside[::-1])
    assert (set_aside_patients(patients, share=0.3, seed=1) != aside).any()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"features_train": np.full((6, 2), np.nan)}, InputError, "12 of 12"),
        ({"features_test": np.full((3, 2), np.inf)}, InputError, "6 of 6"),
        ({"features_test": np.zeros((3, 5))}, InputError, "columns of the training features"),
        ({"labels_train": np.zeros((5, 1))}, InputError, r"labels \(5, 1\)"),
        ({"labels_train": np.full((6, 1), 0.3)}, LabelError, "6 other values"),
        ({"patient_ids": ["a"]}, InputError, "1 patients"),
        ({"patient_ids": ["a"] * 6}, InputError, "both sides"),
        ({"labels_train": np.zeros((6, 1))}, InputError, "both sides"),
        ({"validation_share": 1.0}, InputError, "both sides"),
    ],
)
def test_unusable_arguments_are_refused(change, error, message):
    given = {
        "features_train": np.arange(12.0).reshape(6, 2),
        "labels_train": np.array([[0.0], [1.0]] * 3),
        "features_test": np.zeros((3, 2)),
        "patient_ids": list("abcdef"),
    }
    with pytest.raises(error, match=message):
        linear_probe(**given | change)
