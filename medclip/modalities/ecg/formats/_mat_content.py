"""The variables of a MATLAB 5 file, read by own code: ``scipy.io.loadmat`` can be crashed by a damaged file.

The layout is that of MathWorks, "MAT-File Format", chapter 1. Numbers, texts and structures of them are read.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.ecg.formats._recording import COPY_AGAIN, bytes_of

__all__ = ["Structure", "Variable", "has_mat_4_head", "has_mat_5_head", "has_mat_73_head", "variables_of"]

_HEAD_BYTES, _TAG_BYTES = 128, 8
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_STRUCTURE, _TEXT, _NUMBERS = 2, 4, range(6, 16)
_IS_COMPLEX = 0x0800
_MOST_BYTES = 1 << 27
_MOST_VARIABLES = 100
_NAME_START = 20

Variable = np.ndarray | str
"""Numbers in their shape, or a text."""
Structure = Mapping[str, Variable]
"""Fields of a structure by name."""


class _UnusableError(ValueError):
    """What is wrong with a file, in words of our own."""


class _Element(NamedTuple):
    kind: int
    content: bytes


def has_mat_5_head(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is a MATLAB 5 file (saved with -v6 or -v7)."""
    return head[:10] == b"MATLAB 5.0" and head[126:128] in (b"IM", b"MI")


def has_mat_73_head(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is a MATLAB 7.3 file."""
    return head[:10] == b"MATLAB 7.3"


def has_mat_4_head(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is a MATLAB 4 file with a matrix ``val``, as PhysioNet has them."""
    return head[_NAME_START : _NAME_START + 4] == b"val\0" and head[16:20] == b"\4\0\0\0"


def variables_of(path: Path) -> Mapping[str, Variable | Structure]:
    """Return the variables of a MATLAB 5 file by name.

    Raises:
        FormatError: It is damaged, larger than any ECG once unpacked, or holds something else than real numbers, texts
            and single structures of them.
    """
    content = bytes_of(path)
    if not has_mat_5_head(content):
        raise FormatError(f"{path} is no MATLAB 5 file", action=COPY_AGAIN)
    order = "<" if content[126:128] == b"IM" else ">"
    try:
        return dict(_variable(element, order, is_inner=False) for element in _unpacked(content, order))
    except (ValueError, struct.error, zlib.error, IndexError) as error:
        reason = f" ({error})" if isinstance(error, _UnusableError) else ""
        raise FormatError(f"{path} is truncated or damaged and cannot be decoded{reason}", action=COPY_AGAIN) from error


def _unpacked(content: bytes, order: str) -> Iterator[bytes]:
    """Yield the contents of the matrices in a file, unpacked within limits."""
    n_left = _MOST_BYTES
    for number, element in enumerate(_elements(content[_HEAD_BYTES:], order)):
        if element.kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            plain = unpacker.decompress(element.content, n_left)
            if unpacker.unconsumed_tail:
                raise _UnusableError(f"it unpacks to more than {_MOST_BYTES} bytes")
            n_left -= len(plain)
            if not unpacker.eof:
                raise _UnusableError("a variable ends too early")
            element = next(_elements(plain, order))
        if element.kind != _MATRIX or number >= _MOST_VARIABLES:
            raise _UnusableError("it holds something else than a few variables")
        yield element.content


def _elements(content: bytes, order: str) -> Iterator[_Element]:
    """Yield tagged parts; up to four bytes may lie in the tag itself, longer ones are filled up to eight."""
    start = 0
    while start + _TAG_BYTES <= len(content):
        kind, size = struct.unpack_from(order + "II", content, start)
        if kind >> 16:
            yield _Element(kind & 0xFFFF, content[start + 4 : start + 4 + min(kind >> 16, 4)])
            start += _TAG_BYTES
            continue
        start += _TAG_BYTES
        if start + size > len(content):
            raise _UnusableError("a part is longer than the file")
        yield _Element(kind, content[start : start + size])
        start += size if kind == _COMPRESSED else size + -size % 8
    if len(content) > start:
        raise _UnusableError("it ends in the middle of a part")


def _variable(content: bytes, order: str, *, is_inner: bool) -> tuple[str, Variable | Structure]:
    flags, sizes, name, *parts = _elements(content, order)
    word = struct.unpack_from(order + "I", flags.content)[0]
    shape = np.frombuffer(sizes.content, order + "i4").tolist()
    label = name.content.decode("latin-1")
    array_class = word & 0xFF
    if array_class in _NUMBERS and not word & _IS_COMPLEX and len(parts) == 1:
        return label, _numbers(parts[0], shape, order)
    if array_class == _TEXT and len(parts) <= 1:
        return label, _text(parts[0], order) if parts else ""
    if array_class == _STRUCTURE and not is_inner and math.prod(shape) == 1:
        return label, _structure(parts, order)
    raise _UnusableError(f"a variable of MATLAB's class {array_class} is not read; numbers, texts and a structure are")


def _numbers(element: _Element, shape: list[int], order: str) -> np.ndarray:
    if element.kind not in _TYPES or any(size < 0 for size in shape):
        raise _UnusableError("numbers are stored in no known way")
    return np.frombuffer(element.content, order + _TYPES[element.kind]).reshape(shape, order="F")


def _text(element: _Element, order: str) -> str:
    if element.kind not in _TEXTS:
        raise _UnusableError("a text is stored in no known way")
    encoding = _TEXTS[element.kind]
    if encoding in ("utf-16", "utf-32"):
        encoding += "-le" if order == "<" else "-be"
    return element.content.decode(encoding, errors="replace")


def _structure(parts: list[_Element], order: str) -> Structure:
    """Read a structure: the length of its names, its names, its values."""
    width = struct.unpack_from(order + "i", parts[0].content)[0]
    names = parts[1].content
    if width < 1 or len(names) % width or len(parts) != 2 + len(names) // width:
        raise _UnusableError("a structure has not as many values as names")
    fields: dict[str, Variable] = {}
    for number, part in enumerate(parts[2:]):
        name = names[number * width : (number + 1) * width].partition(b"\0")[0].decode("latin-1")
        value = _variable(part.content, order, is_inner=True)[1] if part.kind == _MATRIX and part.content else ""
        if isinstance(value, Mapping):
            raise _UnusableError("a structure lies in another one")
        fields[name] = value
    return fields
