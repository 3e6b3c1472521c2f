"""Damaged, contradictory and hostile WFDB records: one clear line each, and nothing outside the folder is touched."""

from __future__ import annotations

import contextlib
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wfdb_files import random_walk, write_record

from medclip.core.errors import FormatError, MedclipError
from medclip.modalities.ecg.formats.wfdb import read, sniff

LINE = "r.dat 16 1000(0)/mV 16 0 0 0 0"


@pytest.fixture
def header(tmp_path: Path) -> Path:
    """Write a sound record of two leads and 100 samples: 400 bytes."""
    return write_record(tmp_path, "r", random_walk(0, 2, 100), ["I", "II"])


def message_of(path: Path) -> str:
    """Return the message of the refusal, which is one line and no longer than a person reads."""
    with pytest.raises(FormatError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


@pytest.mark.parametrize(
    ("n_bytes", "words"), [(0, "is empty"), (1, "is truncated"), (398, "is truncated"), (402, "is longer than")]
)
def test_signal_file_of_another_length(header: Path, n_bytes: int, words: str) -> None:
    (header.parent / "r.dat").write_bytes((header.parent / "r.dat").read_bytes().ljust(402, b"\0")[:n_bytes])
    message = message_of(header)
    assert words in message
    assert "400 bytes for 2 leads of 100 samples" in message


@pytest.mark.parametrize("storage", ["80", "212", "24", "32", "310"])
@pytest.mark.parametrize("n_bytes", [0, 10, 4000])
def test_signal_file_of_another_length_in_unusual_formats(header: Path, storage: str, n_bytes: int) -> None:
    header.write_text(header.read_text().replace("r.dat 16", f"r.dat {storage}"))
    (header.parent / "r.dat").write_bytes(bytes(n_bytes))
    assert {0: "is empty", 10: "is truncated", 4000: "is longer"}[n_bytes] in message_of(header)


def test_missing_files(header: Path, tmp_path: Path) -> None:
    assert "there is no WFDB header" in message_of(tmp_path / "other.hea")
    assert "there is no WFDB header" in message_of(tmp_path / "other")
    assert "is a folder" in message_of(tmp_path)
    (tmp_path / "r.dat").unlink()
    message = message_of(header)
    assert "r.dat" in message
    assert "is not beside it" in message


def test_empty_header_and_renamed_picture(tmp_path: Path) -> None:
    path = tmp_path / "r.hea"
    path.write_bytes(b"")
    assert "is empty" in message_of(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    assert "is not a usable WFDB header" in message_of(path)
    assert not sniff(path, path.read_bytes()[:4096])


def test_header_without_end(tmp_path: Path) -> None:
    path = tmp_path / "r.hea"
    path.write_bytes(b"#" * ((1 << 20) + 1))
    assert "is too long" in message_of(path)


@pytest.mark.parametrize("position", [0, 1, 57, 398, 399])
def test_any_changed_byte_is_found(header: Path, position: int) -> None:
    content = bytearray((header.parent / "r.dat").read_bytes())
    content[position] ^= 0x40
    (header.parent / "r.dat").write_bytes(bytes(content))
    message = message_of(header)
    assert "first sample or checksum" in message
    assert ("in II" if position % 4 > 1 else "in I.") in message


def test_exchanged_samples_with_the_same_sum_are_found(header: Path) -> None:
    content = (header.parent / "r.dat").read_bytes()
    (header.parent / "r.dat").write_bytes(content[-4:] + content[4:-4] + content[:4])
    assert "first sample or checksum" in message_of(header)


def test_a_gap_of_years_is_refused_before_it_is_allocated(header: Path) -> None:
    (header.parent / "w.hea").write_text("w/2 2 500\nr 100\n~ 99999999999\n")
    assert "it announces 100000000099 samples of 2 signals" in message_of(header.parent / "w.hea")


def test_a_file_of_more_than_a_day_is_refused_before_it_is_read(tmp_path: Path) -> None:
    header = tmp_path / "r.hea"
    header.write_text("r 1 500\nr.dat 16 1000/mV\n")
    with (tmp_path / "r.dat").open("wb") as file:
        file.truncate(2 * (1 << 29) + 2)  # a hole that takes no room
    assert "is too long" in message_of(header)


def test_fields_left_at_zero_are_not_taken_for_checksums(tmp_path: Path) -> None:
    (tmp_path / "r.dat").write_bytes(random_walk(1, 2, 50).T.astype("<i2").tobytes())
    (tmp_path / "r.hea").write_text(f"r 2 500 50\n{LINE} I\n{LINE} II\n")
    assert read(tmp_path / "r.hea").array.shape == (2, 50)


def test_swapped_signal_files_are_found(tmp_path: Path) -> None:
    first = write_record(tmp_path, "a", random_walk(2, 2, 100), ["I", "II"])
    second = write_record(tmp_path, "b", random_walk(3, 2, 100), ["I", "II"])
    (tmp_path / "a.dat").write_bytes((tmp_path / "b.dat").read_bytes())
    assert "not those its header was written for" in message_of(first)
    assert read(second).array.shape == (2, 100)


def test_a_lead_twice_under_two_spellings(tmp_path: Path) -> None:
    message = message_of(write_record(tmp_path, "r", random_walk(4, 3, 10), ["aVF", "I", "Lead AVF"]))
    assert "more than once: received aVF" in message


@pytest.mark.parametrize("unit", ["mmHg", "bpm", "NU", "%", "l/min", "Ohm"])
def test_units_that_are_no_voltage(tmp_path: Path, unit: str) -> None:
    header = write_record(tmp_path, "r", random_walk(5, 2, 10), ["I", "RESP"])
    header.write_text(header.read_text().replace("1000(0)/mV 16 0", f"1000(0)/{unit} 16 0").replace(unit, "mV", 1))
    message = message_of(header)
    assert f"not all signals of {header} are voltages: received RESP in {unit};" in message


@pytest.mark.parametrize(
    "name", ["../r.dat", "/etc/passwd", "..", "a/r.dat", "..\\r.dat", "C:r.dat", "s3://b/r.dat", ".hidden", "|id"]
)
@pytest.mark.parametrize("storage", ["16", "212"])
def test_a_header_cannot_name_a_file_elsewhere(tmp_path: Path, name: str, storage: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    for folder in (tmp_path, inner):
        (folder / "r.dat").write_bytes(bytes(40))
    (inner / "r.hea").write_text(f"r 1 500 20\n{name} {storage} 1000/mV 16 0 0 0 0 I\n")
    assert "only a file beside the header" in message_of(inner / "r.hea")
    (inner / "w.hea").write_text(f"w/1 1 500 20\n{name} 20\n")
    assert "not a name in the same folder" in message_of(inner / "w.hea")


@pytest.mark.parametrize(
    "lines",
    [
        "r 2 500 99999999999999",
        "r 99999999 500 100",
        "r 0 500 100",
        "r -2 500 100",
        "r two 500 100",
        "r 2 0 100",
        "r 2 -500 100",
        "r 2 1e999 100",
        "r 2 fast 100",
        "r 2 500 1" + "0" * 5000,
        f"r 2 500 100\n{LINE} I",
        f"r 1 500 100\n{LINE} I\n{LINE} II",
        "r 1 500 100\nr.dat sixteen",
        "r 1 500 100\nr.dat 17 1000/mV 16 0 0 0 0 I",
        "r 1 500 100\nr.dat 508x99999999 1000/mV 16 0 0 0 0 I",
        "r 1 500 100\nr.dat 16x0 1000/mV 16 0 0 0 0 I",
        "r 1 500 100\nr.dat 16 nan/mV 16 0 0 0 0 I",
        "r 1 500 100\nr.dat 16 1e999/mV 16 0 0 0 0 I",
        "r 1 500 100\nr.dat 16 1000(x)/mV 16 0 0 0 0 I",
        "r 1 500 100\nr.dat 16 1000/mV 16 0 first 0 0 I",
        "r 2 500 100\nr.dat 16 1000/mV 16 0 0 0 0 I\nr.dat 212 1000/mV 16 0 0 0 0 II",
        "r/2 2 500 100\nr 100",
        "r/1 2 500 100\nr 90",
        "r/1 2 500 100\nr/2 100",
        "r/2 1 500 99999999999999\n~ 99999999999999\n~ 1",
        "r/1 1 500 100\n~ 100",
        "r/1 2 250 100\nr 100",
    ],
)
def test_headers_that_make_no_sense(header: Path, lines: str) -> None:
    (header.parent / "whole.hea").write_text(lines + "\n")
    tracemalloc.start()
    message_of(header.parent / "whole.hea")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_a_record_that_is_a_segment_of_itself(tmp_path: Path) -> None:
    (tmp_path / "r.hea").write_text("r/1 2 500 100\nr 100\n")
    assert "contradict" in message_of(tmp_path / "r.hea")


WORDS = ["r", "r/1", "r/2", "2", "1", "500", "100", "r.dat", "16", "212", "508", "16x2", "16:3", "16+24", "1000(0)/mV"]
WORDS += ["0", "-5", "1e3", "~", "/uV", "#", "I", "II", "nan"]


@settings(max_examples=300, deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.lists(st.sampled_from([*WORDS, "\n", "\n", "\n", "\x00"]), max_size=40).map(
            lambda words: " ".join(words).encode()
        ),
    )
)
def test_no_header_leads_to_anything_but_a_sample_or_an_error_of_medclip(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_record(folder, "r", random_walk(6, 2, 100), ["I", "II"])
        (folder / "s.hea").write_bytes(content)
        sniff(folder / "s.hea", content)
        # Any other exception than medclip's own fails the test.
        with contextlib.suppress(MedclipError):
            sample = read(folder / "s.hea")
            assert sample.array.dtype == np.float32
            assert sample.array.size > 0
