from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medclip.modalities.report.words import cut_phrase, cut_words


@given(st.text())
def test_nothing_is_lost(text: str) -> None:
    words, rest = cut_words(text)
    assert "".join(word.before + word.text for word in words) + rest == text


@given(st.text(alphabet="ab1 -,.\n"))
def test_groups_are_the_blank_separated_words(text: str) -> None:
    words, _ = cut_words(text)
    with_letters = [part for part in text.split() if any(character.isalnum() for character in part)]
    assert len({word.group for word in words}) == len(with_letters)


def test_numbers_dates_and_brackets_stay_whole() -> None:
    words, _ = cut_words("beat(s) 3,5 mv 12.9.91 2:1 (alone)")
    assert [word.text for word in words] == ["beat(s)", "3,5", "mv", "12.9.91", "2:1", "alone"]


def test_a_place_is_a_word_of_phrases_only() -> None:
    assert [word.text for word in cut_phrase("flat in #")[0]] == ["flat", "in", "#"]
    assert [word.text for word in cut_words("flat in #")[0]] == ["flat", "in"]
    assert [word.text for word in cut_words("f#r #bergang")[0]] == ["f#r", "#bergang"]
