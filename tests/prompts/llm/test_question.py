"""Reading the answers of language models."""

from __future__ import annotations

import json

import pytest

from medclip.prompts.llm.question import read_phrases

GOOD = {"subtypes": ["a  b", "c"], "attributes": ["a b"], "appearance": ["d", 3, None, " "]}


@pytest.mark.parametrize("frame", ["{}", "```json\n{}\n```", "<think>\nhm {{}}\n</think>\n{}", " {} "])
def test_phrases_are_read_in_order_and_once(frame: str) -> None:
    assert read_phrases(frame.replace("{{}}", "[]").replace("{}", json.dumps(GOOD))) == (["a b", "c", "d"], "")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("", "no JSON"),
        ("I'm sorry", "no JSON"),
        ('{"subtypes": ["a"', "no JSON"),
        ("[" * 100_000, "at most 65536"),
        ("[" * 60_000, "no JSON"),
        ("{}" + " " * 70_000, "at most 65536"),
        ("3", "no object"),
        ('{"subtypes": {"a": 1}}', "no object"),
    ],
)
def test_what_is_no_answer_is_said(answer: str, fault: str) -> None:
    phrases, said = read_phrases(answer)
    assert phrases == []
    assert fault in said


def test_a_flood_is_cut() -> None:
    phrases, said = read_phrases(json.dumps({"subtypes": [f"p{number}" for number in range(1000)]}))
    assert len(phrases) == 64
    assert "only 64" in said
