"""The shipped prompt set of the simulated data set: complete, and positive and negative sentences kept apart."""

from __future__ import annotations

import json

import pytest

from medclip.core.label_set import LabelSet
from medclip.core.modality import find_prompt_set_file

_PATH = find_prompt_set_file("simulated")[1]
_PROMPTS = json.loads(_PATH.read_text(encoding="utf-8"))


def test_it_belongs_to_the_label_set() -> None:
    assert (_PROMPTS["schema"], _PROMPTS["name"], _PROMPTS["language"]) == (1, "simulated", "en")
    assert tuple(_PROMPTS["prompts"]) == LabelSet.load(_PROMPTS["label_set"]).codes


@pytest.mark.parametrize("code", _PROMPTS["prompts"])
def test_sentences_are_few_and_do_not_contain_the_opposite(code: str) -> None:
    positive, negative = (_PROMPTS["prompts"][code][side] for side in ("positive", "negative"))
    for sentences in (positive, negative):
        assert 3 <= len(sentences) <= 5
        assert all(sentence == sentence.strip() and sentence.isascii() for sentence in sentences)
    for sentence in negative:
        assert not any(phrase in sentence for phrase in positive)
        assert not any(word in sentence.split() for word in ("no", "not", "without", "absence", "absent"))


def test_no_positive_sentence_serves_two_findings() -> None:
    sentences = [sentence for sides in _PROMPTS["prompts"].values() for sentence in sides["positive"]]
    assert len(sentences) == len(set(sentences))
