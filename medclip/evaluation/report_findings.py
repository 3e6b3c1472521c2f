"""Precision, recall and F1 of findings that are either said to be there or not, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medclip.core.errors import InputError

__all__ = ["FindingScore", "FindingScores", "score_findings"]

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class FindingScore:
    """Scores of one finding; nan where nothing is defined.

    Args:
        code: Of the finding.
        n_positive: Records that have it.
        precision: Share of the records said to have it that do.
        recall: Share of the records that have it that are said to.
        f1: Harmonic mean of the two; 0 if no record is said rightly to have it, nan if none has it and none is said to.
        f1_ci: Lower and upper limit of ``f1``.
    """

    code: str
    n_positive: int
    precision: float
    recall: float
    f1: float
    f1_ci: tuple[float, float]


@dataclass(frozen=True)
class FindingScores:
    """Scores of all findings, and the mean of the F1 that are defined, with its interval."""

    rows: tuple[FindingScore, ...]
    macro_f1: float
    macro_f1_ci: tuple[float, float]
    n_records: int
    n_resamples: int


def score_findings(
    codes: Sequence[str], truth: np.ndarray, predicted: np.ndarray, *, n_resamples: int = 1000, seed: int = 0
) -> FindingScores:
    """Compare what was predicted with what is there.

    The macro mean is over the findings that some record has. Intervals are 95 % percentile intervals from resampling
    records; where several records belong to one patient they are too narrow.

    Args:
        codes: Of the findings.
        truth: bool ``(n_records, n_findings)``.
        predicted: bool of the same shape.
        n_resamples: At least 1.
        seed: Of the resampling.

    Raises:
        InputError: The arrays are not of this kind, or hold no record.
    """
    shape = (len(truth), len(codes))
    if any(array.shape != shape or array.dtype != np.bool_ for array in (truth, predicted)) or not len(truth):
        received = f"{truth.dtype} of shape {truth.shape}, {predicted.dtype} of shape {predicted.shape}"
        raise InputError("findings cannot be compared", received=received, allowed=f"bool, (1 or more, {len(codes)})")
    events = np.stack([truth & predicted, ~truth & predicted, truth & ~predicted]).astype(np.float64)
    random = np.random.default_rng(seed)
    weights = random.multinomial(len(truth), np.full(len(truth), 1 / len(truth)), size=n_resamples)
    right, wrong, missed = events.sum(axis=1)
    resampled = _f1(*np.einsum("rn,enf->erf", weights, events, optimize=True))
    f1 = _f1(right, wrong, missed)
    has_positive = truth.any(axis=0)
    rows = tuple(
        FindingScore(
            code,
            int(truth[:, index].sum()),
            _share(right[index], wrong[index]),
            _share(right[index], missed[index]),
            float(f1[index]),
            _interval(resampled[:, index]),
        )
        for index, code in enumerate(codes)
    )
    macro = float(f1[has_positive].mean()) if has_positive.any() else math.nan
    # A finding that a resample drew no positive record of is left out of the mean of that resample.
    drawn = np.where(np.einsum("rn,nf->rf", weights, truth, optimize=True) > 0, resampled, math.nan)
    means = drawn[np.isfinite(drawn).any(axis=1)]
    return FindingScores(rows, macro, _interval(np.nanmean(means, axis=1)), len(truth), n_resamples)


def _f1(right: np.ndarray, wrong: np.ndarray, missed: np.ndarray) -> np.ndarray:
    total = 2 * right + wrong + missed
    f1: np.ndarray = np.divide(2 * right, total, out=np.full(total.shape, math.nan), where=total > 0)
    return f1


def _share(part: float, rest: float) -> float:
    return float(part / (part + rest)) if part + rest else math.nan


def _interval(values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return float(low), float(high)
