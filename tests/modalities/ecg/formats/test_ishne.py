"""ISHNE Holter files, written here from the published layout."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import check_mutations, message_of, mutations
from scp_files import checksum
from wfdb_files import random_walk

import medclip
from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats.ishne import FORMAT, read

STORED = random_walk(4, 3, 1000)


def holter(stored: np.ndarray = STORED, **changes: Any) -> bytes:
    """Lay the fields of Badilini 1998 one after the other."""
    n_leads, n_samples = stored.shape
    said: dict[str, Any] = {
        "n_stated": n_samples,
        "id": b"ID-1",
        "sex": 2,
        "born": (2, 5, 1951),
        "recorded": (2, 3, 2002),
        "n_leads": n_leads,
        "codes": (6, 11, 0),
        "qualities": (1, 3, 0),
        "steps": (1000, 2500, 5000),
        "rate": 200,
        "text": b"free text Secret",
        "data_start": None,
    } | changes
    fill = (-9,) * (12 - len(said["codes"]))
    fixed = struct.pack("<h40s40s20shh", 1, b"Anna", b"Secretsson", said["id"], said["sex"], 0)
    fixed += struct.pack("<12h", *said["born"], *said["recorded"], *said["recorded"], 8, 30, 0)
    fixed += struct.pack("<h", said["n_leads"])
    for name in ("codes", "qualities", "steps"):
        fixed += struct.pack("<12h", *said[name], *fill)
    fixed += struct.pack("<h40sh80s80s88s", 0, b"Recorder 5", said["rate"], b"Secret owner", b"", b"")
    start = 522 + len(said["text"]) if said["data_start"] is None else said["data_start"]
    head = struct.pack("<iiii", len(said["text"]), said["n_stated"], 522, start) + fixed + said["text"]
    assert len(head) == 512 + len(said["text"])
    return b"ISHNE1.0" + struct.pack("<H", checksum(head)) + head + stored.T.astype("<i2").tobytes()


def written(folder: Path, content: bytes) -> Path:
    path = folder / "a.ecg"
    path.write_bytes(content)
    return path


def refusal(folder: Path, content: bytes) -> str:
    return message_of(FORMAT, written(folder, content))


@pytest.mark.parametrize("n_stated", [1000, 3000])
def test_samples_leads_and_what_is_said_of_the_patient(tmp_path: Path, n_stated: int) -> None:
    sample = medclip.read(written(tmp_path, holter(n_stated=n_stated)))
    np.testing.assert_allclose(sample.array, STORED * np.array([[1e-3], [2.5e-3], [5e-3]]), atol=1e-6)
    assert sample.channel_names == ("II", "V1", "lead 3")
    assert sample.sampling_rate_hz == 200
    assert sample.patient_id == private_id("ID-1") != "ID-1"
    assert sample.attributes == {
        "age": 50.0,
        "sex": "female",
        "device": "Recorder 5",
        "questionable_leads": ("V1",),
    }
    assert "Secret" not in repr(sample) + str(sample.attributes)


def test_unknown_dates_and_sex(tmp_path: Path) -> None:
    sample = read(written(tmp_path, holter(born=(0, 0, 0), sex=0, id=b"", text=b"")))
    assert sample.patient_id is None
    assert "age" not in sample.attributes
    assert "sex" not in sample.attributes


def test_a_whole_day_needs_little_more_room_than_its_result(tmp_path: Path) -> None:
    n_samples = 24 * 3600 * 128
    stored = np.broadcast_to(np.arange(n_samples, dtype=np.int16), (3, n_samples))
    path = written(tmp_path, holter(stored, rate=128))
    tracemalloc.start()
    sample = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sample.duration_s == 24 * 3600
    assert peak < 1.5 * sample.array.nbytes
    np.testing.assert_allclose(sample.array[1, -5:], stored[1, -5:] * 2.5e-3, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_stated": 999}, "not as many as it announces"),
        ({"n_stated": -1}, "not as many as it announces"),
        ({"n_leads": 0}, "announces 0 leads"),
        ({"n_leads": 13}, "announces 13 leads"),
        ({"n_leads": 2}, "not as many as it announces"),
        ({"steps": (1000, 0, 5000)}, "does not say what the samples of a lead are"),
        ({"steps": (1000, -9, 5000)}, "does not say what the samples of a lead are"),
        ({"codes": (6, 6, 5)}, "holds a lead more than once: received II"),
        ({"rate": 0}, "impossible sampling rate"),
        ({"rate": -200}, "impossible sampling rate"),
        ({"data_start": 100}, "impossible size"),
        ({"data_start": 10**9}, "impossible size"),
    ],
)
def test_headers_that_make_no_sense(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in refusal(tmp_path, holter(**changes))


def test_wrong_checksum_missing_empty_cut_and_foreign_files(tmp_path: Path) -> None:
    assert "cannot be read" in message_of(FORMAT, tmp_path / "none.ecg")
    assert "is empty" in refusal(tmp_path, b"")
    assert "is no whole ISHNE file" in refusal(tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(900))
    assert "holds annotations" in refusal(tmp_path, b"ANN  1.0" + bytes(900))
    content = holter()
    assert "the checksum of the header" in refusal(tmp_path, content[:40] + b"?" + content[41:])
    for n_bytes in range(1, len(content), 97):
        refusal(tmp_path, content[:n_bytes])


def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    content = holter()
    assert check_mutations(FORMAT, tmp_path / "a.ecg", mutations(content, count=150)) > 50
    n_head = 522 + 16
    for head in mutations(content[:n_head], count=150, seed=1):
        right = head[:8] + struct.pack("<H", checksum(head[10:])) + head[10:]
        check_mutations(FORMAT, tmp_path / "a.ecg", [right + content[n_head:]])
