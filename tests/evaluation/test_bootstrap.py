"""The patient bootstrap against repeated records, DeLong's variance and known truths."""

from __future__ import annotations

import tracemalloc
from statistics import NormalDist

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from medclip.core.errors import InputError, LabelError
from medclip.evaluation.bootstrap import bootstrap_auroc, bootstrap_difference, patient_resamples, resampled_auroc
from medclip.evaluation.metrics import auroc

Z = NormalDist().inv_cdf(0.975)


def simulate(n_patients: int = 60, n_classes: int = 5, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """One to four records a patient, prevalences from rare to common, some ties, some labels missing."""
    generator = np.random.default_rng(seed)
    patient_of_record = np.repeat(np.arange(n_patients), generator.integers(1, 5, n_patients))
    generator.shuffle(patient_of_record)
    prevalence = np.linspace(0.02, 0.6, n_classes)
    ill = generator.random((n_patients, n_classes)) < prevalence
    labels = ill[patient_of_record].astype(np.float32)
    taste = generator.normal(size=(n_patients, n_classes))
    scores = (generator.normal(size=labels.shape) + taste[patient_of_record] + labels).round(1).astype(np.float32)
    labels[generator.random(labels.shape) < 0.1] = np.nan
    return scores, labels, [f"p{patient:03d}" for patient in patient_of_record]


def repeated_rows(patient_ids: list[str], *, n_resamples: int, seed: int) -> list[np.ndarray]:
    """Rows of each resample, a patient's records as often as the patient was drawn."""
    known = sorted(set(patient_ids))
    position = np.array([known.index(patient) for patient in patient_ids])
    counts = np.concatenate(list(patient_resamples(len(known), n_resamples=n_resamples, seed=seed)))
    return [np.repeat(np.arange(len(position)), row[position]) for row in counts]


def sklearn_loop(scores: np.ndarray, labels: np.ndarray) -> list[float]:
    """AUROC class by class; nan where one side is empty."""
    values = []
    for column_scores, column in zip(scores.T, labels.T, strict=True):
        known = ~np.isnan(column)
        two_sided = len(np.unique(column[known])) == 2
        values.append(roc_auc_score(column[known], column_scores[known]) if two_sided else np.nan)
    return values


@pytest.mark.parametrize("seed", [0, 3])
def test_resamples_equal_a_naive_loop_over_repeated_records(seed):
    scores, labels, patients = simulate(seed=seed)
    rows = repeated_rows(patients, n_resamples=60, seed=seed)
    naive = np.array([sklearn_loop(scores[row], labels[row]) for row in rows])
    ours = resampled_auroc(scores, labels, patients, n_resamples=60, seed=seed)
    np.testing.assert_allclose(ours, naive, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(ours, [auroc(scores[row], labels[row]) for row in rows])


def test_intervals_are_quantiles_of_the_naive_loop():
    scores, labels, patients = simulate(n_patients=25)
    rows = repeated_rows(patients, n_resamples=80, seed=1)
    naive = np.array([sklearn_loop(scores[row], labels[row]) for row in rows])
    result = bootstrap_auroc(scores, labels, patients, n_resamples=80, confidence=0.9, seed=1)
    macros = np.nanmean(naive, axis=1)
    assert np.isnan(naive[:, 0]).any(), "the rare class should be missing from some resamples"
    np.testing.assert_array_equal(result.n_undefined, np.isnan(naive).sum(axis=0))
    np.testing.assert_allclose(result.macro_ci, np.quantile(macros, [0.05, 0.95]), atol=1e-12)
    np.testing.assert_allclose(result.per_class_ci, np.nanquantile(naive, [0.05, 0.95], axis=0).T, atol=1e-12)
    np.testing.assert_allclose(result.macro, np.nanmean(sklearn_loop(scores, labels)), atol=1e-14)
    assert (result.n_patients, result.n_records) == (25, len(scores))


def test_macro_interval_is_not_the_mean_of_the_class_intervals():
    scores, labels, patients = simulate(n_patients=200, n_classes=7)
    result = bootstrap_auroc(scores[:, 2:], labels[:, 2:], patients, n_resamples=300)
    mean_of_widths = np.mean(result.per_class_ci[:, 1] - result.per_class_ci[:, 0])
    assert result.macro_ci[1] - result.macro_ci[0] < 0.75 * mean_of_widths


@pytest.mark.parametrize("chunk", [1, 7, 50])
def test_chunks_do_not_change_what_is_drawn(chunk):
    whole = np.concatenate(list(patient_resamples(37, n_resamples=50, seed=5)))
    parts = np.concatenate(list(patient_resamples(37, n_resamples=50, seed=5, chunk=chunk)))
    np.testing.assert_array_equal(parts, whole)
    assert (whole.sum(axis=1) == 37).all()
    assert len({tuple(row) for row in whole}) == 50


def test_every_patient_is_drawn_once_on_average():
    counts = np.concatenate(list(patient_resamples(40, n_resamples=2000, seed=0)))
    # The count of a patient is binomial(40, 1/40): variance 0.975, so its mean over 2,000 has deviation 0.022.
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=5 * 0.0221)
    np.testing.assert_allclose(counts.var(), 0.975, atol=0.03)


def test_order_of_records_changes_nothing():
    scores, labels, patients = simulate()
    order = np.random.default_rng(1).permutation(len(scores))
    result = bootstrap_auroc(scores, labels, patients, n_resamples=50)
    shuffled = bootstrap_auroc(scores[order], labels[order], [patients[row] for row in order], n_resamples=50)
    assert shuffled.macro_ci == result.macro_ci
    np.testing.assert_array_equal(shuffled.per_class_ci, result.per_class_ci)


def test_copies_of_a_patients_records_change_nothing():
    scores, labels, patients = simulate()
    result = bootstrap_auroc(scores, labels, patients, n_resamples=200)
    twice = bootstrap_auroc(np.tile(scores, (2, 1)), np.tile(labels, (2, 1)), patients * 2, n_resamples=200)
    assert twice.macro_ci == result.macro_ci
    np.testing.assert_array_equal(twice.per_class_ci, result.per_class_ci)
    np.testing.assert_array_equal(twice.per_class, result.per_class)


def test_copies_passed_off_as_other_patients_would_narrow_the_interval():
    scores, labels, patients = simulate(n_patients=200)
    strangers = [f"{patient}{copy}" for copy in "abcd" for patient in patients]
    honest = bootstrap_auroc(scores, labels, patients, n_resamples=400).macro_ci
    wrong = bootstrap_auroc(np.tile(scores, (4, 1)), np.tile(labels, (4, 1)), strangers, n_resamples=400).macro_ci
    # Four times the patients halve the deviation.
    assert (wrong[1] - wrong[0]) / (honest[1] - honest[0]) == pytest.approx(0.5, abs=0.1)


def delong_covariance(tables: list[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Covariance of AUROCs of one class by placements, pair by pair (DeLong et al., Biometrics 1988; 44: 837-845)."""
    of_positive, of_negative = [], []
    for scores in tables:
        gap = scores[labels == 1][:, None] - scores[labels == 0][None]
        wins = (gap > 0) + 0.5 * (gap == 0)
        of_positive.append(wins.mean(axis=1))
        of_negative.append(wins.mean(axis=0))
    n_positive, n_negative = len(of_positive[0]), len(of_negative[0])
    return np.atleast_2d(np.cov(of_positive)) / n_positive + np.atleast_2d(np.cov(of_negative)) / n_negative


def independent_patients(n_records: int, effects: list[float], *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Binormal scores of independent patients, 40 % ill."""
    generator = np.random.default_rng(seed)
    labels = (generator.random((n_records, len(effects))) < 0.4).astype(np.float32)
    return generator.normal(size=labels.shape) + np.array(effects) * labels, labels


def test_deviation_agrees_with_delong():
    scores, labels = independent_patients(500, [0.2, 0.8, 1.5])
    draws = resampled_auroc(scores, labels, list(map(str, range(500))), n_resamples=2000)
    delong = [delong_covariance([s], y)[0, 0] ** 0.5 for s, y in zip(scores.T, labels.T, strict=True)]
    # 2,000 resamples know a deviation to 1.6 %; the two estimators differ by terms of order 1 / n.
    np.testing.assert_allclose(draws.std(axis=0), delong, rtol=0.06)


def test_interval_agrees_with_delong():
    scores, labels = independent_patients(500, [0.8])
    result = bootstrap_auroc(scores, labels, list(map(str, range(500))), n_resamples=4000)
    deviation = delong_covariance([scores[:, 0]], labels[:, 0])[0, 0] ** 0.5
    expected = result.per_class[0] + np.array([-Z, Z]) * deviation
    np.testing.assert_allclose(result.per_class_ci[0], expected, atol=0.2 * deviation)


def coverage(patient_ids: list[str], *, n_studies: int, seed: int) -> float:
    """Share of simulated studies whose interval of the macro mean holds the true value.

    Three records a patient share part of their score. Binormal scores with unit variance that lie ``d`` apart have an
    AUROC of Phi(d / sqrt 2) whatever their correlation within patients (Hanley, Stat Med 1996; 15: 1575-1585).
    """
    generator = np.random.default_rng(seed)
    distances = np.array([0.5, 1.0, 1.5])
    truth = np.mean([NormalDist().cdf(distance / 2**0.5) for distance in distances])
    n_held = 0
    for study in range(n_studies):
        ill = generator.random((80, 3)) < 0.4
        shared = 0.9 * generator.normal(size=(80, 3)) + distances * ill
        own = (1 - 0.9**2) ** 0.5 * generator.normal(size=(240, 3))
        scores, labels = np.repeat(shared, 3, axis=0) + own, np.repeat(ill, 3, axis=0).astype(np.float32)
        low, high = bootstrap_auroc(scores, labels, patient_ids, n_resamples=200, seed=study).macro_ci
        n_held += low <= truth <= high
    return n_held / n_studies


def test_interval_covers_the_truth_as_often_as_it_says():
    patients = [str(record // 3) for record in range(240)]
    # 300 studies know a coverage of 0.95 to 0.013; 200 resamples cost about half a point.
    assert coverage(patients, n_studies=300, seed=2) == pytest.approx(0.945, abs=0.035)


def test_interval_over_records_would_cover_too_seldom():
    records = [str(record) for record in range(240)]
    assert coverage(records, n_studies=100, seed=2) < 0.85


@pytest.mark.parametrize(("n_positive", "least", "most"), [(2, 0.4, 0.7), (5, 0.8, 0.93), (20, 0.89, 0.97)])
def test_interval_of_a_rare_class_is_too_narrow_as_the_tables_say(n_positive, least, most):
    # Each column is a study of its own: 300 patients without the finding, AUROC 0.75.
    generator = np.random.default_rng(5)
    labels = np.zeros((300 + n_positive, 400), np.float32)
    labels[:n_positive] = 1.0
    scores = generator.normal(size=labels.shape) + 2**0.5 * NormalDist().inv_cdf(0.75) * labels
    limits = bootstrap_auroc(scores, labels, list(map(str, range(len(labels)))), n_resamples=300).per_class_ci
    assert least < np.mean((limits[:, 0] <= 0.75) & (limits[:, 1] >= 0.75)) < most


def test_difference_equals_a_naive_loop_on_the_same_resamples():
    scores, labels, patients = simulate()
    other = scores[:, ::-1].copy()
    result = bootstrap_difference(scores, other, labels, patients, n_resamples=60, seed=2)
    rows = repeated_rows(patients, n_resamples=60, seed=2)
    naive = np.array([np.subtract(*(sklearn_loop(t[row], labels[row]) for t in (scores, other))) for row in rows])
    expected = np.quantile(np.nanmean(naive, axis=1), [0.025, 0.975])
    np.testing.assert_allclose(result.macro_ci, expected, atol=1e-12)
    point = np.subtract(sklearn_loop(scores, labels), sklearn_loop(other, labels))
    np.testing.assert_allclose(result.per_class, point, atol=1e-13)
    np.testing.assert_allclose(result.macro, np.nanmean(point), atol=1e-13)


def test_difference_of_a_model_to_itself_is_exactly_zero():
    scores, labels, patients = simulate()
    result = bootstrap_difference(scores, 2 * scores + 1, labels, patients, n_resamples=40)
    assert (result.macro, result.macro_ci) == (0.0, (0.0, 0.0))


def test_difference_agrees_with_delong_for_correlated_scores():
    scores, labels = independent_patients(500, [1.0])
    other = 0.9 * scores + 0.4 * np.random.default_rng(1).normal(size=scores.shape)
    patients = list(map(str, range(500)))
    result = bootstrap_difference(scores, other, labels, patients, n_resamples=4000)
    covariance = delong_covariance([scores[:, 0], other[:, 0]], labels[:, 0])
    paired = (covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]) ** 0.5
    unpaired = (covariance[0, 0] + covariance[1, 1]) ** 0.5
    deviation = (result.per_class_ci[0, 1] - result.per_class_ci[0, 0]) / (2 * Z)
    assert deviation == pytest.approx(paired, rel=0.06)
    assert deviation < 0.6 * unpaired


def test_memory_does_not_grow_with_the_number_of_resamples():
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(20_000, 3))
    labels = (generator.random(scores.shape) < 0.2).astype(np.float32)
    patients = [str(record // 2) for record in range(20_000)]
    tracemalloc.start()
    bootstrap_auroc(scores, labels, patients, n_resamples=300)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # All weights at once would be 300 x 20,000 x 4 bytes = 23 MiB, and their sums as much again.
    assert peak < 16 * 2**20


def test_counts_that_might_exceed_32_bits_are_exact():
    # If only the one patient with half of the records were drawn, every time, 32 bits would overflow.
    patients = ["busy"] * 33_000 + [str(patient) for patient in range(33_000)]
    scores, labels = independent_patients(66_000, [0.5])
    result = resampled_auroc(scores, labels, patients, n_resamples=2, seed=0)
    known, position = np.unique(patients, return_inverse=True)
    counts = np.concatenate(list(patient_resamples(len(known), n_resamples=2, seed=0)))
    for row, value in zip(counts, result[:, 0], strict=True):
        assert value == pytest.approx(roc_auc_score(labels[:, 0], scores[:, 0], sample_weight=row[position]), abs=1e-12)


def test_class_that_is_never_defined_has_no_interval():
    scores, labels, patients = simulate()
    labels[:, 1] = 0.0
    result = bootstrap_auroc(scores, labels, patients, n_resamples=20)
    assert np.isnan(result.per_class[1])
    assert np.isnan(result.per_class_ci[1]).all()
    assert result.n_undefined[1] == 20
    assert result.n_macro_undefined == 0
    others = [0, 2, 3, 4]
    assert result.macro_ci == bootstrap_auroc(scores[:, others], labels[:, others], patients, n_resamples=20).macro_ci


def test_nothing_defined_at_all_is_said():
    result = bootstrap_auroc(np.zeros((4, 1)), np.zeros((4, 1)), list("abcd"), n_resamples=5)
    assert np.isnan([result.macro, *result.macro_ci]).all()
    assert result.n_macro_undefined == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patient_ids": ["same"] * 4}, "received 1; allowed: 2 or more"),
        ({"patient_ids": ["a", "b"]}, "2 for 4 records"),
        ({"patient_ids": ["a", "", None, float("nan")]}, "3 of 4"),
        ({"n_resamples": 0}, "0 resamples"),
        ({"seed": -1}, "seed -1"),
        ({"confidence": 95}, "received 95"),
        ({"scores": np.full((4, 1), np.inf)}, "4 infinite of 4"),
    ],
)
def test_unusable_arguments_are_refused(change, message):
    arguments = {"scores": np.arange(4.0)[:, None], "labels": np.array([[0.0], [1.0], [0.0], [1.0]])}
    arguments |= {"patient_ids": list("abcd")} | change
    with pytest.raises(InputError, match=message):
        bootstrap_auroc(**arguments)


def test_odd_labels_are_refused_in_a_difference():
    scores = np.arange(4.0)[:, None]
    with pytest.raises(LabelError):
        bootstrap_difference(scores, scores, np.full((4, 1), 2.0), list("abcd"))


def test_no_message_names_a_patient():
    with pytest.raises(InputError) as error:
        bootstrap_auroc(np.zeros((2, 1)), np.zeros((2, 1)), ["Jane Doe", "Jane Doe"])
    assert "Doe" not in str(error.value)
