"""Damaged and contradictory SCP-ECG files: one clear line each, without a word about the patient."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import scp_files as scp
from refusals import check_mutations, message_of

from medclip.modalities.ecg.formats.scp import FORMAT

SPAN = {"I": (1, 60), "II": (1, 60)}
TABLE = struct.pack("<H", 19999)


def sections() -> dict[int, bytes]:
    return {
        1: scp.tags({0: scp.NAME.encode(), 2: b"ID-4711\0", 14: scp.device()}),
        2: TABLE,
        3: scp.leads(SPAN, flags=5),
        4: scp.beats(100, 10, [(0, 11, 15, 40)], [(11, 40)]),
        5: scp.coded(scp.walk(1, 2, 50)),
        6: scp.coded(scp.walk(2, 2, 60)),
    }


def refusal(folder: Path, content: bytes) -> str:
    path = folder / "a.scp"
    path.write_bytes(content)
    return message_of(FORMAT, path)


def test_missing_empty_and_foreign_files(tmp_path: Path) -> None:
    assert "cannot be read" in message_of(FORMAT, tmp_path / "none.scp")
    assert "is empty" in refusal(tmp_path, b"")
    assert "is no SCP-ECG file" in refusal(tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(500))
    assert not FORMAT.sniff(tmp_path / "a.scp", b"\x89PNG\r\n\x1a\n" + bytes(500))


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    content = scp.record(sections())
    for n_bytes in [*range(1, len(content), 11), len(content) - 1]:
        refusal(tmp_path, content[:n_bytes])


def test_wrong_checksums(tmp_path: Path) -> None:
    content = bytearray(scp.record(sections()))
    content[-3] ^= 1
    assert "the checksum of" in refusal(tmp_path, bytes(content))
    # The checksum of the file is right again, that of the section is not.
    content[:2] = struct.pack("<H", scp.checksum(bytes(content[2:])))
    assert "the checksum of section 6 of" in refusal(tmp_path, bytes(content))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({3: None}, "no definition of its leads"),
        ({6: None}, "holds no rhythm"),
        ({5: None}, "holds no reference beat"),
        ({3: scp.leads({"I": (1, 60)}, flags=4)}, "a lead in"),
        ({3: scp.leads({})}, "no samples of one of its leads"),
        ({3: scp.leads({"I": (0, 60), "II": (1, 60)})}, "no samples of one of its leads"),
        ({3: scp.leads({"I": (1, 2**31), "II": (1, 60)})}, "unusable size"),
        ({3: scp.leads({"I": (1, 60), "II": (1, 60)})[:-1] + b"\1"}, "holds a lead more than once"),
        ({3: scp.leads({"I": (1, 61), "II": (1, 99)})}, "end before its last sample"),
        ({3: scp.leads({"I": (1, 40), "II": (1, 40)})}, "go on after its last sample"),
        ({4: scp.beats(100, 10, [(0, 11, 15, 61)])}, "do not follow one another"),
        ({4: scp.beats(100, 10, [(0, 11, 15, 20), (0, 15, 18, 30)])}, "do not follow one another"),
        ({4: scp.beats(100, 1, [(0, 11, 15, 40)])}, "shorter than what was subtracted"),
        ({4: scp.beats(100, 10, [(0, 11, 15, 40)])[:-2]}, "in the middle of a section"),
        ({5: scp.coded(scp.walk(1, 2, 50), interval_us=3000)}, "rates that do not fit"),
        ({6: scp.coded(scp.walk(2, 2, 60), interval_us=4000)}, "rates that do not fit"),
        ({6: scp.coded(scp.walk(2, 2, 60), interval_us=0)}, "none that the standard knows"),
        ({6: scp.coded(scp.walk(2, 2, 60), step_nv=0)}, "none that the standard knows"),
        ({6: scp.coded(scp.walk(2, 2, 60), bimodal=2)}, "none that the standard knows"),
        ({6: scp.coded(scp.walk(2, 2, 60))[:-20]}, "ends before its last lead"),
        ({2: None}, "is not as long as it should be"),
        ({2: struct.pack("<H", 500)}, "table of codes"),
        ({2: struct.pack("<HHBBBhI", 1, 1, 40, 40, 1, 0, 0)}, "table of codes"),
        ({2: struct.pack("<HHBBBhI", 1, 1, 2, 2, 1, 0, 7)}, "a prefix of more than its 2 bits"),
        ({2: struct.pack("<HHBBBhI", 1, 1, 1, 9, 1, 3, 0)}, "a number after a prefix"),
        ({2: struct.pack("<HHBBBhI", 1, 1, 1, 1, 0, 2, 0)}, "a change to table 2 of 1"),
        ({2: struct.pack("<HHBBBhIBBBhI", 1, 2, 1, 1, 1, 0, 0, 2, 2, 1, 1, 2)}, "two codes that begin alike"),
        ({2: struct.pack("<HHBBBhI", 1, 1, 1, 1, 1, 0, 0)}, "no code of its table"),
        ({2: struct.pack("<HH", 1, 9)}, "in the middle of a section"),
        ({1: struct.pack("<BH", 0, 900) + b"Secret"}, "in the middle of a section"),
        ({8: struct.pack("<B7sB", 0, b"", 3)}, "in the middle of a section"),
    ],
)
def test_sections_that_make_no_sense(tmp_path: Path, changes: dict[int, bytes | None], words: str) -> None:
    changed = {number: data for number, data in (sections() | changes).items() if data is not None}
    assert words in refusal(tmp_path, scp.record(changed))


def test_a_pointer_out_of_the_file(tmp_path: Path) -> None:
    content = bytearray(scp.record(sections()))
    pointers = 6 + 16
    for length, start in ((10**9, 143), (200, 10**9), (2**32 - 1, 2**32 - 1)):
        content[pointers + 62 : pointers + 70] = struct.pack("<II", length, start)
        content[6:8] = struct.pack("<H", scp.checksum(bytes(content[8:142])))
        content[:2] = struct.pack("<H", scp.checksum(bytes(content[2:])))
        assert "section" in refusal(tmp_path, bytes(content))


def test_mutated_sections_are_read_or_refused(tmp_path: Path) -> None:
    """With right checksums, for otherwise nothing behind them would be reached."""
    rng = np.random.default_rng(0)
    for _ in range(120):
        changed = sections()
        number = int(rng.choice([1, 2, 3, 4, 5, 6]))
        data = bytearray(changed[number])
        for place in rng.integers(0, len(data), 3):
            data[place] ^= 1 << int(rng.integers(8))
        changed[number] = bytes(data)
        check_mutations(FORMAT, tmp_path / "a.scp", [scp.record(changed)])
