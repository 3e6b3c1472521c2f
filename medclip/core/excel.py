"""The first sheet of an Excel file (.xlsx), read without trusting it.

Only what a table of a data set needs is read: texts and numbers of the first sheet, as they are stored. That is an
archive with two XML files, which Python reads by itself; the package ``openpyxl`` would add a dependency and not bound
what an archive unpacks to.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from medclip.core.errors import DatasetError

__all__ = ["read_sheet"]

_SHEET, _STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
_MOST_BYTES = 256 << 20
_CHUNK_BYTES = 1 << 16
_MOST_COLUMNS = 1024
_COLUMN = re.compile(r"([A-Z]{1,3})\d+")


def read_sheet(path: Path) -> list[tuple[str, ...]]:
    """Return the rows of the first sheet as texts, all as long as the longest; empty cells are empty texts.

    Raises:
        DatasetError: It is missing, is no Excel file, is damaged, or is built to do harm.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            strings = _Strings()
            if _STRINGS in archive.namelist():
                _parse(archive, _STRINGS, strings.start, strings.end, strings.data)
            cells = _Cells(strings.found)
            _parse(archive, _SHEET, cells.start, cells.end, cells.data)
    except FileNotFoundError as error:
        raise DatasetError(f"there is no file {path}", action="copy it again from its source") from error
    except (OSError, KeyError, IndexError, ValueError, zipfile.BadZipFile, RuntimeError, expat.ExpatError) as error:
        raise DatasetError(
            f"{path} cannot be read as an Excel file ({type(error).__name__})",
            action="copy it again from its source, as .xlsx",
        ) from error
    width = max((len(row) for row in cells.rows), default=0)
    return [(*row, *[""] * (width - len(row))) for row in cells.rows]


class _Strings:
    """Collects the texts that cells refer to by number."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._parts: list[str] = []
        self._is_text = False

    def start(self, tag: str, _: dict[str, str]) -> None:
        self._is_text = tag == "t"

    def end(self, tag: str) -> None:
        self._is_text = False
        if tag == "si":
            self.found.append("".join(self._parts))
            self._parts = []

    def data(self, text: str) -> None:
        if self._is_text:
            self._parts.append(text)


class _Cells:
    """Collects the rows of a sheet; a cell lies where its reference says, since empty ones are left out."""

    def __init__(self, strings: Sequence[str]) -> None:
        self.rows: list[list[str]] = []
        self._strings = strings
        self._column, self._kind = 0, ""
        self._parts: list[str] = []
        self._is_value = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "row":
            self.rows.append([])
        elif tag == "c":
            reference = attributes.get("r")
            self._column = len(self.rows[-1]) if reference is None else _column_of(reference)
            self._kind = attributes.get("t", "n")
            self._parts = []
        # "v" holds the value or the number of a text, "t" a text that stands in the cell itself.
        self._is_value = tag in ("v", "t")

    def end(self, tag: str) -> None:
        self._is_value = False
        if tag == "c":
            value = "".join(self._parts)
            if self._kind == "s" and value:
                value = self._strings[int(value)]
            row = self.rows[-1]
            row.extend([""] * (self._column + 1 - len(row)))
            row[self._column] = value.strip()

    def data(self, text: str) -> None:
        if self._is_value:
            self._parts.append(text)


def _column_of(reference: str) -> int:
    """Return the number of a column, 0 for A.

    >>> _column_of("A1"), _column_of("P10647"), _column_of("AA3")
    (0, 15, 26)
    """
    matched = _COLUMN.fullmatch(reference)
    number = 0
    for letter in matched[1] if matched else "":
        number = 26 * number + ord(letter) - ord("A") + 1
    if not 1 <= number <= _MOST_COLUMNS:
        raise ValueError(f"no usable cell {reference[:20]!r}")
    return number - 1


def _parse(
    archive: zipfile.ZipFile,
    name: str,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    data: Callable[[str], None],
) -> None:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, attributes: start(tag.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda tag: end(tag.rpartition(":")[2])
    parser.CharacterDataHandler = data
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.EntityDeclHandler = parser.ExternalEntityRefHandler = parser.SkippedEntityHandler = _refuse
    for chunk in _chunks(archive, name):
        parser.Parse(chunk, False)
    parser.Parse(b"", True)


def _chunks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Yield a file of the archive piece by piece; the size that the archive announces is not relied upon."""
    n_left = _MOST_BYTES
    with archive.open(name) as file:
        while chunk := file.read(_CHUNK_BYTES):
            n_left -= len(chunk)
            if n_left < 0:
                raise ValueError("more than a table holds")
            yield chunk


def _refuse(*_: object) -> NoReturn:
    raise ValueError("it declares entities")
