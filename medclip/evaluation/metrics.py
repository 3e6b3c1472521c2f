"""Ranking metrics over many classes at once, exact with ties and with labels that nobody assessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medclip.core.errors import InputError, LabelError

__all__ = ["MacroMean", "auroc", "average_precision", "check_scores_and_labels", "count_labels", "macro", "undefined"]


@dataclass(frozen=True)
class MacroMean:
    """The unweighted mean over the classes for which a metric is defined.

    Args:
        value: The mean.
        n_classes: Number of classes it was taken over.
        left_out: ``{code: reason}`` for every other class.
    """

    value: float
    n_classes: int
    left_out: Mapping[str, str]


def auroc(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Area under the receiver operating characteristic of each class.

    The probability that a record with the finding is scored above one without it, a tie counting one half: the
    Mann-Whitney statistic (Hanley and McNeil, Radiology 1982; 143: 29-36). Counting is in integers, so the only
    rounding is that of the last division.

    Args:
        scores: ``(n_records, n_classes)``, finite; higher means more likely present. Only the order matters.
        labels: ``(n_records, n_classes)``: 1.0 present, 0.0 absent, nan not assessed and left out of its class.

    Returns:
        float64 ``(n_classes,)`` in [0, 1]; nan, never 0.5, where no positive or no negative record was assessed.

    Raises:
        InputError: The shapes differ, or a score is nan or infinite.
        LabelError: A label is not 1.0, 0.0 or nan.

    >>> auroc(np.array([[0.9, 1.0], [0.4, 1.0], [0.4, 1.0]]), np.array([[1.0, 1.0], [1.0, 1.0], [0.0, np.nan]]))
    array([0.75,  nan])
    """
    return np.array([_auroc_of_class(*sides) for sides in _sides_of_classes(scores, labels)], np.float64)


def average_precision(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Average precision of each class, the step-wise area under the precision-recall curve.

    ``sum_k (recall_k - recall_{k-1}) * precision_k`` over the distinct scores, without interpolation; tied records
    enter together, as in scikit-learn (Manning, Raghavan and Schuetze, Introduction to Information Retrieval, 2008,
    section 8.4). A scorer that knows nothing reaches the share of positive records, so read it beside that share.

    Args:
        scores: ``(n_records, n_classes)``, finite; higher means more likely present.
        labels: ``(n_records, n_classes)``: 1.0 present, 0.0 absent, nan not assessed and left out of its class.

    Returns:
        float64 ``(n_classes,)`` in (0, 1]; nan where no positive or no negative record was assessed.

    Raises:
        InputError: The shapes differ, or a score is nan or infinite.
        LabelError: A label is not 1.0, 0.0 or nan.

    >>> average_precision(np.array([[0.9], [0.4], [0.2]]), np.array([[1.0], [0.0], [1.0]])).round(4)
    array([0.8333])
    """
    return np.array([_precision_of_class(*sides) for sides in _sides_of_classes(scores, labels)], np.float64)


def macro(values: np.ndarray, labels: np.ndarray, *, codes: Sequence[str]) -> MacroMean:
    """Average a metric over the classes that have both positive and negative records, and say which have not.

    Args:
        values: ``(n_classes,)``, one value of a metric per class.
        labels: ``(n_records, n_classes)``, the labels it was computed from.
        codes: One code per class.

    Raises:
        InputError: The numbers of values, label columns and codes differ.
        LabelError: No class at all can be evaluated.

    >>> macro(np.array([0.8, np.nan]), np.array([[1.0, 0.0], [0.0, 0.0]]), codes=("AFIB", "PACE"))
    MacroMean(value=0.8, n_classes=1, left_out={'PACE': 'no positive among 2 assessed records'})
    """
    if not len(values) == labels.shape[1] == len(codes):
        raise InputError(
            "a macro mean needs one value and one code per class",
            received=f"{len(values)} values, {labels.shape[1]} label columns, {len(codes)} codes",
        )
    left_out = undefined(labels, codes)
    kept = [float(value) for value, code in zip(values, codes, strict=True) if code not in left_out]
    if not kept:
        raise LabelError(
            "no class has both positive and negative records",
            received=[f"{code}: {reason}" for code, reason in left_out.items()],
            action="evaluate on more records or with another label set",
        )
    return MacroMean(float(np.mean(kept)), len(kept), left_out)


def undefined(labels: np.ndarray, codes: Sequence[str]) -> dict[str, str]:
    """Say of each class that cannot be ranked why not: nothing assessed, no positive or no negative record."""
    reasons = {}
    for code, n_positive, n_negative, _ in zip(codes, *count_labels(labels), strict=True):
        if n_positive + n_negative == 0:
            reasons[code] = "no record was assessed"
        elif n_positive == 0:
            reasons[code] = f"no positive among {n_negative} assessed records"
        elif n_negative == 0:
            reasons[code] = f"no negative among {n_positive} assessed records"
    return reasons


def count_labels(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count positive, negative and not assessed records of each class; three arrays ``(n_classes,)``."""
    n_positive, n_negative = (labels == 1).sum(axis=0), (labels == 0).sum(axis=0)
    return n_positive, n_negative, len(labels) - n_positive - n_negative


def check_scores_and_labels(scores: np.ndarray, labels: np.ndarray) -> None:
    """Refuse what no ranking metric can be computed from.

    Raises:
        InputError: The shapes differ, or a score is nan or infinite.
        LabelError: A label is not 1.0, 0.0 or nan.
    """
    if scores.ndim != 2 or scores.shape != labels.shape:
        raise InputError(
            "scores and labels need one row per record and one column per class",
            received=f"scores of shape {scores.shape}, labels of shape {labels.shape}",
            allowed="two arrays of the same shape (n_records, n_classes)",
        )
    n_nan = int(np.isnan(scores).sum())
    n_infinite = int(np.isinf(scores).sum())
    if n_nan or n_infinite:
        raise InputError(
            "scores are not all finite",
            received=f"{n_nan} nan and {n_infinite} infinite of {scores.size}",
            action="find the records that the model could not score, or leave their class out",
        )
    n_odd = int((~((labels == 0) | (labels == 1) | np.isnan(labels))).sum())
    if n_odd:
        raise LabelError("labels are not all allowed", received=f"{n_odd} other values", allowed="1.0, 0.0 or nan")


def _sides_of_classes(scores: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the sorted scores of the positive and of the negative records, class by class."""
    check_scores_and_labels(scores, labels)
    columns = zip(np.ascontiguousarray(scores.T), np.ascontiguousarray(labels.T), strict=True)
    for values, assessed in columns:
        yield np.sort(values[assessed == 1]), np.sort(values[assessed == 0])


def _auroc_of_class(positive: np.ndarray, negative: np.ndarray) -> float:
    if not (len(positive) and len(negative)):
        return np.nan
    # Midranks: negatives below a positive count fully, those level with it count half.
    below = int(negative.searchsorted(positive, "left").sum())
    below_or_level = int(negative.searchsorted(positive, "right").sum())
    return (below + below_or_level) / (2 * len(positive) * len(negative))


def _precision_of_class(positive: np.ndarray, negative: np.ndarray) -> float:
    if not (len(positive) and len(negative)):
        return np.nan
    # Each positive contributes the precision of calling everything scored at least as high as itself.
    true = len(positive) - positive.searchsorted(positive, "left")
    false = len(negative) - negative.searchsorted(positive, "left")
    return float(np.mean(true / (true + false)))
