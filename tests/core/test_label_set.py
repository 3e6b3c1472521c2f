"""Label sets are read from CSV files as people make them."""

from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.errors import LabelError
from medclip.core.label_set import Finding, LabelSet
from medclip.core.named_files import find_label_set_file, label_set_names

GOOD = 'code,name,parent,polarity\nAF,"fibrillation, atrial",RH,abnormal\nSR,sinus rhythm,,normal\n'


def read(path: Path, content: str | bytes) -> LabelSet:
    """Write and read a label set file."""
    path = path / "set.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return LabelSet.read(path, name="demo", modality="demo")


def test_reads_findings_in_order(tmp_path: Path) -> None:
    labels = read(tmp_path, GOOD)
    assert labels.findings == (
        Finding("AF", "fibrillation, atrial", "RH", "abnormal"),
        Finding("SR", "sinus rhythm", "", "normal"),
    )
    assert (labels.codes, len(labels), labels.finding("SR").name) == (("AF", "SR"), 2, "sinus rhythm")
    with pytest.raises(LabelError, match="received af; allowed: AF, SR"):
        labels.finding("af")


def test_codes_are_understood_in_any_case_and_typos_asked_about() -> None:
    codes = {"Nodule": "lung nodule", "Edema": "pulmonary oedema", "vt": "a", "VT": "b"}
    labels = LabelSet("demo", "demo", tuple(Finding(code, name) for code, name in codes.items()))
    assert labels.matching(["nodule", "EDEMA", "Nodule", "VT"]) == ("Nodule", "Edema", "VT")
    for wanted, asked in (("nodul", "Nodule"), ("Pulmonary oedema", "Edema"), ("Vt", "vt or VT")):
        with pytest.raises(LabelError, match=rf"not in label set demo: received {wanted}; .*Did you mean {asked}\?"):
            labels.matching(["Edema", wanted])
    with pytest.raises(LabelError, match=r"received measles; allowed: Nodule, Edema, vt, VT\.?$"):
        labels.matching(["measles"])


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf" + GOOD.encode(), GOOD.replace("\n", "\r\n").encode()])
def test_files_from_a_spreadsheet_read_the_same(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == read(tmp_path, GOOD)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    content = "polarity,extra,code,parent,name\nnormal,1,SR,,sinus rhythm\n"
    assert read(tmp_path, content).findings == (Finding("SR", "sinus rhythm", "", "normal"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("code,name,polarity\nA,a,normal\n", "lacks columns: parent: received code, name, polarity"),
        ("", "lacks columns: code, name, parent, polarity: received none"),
        ("code,name,parent,polarity\n", "every code once: received no code"),
        ("code,name,parent,polarity\nA,a,,normal\nA,b,,normal\n", "every code once: received A"),
        ("code,name,parent,polarity\n,a,,normal\n", "every code once: received an empty text|received none"),
        ("code,name,parent,polarity\nA,a,,good\n", "unknown polarities: received good; allowed: abnormal"),
        ("code,name,parent,polarity\nA,a,normal\n", "row 1 .* another number of cells"),
        ("code,name,parent,polarity\nA,a,,normal\nB,b,b,,normal\n", "row 2 .* quotation marks"),
        (b"code,name,parent,polarity\nA,\xff,,normal\n", "is no CSV file"),
        ('code,name,parent,polarity\nA,"a,,normal\n', "is no CSV file"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(LabelError, match=message) as error:
        read(tmp_path, content)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_a_label_error(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="cannot be read"):
        LabelSet.read(tmp_path / "none.csv", name="demo", modality="demo")


def test_every_shipped_label_set_loads_by_name() -> None:
    names = label_set_names()
    assert len(set(names)) == len(names) >= 14
    for name in names:
        labels = LabelSet.load(name)
        assert labels.name == name
        assert labels.modality in find_label_set_file(name)[1].parts
        assert len(set(labels.codes)) == len(labels) >= 1


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(LabelError, match=r"unknown label set: received ptbxl; allowed: .*ptbxl-all"):
        LabelSet.load("ptbxl")
