"""Plain values from the header of a DICOM file, a few dozen of them, ten times as fast as decoding all of it.

A chest CT is a thousand files. In the usual codings, elements that nobody asked for are skipped; whatever is unusual
is left to ``pydicom``.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from medclip.core.errors import FormatError
from medclip.modalities.imaging.dicom_file import DicomFile, open_dicom
from medclip.modalities.imaging.header_values import decoding

__all__ = ["PLAIN", "QuickHeader", "quick_header"]

_HEAD_BYTES = 1 << 15
_PREAMBLE = 132
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
# Compressed files have explicit headers; deflated and big-endian ones do not begin like them.
_UNUSUAL = ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2", "")
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT", b"SV", b"UV"})
_UNDEFINED = 0xFFFFFFFF
_ITEM, _END_OF_ITEM, _END_OF_SEQUENCE = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)


class _Wanted(NamedTuple):
    keyword: str
    kind: str
    """``text``, ``decimal`` (a number written as text) or ``binary`` (a number of 16 bits)."""


_WANTED: Mapping[int, _Wanted] = {
    0x00020010: _Wanted("TransferSyntaxUID", "text"),
    0x00080008: _Wanted("ImageType", "text"),
    0x00080016: _Wanted("SOPClassUID", "text"),
    0x00080018: _Wanted("SOPInstanceUID", "text"),
    0x00080060: _Wanted("Modality", "text"),
    0x0008103E: _Wanted("SeriesDescription", "text"),
    0x00180010: _Wanted("ContrastBolusAgent", "text"),
    0x00180015: _Wanted("BodyPartExamined", "text"),
    0x00180050: _Wanted("SliceThickness", "decimal"),
    0x00181120: _Wanted("GantryDetectorTilt", "decimal"),
    0x00181210: _Wanted("ConvolutionKernel", "text"),
    0x0020000E: _Wanted("SeriesInstanceUID", "text"),
    0x00200011: _Wanted("SeriesNumber", "decimal"),
    0x00200032: _Wanted("ImagePositionPatient", "decimal"),
    0x00200037: _Wanted("ImageOrientationPatient", "decimal"),
    0x00280002: _Wanted("SamplesPerPixel", "binary"),
    0x00280004: _Wanted("PhotometricInterpretation", "text"),
    0x00280008: _Wanted("NumberOfFrames", "decimal"),
    0x00280010: _Wanted("Rows", "binary"),
    0x00280011: _Wanted("Columns", "binary"),
    0x00280030: _Wanted("PixelSpacing", "decimal"),
    0x00280100: _Wanted("BitsAllocated", "binary"),
    0x00280101: _Wanted("BitsStored", "binary"),
    0x00280102: _Wanted("HighBit", "binary"),
    0x00280103: _Wanted("PixelRepresentation", "binary"),
    0x00280120: _Wanted("PixelPaddingValue", "binary"),
    0x00280121: _Wanted("PixelPaddingRangeLimit", "binary"),
    0x00281052: _Wanted("RescaleIntercept", "decimal"),
    0x00281053: _Wanted("RescaleSlope", "decimal"),
    0x00281054: _Wanted("RescaleType", "text"),
    0x00283000: _Wanted("ModalityLUTSequence", "presence"),
}
PLAIN = frozenset(wanted.keyword for wanted in _WANTED.values())
"""Keywords of what is read."""


@dataclass(frozen=True, eq=False)
class QuickHeader:
    """Some values of a DICOM file's header.

    Args:
        path: The file.
        values: Texts and numbers by keyword; absent where the file has none.
        transfer_syntax: Unique identifier of how the file is coded.
        pixel_offset: Where the value of uncompressed pixel data begins; None if there is none, or it is compressed.
        n_pixel_bytes: Bytes of it that the file announces.
        has_pixels: True if the file holds pixel data of any kind.
        is_truncated: True if the file ends before its uncompressed pixel data do.
    """

    path: Path
    values: Mapping[str, tuple[str | float, ...]]
    transfer_syntax: str
    pixel_offset: int | None
    n_pixel_bytes: int
    has_pixels: bool
    is_truncated: bool

    def text(self, keyword: str) -> str:
        """Return a value as text, several joined by a blank; empty if there is none."""
        return " ".join(str(value) for value in self.values.get(keyword, ()))

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return all values of an element as text."""
        return tuple(str(value) for value in self.values.get(keyword, ()))

    def numbers(self, keyword: str, n_values: int | None = None) -> tuple[float, ...]:
        """Return all numbers of an element; empty if it is absent or empty.

        Raises:
            FormatError: One of them is no finite number, or there are neither none nor ``n_values``.
        """
        values = self.values.get(keyword, ())
        try:
            numbers = tuple(float(value) for value in values)
        except ValueError as error:
            raise FormatError(f"the {keyword} of {self.path.name} is no number", action="export it again") from error
        if not all(math.isfinite(number) for number in numbers) or len(numbers) not in (0, n_values or len(numbers)):
            raise FormatError(
                f"the {keyword} of {self.path.name} is not usable",
                received=[f"{number:g}" for number in numbers],
                allowed=f"{n_values or 1} finite numbers",
            )
        return numbers

    def number(self, keyword: str, default: float | None = None) -> float:
        """Return the first number of an element, or what its absence means.

        Raises:
            FormatError: It is no finite number, or absent without a default.
        """
        numbers = self.numbers(keyword)
        if numbers:
            return numbers[0]
        if default is None:
            raise FormatError(f"{self.path.name} states no {keyword}", action="export it again from its source")
        return default


