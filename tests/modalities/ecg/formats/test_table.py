"""Tables of numbers with a declared layout."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from refusals import check_mutations, message_of, mutations
from wfdb_files import random_walk

import medclip
from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats.table import FORMAT, read

VALUES = random_walk(5, 3, 200).T / 1000.0
LAYOUT = {
    "sampling_rate_hz": 250,
    "unit": "mV",
    "channel_names": ["I", "lead ii", "V1"],
    "orientation": "samples_by_channels",
}
KINDS = ("csv", "tsv", "named.csv", "npy", "npz", "parquet")


def table(folder: Path, kind: str, values: np.ndarray = VALUES, layout: Any = None, **changes: Any) -> Path:
    """Write a table ``(n_samples, n_leads)`` and its layout."""
    path = folder / f"a.{kind.removeprefix('named.')}"
    names = ["I", "II", "V1"][: values.shape[1]]
    if kind in ("csv", "tsv", "named.csv"):
        delimiter = "\t" if kind == "tsv" else ","
        header = delimiter.join(names) if kind == "named.csv" else ""
        np.savetxt(path, values, delimiter=delimiter, header=header, comments="", fmt="%.9g")
    elif kind == "npy":
        np.save(path, values)
    elif kind == "npz":
        np.savez(path, signal=values)
    else:
        parquet.write_table(pa.table(dict(zip(names, values.T, strict=True))), path)
    stated = LAYOUT | changes if layout is None else layout
    path.with_suffix(".json").write_text(json.dumps({key: said for key, said in stated.items() if said is not None}))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table(tmp_path: Path, kind: str) -> None:
    path = table(tmp_path, kind)
    assert FORMAT.sniff(path, path.read_bytes()[:4096])
    sample = medclip.read(path)
    np.testing.assert_array_equal(sample.array, VALUES.T.astype(np.float32))
    assert (sample.sampling_rate_hz, sample.channel_names) == (250, ("I", "II", "V1"))
    assert not sample.attributes


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_layout_the_file_to_write_is_shown(tmp_path: Path, kind: str) -> None:
    path = table(tmp_path, kind)
    path.with_suffix(".json").unlink()
    assert FORMAT.sniff(path, path.read_bytes()[:4096]) or kind == "tsv"
    message = message_of(FORMAT, path)
    example = json.loads(message.partition("for example ")[2].removesuffix("."))
    assert example.keys() == LAYOUT.keys()


def test_units_orientation_and_what_else_may_be_said(tmp_path: Path) -> None:
    more = {"age": 61, "sex": "F", "device": "Homemade", "report": "Sinus rhythm\nDr Secret", "patient_id": "p1"}
    path = table(tmp_path, "npy", VALUES.T, unit="uV", orientation="channels_by_samples", **more)
    sample = read(path)
    np.testing.assert_allclose(sample.array, VALUES.T / 1000, rtol=1e-6)
    assert sample.attributes == {"age": 61.0, "sex": "female", "device": "Homemade"}
    assert (sample.report, sample.patient_id) == ("Sinus rhythm", private_id("p1"))
    raw = read(table(tmp_path, "csv", unit="uncalibrated"))
    np.testing.assert_array_equal(raw.array, VALUES.T.astype(np.float32))
    assert raw.attributes == {"amplitude_is_calibrated": False}


def test_columns_are_taken_by_name_and_empty_fields_are_missing(tmp_path: Path) -> None:
    path = table(tmp_path, "csv")
    path.write_text('time;V1;"I";ii\n0.0;0.3;0.1;\n0.004;;0.4;0.5\n')
    expected = np.array([[0.1, 0.4], [np.nan, 0.5], [0.3, np.nan]], np.float32)
    np.testing.assert_array_equal(read(path).array, expected)
    frame = pa.table({"time": [0.0, 0.1], "V1": [0.3, None], "II": [None, 0.5], "I": [0.1, 0.4]})
    parquet.write_table(frame, tmp_path / "a.parquet")
    np.testing.assert_array_equal(read(tmp_path / "a.parquet").array, expected)


def test_one_lead_is_a_column(tmp_path: Path) -> None:
    for kind in ("csv", "npy"):
        path = table(tmp_path, kind, VALUES[:, :1], channel_names=["I"])
        np.testing.assert_array_equal(medclip.read(path).array, VALUES.T[:1].astype(np.float32))
    np.save(path, VALUES[:, 0])
    np.testing.assert_array_equal(medclip.read(path).array, VALUES.T[:1].astype(np.float32))


def test_other_texts_are_no_tables(tmp_path: Path) -> None:
    for text in (
        b"name,born\nDoe,1950\n",
        b"<xml>\n<a/>\n",
        b"a 2 500 10\na.dat 16 1000 16 0 0 0 0 I\n",
        b"{}\n",
        b"1,2",
    ):
        assert not FORMAT.sniff(tmp_path / "a.txt", text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sampling_rate_hz": None}, "lacks something: received no sampling_rate_hz"),
        ({"unit": None, "orientation": None}, "received no unit, orientation"),
        ({"lead": 1}, "says something that is not known: received lead"),
        ({"sampling_rate_hz": 0}, "impossible sampling rate"),
        ({"sampling_rate_hz": 1e9}, "impossible sampling rate"),
        ({"sampling_rate_hz": "500"}, "sampling_rate_hz in"),
        ({"unit": "mm"}, "allowed: V, mV, uV, nV, uncalibrated"),
        ({"unit": ["mV"]}, "unit in"),
        ({"channel_names": "I"}, "channel_names in"),
        ({"channel_names": []}, "channel_names in"),
        ({"channel_names": ["I", "i", "V1"]}, "holds a lead more than once"),
        ({"channel_names": ["I", "", "V1"]}, "names not all of its leads"),
        ({"channel_names": ["I", "II"]}, "contradict each other: received an array of 200 x 3"),
        ({"orientation": "channels_by_samples"}, "contradict each other"),
        ({"orientation": "rows"}, "orientation in"),
        ({"age": "old"}, "age in"),
        ({"report": 5}, "report in"),
    ],
)
def test_layouts_that_make_no_sense(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in message_of(FORMAT, table(tmp_path, "npy", **changes))


@pytest.mark.parametrize("text", ["", "[]", "Secret", '{"unit": "mV"', "[" * 10_000])
def test_layouts_that_are_no_json(tmp_path: Path, text: str) -> None:
    path = table(tmp_path, "npy")
    path.with_suffix(".json").write_text(text)
    assert "JSON" in message_of(FORMAT, path)


def test_tables_that_contradict_their_layout(tmp_path: Path) -> None:
    path = table(tmp_path, "named.csv", channel_names=["I", "II", "V2"])
    assert "no column, or several, for V2" in message_of(FORMAT, path)
    path = table(tmp_path, "parquet", channel_names=["I", "II", "V2"])
    assert "no column, or several, for V2" in message_of(FORMAT, path)
    path = table(tmp_path, "csv")
    for text in ("1,2,3\n4,5\n", "1,2,3\n4,Secret,6\n", "1,2\n3,4\n", "\n", "1,2,3\n4,5,inf\n", "1.5,2,3\n4,1e999,6\n"):
        path.write_text(text)
        message_of(FORMAT, path)


def test_numpy_files_are_never_unpickled(tmp_path: Path) -> None:
    path = table(tmp_path, "npy")
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "holds something else than numbers: received object" in message_of(FORMAT, path)
    for values in (np.array(["Secret"]), np.array([True]), np.array([1j])):
        np.save(path, values)
        assert "holds something else than numbers" in message_of(FORMAT, path)


def test_numpy_files_that_announce_more_than_they_hold(tmp_path: Path) -> None:
    path = table(tmp_path, "npy")
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 3)})
        file.write(VALUES.tobytes())
    assert "is truncated or damaged: received 4800 bytes" in message_of(FORMAT, path)


def test_one_of_several_arrays_is_named(tmp_path: Path) -> None:
    path = table(tmp_path, "npz")
    np.savez(path, first=VALUES, second=VALUES + 1)
    assert "holds several arrays: allowed: first, second" in message_of(FORMAT, path)
    layout = path.with_suffix(".json")
    layout.write_text(json.dumps(LAYOUT | {"array": "second"}))
    np.testing.assert_array_equal(read(path).array, (VALUES.T + 1).astype(np.float32))
    layout.write_text(json.dumps(LAYOUT | {"array": "third"}))
    assert "holds no such array: received third" in message_of(FORMAT, path)


def test_an_archive_that_unpacks_to_more_than_any_ecg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medclip.modalities.ecg.formats._table_files._MOST_BYTES", 1 << 20)
    path = table(tmp_path, "npz")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
        member.write(bytes(3 << 20))
    assert "is too large" in message_of(FORMAT, path)


def test_missing_empty_cut_and_foreign_files(tmp_path: Path) -> None:
    assert "does not exist" in message_of(FORMAT, tmp_path / "a.csv")
    for kind in ("npy", "npz", "parquet"):
        path = table(tmp_path, kind)
        content = path.read_bytes()
        for n_bytes in range(1, len(content), len(content) // 25):
            path.write_bytes(content[:n_bytes])
            message_of(FORMAT, path)
        path.write_bytes(b"")
        assert "is empty" in message_of(FORMAT, path)
        path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(900))
        assert "is no table of numbers" in message_of(FORMAT, path)


@pytest.mark.parametrize("kind", ["csv", "npy", "npz", "parquet"])
def test_mutated_files_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    path = table(tmp_path, kind, VALUES[:40])
    assert check_mutations(FORMAT, path, mutations(path.read_bytes(), count=90)) > 10
