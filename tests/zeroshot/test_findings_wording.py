"""Scores are called scores, and probabilities only what was calibrated."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from medclip.zeroshot.findings import RESEARCH_USE, Findings, FindingScore


def _findings(*are_probabilities: bool) -> Findings:
    scores = tuple(
        FindingScore(f"C{at}", f"name {at}", 0.5, "abnormal", is_one) for at, is_one in enumerate(are_probabilities)
    )
    said = "probabilities by platt on d, folds 9 (400 recordings)" if any(are_probabilities) else ""
    return Findings(scores, "l", "m", SimpleNamespace(), (), (), said)  # type: ignore[arg-type]


def test_without_calibration_there_are_only_scores() -> None:
    findings = _findings(False, False)
    assert str(findings).endswith(RESEARCH_USE)
    assert "scores are not probabilities of disease" in findings.to_dict()["research_use"]
    assert "calibration" not in findings.to_dict()
    assert "(probability)" not in str(findings) + findings._repr_html_()


def test_with_calibration_it_is_said_what_it_rests_on() -> None:
    findings = _findings(True, True)
    for text in (str(findings), findings._repr_html_()):
        assert text.count("(probability)") == 2
        assert "platt on d, folds 9" in text
        assert "patients like those of the calibration only" in text
    assert findings.to_dict()["findings"][0]["probability"] == 0.5
    assert findings.to_dict()["calibration"].startswith("probabilities by platt")


@pytest.mark.parametrize("kind", ["text", "html", "json"])
def test_a_finding_that_is_not_calibrated_stays_a_score(kind: str) -> None:
    findings = _findings(True, False)
    if kind == "json":
        assert ["probability" in entry for entry in findings.to_dict()["findings"]] == [True, False]
        assert "scores are not probabilities" in findings.to_dict()["research_use"]
    else:
        text = str(findings) if kind == "text" else findings._repr_html_()
        assert text.count("(probability)") == 1
        assert "scores are not probabilities" in text
