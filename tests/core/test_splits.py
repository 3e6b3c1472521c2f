"""Patient-wise splits: the same for ever, of the shares asked for, whatever else is in the data set."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medclip.core.errors import ConfigError
from medclip.core.splits import DEFAULT_FRACTIONS, patient_split

HALVES = {"a": 0.5, "b": 0.5}
shares = st.lists(st.integers(0, 20), min_size=1, max_size=6).filter(any)


@given(patient_id=st.text(), seed=st.integers(), weights=shares)
def test_the_split_is_where_the_hash_falls(patient_id: str, seed: int, weights: list[int]) -> None:
    digest = hashlib.sha256(f"{seed}:{patient_id}".encode()).hexdigest()
    position = Fraction(int(digest[:16], 16), 2**64) * sum(weights)
    upper, expected = 0, 0
    for number, weight in enumerate(weights):
        upper += weight
        if position < upper:
            expected = number
            break
    fractions = {str(number): weight / sum(weights) for number, weight in enumerate(weights)}
    assert patient_split(patient_id, seed, fractions=fractions) == str(expected)


def test_shares_are_met_and_seeds_are_independent() -> None:
    patients = [str(10_000_000 + number) for number in range(20_000)]
    found = [patient_split(patient) for patient in patients]
    for name, share in DEFAULT_FRACTIONS.items():
        # Four standard deviations of a binomial share.
        assert abs(found.count(name) / len(found) - share) < 4 * (share * (1 - share) / len(found)) ** 0.5
    first = [patient_split(patient, 1, fractions=HALVES) for patient in patients]
    second = [patient_split(patient, 2, fractions=HALVES) for patient in patients]
    assert 0.48 < sum(one == two for one, two in zip(first, second, strict=True)) / len(patients) < 0.52


def test_a_split_without_a_share_stays_empty() -> None:
    fractions = {"none": 0.0, "train": 1.0, "also none": 0.0}
    assert {patient_split(str(number), fractions=fractions) for number in range(1000)} == {"train"}


def test_the_answer_never_changes() -> None:
    """Written down once: a change would move patients between training and test of published models."""
    found = [patient_split(str(subject), fractions=HALVES) for subject in range(10_000_032, 10_000_048)]
    # The first bit of what "printf 0:10000032 | sha256sum" prints, and so on.
    assert "".join(found) == "ababaababbbabbaa"


@pytest.mark.parametrize(
    "fractions", [{}, {"a": 0.5}, {"a": 0.6, "b": 0.6}, {"a": -0.5, "b": 1.5}, {"a": float("nan")}]
)
def test_shares_that_do_not_add_up(fractions: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="do not add up"):
        patient_split("1", fractions=fractions)
