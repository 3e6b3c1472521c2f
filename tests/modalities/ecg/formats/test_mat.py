"""MATLAB files: real ones, and broken ones made with scipy."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import check_mutations, message_of, mutations
from scipy.io import loadmat, savemat
from wfdb_files import random_walk, write_record

import medclip
from medclip.modalities.ecg.formats._mat_content import variables_of
from medclip.modalities.ecg.formats.mat import FORMAT, read
from medclip.modalities.ecg.leads import STANDARD_LEADS

REAL = Path(os.environ.get("MEDCLIP_TEST_DATA", "missing"), "ecg_sets")
needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
VALUES = random_walk(0, 12, 300) / 1000.0


def saved(folder: Path, variables: Mapping[str, Any], *, packed: bool = True) -> Path:
    path = folder / "a.mat"
    savemat(path, dict(variables), do_compression=packed)
    return path


def cpsc(**changes: Any) -> dict[str, Any]:
    return {"ECG": {"sex": "Female", "age": 71, "data": VALUES} | changes}


@needs_real_data
def test_real_files_of_cpsc2018() -> None:
    paths = sorted((REAL / "cpsc2018").glob("*.mat"))
    assert len(paths) == 3
    for path in paths:
        sample, structure = medclip.read(path), loadmat(path)["ECG"][0, 0]
        np.testing.assert_array_equal(sample.array, structure["data"].astype(np.float32))
        assert (sample.sampling_rate_hz, sample.channel_names) == (500, STANDARD_LEADS)
        assert sample.attributes["age"] == structure["age"].item()
        assert sample.attributes["sex"] == structure["sex"].item().lower()


@needs_real_data
def test_real_signal_files_of_cinc2021_find_their_header() -> None:
    for name in ("E07500", "HR06000", "JS20000"):
        by_signal, by_header = (medclip.read(REAL / f"cinc2021/{name}.{ending}") for ending in ("mat", "hea"))
        np.testing.assert_array_equal(by_signal.array, by_header.array)
        assert by_signal.attributes == by_header.attributes
        np.testing.assert_array_equal(read(REAL / f"cinc2021/{name}.mat").array, by_header.array)


@needs_real_data
def test_real_tracings_of_code15_are_not_calibrated() -> None:
    path = min((REAL / "code15/org").glob("*.mat"))
    sample = medclip.read(path)
    np.testing.assert_array_equal(sample.array, loadmat(path)["feats"])
    assert sample.sampling_rate_hz == 400
    assert sample.attributes == {"amplitude_is_calibrated": False}


@needs_real_data
def test_a_real_matrix_needs_its_layout(tmp_path: Path) -> None:
    original = min((REAL / "chapman_denoised").glob("*.mat"))
    path = tmp_path / "a.mat"
    path.write_bytes(original.read_bytes())
    assert 'Write a.json beside it, for example {"sampling_rate_hz": 500' in message_of(FORMAT, path)
    names = ", ".join(f'"{name}"' for name in STANDARD_LEADS)
    layout = f'{{"sampling_rate_hz": 500, "unit": "uV", "channel_names": [{names}], "orientation": "%s"}}'
    path.with_suffix(".json").write_text(layout % "samples_by_channels")
    expected = (loadmat(original)["val"].T / 1000).astype(np.float32)
    np.testing.assert_allclose(medclip.read(path).array, expected, rtol=1e-6)
    path.with_suffix(".json").write_text(layout % "channels_by_samples")
    assert "received an array of 5000 x 12; allowed: 12 leads" in message_of(FORMAT, path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_structure_as_cpsc2018_has_it(tmp_path: Path, packed: bool) -> None:
    path = saved(tmp_path, cpsc(), packed=packed)
    assert FORMAT.sniff(path, path.read_bytes()[:4096])
    sample = read(path)
    np.testing.assert_array_equal(sample.array, VALUES.astype(np.float32))
    assert sample.attributes == {"age": 71.0, "sex": "female"}
    assert read(saved(tmp_path, cpsc(age=np.nan, sex=""), packed=packed)).attributes == {}


def test_one_of_several_matrices_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path, {"one": VALUES[:2], "two": VALUES[2:4]})
    layout = (
        '{"sampling_rate_hz": 250, "unit": "mV", "channel_names": ["I", "II"], "orientation": "channels_by_samples"'
    )
    path.with_suffix(".json").write_text(layout + "}")
    assert "holds not exactly one matrix: allowed: one, two" in message_of(FORMAT, path)
    path.with_suffix(".json").write_text(layout + ', "array": "two"}')
    np.testing.assert_array_equal(read(path).array, VALUES[2:4].astype(np.float32))


def test_missing_empty_and_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    assert "cannot be read" in message_of(FORMAT, path)
    for content, words in ((b"", "is empty"), (b"\x89PNG\r\n\x1a\n" + bytes(500), "is no MATLAB 5 file")):
        path.write_bytes(content)
        assert not FORMAT.sniff(path, content)
        assert words in message_of(FORMAT, path)
    path.write_bytes(b"MATLAB 7.3 MAT-file" + bytes(600))
    assert "save it again with save -v7" in message_of(FORMAT, path).lower()


def test_a_signal_file_without_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(struct.pack("<5i", 30, 12, 300, 0, 4) + b"val\0" + bytes(7200))
    assert FORMAT.sniff(path, path.read_bytes()[:4096])
    assert "whose header is missing: received no a.hea that names it" in message_of(FORMAT, path)
    write_record(tmp_path, "a", random_walk(0, 2, 50), ["I", "II"])
    assert "whose header is missing" in message_of(FORMAT, path)


def test_cut_files(tmp_path: Path) -> None:
    for packed in (False, True):
        path = saved(tmp_path, cpsc(), packed=packed)
        content = path.read_bytes()
        for n_bytes in [*range(1, len(content), len(content) // 40), len(content) - 1]:
            path.write_bytes(content[:n_bytes])
            message_of(FORMAT, path)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (cpsc(data=VALUES[:11]), "does not hold the twelve leads in rows: received an array of 11 x 300"),
        (cpsc(data=VALUES.T), "received an array of 300 x 12"),
        (cpsc(data="Secret"), "does not hold the twelve leads"),
        (cpsc(data=VALUES[:, :0]), "unusable size"),
        (cpsc(data=VALUES * 1e300), "numbers that are no voltages"),
        ({"ECG": {"sex": "Male"}}, "no structure as CPSC2018 has it"),
        ({"ECG": VALUES}, "no structure as CPSC2018 has it"),
        ({"feats": VALUES, "curr_sample_rate": 0}, "impossible sampling rate"),
        ({"feats": VALUES, "curr_sample_rate": 1e9}, "impossible sampling rate"),
        ({"feats": VALUES[:8], "curr_sample_rate": 400}, "does not hold the twelve leads"),
        ({"ECG": np.array([[{"a": 1}, "b"]], dtype=object)}, "a variable of MATLAB's class 1 is not read"),
    ],
)
def test_variables_that_make_no_sense(tmp_path: Path, variables: dict[str, Any], words: str) -> None:
    assert words in message_of(FORMAT, saved(tmp_path, variables))


def test_a_file_that_unpacks_to_more_than_any_ecg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medclip.modalities.ecg.formats._mat_content._MOST_BYTES", 1 << 20)
    path = saved(tmp_path, cpsc())
    bomb = zlib.compress(bytes(3 << 20))
    path.write_bytes(path.read_bytes()[:128] + struct.pack("<II", 15, len(bomb)) + bomb)
    assert "unpacks to more than 1048576 bytes" in message_of(FORMAT, path)


@pytest.mark.parametrize("packed", [False, True])
def test_mutated_files_are_read_or_refused(tmp_path: Path, packed: bool) -> None:
    path = saved(tmp_path, cpsc(data=VALUES[:, :40]), packed=packed)
    assert check_mutations(FORMAT, path, mutations(path.read_bytes(), count=120)) > 40


@pytest.mark.parametrize("packed", [False, True])
def test_all_kinds_of_numbers_and_texts_are_read_as_scipy_reads_them(tmp_path: Path, packed: bool) -> None:
    rng = np.random.default_rng(3)
    kinds = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
    said: dict[str, Any] = {f"k{kind}": rng.integers(0, 100, (3, 5)).astype(kind) for kind in kinds}
    said |= {"one": np.array([[7]], np.uint8), "text": "Übung", "empty": "", "cube": rng.normal(size=(2, 3, 4))}
    path = saved(
        tmp_path, said | {"whole": {"number": 5, "text": "abc", "table": rng.normal(size=(4, 2))}}, packed=packed
    )
    found, expected = variables_of(path), loadmat(path)
    for name in (*said, "whole"):
        if name == "whole":
            structure = expected[name][0, 0]
            np.testing.assert_array_equal(found[name]["table"], structure["table"])
            assert found[name]["number"].item() == structure["number"].item()
            assert found[name]["text"] == structure["text"].item()
        elif isinstance(said[name], str):
            assert found[name] == said[name]
        else:
            np.testing.assert_array_equal(found[name], expected[name])
