"""``medclip reports extract`` writes weak labels, or one line that says why not."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

SECRET = "Confidential"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    path = tmp_path / "reports.csv"
    path.write_text(f"study,report\ns1,{SECRET} cardiomegaly. No effusion.\ns2,{SECRET} possible edema.\n")
    return path


def test_extract(run, reports: Path, tmp_path: Path) -> None:
    code, out, err = run("reports", "extract", reports, "--labels", "chexpert", "--out", tmp_path / "out" / "l.csv")
    assert (code, err) == (0, "")
    assert "weak labels of 2 reports" in out
    assert ["Cardiomegaly", "1", "0", "0", "0", "1"] in [line.split() for line in out.splitlines()]
    rows = list(csv.DictReader((tmp_path / "out" / "l.csv").open(newline="")))
    assert [(row["id"], row["Cardiomegaly"], row["Pleural Effusion"], row["Edema"]) for row in rows] == [
        ("s1", "1", "0", ""),
        ("s2", "", "", ""),
    ]
    assert SECRET not in out + (tmp_path / "out" / "l.csv").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": "nonsense"}, "unknown label set: received nonsense"),
        ({"reports": "none.csv"}, "cannot be read"),
        ({"--id": "nr"}, "no such column: received nr"),
        ({"--text": "nr"}, "no such column: received nr"),
        ({"--uncertain": "maybe"}, "invalid choice"),
        ({"content": f"study,report\ns1,{SECRET},x\n"}, "line 2"),
        ({"content": f"study,report\ns1,{SECRET}\ns1,{SECRET}\n"}, "received s1"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(run, reports: Path, change: dict[str, str], message: str) -> None:
    folder = reports.parent
    if "content" in change:
        reports.write_text(change["content"])
    options = [part for name, value in change.items() if name.startswith("--") for part in (name, value)]
    source = folder / change.get("reports", "reports.csv")
    labels = change.get("labels", "chexpert")
    code, out, err = run("reports", "extract", source, "--labels", labels, "--out", folder / "l.csv", *options)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert SECRET not in err
    assert sorted(path.name for path in folder.iterdir()) == ["reports.csv"]


def test_what_is_there_already_is_kept(run, reports: Path, tmp_path: Path) -> None:
    before = reports.read_bytes()
    for options in ((), ("--overwrite",)):
        code, _, err = run("reports", "extract", reports, "--labels", "chexpert", "--out", reports, *options)
        assert (code, err.count("\n")) == (2, 1)
        assert "holds the reports themselves" in err
    assert reports.read_bytes() == before
    (tmp_path / "l.csv").write_text("mine")
    arguments = ("reports", "extract", reports, "--labels", "chexpert", "--out", tmp_path / "l.csv")
    assert run(*arguments)[0] == 2
    assert (tmp_path / "l.csv").read_text() == "mine"
    assert run(*arguments, "--overwrite")[0] == 0
