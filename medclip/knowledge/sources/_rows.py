"""Tables in text files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import dropwhile
from pathlib import Path

from medclip.core.errors import KnowledgeError
from medclip.knowledge.sources._packed import read_lines

__all__ = ["read_columns", "read_named_rows"]


def read_columns(path: Path, n_columns: int, *, separator: str) -> Iterator[list[str]]:
    """Yield the cells of a table without header and without quotation marks.

    Raises:
        KnowledgeError: A row has another number of cells, or the file cannot be read.
    """
    for number, line in read_lines(path):
        cells = line.split(separator)
        if len(cells) != n_columns:
            raise KnowledgeError(
                f"line {number} of {path} has another number of cells", received=len(cells), allowed=n_columns
            )
        yield cells


def read_named_rows(path: Path, required: Sequence[str], *, is_quoted: bool = False) -> Iterator[dict[str, str]]:
    """Yield the rows of a tab-separated table by column; lines before the header that begin with ``#`` are left out.

    Args:
        path: The file.
        required: Columns that it must have.
        is_quoted: Whether cells may stand in quotation marks, with tabs and line breaks in them.

    Raises:
        KnowledgeError: A column is missing, a row has another number of cells, or the file cannot be read.
    """
    lines = (line for _, line in read_lines(path))
    uncommented = dropwhile(lambda line: line.startswith("#"), lines)
    rows = _quoted_rows(uncommented, path) if is_quoted else (line.split("\t") for line in uncommented)
    header = next(rows, [])
    lacking = [column for column in required if column not in header]
    if lacking:
        raise KnowledgeError(f"{path} lacks columns: {', '.join(lacking)}", received=header)
    for number, cells in enumerate(rows, start=1):
        if len(cells) != len(header):
            raise KnowledgeError(
                f"row {number} of {path} has another number of cells than its header",
                received=len(cells),
                allowed=len(header),
            )
        yield dict(zip(header, cells, strict=True))


def _quoted_rows(lines: Iterator[str], path: Path) -> Iterator[list[str]]:
    try:
        yield from csv.reader((f"{line}\n" for line in lines), delimiter="\t", strict=True)
    except csv.Error as error:
        raise KnowledgeError(f"{path} is no table ({error})") from error
