"""``medclip data`` finds, packs and checks data sets; what it fetches is tested with the download itself."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pytest

import medclip
from medclip.core.modality import discover
from medclip.core.named_files import label_set_names


def test_list_shows_every_data_set(run) -> None:
    code, out, _ = run("data", "list")
    assert code == 0
    names = [name for modality in discover().values() for name in modality.dataset_names()]
    assert [line.split()[0] for line in out.splitlines()[2:]] == names


def test_labels_shows_every_label_set_and_its_size(run) -> None:
    code, out, _ = run("data", "labels")
    assert code == 0
    shown = [line.split()[:3] for line in out.splitlines()[2:]]
    files = sorted(Path(str(medclip.__file__)).parent.glob("modalities/*/labels/*.csv"))
    assert sorted(shown) == sorted([path.stem, path.parts[-3], str(n_rows(path))] for path in files)


def test_labels_shows_every_code_if_it_is_asked_to(run) -> None:
    _, few, _ = run("data", "labels")
    code, out, err = run("data", "labels", "--all")
    assert (code, err) == (0, "")
    head, _, *lines = out.splitlines()
    codes: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith(" "):
            codes[line.split()[0]] = []
        codes[line.split()[0] if not line.startswith(" ") else list(codes)[-1]].append(line[head.index("codes") :])
    assert max(len(line) for shown in codes.values() for line in shown) <= 80
    for name in label_set_names():
        expected = medclip.LabelSet.load(name).codes
        assert tuple(" ".join(codes[name]).split(", ")) == expected
        (line,) = (line for line in few.splitlines() if line.split()[0] == name)
        assert (f", and {len(expected) - 8} more (--all)" in line) == (len(expected) > 8)


def n_rows(path: Path) -> int:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return sum(1 for _ in csv.DictReader(file))


def test_info_gives_licence_and_citation(run) -> None:
    code, out, _ = run("data", "info", "ptbxl")
    assert code == 0
    assert "version: 1.0.3" in out
    assert "licence: https://creativecommons.org/licenses/by/4.0/" in out
    assert "citation: Wagner" in out


def test_info_of_a_computed_data_set_says_so(run) -> None:
    code, out, err = run("data", "info", "simulated")
    assert (code, err) == (0, "")
    assert "nothing to download" in out


@pytest.mark.parametrize("action", [["info"], ["download", "--out", "x"], ["pack", "--out", "x"], ["reports"]])
def test_an_unknown_data_set_is_named_with_those_there_are(action, run, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run("data", *action, "none")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert re.search(r"received none; allowed: .*\bptbxl\b", err)
    assert not list(tmp_path.iterdir())


def test_pack_and_verify(run, tmp_path) -> None:
    store = tmp_path / "store"
    options = ("--option", "n_patients=3", "--option", "sampling_rate_hz=100")
    code, out, _ = run("data", "pack", "simulated", "--out", store, "--processes", 2, *options)
    assert code == 0
    dataset = medclip.open_dataset("simulated", n_patients=3, sampling_rate_hz=100)
    assert f"packed {len(dataset)} records" in out
    code, out, _ = run("data", "pack", "simulated", "--out", store, *options)
    assert (code, f"already holds these {len(dataset)} records" in out) == (0, True)
    assert run("data", "verify", store)[0] == 0
    again = medclip.open_dataset(str(store))
    assert [info.record_id for info in again.records] == [info.record_id for info in dataset.records]
    assert abs(again[0].array - dataset[0].array).max() < 1e-3


def test_a_store_with_a_changed_byte_is_found(run, smoke_store, tmp_path) -> None:
    store = shutil.copytree(smoke_store, tmp_path / "store")
    largest = max((path for path in store.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(bytes(content))
    code, out, err = run("data", "verify", store)
    assert (code, out) == (2, "")
    assert largest.name in err
    assert err.count("\n") == 1


def test_reports_prints_the_coverage(run) -> None:
    code, out, err = run("data", "reports", "simulated", "--option", "n_patients=20")
    assert (code, err) == (0, "")
    assert "%" in out
