"""The variables of a MATLAB 5 file, unpacked within limits before ``scipy`` sees them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.ecg.formats._recording import COPY_AGAIN, bytes_of, damaged

__all__ = ["has_mat_4_head", "has_mat_5_head", "has_mat_73_head", "variables_of"]

_HEAD_BYTES, _TAG_BYTES, _FLAGS_START = 128, 8, 16
_MATRIX, _COMPRESSED = 14, 15
# MATLAB's classes of arrays: structure, text, and the ten kinds of numbers; cells, objects, functions are not wanted.
_CLASSES = (2, 4, *range(6, 16))
_MOST_BYTES = 1 << 27
_MOST_VARIABLES = 100
_NAME_START = 20


def has_mat_5_head(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is a MATLAB 5 file (saved with -v6 or -v7)."""
    return head[:10] == b"MATLAB 5.0" and head[126:128] in (b"IM", b"MI")


def has_mat_73_head(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is a MATLAB 7.3 file."""
    return head[:10] == b"MATLAB 7.3"


def has_mat_4_head(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is a MATLAB 4 file with a matrix ``val``, as PhysioNet has them."""
    return head[_NAME_START : _NAME_START + 4] == b"val\0" and head[16:20] == b"\4\0\0\0"


def variables_of(path: Path) -> Mapping[str, np.ndarray]:
    """Return the variables of a MATLAB 5 file by name.

    Raises:
        FormatError: It is damaged, larger than any ECG once unpacked, or holds something else than numbers, texts and
            structures of them.
    """
    content = bytes_of(path)
    if not has_mat_5_head(content):
        raise FormatError(f"{path} is no MATLAB 5 file", action=COPY_AGAIN)
    order = "<" if content[126:128] == b"IM" else ">"
    with damaged(path):
        from scipy.io import loadmat

        plain = content[:_HEAD_BYTES] + b"".join(_elements(content, order, path))
        found = loadmat(io.BytesIO(plain), struct_as_record=True, squeeze_me=False, mat_dtype=False)
        return {name: np.asarray(value) for name, value in found.items() if not name.startswith("__")}


def _elements(content: bytes, order: str, path: Path) -> Iterator[bytes]:
    """Yield the variables one by one, unpacked."""
    start, n_left, n_variables = _HEAD_BYTES, _MOST_BYTES, 0
    while start + _TAG_BYTES <= len(content):
        kind, size = struct.unpack_from(order + "II", content, start)
        element = content[start : start + _TAG_BYTES + size]
        if len(element) < _TAG_BYTES + size:
            raise FormatError(
                f"{path} is truncated",
                received=f"{len(content)} bytes",
                allowed=f"at least {start + _TAG_BYTES + size}",
                action=COPY_AGAIN,
            )
        start += len(element)
        if kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            element = unpacker.decompress(element[_TAG_BYTES:], n_left)
            if not unpacker.eof:
                n_left = 0
        n_left -= len(element)
        n_variables += 1
        if n_left < 0 or n_variables > _MOST_VARIABLES:
            raise FormatError(
                f"{path} holds more than an ECG, or a variable that ends too early",
                allowed=f"{_MOST_VARIABLES} variables of {_MOST_BYTES} bytes together",
                action=COPY_AGAIN,
            )
        _check_class(element, order, path)
        yield element


def _check_class(element: bytes, order: str, path: Path) -> None:
    if len(element) < _FLAGS_START + 4 or struct.unpack_from(order + "I", element)[0] != _MATRIX:
        raise FormatError(f"{path} holds something else than variables", action=COPY_AGAIN)
    matrix_class = struct.unpack_from(order + "I", element, _FLAGS_START)[0] & 0xFF
    if matrix_class not in _CLASSES:
        raise FormatError(
            f"{path} holds a variable of a kind that is not read",
            received=f"MATLAB class {matrix_class}",
            allowed="numbers, texts, and structures of them",
            action="save the recording as a matrix or a structure",
        )
