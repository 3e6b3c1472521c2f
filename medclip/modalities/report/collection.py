"""Reports from a table or from a folder of files, each with an identifier."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from medclip.core.errors import DatasetError
from medclip.modalities.report.sections import open_i_sections, table_sections

__all__ = ["read_reports"]

_TEXT_COLUMNS = ("report", "report_text", "text")
_SUFFIXES = (".txt", ".xml")
_LONGEST_REPORT = 1 << 20


def read_reports(
    path: str | Path, *, id_column: str | None = None, text_column: str | None = None
) -> Iterator[tuple[str, str]]:
    """Give the identifier and the text of every report.

    Args:
        path: A CSV file with one report a row; or a folder with one report a file, at any depth: ``.txt`` as of
            MIMIC-CXR, ``.xml`` as of Open-i. The identifier of a file is its name without the ending.
        id_column: Of the table; its first column if None.
        text_column: Of the table; if None, ``report``, ``report_text`` or ``text``, or else the columns that are
            called as sections are, such as ``Findings_EN`` and ``Impressions_EN``.

    Raises:
        DatasetError: There are no reports, a column is missing, an identifier is doubled or empty, or a file cannot be
            read. No word of a report is quoted.
        FormatError: An XML file is none of Open-i.
        InputError: No column of the table holds reports.
    """
    path = Path(path)
    seen: set[str] = set()
    reports = _of_folder(path) if path.is_dir() else _of_table(path, id_column, text_column)
    for id, text in reports:
        if not id or id in seen:
            raise DatasetError(
                f"{path} needs an identifier of its own for every report",
                received=f"{id or 'none'}, after {len(seen)} reports",
                action="name another column with --id",
            )
        seen.add(id)
        yield id, text
    if not seen:
        raise DatasetError(
            f"{path} holds no reports", allowed="a CSV file with rows, or a folder with .txt or .xml files"
        )


def _of_folder(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or not path.is_file():
            continue
        yield path.stem, open_i_sections(path).to_text() if path.suffix.lower() == ".xml" else _text_of(path)


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > _LONGEST_REPORT:
            raise DatasetError(f"{path} is too long for a report", allowed=f"up to {_LONGEST_REPORT} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read ({error.strerror})", action="check the file and its rights"
        ) from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is no text in UTF-8", action="save it as UTF-8") from error


def _of_table(path: Path, id_column: str | None, text_column: str | None) -> Iterator[tuple[str, str]]:
    try:
        # Spreadsheets write a byte order mark in front of the first column's name.
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            columns = list(rows.fieldnames or ())
            id_column = _column(id_column, columns, path) if id_column else next(iter(columns), "")
            if text_column:
                _column(text_column, columns, path)
            else:
                text_column = next((name for name in _TEXT_COLUMNS if name in columns), None)
            for row in rows:
                if None in row.values() or None in row:
                    raise DatasetError(
                        f"line {rows.line_num} of {path} has another number of cells than its header",
                        action="put texts with commas into quotation marks",
                    )
                yield row[id_column].strip(), row[text_column] if text_column else table_sections(row).to_text()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror})", action="check the path") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is no text in UTF-8", action="save the table as CSV in UTF-8") from error
    except csv.Error as error:
        raise DatasetError(f"{path} is no CSV file ({error})", action="save the table as CSV in UTF-8") from error


def _column(name: str, columns: list[str], path: Path) -> str:
    if name not in columns:
        raise DatasetError(f"{path} has no such column", received=name, allowed=columns)
    return name
