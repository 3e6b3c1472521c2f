"""The honest baseline to print beside a zero-shot number: logistic regression on an encoder's features.

On features of a trained encoder it says what labels would have added; on features of an encoder with random weights
(the caller passes them in) it says how much of a number is due to pre-training at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from medclip.core.errors import InputError, MissingDependencyError
from medclip.evaluation.metrics import auroc, check_scores_and_labels

__all__ = ["INVERSE_STRENGTHS", "choose_inverse_strength", "linear_probe", "set_aside_patients"]

INVERSE_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Candidates for scikit-learn's C, from the strongest regularisation to the weakest."""


def linear_probe(
    features_train: np.ndarray,
    labels_train: np.ndarray,
    features_test: np.ndarray,
    *,
    patient_ids: Sequence[str],
    inverse_strength: float | None = None,
    validation_share: float = 0.2,
    seed: int = 0,
) -> np.ndarray:
    """Score test records by one L2-regularised logistic regression per class on standardised features.

    The test features are only scored: means, deviations and the strength come from the training records alone.

    Args:
        features_train: ``(n_train, n_features)``, finite.
        labels_train: ``(n_train, n_classes)``: 1.0 present, 0.0 absent, nan not assessed and left out of its class.
        features_test: ``(n_test, n_features)``, finite.
        patient_ids: One per training record.
        inverse_strength: scikit-learn's C; ``choose_inverse_strength`` is asked if None.
        validation_share: Share of training patients set aside for that choice, in (0, 1).
        seed: Seed of that split.

    Returns:
        float64 ``(n_test, n_classes)`` log-odds; a column of nan for a class that has no positive or no negative
        training record.

    Raises:
        InputError: Shapes do not fit, a feature is not finite, or no class can be validated.
        LabelError: A label is not 1.0, 0.0 or nan.
        MissingDependencyError: scikit-learn is not installed.
    """
    _check(features_train, labels_train, patient_ids)
    if features_test.ndim != 2 or features_test.shape[1] != features_train.shape[1]:
        received = f"{features_test.shape} after training on {features_train.shape}"
        raise InputError("test features need the columns of the training features", received=received)
    _check_finite(features_test)
    if inverse_strength is None:
        inverse_strength = choose_inverse_strength(
            features_train, labels_train, patient_ids=patient_ids, validation_share=validation_share, seed=seed
        )
    return _fit_and_score(features_train, labels_train, features_test, inverse_strength)


def choose_inverse_strength(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    patient_ids: Sequence[str],
    candidates: Sequence[float] = INVERSE_STRENGTHS,
    validation_share: float = 0.2,
    seed: int = 0,
) -> float:
    """Choose the strength by a fixed rule: the best macro AUROC on patients set aside, the strongest if level.

    One strength serves all classes, because the few positives of a rare class cannot choose one.

    Raises:
        InputError: Shapes do not fit, a feature is not finite, or no class can be validated.
        LabelError: A label is not 1.0, 0.0 or nan.
    """
    _check(features, labels, patient_ids)
    validation = set_aside_patients(patient_ids, share=validation_share, seed=seed)
    chosen, best = None, -np.inf
    for candidate in sorted(candidates) if 0 < validation.sum() < len(validation) else ():
        scores = _fit_and_score(features[~validation], labels[~validation], features[validation], candidate)
        fitted = ~np.isnan(scores).any(axis=0)
        values = auroc(scores[:, fitted], labels[validation][:, fitted])
        value = float(np.nanmean(values)) if np.isfinite(values).any() else -np.inf
        if value > best:
            chosen, best = candidate, value
    if chosen is None:
        raise InputError(
            "no class has positive and negative patients on both sides of the validation split",
            received=f"{int((~validation).sum())} and {int(validation.sum())} records",
            action="give more records, or an inverse_strength",
        )
    return chosen


def set_aside_patients(patient_ids: Sequence[str], *, share: float = 0.2, seed: int = 0) -> np.ndarray:
    """Set about a share of the patients aside for validation, by a hash of their identifier.

    A patient's side depends on nothing but identifier and seed, so it is the same for every model and subset.

    Returns:
        bool ``(n_records,)``, True for the records set aside.

    >>> set_aside_patients(["a", "f", "a", "b"], share=0.5)
    array([False,  True, False, False])
    """
    if not 0 < share < 1:
        raise InputError("the validation share must leave both sides patients", received=share, allowed="0 to 1")
    hashes = [hashlib.sha256(f"{seed}:{patient}".encode()).digest() for patient in patient_ids]
    return np.array([int.from_bytes(digest[:8], "big") < share * 2**64 for digest in hashes], np.bool_)


def _fit_and_score(features: np.ndarray, labels: np.ndarray, new_features: np.ndarray, strength: float) -> np.ndarray:
    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    deviation[deviation == 0] = 1.0
    known, new = (features - mean) / deviation, (new_features - mean) / deviation
    scores = np.full((len(new), labels.shape[1]), np.nan)
    for column, values in enumerate(labels.T):
        assessed = ~np.isnan(values)
        if len(np.unique(values[assessed])) == 2:
            model = _logistic_regression(strength).fit(known[assessed], values[assessed])
            scores[:, column] = model.decision_function(new)
    return scores


def _logistic_regression(strength: float) -> Any:
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingDependencyError(
            "a linear probe needs scikit-learn", action="run pip install scikit-learn"
        ) from error
    return LogisticRegression(C=strength, max_iter=1000)


def _check(features: np.ndarray, labels: np.ndarray, patient_ids: Sequence[str]) -> None:
    if features.ndim != 2 or labels.ndim != 2 or not len(features) == len(labels) == len(patient_ids):
        raise InputError(
            "a linear probe needs features, labels and a patient for each record",
            received=f"features {features.shape}, labels {labels.shape}, {len(patient_ids)} patients",
            allowed="(n_train, n_features), (n_train, n_classes) and n_train",
        )
    check_scores_and_labels(np.zeros(labels.shape, np.float32), labels)
    _check_finite(features)


def _check_finite(features: np.ndarray) -> None:
    n_odd = int((~np.isfinite(features)).sum())
    if n_odd:
        raise InputError("features are not all finite", received=f"{n_odd} of {features.size} are nan or infinite")