def quick_header(path: Path) -> QuickHeader:
    """Read the plain values of a DICOM file's header.

    Raises:
        FormatError: It is no DICOM file, or truncated or damaged before its pixel data.
        MissingDependencyError: ``pydicom`` is needed for this file and is not installed.
    """
    try:
        with path.open("rb") as file:
            n_bytes = os.fstat(file.fileno()).st_size
            content = file.read(_HEAD_BYTES)
            found = _scanned(path, content, n_bytes)
            # Private elements of some scanners are larger than what was read.
            if found is None and n_bytes > len(content) and content[128:132] == b"DICM":
                found = _scanned(path, content + file.read(_HEAD_BYTES * 31), n_bytes)
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read ({error.strerror})", action="check the path and its rights"
        ) from error
    return found or _decoded(open_dicom(path), n_bytes)


def _scanned(path: Path, content: bytes, n_bytes: int) -> QuickHeader | None:
    """Scan the beginning of a file; None if it is in any way unusual, or the pixel data do not begin in it."""
    if content[128:132] != b"DICM":
        return None
    try:
        values: dict[str, tuple[str | float, ...]] = {}
        place, _ = _elements(content, _PREAMBLE, values, is_implicit=False, is_meta=True)
        syntax = str(next(iter(values.pop("TransferSyntaxUID", ("",)))))
        if syntax in _UNUSUAL:
            return None
        place, at_pixels = _elements(content, place, values, is_implicit=syntax == _IMPLICIT, is_meta=False)
        if not at_pixels and n_bytes != place:
            return None
        start, length = _pixels_at(content, place, is_implicit=syntax == _IMPLICIT) if at_pixels else (None, 0)
    except (struct.error, UnicodeDecodeError, _UnusualError):
        return None
    is_truncated = start is not None and start + length > n_bytes
    return QuickHeader(path, values, syntax, start, length, at_pixels, is_truncated)


class _UnusualError(Exception):
    """Something that is left to ``pydicom``."""


