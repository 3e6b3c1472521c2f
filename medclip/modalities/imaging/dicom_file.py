"""Opening DICOM files: header first, pixels when they are wanted, and nothing larger than what the file holds."""

from __future__ import annotations

import copy
import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from medclip.core.errors import FormatError
from medclip.modalities.imaging.header_values import decoding

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset, FileDataset
    from pydicom.tag import BaseTag

__all__ = ["DicomFile", "WatchedFile", "is_dicom", "open_dicom"]

MAXIMUM_BYTES = 4 << 30
"""Largest file that is opened: an enhanced CT of 4,000 frames is half of it."""

MAXIMUM_INFLATED_BYTES = 1 << 30
"""Most that a deflated file may grow to."""

_PREAMBLE_BYTES = 128
_UNDEFINED = 0xFFFFFFFF
_DEFLATED = "1.2.840.10008.1.2.1.99"
# Float, double and integer pixel data with the representation that they have where none is written.
_PIXEL_TAGS = {0x7FE00008: "OF", 0x7FE00009: "OD", 0x7FE00010: "OW"}
_LONG_REPRESENTATIONS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"})
_REPRESENTATIONS = _LONG_REPRESENTATIONS | frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST SV TM UI UL US UV".split()
)
_FIRST_GROUPS = (0x0002, 0x0008)
_ITEM, _END_OF_ITEMS = 0xFFFEE000, 0xFFFEE0DD
_COPY_AGAIN = "copy the file again from its source"


@dataclass(frozen=True, eq=False)
class DicomFile:
    """A DICOM file whose header has been read and whose pixels have not.

    Args:
        path: The file.
        header: All elements before the pixel data; values are decoded when they are asked for, see ``header_values``.
        transfer_syntax: Unique identifier of how the file is coded; where the file states none, as it was recognised.
        pixel_offset: Where the pixel data begin in the (inflated) file, None if it has none.
    """

    path: Path
    header: FileDataset
    transfer_syntax: str
    pixel_offset: int | None

    @property
    def has_pixels(self) -> bool:
        """True if the file holds pixel data."""
        return self.pixel_offset is not None

    def with_pixels(self) -> FileDataset:
        """Return the header with the pixel data, as ``pydicom.pixels`` takes it; each call reads them again.

        Raises:
            FormatError: There are none, or fewer than the file announces.
        """
        if self.pixel_offset is None:
            raise FormatError(f"{self.path} holds no picture", action="choose another file of this study")
        with decoding(self.path, "its header"):
            dataset = _unshared(self.header)
        with _opened(self.path) as file, decoding(self.path, "its pixel data"):
            content, _ = _content_of(self.path, file)
            content.seek(self.pixel_offset)
            dataset.add(_pixel_element(self.path, content, self.header))
        return dataset


def _unshared(header: FileDataset) -> FileDataset:
    """Return a header that can be changed: pydicom's own copy keeps its elements in the same place."""
    from pydicom.dataset import FileDataset

    # Not their values, which would be decoded; pydicom decodes some all the same, such as those of length 0.
    elements: Any = {tag: copy.copy(header.get_item(tag)) for tag in list(header.keys())}
    is_implicit, is_little_endian = header.original_encoding
    copied = FileDataset("", elements, None, header.file_meta, bool(is_implicit), bool(is_little_endian))
    copied.set_original_encoding(is_implicit, is_little_endian, header.original_character_set)
    return copied


def is_dicom(head: bytes) -> bool:
    """Tell by its first bytes whether a file is DICOM, with or without the preamble that the standard asks for.

    >>> is_dicom(bytes(128) + b"DICM"), is_dicom(b"GIF89a")
    (True, False)
    """
    if head[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] == b"DICM":
        return True
    return any(_begins_with_elements(head, order) for order in "<>")


