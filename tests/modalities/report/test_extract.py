"""Findings of whole reports from phrases, negation and sections."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from medclip.core.errors import InputError
from medclip.modalities.report.extract import FindingExtractor, FoundMention, label_value


@dataclass(frozen=True)
class Words:
    present: tuple[str, ...]
    absent: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


WORDINGS = {
    "normal": Words(("normal chest",)),
    "effusion": Words(("effusion*", "pleural .. fluid"), ("pleural spaces .. clear",), ("pericardial effusion*",)),
    "nodule": Words(("nodul*",), unless=("thyroid",)),
    "heart": Words(("cardiomegaly", "heart .. enlarged"), ("heart .. normal",)),
    "tube": Words(("tube|tubes",)),
}


@pytest.fixture(scope="module")
def extract() -> FindingExtractor:
    return FindingExtractor(WORDINGS, normal=["normal"], neutral=["tube"])


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("Small effusion.", {"effusion": "present", "normal": "absent"}),
        ("No effusion or nodule.", {"effusion": "absent", "nodule": "absent", "normal": "present"}),
        ("Possible effusion.", {"effusion": "uncertain", "normal": "absent"}),
        ("No effusion. Effusion on the left.", {"effusion": "present", "normal": "absent"}),
        ("No effusion. Possible effusion on the left.", {"effusion": "uncertain", "normal": "absent"}),
        ("History of nodule.", {"nodule": "historical", "normal": "present"}),
        ("Pericardial effusion.", {"normal": "present"}),
        ("Pericardial effusion and pleural fluid.", {"effusion": "present", "normal": "absent"}),
        ("Thyroid nodule.", {"normal": "present"}),
        ("Thyroid is normal. Nodule at the base.", {"nodule": "present", "normal": "absent"}),
        ("The pleural spaces are clear.", {"effusion": "absent", "normal": "present"}),
        ("The heart is normal in size.", {"heart": "absent", "normal": "present"}),
        ("The heart is not normal in size.", {"normal": "present"}),
        ("Feeding tube in place.", {"tube": "present", "normal": "present"}),
        ("INDICATION: Effusion. FINDINGS: Clear.", {"normal": "present"}),
        ("FINDINGS: Clear. IMPRESSION: Nodule.", {"nodule": "present", "normal": "absent"}),
        ("", {}),
        ("INDICATION: Effusion.", {}),
    ],
)
def test_reports(extract: FindingExtractor, report: str, said: dict[str, str]) -> None:
    assert {code: status for code, status in extract(report).items() if status} == said
    assert tuple(extract(report)) == tuple(WORDINGS)


def test_mentions_say_where_they_are(extract: FindingExtractor) -> None:
    found = extract.mentions("No effusion. A nodule and a tube.")
    assert found == [
        FoundMention("effusion", "absent", 0),
        FoundMention("nodule", "present", 1),
        FoundMention("tube", "present", 1),
    ]


def test_other_sections_can_be_read() -> None:
    extract = FindingExtractor(WORDINGS, sections=["indication"])
    assert extract("INDICATION: Effusion. FINDINGS: Nodule.")["effusion"] == "present"
    assert extract("INDICATION: Effusion. FINDINGS: Nodule.")["nodule"] is None


@pytest.mark.parametrize("sections", [["finding"], []])
def test_unknown_sections_are_refused(sections: list[str]) -> None:
    with pytest.raises(InputError, match="unknown section"):
        FindingExtractor(WORDINGS, sections=sections)


def test_doubt_becomes_what_is_asked_for() -> None:
    assert label_value("uncertain", uncertain="positive") == 1.0
    assert label_value("uncertain", uncertain="negative") == 0.0
    assert label_value("absent", uncertain="positive") == 0.0
    assert label_value(None, uncertain="positive") is None
