"""Retrieval counts equal reports once, and guessing is what the closed form says."""

from __future__ import annotations

import numpy as np
import pytest

from medclip.core.errors import InputError
from medclip.evaluation.retrieval import ranks, retrieval

RNG = np.random.default_rng(0)


def unit(n: int, width: int = 8) -> np.ndarray:
    rows = RNG.normal(size=(n, width))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def patients(n: int) -> list[str]:
    return [f"p{number}" for number in range(n)]


def by_hand(records: np.ndarray, texts: np.ndarray, text_of: np.ndarray, k: int) -> tuple[float, float]:
    """Sort everything, one query at a time."""
    found_texts = [own in np.argsort(-(texts @ record))[:k] for record, own in zip(records, text_of, strict=True)]
    found_records = [
        bool(set(np.argsort(-(records @ text))[:k]) & set(np.flatnonzero(text_of == row)))
        for row, text in enumerate(texts)
    ]
    return float(np.mean(found_texts)), float(np.mean(found_records))


@pytest.mark.parametrize("k", [1, 3, 10, 50])
def test_recall_is_that_of_sorting_one_query_at_a_time(k: int) -> None:
    texts = unit(20)
    text_of = np.concatenate([np.arange(20), RNG.integers(0, 20, 15)])
    records = texts[text_of] + 0.5 * RNG.normal(size=(35, 8))
    result = retrieval(records, texts, text_of, patient_ids=patients(35), ks=(k,), n_resamples=20)
    normalised = records / np.linalg.norm(records, axis=1, keepdims=True)
    expected = by_hand(normalised, texts, text_of, k)
    assert (result.record_to_text.recall[k], result.text_to_record.recall[k]) == pytest.approx(expected)
    assert (result.record_to_text.n_candidates, result.text_to_record.n_candidates) == (20, 35)


def test_a_model_without_an_opinion_finds_nothing() -> None:
    result = retrieval(np.ones((6, 3)), np.ones((6, 3)), np.arange(6), patient_ids=patients(6), n_resamples=5)
    assert result.record_to_text.recall == {1: 0.0, 5: 0.0, 10: 1.0}
    assert result.text_to_record.recall == {1: 0.0, 5: 0.0, 10: 1.0}
    assert result.record_to_text.median_rank == 6


def test_a_shared_report_is_one_answer() -> None:
    """With every copy a candidate of its own, each of the four records would be right in one of four cases."""
    texts = np.eye(2)
    text_of = np.array([0, 0, 0, 0, 1])
    result = retrieval(texts[text_of], texts, text_of, patient_ids=patients(5), ks=(1,), n_resamples=5)
    assert result.record_to_text.recall[1] == 1.0
    assert result.text_to_record.recall[1] == 1.0


def test_chance_is_what_guessing_gives() -> None:
    n_texts, k = 12, 3
    text_of = np.concatenate([np.arange(n_texts), np.zeros(6, np.int64)])
    found = []
    for _ in range(300):
        result = retrieval(
            unit(len(text_of)), unit(n_texts), text_of, patient_ids=patients(len(text_of)), ks=(k,), n_resamples=1
        )
        found.append((result.record_to_text.recall[k], result.text_to_record.recall[k]))
    guessed = np.mean(found, axis=0)
    assert result.record_to_text.chance[k] == pytest.approx(k / n_texts)
    assert guessed == pytest.approx([result.record_to_text.chance[k], result.text_to_record.chance[k]], abs=0.03)


def test_intervals_come_from_patients() -> None:
    """One patient with many records that are all found: records drawn one by one would promise certainty."""
    texts = np.eye(40)
    text_of = np.arange(40)
    records = texts.copy()
    records[20:] = np.roll(texts, 1, axis=0)[20:]
    one = ["a"] * 20 + ["b"] * 20
    wide = retrieval(records, texts, text_of, patient_ids=one, ks=(1,), n_resamples=200).record_to_text
    narrow = retrieval(records, texts, text_of, patient_ids=patients(40), ks=(1,), n_resamples=200).record_to_text
    assert wide.recall[1] == narrow.recall[1] == 0.5
    assert wide.recall_ci[1] == (0.0, 1.0)
    assert 0.2 < narrow.recall_ci[1][0] < 0.5 < narrow.recall_ci[1][1] < 0.8
    again = retrieval(records, texts, text_of, patient_ids=patients(40), ks=(1,), n_resamples=200).record_to_text
    assert again == narrow


def test_many_records_are_ranked_in_pieces() -> None:
    texts, text_of = unit(30), RNG.integers(0, 30, 2500)
    text_of[:30] = np.arange(30)
    records = unit(2500)
    of_records, of_texts = ranks(records, texts, text_of)
    similarity = records @ texts.T
    assert of_records[2400] == (similarity[2400] >= similarity[2400, text_of[2400]]).sum()
    best = similarity[text_of == 7, 7].max()
    assert of_texts[7] == 1 + (similarity[text_of != 7, 7] >= best).sum()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"records": np.full((3, 2), np.nan)}, "finite"),
        ({"records": np.zeros((3, 2))}, "zero"),
        ({"records": np.ones((3, 4))}, "one width"),
        ({"text_of": [0, 0, 0]}, "every distinct text"),
        ({"patient_ids": ["a", "b"]}, "a patient for each"),
        ({"patient_ids": ["a", "a", "a"]}, "needs patients"),
        ({"ks": (0,)}, "from 1"),
    ],
)
def test_what_cannot_be_measured(change: dict[str, object], said: str) -> None:
    sound = {"records": np.ones((3, 2)), "texts": np.ones((3, 2)), "text_of": [0, 1, 2], "patient_ids": patients(3)}
    with pytest.raises(InputError, match=said):
        retrieval(**(sound | change), n_resamples=2)  # type: ignore[arg-type]