def open_dicom(path: Path, *, maximum_bytes: int = MAXIMUM_BYTES) -> DicomFile:
    """Open a DICOM file of any uncompressed, compressed or deflated coding without loading its pixels.

    Args:
        path: The file; it may lack preamble and file meta information.
        maximum_bytes: Largest file that is accepted.

    Raises:
        FormatError: It is no DICOM file, is larger than allowed, truncated or damaged.
        MissingDependencyError: ``pydicom`` is not installed.
    """
    path = Path(path)
    with _opened(path) as file:
        _check_size(path, file, maximum_bytes)
        head = file.read(4096)
        file.seek(0)
        if not is_dicom(head):
            raise FormatError(f"{path} is no DICOM file", action="choose the file that the scanner or PACS exported")
        with decoding(path, "its header"):
            content, meta = _content_of(path, file)
            return _parse(path, content, meta)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise FormatError(f"{path} does not exist", action="check the path") from error
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read ({error.strerror})", action="check the path and its rights"
        ) from error


def _check_size(path: Path, file: BinaryIO, maximum_bytes: int) -> None:
    n_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    if n_bytes > maximum_bytes:
        raise FormatError(
            f"{path} is too large", received=f"{n_bytes} bytes", allowed=f"up to {maximum_bytes} bytes a file"
        )


def _parse(path: Path, content: BinaryIO, meta: Dataset) -> DicomFile:
    watched = WatchedFile(content)
    header = _header(watched, meta)
    if watched.n_missing:
        raise FormatError(
            f"{path} is truncated: it ends inside its header",
            received=f"{watched.n_missing} bytes too few",
            action=_COPY_AGAIN,
        )
    offset = content.tell()
    has_pixels = bool(content.read(1))
    if not has_pixels and not len(header):
        raise FormatError(f"{path} is truncated: it holds no element", action=_COPY_AGAIN)
    syntax = _transfer_syntax(header)
    return DicomFile(path, header, syntax, offset if has_pixels else None)


def _header(content: WatchedFile, meta: Dataset) -> FileDataset:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.filereader import read_dataset, read_partial

    file = cast(BinaryIO, content)
    if meta.get("TransferSyntaxUID") != _DEFLATED:
        return read_partial(file, _at_pixels, force=True)
    # What was inflated has no preamble and no meta information of its own.
    dataset = read_dataset(file, is_implicit_VR=False, is_little_endian=True, stop_when=_at_pixels)
    header = FileDataset("", dataset, None, FileMetaDataset(meta), is_implicit_VR=False, is_little_endian=True)
    header.set_original_encoding(False, True, dataset._character_set)
    return header


def _at_pixels(tag: BaseTag, representation: str | None, length: int) -> bool:
    return int(tag) in _PIXEL_TAGS


def _transfer_syntax(header: FileDataset) -> str:
    """Return the stated coding, or the one in which ``pydicom`` could read the header; then it is stated, too."""
    from pydicom.dataelem import DataElement

    stated = header.file_meta.get("TransferSyntaxUID")
    if stated:
        return str(stated)
    is_implicit, is_little_endian = header.original_encoding
    uncompressed = "1.2.840.10008.1.2.1" if is_little_endian else "1.2.840.10008.1.2.2"
    syntax = "1.2.840.10008.1.2" if is_implicit else uncompressed
    header.file_meta["TransferSyntaxUID"] = DataElement("TransferSyntaxUID", "UI", syntax)
    return syntax


class WatchedFile:
    """A file that notes what was asked for beyond its end, over which ``pydicom`` passes in silence.

    Args:
        file: The file; ``n_missing`` counts the bytes that it is too short.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.n_missing = 0

    def read(self, size: int = -1) -> bytes:
        """Read as a file does."""
        content = self._file.read(size)
        # Asking for one more tag is how the end is found.
        if len(content) < size and (content or size not in (1, 4, 8)):
            self.n_missing = size - len(content)
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go as a file does."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Tell as a file does."""
        return self._file.tell()


def _content_of(path: Path, file: BinaryIO) -> tuple[BinaryIO, Dataset]:
    """Return the file, or what it inflates to, at its beginning, and its meta information (empty if it has none)."""
    from pydicom.filereader import read_dataset

    file.seek(_PREAMBLE_BYTES)
    file.seek(_PREAMBLE_BYTES + 4 if file.read(4) == b"DICM" else 0)
    meta = read_dataset(file, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, *_: tag.group != 2)
    if meta.get("TransferSyntaxUID") == _DEFLATED:
        return io.BytesIO(_inflated(path, file.read())), meta
    file.seek(0)
    return file, meta


