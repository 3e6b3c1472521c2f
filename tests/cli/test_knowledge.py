from __future__ import annotations

from pathlib import Path

import pytest

from medclip.cli.__main__ import main

OBO = """format-version: 1.2
data-version: releases/2024-01-31
ontology: doid

[Term]
id: DOID:1
name: odd rhythm
def: "It beats oddly." []
synonym: "strange rhythm" EXACT []
is_a: DOID:2

[Term]
id: DOID:2
name: rhythm
"""


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("MEDCLIP_KNOWLEDGE", str(tmp_path / "k.sqlite"))

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["knowledge", *map(str, arguments)])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def obo(tmp_path: Path) -> Path:
    path = tmp_path / "doid.obo"
    path.write_text(OBO)
    return path


def test_build_add_search_show_status(run: object, obo: Path, tmp_path: Path) -> None:
    assert run("build")[:2] == (0, f"the catalogue is in {tmp_path / 'k.sqlite'}\n")
    code, out, _ = run("add", "doid", obo)
    assert (code, out.startswith("stored doid 2024-01-31 (CC0-1.0)")) == (0, True)
    assert "already" in run("add", "auto", obo)[1]
    code, out, _ = run("search", "strange", "rhythm")
    assert (code, out.splitlines()[2].split()[0]) == (0, "DOID:1")
    out = run("show", "DOID:1")[1]
    for text in (
        "odd rhythm",
        "doid 2024-01-31 (CC0-1.0)",
        "It beats oddly.",
        "exact: strange rhythm",
        "kind of: DOID:2",
    ):
        assert text in out
    out = run("status")[1]
    assert "2024-01-31" in out
    assert "CC0-1.0" in out
    assert "k.sqlite" in out


def test_coverage_prints_the_table(run: object, obo: Path, tmp_path: Path) -> None:
    run("add", "doid", obo)
    labels = tmp_path / "mine.csv"
    labels.write_text("code,name,equivalents,broader\nA,odd rhythm,,\nB,misspelt,strange rhythm,\nC,x,,rhythm\n")
    code, out, _ = run("coverage", "--label-file", labels, "--findings")
    assert code == 0
    assert out.splitlines()[2].split() == [
        "mine",
        "3",
        "1",
        "1",
        "2",
        "(66",
        "%)",
        "2",
        "(66",
        "%)",
        "1",
        "0",
        "2",
        "(2)",
    ]
    assert "DOID:1 odd rhythm" in out
    assert run("coverage", "simulated")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "hpo", "OBO"), "another source"),
        (("add", "auto", "nowhere.obo"), "does not exist"),
        (("add", "umls", "postgresql://u:secret@127.0.0.1:1/d"), "only an OMOP"),
        (("add", "omop", "postgresql://u:secret@127.0.0.1:1/d"), "cannot be used"),
        (("search", "x", "--store", "postgresql://u:secret@127.0.0.1:1/d"), "cannot be used"),
        (("show", "AFIB"), "--labels"),
        (("coverage",), "no label set"),
        (("coverage", "no-such-set"), "unknown label set"),
        (("search",), "required"),
    ],
)
def test_a_mistake_is_one_line(run: object, obo: Path, arguments: tuple[str, ...], message: str) -> None:
    code, _, error = run(*(obo if argument == "OBO" else argument for argument in arguments))
    assert code == 2
    assert message in error
    assert len(error.splitlines()) == 1
    assert "secret" not in error
