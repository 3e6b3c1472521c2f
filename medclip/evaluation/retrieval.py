"""Retrieval in both directions, where equal reports are one answer and never each other's wrong one.

Many records share a report: with each copy counted as a separate candidate, a model that finds the right text is right
by chance only. So texts are ranked once each, and a text counts as found if any of its records is. Published numbers
often do otherwise; a result names the number of candidates for that reason, and stands beside what guessing gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medclip.core.errors import InputError
from medclip.evaluation.bootstrap import patient_resamples

__all__ = ["Retrieval", "RetrievalDirection", "ranks", "retrieval"]

_CHUNK = 1024


@dataclass(frozen=True)
class RetrievalDirection:
    """How often the right answer is among the first k.

    Args:
        recall: ``{k: share}`` of queries whose answer is among the first k candidates, in [0, 1].
        recall_ci: ``{k: (lower, upper)}`` from resampled patients.
        chance: ``{k: share}`` expected of a random order.
        median_rank: Median place of the answer, from 1.
        n_queries: Number of queries.
        n_candidates: Number of candidates that each query ranks.
    """

    recall: Mapping[int, float]
    recall_ci: Mapping[int, tuple[float, float]]
    chance: Mapping[int, float]
    median_rank: float
    n_queries: int
    n_candidates: int

    def to_dict(self) -> dict[str, Any]:
        """Plain types for a JSON file."""
        return {
            "n_queries": self.n_queries,
            "n_candidates": self.n_candidates,
            "median_rank": self.median_rank,
            **{f"recall_at_{k}": value for k, value in self.recall.items()},
            **{f"recall_at_{k}_ci95": list(limits) for k, limits in self.recall_ci.items()},
            **{f"chance_at_{k}": value for k, value in self.chance.items()},
        }


@dataclass(frozen=True)
class Retrieval:
    """Both directions, and what they were measured on.

    Args:
        record_to_text: Each record ranks the distinct texts.
        text_to_record: Each distinct text ranks the records.
        n_patients: Patients that the intervals come from.
    """

    record_to_text: RetrievalDirection
    text_to_record: RetrievalDirection
    n_patients: int


def retrieval(
    records: np.ndarray,
    texts: np.ndarray,
    text_of: Sequence[int] | np.ndarray,
    *,
    patient_ids: Sequence[str],
    ks: Sequence[int] = (1, 5, 10),
    n_resamples: int = 1000,
    seed: int = 0,
) -> Retrieval:
    """Measure retrieval by cosine similarity.

    A candidate that is level with the answer counts as before it, so that a model which gives everything one embedding
    finds nothing. In a resample, patients are drawn, and with them their records and the texts first seen with them;
    the candidates stay.

    Args:
        records: ``(n_records, D)``, finite, no row all zero.
        texts: ``(n_texts, D)``, one row per distinct text.
        text_of: ``(n_records,)`` the row of each record's text; every text has a record.
        patient_ids: One per record.
        ks: How many of the first candidates are looked at, each at least 1.
        n_resamples: Resamples of the patient bootstrap.
        seed: Of the bootstrap.

    Raises:
        InputError: Shapes do not fit, a number is not finite, or there are fewer than two patients.
    """
    text_of = np.asarray(text_of, np.int64)
    records, texts = _unit(records, "records"), _unit(texts, "texts")
    _check(records, texts, text_of, patient_ids, ks)
    of_records, of_texts = ranks(records, texts, text_of)
    known, patient_of = np.unique(np.asarray([str(patient) for patient in patient_ids]), return_inverse=True)
    if len(known) < 2:
        raise InputError("an interval over patients needs patients", received=len(known), allowed="2 or more")
    first_record = np.unique(text_of, return_index=True)[1]
    n_records, n_texts = len(records), len(texts)
    holders = np.bincount(text_of, minlength=n_texts)

    def resamples() -> Iterator[np.ndarray]:
        return patient_resamples(len(known), n_resamples=n_resamples, seed=seed, chunk=_CHUNK)

    return Retrieval(
        _direction(of_records, patient_of, resamples, ks, n_texts, np.ones(n_records, np.int64)),
        _direction(of_texts, patient_of[first_record], resamples, ks, n_records, holders),
        len(known),
    )


def ranks(records: np.ndarray, texts: np.ndarray, text_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the place, from 1, of each record's text among all, and of each text's best record among all.

    Args:
        records: ``(n_records, D)`` of unit length.
        texts: ``(n_texts, D)`` of unit length.
        text_of: ``(n_records,)`` row of each record's text.
    """
    of_records = np.empty(len(records), np.int64)
    best = np.full(len(texts), -np.inf)
    for start in range(0, len(records), _CHUNK):
        own = text_of[start : start + _CHUNK]
        similarity = records[start : start + _CHUNK] @ texts.T
        right = similarity[np.arange(len(own)), own]
        of_records[start : start + len(own)] = (similarity >= right[:, None]).sum(axis=1)
        np.maximum.at(best, own, right)
    n_before = np.zeros(len(texts), np.int64)
    for start in range(0, len(records), _CHUNK):
        own = text_of[start : start + _CHUNK]
        is_before = records[start : start + _CHUNK] @ texts.T >= best
        is_before[np.arange(len(own)), own] = False
        n_before += is_before.sum(axis=0)
    return of_records, n_before + 1


