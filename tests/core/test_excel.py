"""Excel files: texts and numbers where their references say, and nothing that does harm."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from excel_file import write_xlsx

from medclip.core import excel
from medclip.core.errors import DatasetError
from medclip.core.excel import read_sheet

ROWS = [("FileName", "Beat", "Age"), ("MUSE_1", "", 59), ("", "TWC & <more>", 61.5), ("MUSE_2",)]


@pytest.mark.parametrize("inline", [False, True])
def test_cells(tmp_path: Path, inline: bool) -> None:
    assert read_sheet(write_xlsx(tmp_path / "a.xlsx", ROWS, inline=inline)) == [
        ("FileName", "Beat", "Age"),
        ("MUSE_1", "", "59"),
        ("", "TWC & <more>", "61.5"),
        ("MUSE_2", "", ""),
    ]


def test_more_than_26_columns(tmp_path: Path) -> None:
    row = tuple(f"c{number}" for number in range(60))
    assert read_sheet(write_xlsx(tmp_path / "a.xlsx", [row])) == [row]


def test_texts_in_several_parts(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", [("x",)])
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
        archive.writestr("xl/sharedStrings.xml", "<sst><si><r><t>atrial </t></r><r><t>flutter</t></r></si></sst>")
    assert read_sheet(path) == [("atrial flutter",)]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("before", [BOMB, OUTSIDE])
def test_entities_are_refused(tmp_path: Path, before: str) -> None:
    with pytest.raises(DatasetError, match="cannot be read as an Excel file"):
        read_sheet(write_xlsx(tmp_path / "a.xlsx", ROWS, before=before))


def test_what_an_archive_unpacks_to_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", [("x" * 200_000,)])
    assert path.stat().st_size < 5000
    assert len(read_sheet(path)[0][0]) == 200_000
    monkeypatch.setattr(excel, "_MOST_BYTES", 100_000)
    with pytest.raises(DatasetError, match="cannot be read as an Excel file"):
        read_sheet(path)


@pytest.mark.parametrize(
    "sheet", ["<worksheet><row><c r='A1'", "<w><row r='1'><c r='ZZZ1' t='n'><v>1</v></c></row></w>"]
)
def test_damaged_sheets(tmp_path: Path, sheet: str) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    with pytest.raises(DatasetError, match="cannot be read as an Excel file"):
        read_sheet(path)


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no file"):
        read_sheet(tmp_path / "none.xlsx")
    for content in (b"", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old Excel", b"a,b\n1,2\n"):
        (tmp_path / "a.xlsx").write_bytes(content)
        with pytest.raises(DatasetError, match="cannot be read as an Excel file") as error:
            read_sheet(tmp_path / "a.xlsx")
        assert "\n" not in str(error.value)
    whole = write_xlsx(tmp_path / "b.xlsx", ROWS).read_bytes()
    for n_bytes in range(0, len(whole), 37):
        (tmp_path / "a.xlsx").write_bytes(whole[:n_bytes])
        with pytest.raises(DatasetError):
            read_sheet(tmp_path / "a.xlsx")
