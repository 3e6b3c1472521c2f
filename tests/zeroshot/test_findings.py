"""The answer: the same in text, plain types and HTML, and harmless whatever a file held."""

from __future__ import annotations

import json

import numpy as np
import pytest

from medclip.core.modality import QualityIssue
from medclip.core.sample import Sample
from medclip.zeroshot.findings import RESEARCH_USE, Findings, FindingScore

SAMPLE = Sample(
    "demo",
    np.zeros((1, 10), np.float32),
    "secret-id",
    patient_id="secret-patient",
    sampling_rate_hz=1,
    channel_names=("x",),
)
FINDINGS = Findings(
    (FindingScore("B", "b < c", 0.91234, "abnormal"), FindingScore("A", "a", 0.05, "normal")),
    "labels",
    "model",
    SAMPLE,
    ("resampled\nfrom \x1b[31mred",),
    (QualityIssue("flat", ("x",), "x is flat", "warning"),),
)


def test_by_code_and_in_order() -> None:
    assert [entry.code for entry in FINDINGS] == ["B", "A"]
    assert len(FINDINGS) == 2
    assert FINDINGS["A"].score == 0.05
    with pytest.raises(KeyError):
        FINDINGS["C"]


def test_text_has_a_line_for_everything_and_no_control_characters() -> None:
    lines = str(FINDINGS).splitlines()
    # What is wrong with the recording comes before what is said about it.
    assert lines[0] == "warning: x is flat"
    assert lines[1].split() == ["b", "<", "c", "0.91", "#########.", "B"]
    assert lines[2].split() == ["a", "0.05", "..........", "A"]
    assert lines[3] == "note: resampled from ?[31mred"
    assert lines[4:] == [RESEARCH_USE]


def test_plain_types_carry_no_identifier() -> None:
    text = json.dumps(FINDINGS.to_dict())
    assert "secret" not in text
    assert json.loads(text)["findings"][0] == {"code": "B", "name": "b < c", "score": 0.9123, "polarity": "abnormal"}
    assert "secret" not in str(FINDINGS) + FINDINGS._repr_html_()


def test_html_is_escaped() -> None:
    html = FINDINGS._repr_html_()
    assert "b &lt; c" in html
    assert RESEARCH_USE in html
