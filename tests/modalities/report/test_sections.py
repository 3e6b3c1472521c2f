"""Sections of reports in the layouts of MIMIC-CXR, Open-i and CT-RATE, and in those that nobody planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.errors import FormatError, InputError
from medclip.modalities.report.sections import (
    SECTIONS,
    ReportSections,
    open_i_sections,
    sections_of,
    table_sections,
)

MIMIC = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___ with cough  // infiltrate?

 COMPARISON:  ___.

 FINDINGS:

 The lungs are clear.  No pleural
 effusion.

 IMPRESSION:

 1. No acute process.
 2. Old fracture of a rib.
"""


def test_the_layout_of_mimic() -> None:
    found = sections_of(MIMIC)
    assert " ".join(found.findings.split()) == "The lungs are clear. No pleural effusion."
    assert " ".join(found.impression.split()) == "1. No acute process. 2. Old fracture of a rib."
    assert found.indication == "___ with cough  // infiltrate?"
    assert found.comparison == "___."
    assert found.technique == "CHEST (PA AND LAT)"


def test_windows_line_ends_change_nothing() -> None:
    windows = sections_of(MIMIC.replace("\n", "\r\n"))
    assert [getattr(windows, name).split() for name in SECTIONS] == [
        getattr(sections_of(MIMIC), name).split() for name in SECTIONS
    ]


@pytest.mark.parametrize(
    ("text", "findings", "impression"),
    [
        ("FINDINGS: Clear. IMPRESSION: Normal.", "Clear.", "Normal."),
        ("Findings: Clear. Impression: Normal.", "Clear.", "Normal."),
        ("findings:\nclear\nimpression:\nnormal", "clear", "normal"),
        ("FINDING : Clear. CONCLUSIONS - Normal.", "Clear.", "Normal."),
        ("FINDNGS: Clear. IMPRESION: Normal.", "Clear.", "Normal."),
        ("FINIDNGS: Clear. IMPRRESSION: Normal.", "Clear.", "Normal."),
        ("FINDINGS AND IMPRESSION: Clear.", "", "Clear."),
        ("FINDINGS/IMPRESSION: Clear.", "", "Clear."),
        ("OBSERVATIONS: Clear. OPINION: Normal.", "Clear.", "Normal."),
        ("IMPRESSION: Normal.", "", "Normal."),
        ("Heart is normal. Lungs: clear.", "Heart is normal. Lungs: clear.", ""),
        ("CHEST RADIOGRAPH\n\nIMPRESSION: Normal.", "", "Normal."),
        ("HISTORY: Fall.\n\n Lungs are clear.\n\n IMPRESSION: Normal.", "Lungs are clear.", "Normal."),
        ("REASON FOR EXAM: Fever.\n\nLungs are clear.\n\nHeart is big.", "Lungs are clear.\n\nHeart is big.", ""),
        ("FINDINGS: The SVC: patent. HEART: big.", "The SVC: patent. HEART: big.", ""),
        ("FINDINGS: a.\nRECOMMENDATION: Repeat.\nIMPRESSION: b.", "a.", "b."),
        ("FINDINGS: a.\n\nADDENDUM: Called.\n\nFINDINGS: c.", "a.\n\nc.", ""),
        ("", "", ""),
    ],
)
def test_findings_and_impression(text: str, findings: str, impression: str) -> None:
    found = sections_of(text)
    assert (found.findings, found.impression) == (findings, impression)


def test_a_section_that_is_not_asked_for_does_not_leak() -> None:
    text = "INDICATION: Rule out pneumonia. FINDINGS: Clear. IMPRESSION: Normal."
    assert sections_of(text).select(("findings", "impression")) == "Clear.\n\nNormal."


def test_written_sections_are_read_again() -> None:
    whole = ReportSections("Cough.", "PA.", "None.", "Clear. Heart: normal.", "1. Normal.\n2. Stable.")
    assert sections_of(whole.to_text()) == whole


def test_a_row_of_ct_rate() -> None:
    row = {
        "VolumeName": "a.nii.gz",
        "ClinicalInformation_EN": "Cough.",
        "Technique_EN": "Without contrast.",
        "Findings_EN": "Clear.",
        "Impressions_EN": "Not given.",
    }
    assert table_sections(row) == ReportSections("Cough.", "Without contrast.", "", "Clear.", "")


def test_a_row_without_reports_is_refused() -> None:
    with pytest.raises(InputError, match="no column of the table holds reports: received VolumeName, Age"):
        table_sections({"VolumeName": "a", "Age": "60"})


OPEN_I = """<?xml version="1.0" encoding="utf-8"?>
<eCitation><MedlineCitation><Article><Abstract>
<AbstractText Label="COMPARISON">None.</AbstractText>
<AbstractText Label="INDICATION">Cough</AbstractText>
<AbstractText Label="FINDINGS">Clear&lt;BR&gt;lungs,  5 &gt; 3.</AbstractText>
<AbstractText Label="IMPRESSION"/>
</Abstract></Article></MedlineCitation></eCitation>"""


def test_xml_of_open_i(tmp_path: Path) -> None:
    path = tmp_path / "1.xml"
    path.write_text(OPEN_I)
    assert open_i_sections(path) == ReportSections("Cough", "", "None.", "Clear lungs, 5 > 3.", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<other/>", "XML of another kind"),
        ("<eCitation><Abs", "truncated or damaged XML"),
        ("<eCitation/>", "holds no report"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><eCitation>&e;</eCitation>', "entities of its own"),
    ],
)
def test_other_xml_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "1.xml"
    path.write_text(content)
    with pytest.raises(FormatError, match=message):
        open_i_sections(path)
