from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medclip.modalities.report.language import LANGUAGES, UNDETERMINED, detect_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("sinus rhythm", "en"),
        ("atrial flutter with block", "en"),
        ("old inferior infarct", "en"),
        ("lungs are clear", "en"),
        ("Vorhofflimmern, Steiltyp", "de"),
        ("kein Anhalt für Ischämie", "de"),
        ("sinusrhythmus av-block i", "de"),
        ("unauffÄlliges ekg", "de"),
        ("linksschenkelblock", "de"),
        ("sinusrytm", "sv"),
        ("fÖrmaksflimmer", "sv"),
        ("inga ischemitecken", "sv"),
        ("hÖgersidigt skÄnkelblock", "sv"),
    ],
)
def test_short_telegrams(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize("text", ["", "  ", "av block", "wpw", "v1-v3", "pacemaker ekg", "120/80", "!?"])
def test_words_that_every_language_shares_decide_nothing(text: str) -> None:
    assert detect_language(text) == UNDETERMINED


def test_the_prevailing_language_of_a_mixed_report_wins() -> None:
    german = "Sinusrhythmus mit Linkstyp und inkomplettem Rechtsschenkelblock, keine frische Ischämie"
    assert detect_language(f"{german}. normal tracing.") == "de"
    assert detect_language("sinus rhythm with old inferior infarction. inga p-vågor.") == "en"


def test_capital_umlauts_in_lower_case_text_count_as_umlauts() -> None:
    assert detect_language("mÖgliche ischÄmie") == detect_language("mögliche ischämie") == "de"


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    assert detect_language(text) in (*LANGUAGES, UNDETERMINED)


def test_nearly_every_real_report_has_a_language(real_reports: list[str]) -> None:
    """Independent check: words that only one language has, in reports that hold none of another."""
    marks = {
        "en": (" rhythm.", "normal ecg"),
        "de": ("sinusrhythmus", "lagetyp"),
        "sv": ("sinusrytm", "el-axel"),
    }
    wrong = [
        report
        for report in real_reports
        for language, words in marks.items()
        if any(word in report.lower() for word in words) and detect_language(report) != language
    ]
    assert len(wrong) <= 0.001 * len(real_reports)
