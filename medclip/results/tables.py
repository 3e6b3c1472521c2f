"""Aligned tables for the terminal and for Markdown, and the table of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from medclip.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from medclip.evaluation.evaluate import ClassResult, Evaluation

__all__ = ["evaluation_table", "format_interval", "format_number", "format_table", "write_evaluation"]

RESEARCH_USE_ONLY = "For research use only: not a medical device, not for diagnosis."

# Below this the percentile interval of a class covers clearly less than it promises: with 300 negative records and a
# nominal 95 %, simulated coverage is 77 to 88 % at 5 positive records, 85 to 90 % at 10 and 91 to 94 % at 20.
_FEW_RECORDS = 20


def format_table(
    rows: Sequence[Sequence[object]], columns: Sequence[str], *, alignment: str = "", markdown: bool = False
) -> str:
    """Set rows under column heads.

    Args:
        rows: One sequence per row, one value per column; shown with ``str``.
        columns: Column heads.
        alignment: One letter per column, ``l`` or ``r``; all left if empty.
        markdown: A Markdown table rather than plain text.

    Returns:
        Lines of equal structure without a final line break.

    Raises:
        InputError: A row or ``alignment`` has another length than ``columns``.

    >>> print(format_table([("AFIB", 0.91), ("SR", 0.8)], ("code", "AUROC"), alignment="lr"))
    code  AUROC
    ----  -----
    AFIB   0.91
    SR      0.8
    """
    alignment = alignment or "l" * len(columns)
    cells = [[_cell(value, markdown=markdown) for value in row] for row in (columns, *rows)]
    if any(len(row) != len(columns) for row in cells) or len(alignment) != len(columns) or set(alignment) - {"l", "r"}:
        received = f"{sorted({len(row) for row in cells})} cells, alignment {alignment!r}"
        raise InputError("a table needs one cell and one l or r per column", received=received, allowed=len(columns))
    widths = [max(len(row[column]) for row in cells) for column in range(len(columns))]
    # A Markdown rule is at least three dashes; a colon at its end sets the column to the right.
    widths = [max(3, width) for width in widths] if markdown else widths
    ends = [":" if markdown and side == "r" else "-" for side in alignment]
    rules = ["-" * (width - 1) + end for width, end in zip(widths, ends, strict=True)]
    lines = [_line(row, widths, alignment) for row in (cells[0], rules, *cells[1:])]
    return "\n".join(f"| {' | '.join(line)} |" if markdown else "  ".join(line).rstrip() for line in lines)


def format_number(value: float, digits: int = 3) -> str:
    """Show a number with so many decimals, or a dash if it is undefined.

    >>> format_number(0.87654), format_number(float("nan"))
    ('0.877', '-')
    """
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def format_interval(interval: tuple[float, float], digits: int = 3) -> str:
    """Show the limits of an interval, or a dash if they are undefined.

    >>> format_interval((0.85, 0.9))
    '0.850 to 0.900'
    """
    low, high = interval
    return f"{low:.{digits}f} to {high:.{digits}f}" if math.isfinite(low) and math.isfinite(high) else "-"


def evaluation_table(evaluation: Evaluation, *, markdown: bool = False) -> str:
    """Show an evaluation: what was tested, one row per class, the macro mean, and what was left out and why.

    Returns:
        Text that ends with a line break.
    """
    protocol = evaluation.protocol
    interval_head = f"{protocol.confidence * 100:g} % interval"
    columns = ("code", "finding", "n+", "n-", "AUROC", interval_head, "avg. precision")
    rows = [_class_row(result) for result in evaluation.classes if result.code not in evaluation.classes_left_out]
    macro = (f"{len(rows)} classes", evaluation.macro_auroc, evaluation.macro_auroc_ci)
    rows.append(("macro", macro[0], "", "", *_numbers(*macro[1:], evaluation.macro_average_precision)))
    blocks = [
        f"{protocol.model} on {protocol.dataset} {protocol.dataset_version}, {protocol.label_set}, "
        f"folds {', '.join(protocol.folds) or 'none'}, {protocol.record_filter} records: "
        f"{evaluation.n_records} records of {evaluation.n_patients} patients",
        format_table(rows, columns, alignment="llrrrlr", markdown=markdown),
        *_notes(evaluation),
        RESEARCH_USE_ONLY,
    ]
    return "\n\n".join(blocks) + "\n"


def write_evaluation(
    evaluation: Evaluation,
    out_dir: Path,
    *,
    command: str | None = None,
    duration_s: float | None = None,
    include_patient_ids: bool = False,
    overwrite: bool = False,
    further: Mapping[str, str] | None = None,
) -> None:
    """Write an evaluation with its readable tables and further texts by file name; see ``Evaluation.write``.

    Raises:
        OutputError: The folder exists, or cannot be written.
        MissingDependencyError: pyarrow is not installed.
    """
    tables = {"table.txt": evaluation_table(evaluation), "table.md": evaluation_table(evaluation, markdown=True)}
    tables |= further or {}
    evaluation.write(
        out_dir,
        tables=tables,
        command=command,
        duration_s=duration_s,
        include_patient_ids=include_patient_ids,
        overwrite=overwrite,
    )


def _class_row(result: ClassResult) -> tuple[object, ...]:
    few = min(result.n_positive, result.n_negative) < _FEW_RECORDS
    auroc, interval, precision = _numbers(result.auroc, result.auroc_ci, result.average_precision)
    return (
        result.code,
        result.name,
        result.n_positive,
        result.n_negative,
        auroc,
        f"{interval} *" if few else interval,
        precision,
    )


def _numbers(auroc: float, interval: tuple[float, float], precision: float) -> tuple[str, str, str]:
    return format_number(auroc), format_interval(interval), format_number(precision)


def _notes(evaluation: Evaluation) -> list[str]:
    notes = [
        f"Intervals: {evaluation.protocol.n_resamples} resamples of patients, seed {evaluation.protocol.seed}. "
        f"* Fewer than {_FEW_RECORDS} positive or negative records: the true interval is wider."
    ]
    if evaluation.classes_left_out:
        left_out = "; ".join(f"{code} ({reason})" for code, reason in evaluation.classes_left_out.items())
        notes.append(f"Left out: {left_out}.")
    return notes


def _cell(value: object, *, markdown: bool) -> str:
    text = " ".join(str(value).split())
    return text.replace("|", "\\|") if markdown else text


def _line(cells: Sequence[str], widths: Sequence[int], alignment: str) -> list[str]:
    places = zip(cells, widths, alignment, strict=True)
    return [cell.rjust(width) if side == "r" else cell.ljust(width) for cell, width, side in places]
