"""The small language of phrases."""

from __future__ import annotations

import re

import pytest

from medclip.core.errors import InputError
from medclip.modalities.report.phrases import PhraseIndex, tokens_of


def spans(phrase: str, sentence: str) -> list[str]:
    index: PhraseIndex[int] = PhraseIndex()
    index.add(phrase, 7)
    tokens = tokens_of(sentence)
    hits = index.find(tokens)
    assert all(hit.value == 7 for hit in hits)
    return [" ".join(tokens[hit.start : hit.end]) for hit in hits]


@pytest.mark.parametrize(
    ("phrase", "sentence", "found"),
    [
        ("nodul*", "Nodules and a nodular mass", ["nodules", "nodular"]),
        ("nodule", "Nodules and a nodule", ["nodule"]),
        ("lung|pulmonary nodule", "A lung nodule, a pulmonary nodule, a nodule", ["lung nodule", "pulmonary nodule"]),
        ("ground glass", "Ground-glass opacity", ["ground glass"]),
        ("ground glass", "ground, glass", []),
        ("heart .. enlarged", "The heart is very mildly enlarged", ["heart is very mildly enlarged"]),
        ("heart .. enlarged", "heart a b c d e f enlarged", ["heart a b c d e f enlarged"]),
        ("heart .. enlarged", "heart a b c d e f g enlarged", []),
        ("heart .. enlarged", "heart is small, liver enlarged", []),
        ("aorta + calcif*", "Calcified plaques of coronaries, aorta", ["calcified plaques of coronaries , aorta"]),
        ("aorta + calcif*", "aorta is calcified", ["aorta is calcified"]),
        ("aorta + calcif*", "aorta normal; calcified nodes", []),
        ("edema|hemothorax", "Oedema and haemothorax", ["edema", "hemothorax"]),
        ("tumor", "A tumour", ["tumour"]),
        ("effusion", "effusion-thickening/effusion", ["effusion", "effusion"]),
    ],
)
def test_phrases(phrase: str, sentence: str, found: list[str]) -> None:
    american = [re.sub("oe(?=d)", "e", text).replace("haem", "hem") for text in spans(phrase, sentence)]
    assert american == found


@pytest.mark.parametrize("phrase", ["", ".. heart", "heart ..", "heart + ", "a + .. b"])
def test_malformed_phrases_are_refused(phrase: str) -> None:
    with pytest.raises(InputError, match="a phrase is malformed"):
        PhraseIndex[int]().add(phrase, 1)


def test_a_phrase_added_later_is_found() -> None:
    index: PhraseIndex[str] = PhraseIndex()
    index.add("nodule", "n")
    tokens = tokens_of("a nodule and a mass")
    assert [hit.value for hit in index.find(tokens)] == ["n"]
    index.add("mass", "m")
    assert [hit.value for hit in index.find(tokens)] == ["n", "m"]
