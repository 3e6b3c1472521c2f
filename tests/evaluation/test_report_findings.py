"""Precision, recall and F1 against scikit-learn, and intervals against resampling in a loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from medclip.core.errors import InputError
from medclip.evaluation.report_findings import score_findings

CODES = ("a", "b", "c", "d")


def data(n_records: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    truth = random.random((n_records, 4)) < (0.5, 0.2, 0.05, 0.0)
    predicted = truth ^ (random.random((n_records, 4)) < 0.1)
    return truth, predicted


def test_scores_are_those_of_scikit_learn() -> None:
    truth, predicted = data()
    scores = score_findings(CODES, truth, predicted, n_resamples=10)
    for index, row in enumerate(scores.rows[:3]):
        column = truth[:, index], predicted[:, index]
        assert row.precision == pytest.approx(precision_score(*column))
        assert row.recall == pytest.approx(recall_score(*column))
        assert row.f1 == pytest.approx(f1_score(*column))
        assert row.n_positive == truth[:, index].sum()
    assert scores.macro_f1 == pytest.approx(f1_score(truth[:, :3], predicted[:, :3], average="macro"))


def test_a_finding_that_nobody_has_is_left_out_of_the_mean() -> None:
    truth, predicted = data()
    row = score_findings(CODES, truth, predicted, n_resamples=10).rows[3]
    assert (row.n_positive, row.precision, row.f1) == (0, 0.0, 0.0)
    assert math.isnan(row.recall)
    nothing = score_findings(CODES, truth & False, truth & False, n_resamples=10)
    assert math.isnan(nothing.macro_f1)
    assert all(math.isnan(row.f1) and math.isnan(row.f1_ci[0]) for row in nothing.rows)
    assert math.isnan(nothing.macro_f1_ci[0])


def test_intervals_are_those_of_resampling_one_by_one() -> None:
    truth, predicted = data()
    scores = score_findings(CODES, truth, predicted, n_resamples=2000)
    random = np.random.default_rng(7)
    f1 = []
    for _ in range(2000):
        rows = random.integers(0, len(truth), len(truth))
        there, said = truth[rows, :3], predicted[rows, :3]
        f1.append(2 * (there & said).sum(axis=0) / (there.sum(axis=0) + said.sum(axis=0)))
    for row, (low, high) in zip(scores.rows[:2], np.quantile(f1, [0.025, 0.975], axis=0).T, strict=False):
        assert row.f1_ci == pytest.approx((low, high), abs=0.01)
    assert scores.macro_f1_ci == pytest.approx(np.quantile(np.mean(f1, axis=1), [0.025, 0.975]), abs=0.015)


@pytest.mark.parametrize("change", ["shape", "type", "empty"])
def test_other_arrays_are_refused(change: str) -> None:
    truth, predicted = data()
    predicted = {"shape": predicted[:, :2], "type": predicted.astype(int), "empty": predicted[:0]}[change]
    with pytest.raises(InputError, match="findings cannot be compared"):
        score_findings(CODES, truth[:0] if change == "empty" else truth, predicted)
