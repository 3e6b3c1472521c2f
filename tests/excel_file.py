"""Write a small Excel file as Excel does."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

__all__ = ["write_xlsx"]


def write_xlsx(path: Path, rows: Sequence[Sequence[object]], *, before: str = "", inline: bool = False) -> Path:
    """Write a sheet as Excel does: texts by number in a list of their own, or in the cells; empty cells left out."""
    strings: list[str] = []
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = []
        for column, value in enumerate(row):
            reference = f"{_letters(column)}{number}"
            if value == "":
                continue
            if isinstance(value, (int, float)):
                cells.append(f'<c r="{reference}"><v>{value}</v></c>')
            elif inline:
                cells.append(f'<c r="{reference}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>')
            else:
                strings.append(escape(str(value)))
                cells.append(f'<c r="{reference}" t="s"><v>{len(strings) - 1}</v></c>')
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f'<?xml version="1.0"?>{before}<worksheet {space}><sheetData>{"".join(lines)}</sheetData></worksheet>',
        )
        if not inline:
            items = "".join(f"<si><t>{text}</t></si>" for text in strings)
            archive.writestr("xl/sharedStrings.xml", f'<?xml version="1.0"?><sst {space}>{items}</sst>')
    return path


def _letters(column: int) -> str:
    return (chr(64 + column // 26) if column >= 26 else "") + chr(65 + column % 26)
