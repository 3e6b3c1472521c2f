"""Reports of tables and folders, and what is wrong with some."""

from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.errors import DatasetError, InputError
from medclip.modalities.report.collection import read_reports

SECRET = "Confidential effusion"


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "reports.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("column", ["report", "report_text", "text"])
def test_a_table_with_a_column_of_reports(tmp_path: Path, column: str) -> None:
    path = table(tmp_path, f'study,{column}\ns1,"Clear, normal."\ns2,"two\nlines"\n', "utf-8-sig")
    assert list(read_reports(path)) == [("s1", "Clear, normal."), ("s2", "two\nlines")]


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = table(tmp_path, "a,study,words\n1,s1,Clear.\n")
    assert list(read_reports(path, id_column="study", text_column="words")) == [("s1", "Clear.")]


def test_columns_of_sections(tmp_path: Path) -> None:
    path = table(tmp_path, "VolumeName,Findings_EN,Impressions_EN\nv1,Clear.,Normal.\n")
    assert list(read_reports(path)) == [("v1", "FINDINGS: Clear.\n\nIMPRESSION: Normal.")]


def test_a_folder_of_files(tmp_path: Path) -> None:
    (tmp_path / "p10" / "p1").mkdir(parents=True)
    (tmp_path / "p10" / "p1" / "s5.txt").write_text("FINDINGS: Clear.")
    (tmp_path / "p10" / "readme.md").write_text("no report")
    (tmp_path / "7.xml").write_text(
        '<eCitation><Abstract><AbstractText Label="IMPRESSION">Normal.</AbstractText></Abstract></eCitation>'
    )
    assert sorted(read_reports(tmp_path)) == [("7", "IMPRESSION: Normal."), ("s5", "FINDINGS: Clear.")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"id,report\ns1,{SECRET}\ns1,{SECRET}\n", "identifier of its own for every report: received s1, after 1"),
        (f"id,report\n,{SECRET}\n", "received none, after 0"),
        (f"id,report\ns1,{SECRET},more\n", "line 2 of .* has another number of cells"),
        (f"id,report\n{SECRET}\n", "line 2 of .* has another number of cells"),
        ("id,report\n", "holds no reports"),
        ("", "holds no reports"),
    ],
)
def test_bad_tables_are_refused_without_a_word_of_a_report(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        list(read_reports(table(tmp_path, content)))
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_bad_input(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no text in UTF-8"):
        list(read_reports(table(tmp_path, "id,report\ns1,größer\n", "latin-1")))
    with pytest.raises(DatasetError, match="no such column: received nr; allowed: id, report"):
        list(read_reports(table(tmp_path, "id,report\ns1,a\n"), id_column="nr"))
    with pytest.raises(InputError, match="no column of the table holds reports: received id, age"):
        list(read_reports(table(tmp_path, "id,age\ns1,60\n")))
    with pytest.raises(DatasetError, match="cannot be read"):
        list(read_reports(tmp_path / "none.csv"))
    with pytest.raises(DatasetError, match="no CSV file"):
        list(read_reports(table(tmp_path, f'id,report\ns1,"{"x" * 140_000}"\n')))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no reports"):
        list(read_reports(tmp_path / "empty"))
    (tmp_path / "empty" / "a.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DatasetError, match="no text in UTF-8"):
        list(read_reports(tmp_path / "empty"))
