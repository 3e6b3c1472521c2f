"""What a sentence says, and what it only seems to say."""

from __future__ import annotations

import pytest

from medclip.prompts.statements import states
from medclip.prompts.words import to_words

TEXT = "Irregularly irregular RR intervals without P waves and ST elevation, with T waves. Rate above 100."


@pytest.mark.parametrize(
    "phrase",
    ["irregular RR intervals", "T waves", "absent P waves", "no P wave", "rate above 100", "irregularly irregular RR"],
)
def test_stated(phrase: str) -> None:
    assert states(TEXT, to_words(phrase))


@pytest.mark.parametrize(
    "phrase",
    [
        "P waves",  # denied in the text
        "ST elevation",  # the denial reaches over "and"
        "no T waves",  # affirmed in the text
        "no irregular RR intervals",
        "irregular intervals",  # not side by side
        "T waves rate",  # over the end of a sentence
        "rate above 110",
        "delta wave",
    ],
)
def test_not_stated(phrase: str) -> None:
    assert not states(TEXT, to_words(phrase))


def test_a_denial_after_the_words_counts_within_their_clause() -> None:
    text = "P waves are absent, the rhythm is irregular."
    assert not states(text, to_words("P waves"))
    assert states(text, to_words("absence of P waves"))


def test_no_words_state_nothing() -> None:
    assert not states(TEXT, to_words("of the"))
