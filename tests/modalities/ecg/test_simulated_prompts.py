"""The shipped prompt set of the simulated data set: complete, and positive and negative sentences kept apart."""

from __future__ import annotations

import json

import pytest

from medclip.core.label_set import LabelSet
from medclip.core.named_files import find_prompt_set_file

_PATH = find_prompt_set_file("simulated")[1]
_FILE = json.loads(_PATH.read_text(encoding="utf-8"))
_PROMPTS = {
    code: {side: [sentence["text"] for sentence in sides[side]] for side in ("positive", "negative")}
    for code, sides in _FILE["prompts"].items()
}


def test_it_belongs_to_the_label_set() -> None:
    assert (_FILE["schema"], _FILE["name"], _FILE["language"], _FILE["strategy"]) == (2, "simulated", "en", "reports")
    assert tuple(_PROMPTS) == LabelSet.load(_FILE["label_set"]).codes


@pytest.mark.parametrize("code", _PROMPTS)
def test_sentences_are_few_and_do_not_contain_the_opposite(code: str) -> None:
    positive, negative = (_PROMPTS[code][side] for side in ("positive", "negative"))
    for sentences in (positive, negative):
        assert 3 <= len(sentences) <= 9
        assert all(sentence == sentence.strip() and sentence.isascii() for sentence in sentences)
    for sentence in negative:
        assert not any(f" {phrase} " in f" {sentence} " for phrase in positive)
        assert not any(word in sentence.split() for word in ("no", "not", "without", "absence", "absent"))


def test_no_positive_sentence_serves_two_findings() -> None:
    sentences = [sentence for sides in _PROMPTS.values() for sentence in sides["positive"]]
    assert len(sentences) == len(set(sentences))
