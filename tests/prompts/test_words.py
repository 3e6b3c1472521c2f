"""Comparing phrases by their words."""

from __future__ import annotations

import pytest

from medclip.prompts.words import is_denial, occurrences, opposite_of, to_words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("First-degree AV blocks", "1st degree AV block"),
        ("myocardial ischaemia", "Myocardial ischemia"),
        ("pulmonary oedema", "pulmonary edema"),
        ("premature complexes", "premature complex"),
        ("counter-clockwise rotation", "counterclockwise rotation"),
        ("ectopies", "ectopy"),
    ],
)
def test_spelling_and_number_make_no_difference(one: str, other: str) -> None:
    assert to_words(one) == to_words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ST elevation", "ST depression"),
        ("left block", "right block"),
        ("P waves", "no P waves"),
        ("QRS over 0.12 s", "QRS over 0.11 s"),
        ("lead II", "lead III"),
        ("atelectasis", "atelectasi"),
    ],
)
def test_meaning_makes_a_difference(one: str, other: str) -> None:
    assert to_words(one) != to_words(other)


def test_parentheses_may_be_left_out() -> None:
    assert to_words("block (LBBB)", keep_parentheses=False) == ("block",)
    assert to_words("block (LBBB)") == ("block", "lbbb")


def test_occurrences_are_whole_words_side_by_side() -> None:
    assert occurrences(("b", "c"), ("a", "b", "c", "b", "c")) == [range(1, 3), range(3, 5)]
    assert occurrences(("b",), ("bc",)) == []
    assert occurrences((), ("a",)) == []


def test_opposites_differ_in_one_pair_only() -> None:
    assert opposite_of(to_words("left block"), to_words("right block")) == ("left", "right")
    assert opposite_of(to_words("left block"), to_words("left block")) is None
    assert opposite_of(to_words("left high block"), to_words("right low block")) is None
    assert opposite_of(to_words("left block"), to_words("anterior block")) is None


def test_denial() -> None:
    assert is_denial(to_words("without P waves"))
    assert not is_denial(to_words("non-specific change"))
