from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.errors import InputError
from medclip.modalities.report.glossary import KINDS, Entry, Glossary


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nur eine Spalte", "malformed"),
        ("welle\twave", "malformed"),
        ("\twave\tstatement", "malformed"),
        ("a\tb\tstatement\tnote\tmore", "malformed"),
        ("welle\twave\tnoun", "unknown kind"),
        ("welle\t\tstatement", "without English"),
        ("welle\twave\tdrop", "drop with English"),
        ("möglich\tpossible\tmodifier", "modifier"),
        ("welle abnorm\tabnormal wave\theader", "header"),
        ("@style\tpoem", "directive"),
        ("@ending", "directive"),
        ("Welle\tbillow\tstatement", "already on line 1"),
        ("wellen\twaves\tfinding", "already on line 1"),
    ],
)
def test_bad_lines_are_refused_with_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "de.tsv"
    path.write_text(f"welle\twave\tstatement\n\n# comment\n@ending\tn\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"de\.tsv, line 5: .*") as error:
        Glossary.load(path)
    assert message in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the glossary"):
        Glossary.load(tmp_path / "de.tsv")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "de.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot read the glossary"):
        Glossary.load(tmp_path / "de.tsv")


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    (tmp_path / "de.tsv").write_bytes("größe\tsize\tword\r\n".encode())
    assert Glossary.load(tmp_path / "de.tsv").entries == (Entry("größe", "size", "word"),)


def test_alternatives_and_optional_parts() -> None:
    entry = Entry("a|b[en] [c] d", "x", "word")
    expected = ["a d", "a c d", "b d", "b c d", "ben d", "ben c d"]
    assert sorted(Glossary.phrases(entry)) == sorted(expected)


def test_spelling_endings_and_protected_stems() -> None:
    lines = ["@spelling\tö\toe", "@ending\ten", "@ending\te", "@ending\ter", "@stem\tschwer"]
    glossary = Glossary.parse(lines, name="test")
    assert glossary.stem("größen") == "groeß"
    assert glossary.stem("schwere") == glossary.stem("schwer") == "schwer"
    assert glossary.stem("er") == "er"
    assert glossary.stem("systole(n)") == glossary.stem("systole") == "systol"
    assert glossary.stem("v2e") == "v2e"


def test_one_source_may_stand_before_and_after_its_noun() -> None:
    lines = ["möglich\tpossible {}\tmodifier", "möglich\tpossible\tadjective"]
    assert len(Glossary.parse(lines, name="test").entries) == 2


@pytest.mark.parametrize("language", ["de", "en", "sv"])
def test_shipped_glossaries_load(glossary_dir: str, language: str) -> None:
    glossary = Glossary.load(f"{glossary_dir}/{language}.tsv")
    assert len(glossary.entries) > 200
    assert {entry.kind for entry in glossary.entries} <= set(KINDS)


def test_shipped_glossaries_list_the_places_in_the_same_order(glossary_dir: str) -> None:
    orders = []
    for language in ("de", "en", "sv"):
        entries = Glossary.load(f"{glossary_dir}/{language}.tsv").entries
        names = dict.fromkeys(entry.english for entry in entries if entry.kind == "name")
        orders.append([name for name in names if " " not in name and not name.endswith("r")] + ["avr" in names])
    assert orders[0] == orders[1] == orders[2]
