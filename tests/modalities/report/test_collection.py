"""Reports of tables and folders, and what is wrong with some."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from medclip.core.errors import DatasetError, FormatError, InputError
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


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_cells_are_parted_as_the_header_is(tmp_path: Path, delimiter: str) -> None:
    rows = ["study;report", 's1;"Clear, normal; no change."', "s2;Effusion, left."]
    text = "\n".join(row.replace(";", delimiter, 1) for row in rows)
    assert list(read_reports(table(tmp_path, text))) == [
        ("s1", "Clear, normal; no change."),
        ("s2", "Effusion, left."),
    ]
    with pytest.raises(DatasetError, match="no such column: received nr; allowed: study, report"):
        list(read_reports(tmp_path / "reports.csv", id_column="nr"))


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


def folder_of_reports(folder: Path) -> Path:
    (folder / "p10" / "p1").mkdir(parents=True)
    (folder / "p10" / "p1" / "s5.txt").write_text("FINDINGS: Clear.")
    (folder / "p10" / "p1" / "._s5.txt").write_bytes(b"\xff")
    (folder / "readme.md").write_text("no report")
    (folder / "7.xml").write_text(
        '<eCitation><Abstract><AbstractText Label="IMPRESSION">Normal.</AbstractText></Abstract></eCitation>'
    )
    return folder


@pytest.mark.parametrize(
    ("kind", "ending"), [("zip", "zip"), ("tar", "tar"), ("gztar", "tar.gz"), ("gztar", "tgz"), ("xztar", "tar.xz")]
)
def test_an_archive_is_read_as_the_folder_in_it(tmp_path: Path, kind: str, ending: str) -> None:
    made = shutil.make_archive(str(tmp_path / "made"), kind, folder_of_reports(tmp_path / "reports"))
    path = Path(made).rename(tmp_path / f"reports.{ending}")
    assert sorted(read_reports(path)) == [("7", "IMPRESSION: Normal."), ("s5", "FINDINGS: Clear.")]


def test_bad_archives(tmp_path: Path) -> None:
    path = tmp_path / "reports.zip"
    for name, content, message in (
        ("../../s1.txt", b"\xff\xfe\xff", r"^s1\.txt in .*reports\.zip is no text in UTF-8"),
        ("s1.txt", b"x" * (1 << 21), r"^s1\.txt in .*reports\.zip is too long for a report"),
        ("s1.xml", b"<html/>", r"^s1\.xml in .*reports\.zip"),
        ("s1.pdf", b"%PDF", "holds no reports"),
        ("s1.bin", bytes(300 << 20), "unpacks to too much"),
    ):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(name, content)
        with pytest.raises(InputError, match=message) as caught:
            list(read_reports(path))
        assert "medclip-" not in str(caught.value)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FormatError, match="is damaged"):
        list(read_reports(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"id,report\ns1,{SECRET}\ns1,{SECRET}\n", "identifier of its own for every report: received s1, after 1"),
        (f"id,report\n,{SECRET}\n", "received none, after 0"),
        (f"id,report\ns1,{SECRET},more\n", "line 2 of .* has another number of cells"),
        (f"id,report\n{SECRET}\n", "line 2 of .* has another number of cells"),
        (f'id,report\ns1,"a\nb"\ns2,"{SECRET}\ns3,b\n', "no CSV file: the row that begins in line 4 cannot be read"),
        (f'id,report\ns1,"{SECRET}\ns2,"b"\n', "no CSV file: the row that begins in line 2 cannot be read"),
        (f'id,"report\ns1,{SECRET}\n', "no CSV file: the row that begins in line 1 cannot be read"),
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
