"""The table of reports: every text once, statements by record, and records that say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from medclip.data.texts import NO_TEXT, TextTable
from medclip.modalities.report.pipeline import ReportPipeline

PLAIN = ReportPipeline(translate_to=None, normalise=False)
REPORTS = [
    "Sinus rhythm. Normal axis.",
    None,
    "sinus rhythm.  normal axis.",
    "Normal axis. Sinus rhythm.",
    "",
    "Sinus rhythm. Sinus rhythm.",
    "Atrial fibrillation.",
]


@pytest.fixture(scope="module")
def table() -> TextTable:
    return TextTable.build(REPORTS, PLAIN)


def test_reports_are_those_of_the_pipeline(table: TextTable) -> None:
    for report, row in zip(REPORTS, table.report_rows.tolist(), strict=True):
        assert (row == NO_TEXT) == (not report)
        if report:
            assert table.texts[row] == PLAIN(report).text
    assert table.reports(range(len(REPORTS))) == [PLAIN(report).text for report in REPORTS if report]
    assert table.reports([1, 4]) == []


def test_every_text_is_held_once(table: TextTable) -> None:
    assert len(set(table.texts)) == len(table.texts) == len(table)
    assert "" not in table.texts
    assert table.report_rows[0] == table.report_rows[2] != table.report_rows[3]


def test_statements(table: TextTable) -> None:
    said = [[table.texts[row] for row in table.statements_of(record).tolist()] for record in range(len(REPORTS))]
    both = ["sinus rhythm", "normal axis"]
    assert said == [both, [], both, both[::-1], [], ["sinus rhythm"], ["atrial fibrillation"]]
    assert table.statement_starts[-1] == len(table.statement_rows) == 8
    for array in (table.report_rows, table.statement_rows, table.statement_starts, table.pair_ids):
        assert array.dtype == np.int64


@pytest.mark.parametrize("near", [False, True])
def test_equal_reports_share_an_id_and_empty_ones_none(near: bool) -> None:
    ids = TextTable.build(REPORTS, PLAIN, near_duplicates=near).pair_ids
    assert ids[0] == ids[2]
    assert (ids[0] == ids[3]) == near
    assert ids[1] != ids[4]
    assert len(set(ids.tolist())) == (5 if near else 6)


def test_implied_statements_are_added_after_those_said() -> None:
    reports = ["left anterior fascicular block", "inferior infarction, acute"]
    plain = TextTable.build(reports, PLAIN)
    more = TextTable.build(reports, PLAIN, implied_statements=True)
    n_added = 0
    for record in range(len(reports)):
        said = [plain.texts[row] for row in plain.statements_of(record)]
        both = [more.texts[row] for row in more.statements_of(record)]
        assert both[: len(said)] == said
        assert len(set(both)) == len(both)
        n_added += len(both) - len(said)
    assert n_added > 0
    assert more.reports(range(2)) == plain.reports(range(2))


def test_a_report_that_is_shorter_than_asked_for_is_none() -> None:
    table = TextTable.build(
        ["sinus rhythm", "sinus rhythm with a normal axis"],
        ReportPipeline(translate_to=None, normalise=False, minimum_words=4),
    )
    assert (table.report_rows == NO_TEXT).tolist() == [True, False]
    assert len(table.statements_of(0)) == 0


def test_no_records() -> None:
    table = TextTable.build([], PLAIN)
    assert len(table) == len(table.pair_ids) == 0
    assert table.statement_starts.tolist() == [0]
