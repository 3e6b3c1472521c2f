"""Reports from a table, or from a folder or archive of files, each with an identifier."""

from __future__ import annotations

import contextlib
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from medclip.core.archives import DAMAGES, Limits, is_archive, not_opened, open_files
from medclip.core.errors import DatasetError, FormatError, InputError
from medclip.modalities.report.sections import open_i_sections, table_sections

__all__ = ["read_reports"]

_TEXT_COLUMNS = ("report", "report_text", "text")
_SUFFIXES = (".txt", ".xml")
_DELIMITERS = (",", ";", "\t")
_LONGEST_REPORT = 1 << 20
_HEAD_BYTES = 4096


def read_reports(
    path: str | Path, *, id_column: str | None = None, text_column: str | None = None
) -> Iterator[tuple[str, str]]:
    """Give the identifier and the text of every report.

    Args:
        path: A CSV file with one report a row, its cells parted by commas, semicolons or tabs; or a folder, zip or tar
            archive (compressed or not) with one report a file, at any depth: ``.txt`` as of MIMIC-CXR, ``.xml`` as of
            Open-i. The identifier of a file is its name without the ending.
        id_column: Of the table; its first column if None.
        text_column: Of the table; if None, ``report``, ``report_text`` or ``text``, or else the columns that are
            called as sections are, such as ``Findings_EN`` and ``Impressions_EN``.

    Raises:
        DatasetError: There are no reports, a column is missing, an identifier is doubled or empty, or a file cannot be
            read. No word of a report is quoted.
        FormatError: An XML file is none of Open-i, or an archive is damaged or unpacks to too much.
        InputError: No column of the table holds reports.
    """
    path = Path(path)
    seen: set[str] = set()
    for id, text in _reports(path, id_column, text_column):
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
            f"{path} holds no reports",
            allowed="a CSV file with rows, or a folder or archive with .txt or .xml files",
        )


def _reports(path: Path, id_column: str | None, text_column: str | None) -> Iterator[tuple[str, str]]:
    if path.is_dir():
        return _of_folder(path)
    if path.is_file() and is_archive(_head_of(path)):
        return _of_archive(path)
    return _of_table(path, id_column, text_column)


def _head_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror})", action="check the path") from error


def _of_folder(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.is_file():
            yield _of_file(path)


def _of_file(path: Path) -> tuple[str, str]:
    return path.stem, open_i_sections(path).to_text() if path.suffix.lower() == ".xml" else _text_of(path)


def _of_archive(path: Path) -> Iterator[tuple[str, str]]:
    """Unpack one report at a time, under its own name alone, so that none can lead anywhere."""
    limits, n_bytes = Limits(), 0
    with tempfile.TemporaryDirectory(prefix="medclip-") as folder:
        try:
            for name, size, content in open_files(path):
                n_bytes += size
                limits.check_bytes(path, n_bytes, path.stat().st_size)
                own = PurePosixPath(name.replace("\\", "/"))
                if own.suffix.lower() in _SUFFIXES and not own.name.startswith("."):
                    yield _unpacked(path, Path(folder) / own.name, content)
        except InputError:
            raise
        except (*DAMAGES, RuntimeError) as error:
            raise not_opened(path, error) from error


def _unpacked(archive: Path, target: Path, content: IO[bytes]) -> tuple[str, str]:
    target.write_bytes(content.read(_LONGEST_REPORT + 1))
    try:
        return _of_file(target)
    except (DatasetError, FormatError) as error:
        # Where it was unpacked helps nobody.
        what = error.what.replace(str(target), f"{target.name} in {archive}")
        raise type(error)(what, received=error.received, allowed=error.allowed, action=error.action) from error
    finally:
        target.unlink()


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
            delimiter = _delimiter_of(file.readline())
            file.seek(0)
            rows = csv.DictReader(file, delimiter=delimiter, strict=True)
            with _no_csv(path, 1):
                columns = list(rows.fieldnames or ())
            id_column = _column(id_column, columns, path) if id_column else next(iter(columns), "")
            if text_column:
                _column(text_column, columns, path)
            else:
                text_column = next((name for name in _TEXT_COLUMNS if name in columns), None)
            for row in _rows_of(rows, path):
                yield row[id_column].strip(), row[text_column] if text_column else table_sections(row).to_text()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror})", action="check the path") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is no text in UTF-8", action="save the table as CSV in UTF-8") from error


def _delimiter_of(header: str) -> str:
    """Return what parts the header into most columns; spreadsheets of many countries write semicolons.

    >>> _delimiter_of("study;report"), _delimiter_of('study,"report; text"'), _delimiter_of("report")
    (';', ',', ',')
    """
    return max(_DELIMITERS, key=lambda delimiter: len(next(csv.reader([header], delimiter=delimiter), ())))


def _rows_of(rows: csv.DictReader[str], path: Path) -> Iterator[dict[str, str]]:
    while True:
        line = rows.line_num + 1
        with _no_csv(path, line):
            row = next(rows, None)
        if row is None:
            return
        if None in row.values() or None in row:
            raise DatasetError(
                f"line {line} of {path} has another number of cells than its header",
                action="put texts with commas into quotation marks",
            )
        yield row


@contextlib.contextmanager
def _no_csv(path: Path, line: int) -> Iterator[None]:
    """Say where a row begins that has no end: a quotation mark would swallow all rows up to the next one."""
    try:
        yield
    except csv.Error as error:
        raise DatasetError(
            f"{path} is no CSV file: the row that begins in line {line} cannot be read",
            received=str(error),
            allowed="quotation marks that are closed, and doubled inside a text",
            action="mend this line, or save the table as CSV in UTF-8 again",
        ) from error


def _column(name: str, columns: list[str], path: Path) -> str:
    if name not in columns:
        raise DatasetError(f"{path} has no such column", received=name, allowed=columns)
    return name
