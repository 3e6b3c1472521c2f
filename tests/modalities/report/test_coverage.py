from __future__ import annotations

import pytest

from medclip.modalities.report.coverage import CoverageReport, CoverageTally, LanguageCoverage


def test_a_tally_adds_up_per_language() -> None:
    tally = CoverageTally()
    tally.add("de", 4, 3, ("xyz",))
    tally.add("de", 6, 4, ("xyz", "abc"))
    tally.add("en", 5, 5, ())
    tally.add("und", 0, 0, ())
    report = tally.report()
    assert report.n_empty == 1
    assert report.languages[0] == LanguageCoverage("de", 2, 10, 7, (("xyz", 2), ("abc", 1)))
    assert report.languages[0].share == pytest.approx(0.7)
    assert report.languages[1].share == 1.0


def test_the_table_has_a_line_for_each_language() -> None:
    report = CoverageReport((LanguageCoverage("sv", 1, 2, 1, (("xyz", 1),)),), n_empty=3)
    header, swedish, empty = report.to_text().splitlines()
    assert header.split()[:2] == ["language", "reports"]
    assert swedish.split() == ["sv", "1", "2", "1", "50.0%", "xyz", "(1)"]
    assert empty.split() == ["empty", "3"]


def test_nothing_at_all() -> None:
    assert CoverageTally().report().to_text().splitlines()[1].split() == ["empty", "0"]
