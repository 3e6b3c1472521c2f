"""The sections of an SCP-ECG file, each of them checked.

Numbers in brackets are clauses of EN 1064:2005+A1:2007 (ISO 11073-91064), which this reader follows.
"""

from __future__ import annotations

import struct
from binascii import crc_hqx
from collections.abc import Mapping
from pathlib import Path

from medclip.core.errors import FormatError
from medclip.modalities.ecg.formats._recording import COPY_AGAIN

__all__ = ["is_scp", "sections_of", "unpack"]

_MARK = b"SCPECG"
_MARK_START = 16
_RECORD_HEAD, _SECTION_HEAD, _POINTER = struct.Struct("<HI"), struct.Struct("<HHIBB6s"), struct.Struct("<HII")
_CRC_START = 0xFFFF
_LAST_STANDARD_SECTION = 11


def is_scp(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is SCP-ECG by the mark in its pointer section [5.3]."""
    return head[_MARK_START : _MARK_START + len(_MARK)] == _MARK and head[8:10] == b"\0\0"


def sections_of(content: bytes, path: Path) -> Mapping[int, bytes]:
    """Return the data of the sections 0 to 11 that are there, without their heads.

    Raises:
        FormatError: The file is shorter than it states, or a checksum or a pointer is wrong.
    """
    if not is_scp(content):
        raise FormatError(f"{path} is no SCP-ECG file", allowed="the letters SCPECG at byte 16", action=COPY_AGAIN)
    crc, n_bytes = unpack(_RECORD_HEAD, content, 0, path)
    if n_bytes > len(content) or n_bytes < _RECORD_HEAD.size + _SECTION_HEAD.size:
        raise FormatError(
            f"{path} is truncated", received=f"{len(content)} bytes", allowed=f"{n_bytes} bytes", action=COPY_AGAIN
        )
    content = content[:n_bytes]
    _check_crc(crc, content[2:], f"{path}", path)
    first = _section(content, 0, _RECORD_HEAD.size + 1, None, path)
    if len(first) % _POINTER.size:
        raise FormatError(f"the pointers of {path} are cut", received=f"{len(first)} bytes", action=COPY_AGAIN)
    found: dict[int, bytes] = {0: first}
    for number, length, start in _POINTER.iter_unpack(first):
        if 0 < number <= _LAST_STANDARD_SECTION and length > _SECTION_HEAD.size:
            if number in found:
                raise FormatError(f"{path} holds section {number} twice", action=COPY_AGAIN)
            found[number] = _section(content, number, start, length, path)
    return found


def unpack(layout: struct.Struct, content: bytes, start: int, path: Path) -> tuple[int, ...]:
    """Unpack numbers, or raise ``FormatError`` if the bytes end before them."""
    if start < 0 or start + layout.size > len(content):
        raise FormatError(f"{path} ends in the middle of a section", action=COPY_AGAIN)
    return layout.unpack_from(content, start)


def _section(content: bytes, number: int, start: int, length: int | None, path: Path) -> bytes:
    """Return the data of one section; ``start`` counts from 1 [5.3.3]."""
    crc, stated_number, stated_length, *_ = unpack(_SECTION_HEAD, content, start - 1, path)
    length = stated_length if length is None else length
    whole = content[start - 1 : start - 1 + length]
    if stated_number != number or stated_length != length or len(whole) != length or length < _SECTION_HEAD.size:
        raise FormatError(
            f"section {number} of {path} is not where its pointer says",
            received=f"section {stated_number} of {stated_length} bytes",
            allowed=f"section {number} of {length} bytes inside the file",
            action=COPY_AGAIN,
        )
    _check_crc(crc, whole[2:], f"section {number} of {path}", path)
    return whole[_SECTION_HEAD.size :]


def _check_crc(stated: int, content: bytes, what: str, path: Path) -> None:
    """Compare a checksum: CRC-CCITT over what follows it [5.2.7]."""
    computed = crc_hqx(content, _CRC_START)
    if computed != stated:
        raise FormatError(
            f"the checksum of {what} is wrong",
            received=f"{computed:04x} computed",
            allowed=f"{stated:04x} as the file states",
            action=COPY_AGAIN,
        )
