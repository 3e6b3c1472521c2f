"""The pointing game: hits of true positives, beside chance, with patient intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medclip.core.finding_map import FindingMap
from medclip.core.sample import Sample
from medclip.evaluation.localisation import _pointed, pointing

SHAPE = (10, 20)


def sample() -> Sample:
    region = np.zeros(SHAPE, np.bool_)
    region[2:4, 5:10] = True
    return Sample("demo", np.zeros(SHAPE, np.float32), "r", regions={"A": region})


def found(peak: tuple[int, int], score: float = 0.9) -> FindingMap:
    values = np.zeros(SHAPE, np.float32)
    values[:, :2] = np.nan
    values[peak] = 1.0
    return FindingMap("A", "a", values, score)


def test_a_hit_is_a_peak_inside_and_chance_the_share_of_what_was_seen() -> None:
    inside, outside = _pointed(found((3, 9)), sample(), "p1"), _pointed(found((3, 10)), sample(), "p2")
    assert (inside.is_hit, outside.is_hit) == (True, False)
    assert inside.share == pytest.approx(10 / (18 * 10))


def test_only_true_positives_count_for_the_second_share() -> None:
    peaks = [((2, 5), 0.9), ((2, 6), 0.4), ((9, 9), 0.4), ((9, 9), 0.6)]
    pointed = [_pointed(found(peak, score), sample(), f"p{n}") for n, (peak, score) in enumerate(peaks)]
    overall, single = pointing(pointed, ("A", "B"), n_resamples=50, seed=0)
    assert [one.code for one in single] == ["A"]
    assert (overall.n_regions, overall.n_called) == (4, 2)
    assert (overall.hits, overall.hits_called) == (0.5, 0.5)
    assert overall.hits_called_ci == (0.0, 1.0)


def test_one_patient_or_no_true_positive_has_no_interval() -> None:
    alone, _ = pointing([_pointed(found((2, 5)), sample(), "p")] * 5, ("A",), n_resamples=5, seed=0)
    assert math.isnan(alone.hits_called_ci[0])
    none, _ = pointing([_pointed(found((2, 5), 0.1), sample(), "p")], ("A",), n_resamples=5, seed=0)
    assert math.isnan(none.hits_called)
    assert none.hits == 1.0
