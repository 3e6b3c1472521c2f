"""What the head of a compressed picture says about it, read before a decoder allocates anything for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["Codestream", "codestream_of"]

_JP2_SIGNATURE = bytes.fromhex("0000000c6a502020")
_JPEG_2000_START = bytes.fromhex("ff4fff51")
_JPEG_START = b"\xff\xd8"
_JPEG_LS_FRAME = 0xF7
# Start-of-frame markers; C4, C8 and CC mean something else (ISO/IEC 10918-1, table B.1).
_FRAMES = frozenset({*range(0xC0, 0xD0), _JPEG_LS_FRAME}) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class Codestream:
    """What a compressed picture states about itself.

    Args:
        rows: Height in pixels.
        columns: Width in pixels.
        bits: Bits per value.
        is_signed: True for signed values, None where the coding has no way to say so (JPEG, JPEG-LS).
        n_components: 1 for grey, 3 for colour.
    """

    rows: int
    columns: int
    bits: int
    is_signed: bool | None
    n_components: int


def codestream_of(frame: bytes) -> Codestream | None:
    """Return what a JPEG, JPEG-LS or JPEG 2000 picture states about itself, or None if it is none or is cut off.

    Args:
        frame: The compressed picture.

    >>> codestream_of(bytes.fromhex("ffd8ffc0000b08020001000101110000"))
    Codestream(rows=512, columns=256, bits=8, is_signed=None, n_components=1)
    """
    try:
        if frame.startswith(_JPEG_START):
            return _jpeg(frame)
        start = frame.find(_JPEG_2000_START, 0, 1 << 16) if frame.startswith(_JP2_SIGNATURE) else 0
        return _jpeg_2000(frame, start) if start >= 0 and frame.startswith(_JPEG_2000_START, start) else None
    except (struct.error, IndexError):
        return None


def _jpeg(frame: bytes) -> Codestream | None:
    place = 2
    while place < len(frame):
        if frame[place] != 0xFF:
            return None
        marker = frame[place + 1]
        if marker == 0xFF:
            place += 1
        elif marker in _FRAMES:
            bits, rows, columns, n_components = struct.unpack_from(">BHHB", frame, place + 4)
            return Codestream(rows, columns, bits, None, n_components)
        else:
            (length,) = struct.unpack_from(">H", frame, place + 2)
            place += 2 + length
    return None


def _jpeg_2000(frame: bytes, start: int) -> Codestream:
    """Read the segment SIZ, which comes first (ISO/IEC 15444-1, A.5.1)."""
    right, lower, left, upper = struct.unpack_from(">IIII", frame, start + 8)
    n_components, depth = struct.unpack_from(">HB", frame, start + 40)
    return Codestream(lower - upper, right - left, (depth & 0x7F) + 1, bool(depth & 0x80), n_components)
