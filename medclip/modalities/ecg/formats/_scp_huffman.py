"""Huffman codes of SCP-ECG files: the default table, tables of the maker, and the decoder."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.ecg.formats._recording import COPY_AGAIN, EXPORT_AGAIN
from medclip.modalities.ecg.formats._scp_container import unpack

__all__ = ["Code", "Table", "decode", "read_tables"]

_DEFAULT = 19999
_WINDOW_BITS = 16
_MOST_TABLES = 64
_COUNT, _CODE = struct.Struct("<H"), struct.Struct("<BBBhI")
# A lead is filled up to whole bytes, and by many writers to an even number of them.
_MOST_PADDING_BITS = 16


class Code(NamedTuple):
    """One code: a prefix, and perhaps bits that follow it as a number of their own.

    Args:
        n_prefix: Bits of the prefix.
        n_extra: Bits of a signed number that follows, or 0.
        value: What the code stands for if no number follows.
        table: Index of the table to go on with if the code stands for nothing else, or None.
    """

    n_prefix: int
    n_extra: int
    value: int
    table: int | None = None


Table = Sequence[Code | None]
"""For each value of 16 bits that come next, the code they begin with; None if there is none."""


def read_tables(section: bytes | None, path: Path) -> tuple[Table, ...] | None:
    """Read section 2 [5.5]; None if samples are plain numbers of 16 bits.

    Raises:
        FormatError: A table is cut, contradictory, or of a kind that the standard does not explain.
    """
    if section is None:
        return None
    n_tables = unpack(_COUNT, section, 0, path)[0]
    if n_tables == _DEFAULT:
        return (_default_table(),)
    if not 0 < n_tables <= _MOST_TABLES:
        raise _unusable(path, f"{n_tables} tables", f"1 to {_MOST_TABLES}, or 19999 for the default one")
    start, tables = _COUNT.size, []
    for _ in range(n_tables):
        n_codes = unpack(_COUNT, section, start, path)[0]
        start += _COUNT.size
        rows = [unpack(_CODE, section, start + _CODE.size * row, path) for row in range(n_codes)]
        start += _CODE.size * n_codes
        if n_tables == 1 and [row[:2] for row in rows] == [(0, _WINDOW_BITS)]:
            return None  # a single code without prefix is how some devices say that there is no compression
        tables.append(_table([_code(row, n_tables, path) for row in rows], path))
    return tuple(tables)


def decode(content: bytes, n_values: int, tables: Sequence[Table], path: Path) -> np.ndarray:
    """Decode the bits of one lead, the highest bit of each byte first.

    Returns:
        int64 ``(n_values,)``.

    Raises:
        FormatError: The bits end too early, go on after the last value, or are no code.
    """
    n_bits = 8 * len(content)
    padded = np.frombuffer(content + bytes(8), np.uint8).astype(np.int64)
    words = (padded[:-3] << 24 | padded[1:-2] << 16 | padded[2:-1] << 8 | padded[3:]).tolist()
    values: list[int] = []
    position, table = 0, tables[0]
    while len(values) < n_values:
        if position >= n_bits:
            raise _wrong_length(path, "end before its last sample")
        code = table[(words[position >> 3] >> (_WINDOW_BITS - (position & 7))) & 0xFFFF]
        if code is None:
            raise FormatError(f"{path} holds bits that are no code of its table", action=COPY_AGAIN)
        position += code.n_prefix
        if code.table is not None:
            table = tables[code.table]
        elif code.n_extra == 0:
            values.append(code.value)
        else:
            if position + code.n_extra > n_bits:
                raise _wrong_length(path, "end before its last sample")
            bits = (words[position >> 3] >> (_WINDOW_BITS - (position & 7))) & 0xFFFF
            values.append(_signed(bits >> (_WINDOW_BITS - code.n_extra), code.n_extra))
            position += code.n_extra
    if not 0 <= n_bits - position <= _MOST_PADDING_BITS:
        raise _wrong_length(path, "go on after its last sample" if position < n_bits else "end before its last sample")
    return np.array(values, np.int64)


@functools.cache
def _default_table() -> Table:
    """The table of annex C: n ones and a zero stand for n values up and down, ten bits for plain numbers to follow."""
    codes = [("0", Code(1, 0, 0))]
    for size in range(1, 9):
        ones = "1" * size
        codes += [(ones + "00", Code(size + 2, 0, size)), (ones + "01", Code(size + 2, 0, -size))]
    codes += [("1111111110", Code(10, 8, 0)), ("1111111111", Code(10, 16, 0))]
    return _filled([(code.n_prefix, int(prefix, 2), code) for prefix, code in codes])


def _code(row: tuple[int, ...], n_tables: int, path: Path) -> tuple[int, int, Code]:
    """Return the length and the bits of a prefix and its code; the file has the first bit of a prefix lowest."""
    n_prefix, n_total, mode, value, reversed_prefix = row
    if not (0 < n_prefix <= _WINDOW_BITS and n_prefix <= n_total <= n_prefix + _WINDOW_BITS):
        raise _unusable(path, f"a code of {n_prefix} and {n_total} bits", "prefixes of 1 to 16 bits and 16 bits more")
    if reversed_prefix >> n_prefix:
        raise _unusable(path, f"a prefix of more than its {n_prefix} bits", "prefixes of the stated length")
    prefix = int(f"{reversed_prefix:0{n_prefix}b}"[::-1], 2)
    if mode == 1:
        if n_total > n_prefix and value != 0:
            raise _unusable(path, f"a number after a prefix that stands for {value}", "0 for such a prefix")
        return n_prefix, prefix, Code(n_prefix, n_total - n_prefix, value)
    if mode != 0 or n_total != n_prefix or not 0 < value <= n_tables:
        raise _unusable(path, f"a change to table {value} of {n_tables}", "a table of the file")
    return n_prefix, prefix, Code(n_prefix, 0, 0, value - 1)


def _table(codes: Sequence[tuple[int, int, Code]], path: Path) -> Table:
    table = _filled(codes)
    if sum(1 << (_WINDOW_BITS - length) for length, _, _ in codes) != sum(code is not None for code in table):
        raise _unusable(path, "two codes that begin alike", "codes of which none begins with another")
    return table


def _filled(codes: Sequence[tuple[int, int, Code]]) -> Table:
    table: list[Code | None] = [None] * (1 << _WINDOW_BITS)
    for length, prefix, code in codes:
        n_free = _WINDOW_BITS - length
        table[prefix << n_free : (prefix + 1) << n_free] = [code] * (1 << n_free)
    return table


def _signed(bits: int, n_bits: int) -> int:
    return bits - (1 << n_bits) if bits >> (n_bits - 1) else bits


def _unusable(path: Path, received: str, allowed: str) -> FormatError:
    return FormatError(
        f"the table of codes in {path} is not usable", received=received, allowed=allowed, action=EXPORT_AGAIN
    )


def _wrong_length(path: Path, what: str) -> FormatError:
    return FormatError(f"the samples of a lead in {path} {what}", action=COPY_AGAIN)