def _direction(
    places: np.ndarray,
    patient_of: np.ndarray,
    resamples: Callable[[], Iterator[np.ndarray]],
    ks: Sequence[int],
    n_candidates: int,
    n_right: np.ndarray,
) -> RetrievalDirection:
    is_found = np.stack([places <= k for k in ks], axis=1).astype(np.float64)
    draws = []
    for counts in resamples():
        weights = counts[:, patient_of].astype(np.float64)
        total = weights.sum(axis=1, keepdims=True)
        # A resample may draw no patient with whom a text was first seen.
        draws.append(
            np.divide(weights @ is_found, total, out=np.full((len(weights), len(ks)), np.nan), where=total > 0)
        )
    limits = np.nanquantile(np.concatenate(draws), [0.025, 0.975], axis=0)
    return RetrievalDirection(
        recall={k: float(value) for k, value in zip(ks, is_found.mean(axis=0), strict=True)},
        recall_ci={k: (float(low), float(high)) for k, low, high in zip(ks, *limits, strict=True)},
        chance={k: float(np.mean(_chance(n_candidates, n_right, k))) for k in ks},
        median_rank=float(np.median(places)),
        n_queries=len(places),
        n_candidates=n_candidates,
    )


def _chance(n_candidates: int, n_right: np.ndarray, k: int) -> np.ndarray:
    """Probability that k of the candidates, drawn at random, hold at least one of the right ones."""
    drawn = np.arange(min(k, n_candidates))[:, None]
    missed = np.clip((n_candidates - n_right - drawn) / (n_candidates - drawn), 0.0, 1.0)
    chance: np.ndarray = 1.0 - missed.prod(axis=0)
    return chance


def _unit(embeddings: np.ndarray, what: str) -> np.ndarray:
    if embeddings.ndim != 2 or not np.isfinite(embeddings).all():
        raise InputError(
            f"embeddings of {what} are no finite table", received=f"shape {embeddings.shape}", allowed="(n, D), finite"
        )
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise InputError(f"an embedding of {what} is zero and has no direction")
    unit: np.ndarray = embeddings / lengths
    return unit


def _check(
    records: np.ndarray, texts: np.ndarray, text_of: np.ndarray, patient_ids: Sequence[str], ks: Sequence[int]
) -> None:
    if records.shape[1] != texts.shape[1] or not len(records) == len(text_of) == len(patient_ids):
        raise InputError(
            "retrieval needs a text and a patient for each record, and embeddings of one width",
            received=f"records {records.shape}, texts {texts.shape}, {len(text_of)} texts of records, "
            f"{len(patient_ids)} patients",
        )
    if not np.array_equal(np.unique(text_of), np.arange(len(texts))):
        raise InputError("every distinct text needs a record, and every record a text", received=f"{len(texts)} texts")
    if not ks or min(ks) < 1:
        raise InputError("recall is measured at ranks from 1", received=ks)
