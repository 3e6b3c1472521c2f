"""Write SCP-ECG files from the words of the standard: bits as text, checksums bit by bit, samples one by one."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping, Sequence

import numpy as np

NUMBERS = {"I": 1, "II": 2, "V1": 3, "V2": 4, "V3": 5, "V4": 6, "V5": 7, "V6": 8, "III": 61, "aVR": 62}
NAME = "Secretsson"


def checksum(content: bytes) -> int:
    """CRC-CCITT: x^16 + x^12 + x^5 + 1, from all ones."""
    register = 0xFFFF
    for byte in content:
        for bit in range(8):
            feedback = (register >> 15 & 1) ^ (byte >> (7 - bit) & 1)
            register = (register << 1 & 0xFFFF) ^ (0x1021 if feedback else 0)
    return register


def section(number: int, data: bytes, *, version: int = 20) -> bytes:
    """Put the head of a section before its data, which becomes even."""
    data += b"\0" * (len(data) % 2)
    rest = struct.pack("<HIBB6s", number, 16 + len(data), version, version, b"SCPECG" if number == 0 else b"")
    return struct.pack("<H", checksum(rest + data)) + rest + data


def record(data: Mapping[int, bytes]) -> bytes:
    """Make a file of the data of its sections; section 0 points at them."""
    parts = {number: section(number, content) for number, content in data.items()}
    start, pointers = 6 + 16 + 12 * 10, b""
    pointers += struct.pack("<HII", 0, 16 + 12 * 10, 7)
    for number in range(1, 12):
        size = len(parts.get(number, b""))
        pointers += struct.pack("<HII", number, size, start + 1 if size else 0)
        start += size
    body = section(0, pointers) + b"".join(parts[number] for number in sorted(parts))
    rest = struct.pack("<I", 6 + len(body)) + body
    return struct.pack("<H", checksum(rest)) + rest


def tags(fields: Mapping[int, bytes]) -> bytes:
    """Section 1."""
    return b"".join(struct.pack("<BH", tag, len(value)) + value for tag, value in fields.items()) + b"\xff\0\0"


def device(model: str = "ELI250", *, language: int = 0, maker: int = 8, text: str = "") -> bytes:
    """Tag 14."""
    fixed = struct.pack("<HHHBB6sBBBBB16x", 0, 0, 0, 0, maker, model.encode(), 20, 0xC0, language, 8, 0)
    return fixed + b"\x04REV\0SERIAL\0SYSTEM\0SCP\0" + text.encode() + b"\0"


def leads(spans: Mapping[str, tuple[int, int]], *, flags: int = 4) -> bytes:
    """Section 3."""
    rows = b"".join(struct.pack("<IIB", *span, NUMBERS[lead]) for lead, span in spans.items())
    return struct.pack("<BB", len(spans), flags) + rows


def beats(
    length_ms: int,
    fiducial: int,
    subtracted: Sequence[tuple[int, int, int, int]],
    protected: Sequence[tuple[int, int]] = (),
) -> bytes:
    """Section 4."""
    rows = [struct.pack("<HIII", *row) for row in subtracted] + [struct.pack("<II", *row) for row in protected]
    return struct.pack("<HHH", length_ms, fiducial, len(subtracted)) + b"".join(rows)


def coded(
    stored: Sequence[Sequence[int]],
    *,
    step_nv: int = 2500,
    interval_us: int = 2000,
    n_differences: int = 2,
    bimodal: int = 0,
    plain: bool = False,
) -> bytes:
    """Section 5 or 6, each lead with the default table unless ``plain``."""
    rows = [differences([int(value) for value in row], n_differences) for row in stored]
    parts = [struct.pack(f"<{len(row)}h", *row) if plain else packed("".join(map(default_code, row))) for row in rows]
    head = struct.pack("<HHBB", step_nv, interval_us, n_differences, bimodal)
    return head + b"".join(struct.pack("<H", len(part)) for part in parts) + b"".join(parts)


def differences(row: list[int], order: int) -> list[int]:
    """The first ``order`` samples stay what they are."""
    if order == 0:
        return row
    if order == 1:
        return row[:1] + [after - before for before, after in itertools.pairwise(row)]
    return row[:2] + [row[n] - 2 * row[n - 1] + row[n - 2] for n in range(2, len(row))]


def default_code(value: int) -> str:
    """Annex C: 0; 100 and 101 for 1 and -1; one more 1 in front for each step; above 8 the number itself."""
    if value == 0:
        return "0"
    if abs(value) <= 8:
        return "1" * abs(value) + ("00" if value > 0 else "01")
    if -128 <= value <= 127:
        return "1111111110" + format(value & 0xFF, "08b")
    return "1111111111" + format(value & 0xFFFF, "016b")


def packed(bits: str) -> bytes:
    """Fill up to an even number of bytes."""
    bits += "0" * (-len(bits) % 16)
    return bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits), 8))


def walk(seed: int, n_leads: int, n_samples: int, *, step: int = 12) -> np.ndarray:
    """Return integers ``(n_leads, n_samples)`` that wander and now and then jump."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(-step, step + 1, (n_leads, n_samples))
    steps[:, :: max(1, n_samples // 7)] += rng.integers(-400, 401)
    return np.cumsum(steps, axis=1)