def _inflated(path: Path, deflated: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(deflated, MAXIMUM_INFLATED_BYTES)
    except zlib.error as error:
        raise FormatError(f"{path} is damaged: it cannot be inflated", action=_COPY_AGAIN) from error
    if inflater.eof:
        return content
    if inflater.unconsumed_tail:
        raise FormatError(
            f"{path} grows too large when it is inflated",
            received=f"more than {MAXIMUM_INFLATED_BYTES} bytes from {len(deflated)}",
            allowed=f"up to {MAXIMUM_INFLATED_BYTES} bytes",
            action="export the file again without deflation",
        )
    raise FormatError(f"{path} is truncated: its deflated data have no end", action=_COPY_AGAIN)


def _pixel_element(path: Path, content: BinaryIO, header: FileDataset) -> DataElement:
    """Read the pixel data element at which a file stands."""
    from pydicom.dataelem import DataElement

    is_implicit, is_little_endian = header.original_encoding
    order = "<" if is_little_endian else ">"
    group, element = struct.unpack(f"{order}HH", content.read(4))
    tag = group << 16 | element
    representation = "" if is_implicit else content.read(4)[:2].decode("ascii")
    (length,) = struct.unpack(f"{order}I", content.read(4))
    if not representation:
        representation = _PIXEL_TAGS[tag]
    if length == _UNDEFINED:
        return DataElement(tag, "OB", _items(path, content.read()), is_undefined_length=True)
    value = content.read(length)
    if len(value) < length:
        raise FormatError(
            f"{path} is truncated: it ends inside its pixel data",
            received=f"{len(value)} of {length} bytes",
            action=_COPY_AGAIN,
        )
    return DataElement(tag, representation, value)


def _items(path: Path, value: bytes) -> bytes:
    """Return the fragments of compressed pixel data without what follows them.

    Raises:
        FormatError: The last one is not whole, or something else lies between them.
    """
    place = 0
    while place + 8 <= len(value):
        group, element, length = struct.unpack_from("<HHI", value, place)
        tag = group << 16 | element
        if tag == _END_OF_ITEMS:
            return value[:place]
        if tag != _ITEM:
            raise FormatError(f"{path} is damaged: its compressed pixel data are not in items", action=_COPY_AGAIN)
        place += 8 + length
    raise FormatError(
        f"{path} is truncated: it ends inside its compressed pixel data",
        received=f"{len(value)} bytes",
        allowed=f"at least {max(place, len(value)) + 8} bytes",
        action=_COPY_AGAIN,
    )


def _begins_with_elements(head: bytes, order: str) -> bool:
    """Walk over the first elements of a file without preamble: their tags grow, their lengths fit their kinds.

    >>> character_set, class_of_object = bytes.fromhex("0800050043530200"), bytes.fromhex("0800160055490000")
    >>> _begins_with_elements(character_set + b"  " + class_of_object, "<")
    True
    """
    place, last, n_seen = 0, -1, 0
    while n_seen < 3 and place + 8 <= len(head):
        group, element = struct.unpack_from(f"{order}HH", head, place)
        tag, representation = group << 16 | element, head[place + 4 : place + 6]
        if tag <= last or (n_seen == 0 and group not in _FIRST_GROUPS):
            return False
        if representation in _LONG_REPRESENTATIONS:
            length, start = (*struct.unpack_from(f"{order}I", head[: len(head)] + bytes(4), place + 8), 12)
        elif representation in _REPRESENTATIONS:
            length, start = (*struct.unpack_from(f"{order}H", head, place + 6), 8)
        elif order == "<" and group != 2:
            length, start = (*struct.unpack_from("<I", head, place + 4), 8)
        else:
            return False
        if length % 2 and length != _UNDEFINED:
            return False
        place, last, n_seen = place + start + length, tag, n_seen + 1
    return n_seen > 0 and (n_seen > 1 or place >= len(head))
