"""The reports of a data set, each distinct text once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medclip.modalities.report.clauses import implied_statements as implied
from medclip.modalities.report.deduplicate import pair_ids

if TYPE_CHECKING:
    from medclip.modalities.report.pipeline import ReportPipeline

__all__ = ["NO_TEXT", "TextTable"]

NO_TEXT = -1
"""Row of a record without a report."""


@dataclass(frozen=True, eq=False)
class TextTable:
    """Distinct texts, and which of them each record refers to.

    Args:
        texts: Every distinct report and every distinct statement of one.
        report_rows: ``(n_records,)`` int64, row of a record's whole report; ``NO_TEXT`` if it has none.
        statement_rows: All records' statements end to end, int64 rows.
        statement_starts: ``(n_records + 1,)`` where each record's statements start in ``statement_rows``.
        pair_ids: ``(n_records,)`` int64, equal for reports that say the same.
    """

    texts: tuple[str, ...]
    report_rows: np.ndarray
    statement_rows: np.ndarray
    statement_starts: np.ndarray
    pair_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def statements_of(self, record: int) -> np.ndarray:
        """Rows of one record's statements."""
        rows: np.ndarray = self.statement_rows[self.statement_starts[record] : self.statement_starts[record + 1]]
        return rows

    def reports(self, records: Iterable[int]) -> list[str]:
        """Whole reports of some records, without those that have none."""
        rows = (int(self.report_rows[record]) for record in records)
        return [self.texts[row] for row in rows if row != NO_TEXT]

    @classmethod
    def build(
        cls,
        reports: Sequence[str | None],
        pipeline: ReportPipeline,
        *,
        near_duplicates: bool = False,
        implied_statements: bool = False,
        named: Callable[[str], Iterable[str]] | None = None,
    ) -> TextTable:
        """Process every distinct report once and number the results.

        Args:
            reports: One raw report per record.
            pipeline: What makes them readable.
            near_duplicates: Whether reports that differ only in the order of their statements count as equal.
            implied_statements: Add the simpler statements that follow from a statement (see ``clauses``).
            named: Gives further statements of a raw report that has any (see ``named_findings``).
        """
        processed = {report: pipeline(report) for report in sorted({report for report in reports if report})}
        rows: dict[str, int] = {}

        def row_of(text: str) -> int:
            return rows.setdefault(text, len(rows)) if text else NO_TEXT

        report_rows, statements, starts, texts = [], [], [0], []
        for report in reports:
            result = processed.get(report or "")
            texts.append(result.text if result else "")
            report_rows.append(row_of(texts[-1]))
            own = result.statements if result else ()
            if implied_statements:
                own += tuple(simpler for statement in own for simpler in implied(statement))
            if named is not None and report and own:
                own += tuple(named(report))
            # A statement said twice counts once, in the order of the report.
            statements += [row_of(statement) for statement in dict.fromkeys(own) if statement]
            starts.append(len(statements))
        return cls(
            tuple(rows),
            np.array(report_rows, np.int64),
            np.array(statements, np.int64),
            np.array(starts, np.int64),
            np.array(pair_ids(texts, near=near_duplicates), np.int64),
        )
