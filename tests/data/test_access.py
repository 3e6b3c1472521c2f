"""Opening files and data sets by what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from memory_dataset import mixed_dataset
from ptbxl_folder import signal_of, write_ptbxl

import medclip
from medclip.core.errors import ConfigError, DatasetError, FormatError, InputError, StoreError
from medclip.data.access import open_dataset, read
from medclip.data.pack import pack
from medclip.data.store import PackedStore


@pytest.fixture(scope="module")
def ptbxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ptbxl(tmp_path_factory.mktemp("ptbxl"), [{}, {}])


def test_a_file_is_known_by_its_content(ptbxl: Path) -> None:
    assert medclip.read is read
    stem = ptbxl / "records100/00000/00002_lr"
    for path in (stem.with_suffix(".hea"), str(stem.with_suffix(".dat"))):
        np.testing.assert_array_equal(read(path).array, signal_of(2, 100) / np.float32(1000))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"GIF89a" + bytes(200), "of no known format"),
        (b"hello, doctor\n", "no known format"),
    ],
)
def test_files_that_are_no_recording(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "scan.hea"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as raised:
        read(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.hea", tmp_path):
        with pytest.raises(FormatError, match=str(tmp_path)):
            read(path)


def test_data_sets_by_name(ptbxl: Path) -> None:
    assert open_dataset("ptbxl", ptbxl)[0].array.shape == (12, 5000)
    assert open_dataset("PTBXL", str(ptbxl), sampling_rate_hz=100)[0].array.shape == (12, 1000)
    generated = open_dataset("simulated", n_patients=3, sampling_rate_hz=100)
    assert generated[0].array.shape == (12, 1000)


def test_a_store_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(mixed_dataset(), tmp_path / "store")
    opened = open_dataset(str(tmp_path / "store"))
    assert isinstance(opened, PackedStore)
    assert len(opened) == 13
    with pytest.raises(ConfigError, match=r"is a packed store and takes no options: received sampling_rate_hz"):
        open_dataset(str(tmp_path / "store"), sampling_rate_hz=100)
    with pytest.raises(ConfigError, match=r"takes no options: received root"):
        open_dataset(str(tmp_path / "store"), tmp_path)
    (tmp_path / "store/store.json").write_text("{")
    with pytest.raises(StoreError, match="is damaged"):
        open_dataset(str(tmp_path / "store"))


def test_a_folder_does_not_hide_the_data_set_of_its_name(
    ptbxl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pack(open_dataset("ptbxl", ptbxl, sampling_rate_hz=100), "ptbxl")
    assert not isinstance(open_dataset("ptbxl", ptbxl), PackedStore)
    assert isinstance(open_dataset("./ptbxl"), PackedStore)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ptb-x", {}, r"unknown data set: received ptb-x; allowed: .*ptbxl, .*simulated"),
        ("ptbxl", {}, r"ptbxl needs its folder\. Give root, or fetch it with: medclip data download ptbxl"),
        ("ptbxl", {"root": "/nowhere"}, r"/nowhere"),
        ("simulated", {"root": "/nowhere"}, r"computed and lies in no folder"),
        ("simulated", {"n_pateints": 3}, r"no such option: received n_pateints; allowed: n_patients, seed"),
        (
            "simulated",
            {"n_patients": "many"},
            r"n_patients of data set simulated is of the wrong kind: received 'many'",
        ),
        ("simulated", {"n_patients": 2.5}, r"received 2.5; allowed: a whole number"),
        ("simulated", {"n_patients": True}, r"received True; allowed: a whole number"),
        ("simulated", {"sampling_rate_hz": None}, r"received None; allowed: a number"),
        ("simulated", {"noise": 3}, r"received 3; allowed: a text"),
        ("simulated", {"n_patients": 0}, r"received 0; allowed: 1 to 100000"),
    ],
)
def test_one_clear_line(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        open_dataset(name, **options)  # type: ignore[arg-type]
    assert isinstance(raised.value, (ConfigError, DatasetError, InputError))
    assert "\n" not in str(raised.value)


def test_options_of_ptbxl(ptbxl: Path) -> None:
    for options in ({"sampling_rate_hz": 250}, {"sampling_rate_hz": "fast"}, {"minimum_likelihood": 101}):
        with pytest.raises(ConfigError):
            open_dataset("ptbxl", ptbxl, **options)
