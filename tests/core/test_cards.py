"""Data cards: valid Croissant, read the way mlcroissant reads them, found in the package and in the source tree."""

from __future__ import annotations

import csv
import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from medclip.core import cards
from medclip.core.cards import load_card, read_card
from medclip.core.errors import DatasetError
from medclip.core.modality import discover

CARDS = sorted((Path(__file__).parents[2] / "data_cards").glob("*.json"))
DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))


@pytest.fixture
def described() -> dict[str, Any]:
    """Return the smallest card that can be used."""
    return {
        "name": "small",
        "version": "2",
        "license": "https://example.org/licence",
        "citeAs": "A. Author: A data set",
        "url": "https://example.org/small",
        "distribution": [{"@id": "table.csv", "contentUrl": "https://example.org/small/table.csv"}],
    }


def write(path: Path, described: object) -> Path:
    """Write a card."""
    path.write_text(json.dumps(described), encoding="utf-8")
    return path


@functools.cache
def read_by_mlcroissant(path: Path) -> Any:
    """Read a card once for both tests of it."""
    return pytest.importorskip("mlcroissant").Dataset(jsonld=str(path))


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_shipped_cards_are_valid_croissant(path: Path) -> None:
    dataset = read_by_mlcroissant(path)
    assert not dataset.metadata.ctx.issues.errors
    assert not dataset.metadata.ctx.issues.warnings


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_shipped_cards_say_what_mlcroissant_reads_in_them(path: Path) -> None:
    theirs, ours = read_by_mlcroissant(path).metadata, load_card(path.stem)
    assert ours.name == theirs.name == path.stem
    assert (ours.version, ours.citation, ours.url) == (theirs.version, theirs.cite_as, theirs.url)
    assert [ours.licence] == theirs.license
    # Where a host keeps no list of checksums there is no folder to fetch from: the card says what to do, or its files
    # are few and are fetched one by one.
    addresses = {entry.content_url for entry in theirs.file_objects}
    assert ours.base_url in addresses or ours.access_conditions or len(addresses) <= 3
    assert {file.name for file in ours.files} == {node.id for node in theirs.distribution} - {"physionet"}
    columns = {
        (field.source.file_object, field.source.extract.column)
        for record_set in theirs.record_sets
        for field in record_set.fields
        if field.source.file_object
    }
    assert {(file, column) for file, names in ours.columns.items() for column in names} == columns
    assert all(field.description for record_set in theirs.record_sets for field in record_set.fields)


def test_every_data_set_that_needs_a_folder_has_a_card() -> None:
    for modality in discover().values():
        for name in modality.dataset_names():
            if modality.dataset(name).needs_root:
                assert load_card(name).name == name


def test_folds_and_checksums() -> None:
    card = load_card("PTBXL")
    assert card.splits == tuple(str(fold) for fold in range(1, 11))
    assert all(file.sha256 is None for file in card.files)
    assert {file.name: file.n_bytes for file in card.files if file.pattern} == {
        "records500": 2_629_000_000,
        "records100": 536_000_000,
    }
    card.check_split("10")
    with pytest.raises(DatasetError, match="no such split: received 0; allowed: 1, 2"):
        card.check_split("0")
    load_card("mimic-iv-ecg").check_split("anything")


def test_columns() -> None:
    card = load_card("ptbxl")
    header = ["", "description", "diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass", "more"]
    card.check_columns("scp_statements.csv", header)
    card.check_columns("some_other_table.csv", [])
    with pytest.raises(DatasetError, match=r"scp_statements.csv of PTB-XL lacks .*: Unnamed: 0, form"):
        card.check_columns("scp_statements.csv", [name for name in header if name not in ("", "form")])


@pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
def test_mlcroissant_reads_the_real_tables_through_the_card() -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    names = ("ptbxl_database.csv", "scp_statements.csv")
    mapping = {name: str(DATA / "ptbxl_mini" / name) for name in names}
    dataset = mlcroissant.Dataset(jsonld=str(CARDS[0].with_name("ptbxl.json")), mapping=mapping)
    with (DATA / "ptbxl_mini" / names[0]).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = list(dataset.records("records"))
    assert len(found) == len(rows) == 2664
    for theirs, row in zip(found, rows, strict=True):
        assert theirs["records/ecg_id"] == int(row["ecg_id"])
        assert theirs["records/strat_fold"] == int(row["strat_fold"])
        assert theirs["records/report"].decode() == row["report"]
        assert theirs["records/sex"] == int(row["sex"])
    assert len(list(dataset.records("statements"))) == 71
    assert [row["splits/name"] for row in dataset.records("splits")] == list(load_card("ptbxl").splits)


def test_cards_of_the_installed_package_come_first(
    tmp_path: Path, described: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages/medclip"
    (package / "data_cards").mkdir(parents=True)
    (package.parent / "data_cards").mkdir()
    write(package.parent / "data_cards/beside.json", described | {"name": "beside"})
    monkeypatch.setattr(cards, "files", lambda name: package)
    uncached = load_card.__wrapped__
    assert uncached("beside").name == "beside"
    write(package / "data_cards/small.json", described)
    assert uncached("small").name == "small"
    with pytest.raises(DatasetError, match="no data card of that name: received beside; allowed: small"):
        uncached("beside")


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(DatasetError, match=r"received ptb-x; allowed: .*ptbxl"):
        load_card("ptb-x")


def test_what_a_card_may_leave_out(tmp_path: Path, described: dict[str, Any]) -> None:
    described["distribution"] += [
        {"@id": "folder", "contentUrl": "https://example.org/small/"},
        {"@id": "a", "contentUrl": "https://example.org/small/a", "sha256": "AB" * 32, "contentSize": "12 B"},
        {"@id": "b", "contentUrl": "https://example.org/small/b", "sha256": "see elsewhere", "contentSize": "12 MB"},
    ]
    card = read_card(write(tmp_path / "small.json", described))
    assert (card.title, card.access_conditions, card.splits) == ("small", "", ())
    assert card.base_url == "https://example.org/small/"
    assert [file.sha256 for file in card.files] == [None, "ab" * 32, None]
    assert [file.n_bytes for file in card.files] == [None, 12, None]


@pytest.mark.parametrize("key", ["name", "version", "license", "citeAs", "url", "distribution"])
def test_cards_without_something_are_refused(tmp_path: Path, described: dict[str, Any], key: str) -> None:
    for spoiled in ({name: value for name, value in described.items() if name != key}, described | {key: 7}):
        with pytest.raises(DatasetError, match=r"the data card .*small.json cannot be used"):
            read_card(write(tmp_path / "small.json", spoiled))


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"name": "x"}'])
def test_files_that_are_no_cards_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "small.json").write_text(content)
    with pytest.raises(DatasetError, match="cannot be used"):
        read_card(tmp_path / "small.json")
    with pytest.raises(DatasetError, match="cannot be used"):
        read_card(tmp_path / "absent.json")
