from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from medclip.modalities.report.cleaning import clean_report


@pytest.mark.parametrize(
    "note",
    [
        " Edit: ABC 100, (DEF 50)",
        "Edit: ABC",
        " EDIT : abc_100, freier Text, Index 3,5(GHI)",
        " edit: rSIII, aVF",
        "consensus label derived from: {'ABC': 100.0},{'DEF': 50.0}",
        " {'ABC': 80.0, 'DEF': 0.0}",
    ],
)
def test_notes_that_hold_the_labels_are_removed(note: str) -> None:
    assert clean_report("sinus rhythm. flat t waves." + note) == "sinus rhythm. flat t waves."


@pytest.mark.parametrize(
    "stamp",
    [
        " 1.23                 unbestÄtigter Bericht",
        " 1.23                 unbestÄti",
        " 1.23        ",
        "   unbestätigter bericht",
        " *** unconfirmed report ***",
        " Unconfirmed diagnosis",
        " Confirmed by: somebody",
        " obekräftad tolkning",
    ],
)
def test_stamps_of_devices_are_removed(stamp: str) -> None:
    assert clean_report("Steiltyp mit AV-Block" + stamp) == "steiltyp mit av-block"


def test_a_stamp_that_the_device_cut_off_is_removed_only_where_devices_cut() -> None:
    long = "linkstyp " * 30
    assert clean_report(long + "4.4").endswith("linkstyp")
    assert clean_report("kalium 4.4") == "kalium 4.4"


@pytest.mark.parametrize("text", ["age undetermined", "alter unbest.", "unbest. alter", "editorial", "pr 0.22 s"])
def test_what_only_resembles_a_stamp_stays(text: str) -> None:
    assert clean_report(text) == text


@pytest.mark.parametrize("text", ["Trace only requested.", "tracing only", "NO REPORT", "unconfirmed report", " ", ""])
def test_what_is_no_report_becomes_empty(text: str) -> None:
    assert clean_report(text) == ""


def test_no_report_with_a_note_of_labels_becomes_empty() -> None:
    assert clean_report("trace only requested. Edit: ABC 100, (ABC 100)") == ""


def test_capital_umlauts_become_small() -> None:
    assert clean_report("mÖgliche ischÄmie, hÖjning Över SPITZE ß") == "mögliche ischämie, höjning över spitze ß"


def test_case_can_be_kept() -> None:
    assert clean_report("Sinus Rhythm. Edit: ABC 100", lower_case=False) == "Sinus Rhythm."


def test_gaps_and_line_breaks_become_two_blanks() -> None:
    assert clean_report("Linkstyp     Infarkt\n alt\tunklar\r\nEnde") == "linkstyp  infarkt  alt unklar  ende"


def test_lead_names_in_sentences_stay() -> None:
    assert clean_report("Q in III, aVF; ST in V1-V3 100 uV") == "q in iii, avf; st in v1-v3 100 uv"


@given(st.text())
@example("trace only requested. 1.23        unbestätigter bericht Edit: {")
@example("unconfirmed unconfirmed report report")
@example("İ Edit: A")
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean_report(text)
    assert clean_report(once) == once


@given(st.text(alphabet=st.sampled_from("edit: ABC100.,(){}'\n\t ß\u0130\u00c4unconfirmed report"), max_size=80))
def test_cleaning_fragments_twice_changes_nothing(text: str) -> None:
    assert clean_report(clean_report(text)) == clean_report(text)


def test_no_label_survives_in_real_reports(real_reports: list[str]) -> None:
    left = [clean_report(report, lower_case=False) for report in real_reports]
    assert not [text for text in left if re.search(r"\bedit\b|consensus|[{}]|unbest(ä|Ä)|\b4\.46\b", text.lower())]
    # The reports themselves are in lower case: only a code could still be in capitals (umlauts aside).
    assert not [text for text in left if re.search(r"[A-Z]{2}|[A-Z]_", text)]