def _elements(
    content: bytes, place: int, values: dict[str, tuple[str | float, ...]], *, is_implicit: bool, is_meta: bool
) -> tuple[int, bool]:
    """Walk over elements and keep the wanted values; return where the walk ends and whether pixel data begin there."""
    size = len(content)
    while place + 8 <= size:
        group, element = struct.unpack_from("<HH", content, place)
        tag = group << 16 | element
        if is_meta and group != 2:
            break
        if tag in _PIXEL_TAGS:
            return place, True
        start, length, representation = _element(content, place, is_implicit)
        if length == _UNDEFINED:
            # The content of an unknown element of undefined length is coded in another way.
            if representation == b"UN":
                raise _UnusualError
            place = _after_items(content, start, is_implicit)
            continue
        if tag in _WANTED:
            if start + length > size:
                raise _UnusualError
            _keep(values, _WANTED[tag], content[start : start + length], representation)
        place = start + length
    return place, False


def _element(content: bytes, place: int, is_implicit: bool) -> tuple[int, int, bytes]:
    """Return where the value of an element begins, its length and its representation (empty in implicit coding)."""
    if is_implicit:
        return place + 8, struct.unpack_from("<I", content, place + 4)[0], b""
    representation = content[place + 4 : place + 6]
    if representation in _LONG:
        return place + 12, struct.unpack_from("<I", content, place + 8)[0], representation
    if not (representation.isalpha() and representation.isupper()):
        raise _UnusualError
    return place + 8, struct.unpack_from("<H", content, place + 6)[0], representation


def _after_items(content: bytes, place: int, is_implicit: bool) -> int:
    """Return where a sequence of undefined length ends, whatever is nested in it."""
    ends = [_END_OF_SEQUENCE]
    while ends:
        group, element = struct.unpack_from("<HH", content, place)
        tag = group << 16 | element
        if tag in (_ITEM, _END_OF_ITEM, _END_OF_SEQUENCE):
            (length,) = struct.unpack_from("<I", content, place + 4)
            place += 8
            if tag == _ITEM and length == _UNDEFINED:
                ends.append(_END_OF_ITEM)
            elif tag == _ITEM:
                place += length
            elif tag == ends[-1]:
                ends.pop()
            else:
                raise _UnusualError
            continue
        place, length, representation = _element(content, place, is_implicit)
        if length == _UNDEFINED:
            if representation == b"UN":
                raise _UnusualError
            ends.append(_END_OF_SEQUENCE)
        else:
            place += length
    return place


def _keep(values: dict[str, tuple[str | float, ...]], wanted: _Wanted, value: bytes, representation: bytes) -> None:
    if wanted.kind == "presence":
        values[wanted.keyword] = ("present",)
    elif wanted.kind == "binary":
        if len(value) % 2 or representation not in (b"", b"US", b"SS"):
            raise _UnusualError
        # Where the coding does not say it, padding has the sign of the pixels, which is applied where it is used.
        numbers = struct.unpack(f"<{len(value) // 2}{'h' if representation == b'SS' else 'H'}", value)
        values[wanted.keyword] = tuple(float(number) for number in numbers)
    else:
        parts = value.decode("latin-1").split("\\")
        texts = tuple(part.strip(" \0") for part in parts)
        if any(texts):
            values[wanted.keyword] = texts


def _pixels_at(content: bytes, place: int, *, is_implicit: bool) -> tuple[int | None, int]:
    start, length, _ = _element(content, place, is_implicit)
    return (None, 0) if length == _UNDEFINED else (start, length)


def _decoded(file: DicomFile, n_bytes: int) -> QuickHeader:
    """Take the same values from a header that ``pydicom`` has read."""
    values: dict[str, tuple[str | float, ...]] = {}
    with decoding(file.path, "its header"):
        for wanted in _WANTED.values():
            found = file.header.get(wanted.keyword)
            if found is None or wanted.keyword == "TransferSyntaxUID":
                continue
            several = found if hasattr(found, "__iter__") and not isinstance(found, (str, bytes)) else [found]
            texts = tuple(str(value).strip(" \0") for value in several)
            if wanted.kind == "presence":
                values[wanted.keyword] = ("present",)
            elif any(texts):
                values[wanted.keyword] = tuple(map(float, texts)) if wanted.kind == "binary" else texts
    return QuickHeader(file.path, values, file.transfer_syntax, None, 0, file.has_pixels, False)
