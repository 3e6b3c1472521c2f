"""XLI, the compression of Philips ECGs: LZW of second differences, and limb leads that are stored as what is left.

Philips publishes no description. This is what the authors of the Sierra ECG Tools (Christopher Watford) found out, but
for halves: those round towards zero here, since only then do the augmented leads of recordings obey Goldberger's
relations to half a step.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from medclip.core.errors import FormatError
from medclip.core.xml import COPY_AGAIN

__all__ = ["decompress", "restore_limb_leads"]

_HEADER = struct.Struct("<ihh")  # bytes of the chunk, always 1, the first second difference
_CODE_BITS = 10
_END_CODE = (1 << _CODE_BITS) - 1
_DIFFERENCE_OFFSET = 64


def decompress(content: bytes, n_leads: int, n_samples: int, path: Path) -> np.ndarray:
    """Decompress the leads of a file, each in a chunk of its own.

    Devices write 16 chunks whatever they recorded; those after the last lead hold nothing and are not decoded.

    Args:
        content: All chunks.
        n_leads: How many leads there are.
        n_samples: Samples per lead.
        path: The file, for the message.

    Returns:
        int64 ``(n_leads, n_samples)``, III, aVR, aVL and aVF not yet restored.

    Raises:
        FormatError: There are fewer leads, or one is damaged or of another length.
    """
    rows: list[np.ndarray] = []
    for chunk, first in _chunks(content, path):
        if len(rows) == n_leads:
            break
        unpacked = _unpack_codes(chunk, 2 * n_samples)
        if len(unpacked) != 2 * n_samples:
            raise _damaged(path, f"lead {len(rows) + 1} of another length", f"{n_samples} samples")
        rows.append(_integrate(_interleave(unpacked), first))
    if len(rows) < n_leads:
        raise _damaged(path, f"{len(rows)} leads", f"{n_leads} leads")
    array = np.stack(rows)
    if np.abs(array).max() > np.iinfo(np.int16).max:
        raise _damaged(path, "samples of more than 16 bits", "16 bits")
    return array


def restore_limb_leads(array: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Add what III, aVR, aVL and aVF are stored relative to: what follows from the leads before them.

    >>> stored = np.array([[3, -3], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]])
    >>> restore_limb_leads(stored, ("I", "II", "III", "aVR", "aVL", "aVF"))[3].tolist()
    [-1, 1]
    """
    leads = dict(zip(names, array, strict=True))
    leads["III"] = leads["II"] - leads["I"] - leads["III"]
    leads["aVR"] = -_half(leads["I"] + leads["II"]) - leads["aVR"]
    leads["aVL"] = _half(leads["I"] - leads["III"]) - leads["aVL"]
    leads["aVF"] = _half(leads["II"] + leads["III"]) - leads["aVF"]
    return np.stack([leads[name] for name in names])


def _half(values: np.ndarray) -> np.ndarray:
    return np.trunc(values / 2).astype(np.int64)


def _chunks(content: bytes, path: Path) -> Iterator[tuple[bytes, int]]:
    start = 0
    while start < len(content):
        header = content[start : start + _HEADER.size]
        if len(header) < _HEADER.size:
            raise _damaged(path, "a chunk without a whole header", "8 bytes")
        n_bytes, _, first = _HEADER.unpack(header)
        start += _HEADER.size
        if not 0 < n_bytes <= len(content) - start:
            raise _damaged(path, f"a chunk of {n_bytes} bytes", f"1 to {len(content) - start} bytes")
        yield content[start : start + n_bytes], first
        start += n_bytes


def _unpack_codes(chunk: bytes, n_wanted: int) -> bytes:
    """Undo LZW with codes of 10 bits, and stop once there is more than wanted, for little can become a lot."""
    strings = [bytes([value]) for value in range(256)]
    pieces: list[bytes] = []
    n_bytes, previous = 0, b""
    for code in _codes(chunk):
        if code == _END_CODE or n_bytes > n_wanted:
            break
        if code < len(strings):
            current = strings[code]
        elif code == len(strings) and previous:
            current = previous + previous[:1]
        else:
            return b""
        if previous and len(strings) < _END_CODE:
            strings.append(previous + current[:1])
        pieces.append(current)
        n_bytes += len(current)
        previous = current
    return b"".join(pieces)


def _codes(chunk: bytes) -> list[int]:
    """Cut a chunk into numbers of 10 bits, the first bit being the highest.

    >>> _codes(bytes([0b00000000, 0b01000000, 0b10000000]))
    [1, 8]
    """
    bits = np.unpackbits(np.frombuffer(chunk, np.uint8))
    whole = bits[: len(bits) // _CODE_BITS * _CODE_BITS].reshape(-1, _CODE_BITS)
    weights = 1 << np.arange(_CODE_BITS - 1, -1, -1)
    codes: list[int] = (whole @ weights).tolist()
    return codes


def _interleave(unpacked: bytes) -> np.ndarray:
    """Put the high bytes of all numbers, which come first, before their low bytes."""
    halves = np.frombuffer(unpacked, np.uint8).reshape(2, -1)
    return np.ascontiguousarray(halves.T).view(">i2").ravel().astype(np.int64)


def _integrate(stored: np.ndarray, first: int) -> np.ndarray:
    """Undo second differences: two samples are plain, and each later number serves the sample after its own."""
    if len(stored) < 3:
        return stored
    second = -np.concatenate([[first], stored[2:-1] - _DIFFERENCE_OFFSET])
    slopes = stored[1] - stored[0] + np.cumsum(second)
    return np.concatenate([stored[:2], stored[1] + np.cumsum(slopes)])


def _damaged(path: Path, received: str, allowed: str) -> FormatError:
    return FormatError(
        f"the compressed waveform of {path} is truncated or damaged",
        received=received,
        allowed=allowed,
        action=COPY_AGAIN,
    )
