from __future__ import annotations

import pytest

from medclip.modalities.report.matching import Unit
from medclip.modalities.report.prose import compose_sentence, split_sentences, split_statements


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("a rhythm. a block.", ["a rhythm", "a block"]),
        ("a rhythm.old block", ["a rhythm", "old block"]),
        ("st.t changes", ["st.t changes"]),
        ("compared with 12.9.91. no change", ["compared with 12.9.91", "no change"]),
        ("ecg 0.5 mv; old", ["ecg 0.5 mv", "old"]),
        ("old   inferior\ninfarct.", ["old inferior infarct"]),
        ("block? infarct!", ["block? infarct"]),
        ("... . ", []),
        ("", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_gaps_part_statements_only_without_full_stops() -> None:
    assert split_statements("a rhythm    a block") == ["a rhythm", "a block"]
    assert split_statements("a rhythm. old    block.") == ["a rhythm", "old block"]


def test_a_verdict_is_written_in_full_only_where_it_stands_alone() -> None:
    verdict = Unit("verdict", "otherwise normal [study]", "", ())
    rhythm = Unit("statement", "sinus rhythm", "", ())
    subject = Unit("unknown", "voltage", "", ())
    assert compose_sentence([verdict], "") == ("otherwise normal study",)
    assert compose_sentence([rhythm, verdict._replace(before=" ")], "") == (
        "sinus rhythm",
        "otherwise normal study",
    )
    assert compose_sentence([subject, verdict._replace(before=" ")], "") == ("voltage otherwise normal",)
