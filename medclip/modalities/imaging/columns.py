"""Tables of hundreds of thousands of rows, read by column in a second."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from medclip.core.dataset_files import how_to_fetch
from medclip.core.errors import DatasetError

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["header_of", "read_columns"]

_REASON = re.compile(r"Expected \d+ columns, got \d+|[Ii]nvalid UTF-?8|Empty CSV file")


def read_columns(
    path: Path,
    card: DataCard,
    columns: Sequence[str],
    *,
    optional: Sequence[str] = (),
    declared_as: str | None = None,
    delimiter: str = ",",
) -> Mapping[str, list[str]]:
    """Read some columns of a table as texts; a cell that is empty is an empty text.

    Args:
        path: A CSV file, gzipped if its name ends in ``.gz``.
        card: Of the data set.
        columns: Columns that it must have.
        optional: Columns that it may have; what it lacks is left out of the answer.
        declared_as: Name of the table in the card, if it is another than that of the file.
        delimiter: Between fields.

    Returns:
        The cells of each column, in the order of the rows.

    Raises:
        DatasetError: The file is missing, is no such table, is cut short, or lacks a column.
    """
    from pyarrow import ArrowException
    from pyarrow import csv as arrow_csv

    header, n_fields = _first_rows(path, card, delimiter)
    card.check_columns(declared_as or path.name.removesuffix(".gz"), header)
    lacking = [name for name in columns if name not in header]
    doubled = [name for name in (*columns, *optional) if header.count(name) > 1]
    if lacking or doubled:
        raise DatasetError(
            f"{path} {'lacks' if lacking else 'doubles'} columns of {card.title}: {', '.join(lacking or doubled)}",
            received=[name for name in header if name],
            action=how_to_fetch(card),
        )
    wanted = [*columns, *(name for name in optional if name in header)]
    try:
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(column_names=[str(i) for i in range(n_fields)], skip_rows=1),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=[str(header.index(name)) for name in wanted],
                column_types={str(i): "string" for i in range(n_fields)},
                strings_can_be_null=False,
            ),
        )
    except (ArrowException, OSError) as error:
        # The whole message would quote a row.
        reason = _REASON.search(str(error))
        raise DatasetError(
            f"{path} cannot be read as a table ({reason[0] if reason else type(error).__name__})",
            action="copy it again from its source",
        ) from error
    return {name: column.to_pylist() for name, column in zip(wanted, table.columns, strict=True)}


def header_of(path: Path, card: DataCard, *, delimiter: str = ",") -> list[str]:
    """Return the names of a table's columns, without the blanks around them.

    Raises:
        DatasetError: The file is missing or is no text.
    """
    return _first_rows(path, card, delimiter)[0]


def _first_rows(path: Path, card: DataCard, delimiter: str) -> tuple[list[str], int]:
    """Return the first row, and how many fields the others have: some tables end their first row in more commas."""
    try:
        with _open(path) as file:
            rows = csv.reader(file, delimiter=delimiter)
            header = [name.strip() for name in next(rows, [])]
            n_fields = len(next(rows, header))
    except FileNotFoundError as error:
        raise DatasetError(f"{path.parent} lacks {path.name} of {card.title}", action=how_to_fetch(card)) from error
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read as a table ({error})", action="copy it again") from error
    return header, n_fields if n_fields < len(header) and not any(header[n_fields:]) else len(header)


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", newline="", encoding="utf-8-sig")
    return path.open(newline="", encoding="utf-8-sig")
