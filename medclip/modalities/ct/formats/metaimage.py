"""MetaImage volumes (.mha, or .mhd with a file of voxels beside it), as ITK writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.modalities.imaging.geometry import Grid, grid_from_affine
from medclip.modalities.imaging.text_header import beside, numbers_of
from medclip.modalities.imaging.volume_file import Content, check_shape, content_of, inflated, volume_sample, voxels_of

__all__ = ["FORMAT", "read", "sniff"]

_MOST_HEADER_BYTES = 1 << 16
_KINDS: Mapping[str, str] = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_CONVERT_AGAIN = "convert the image again from its DICOM series"


def sniff(path: Path, head: bytes) -> bool:
    """Tell a MetaImage by the first key of its header."""
    first = head.split(b"\n", 1)[0].split(b"=", 1)[0].strip()
    return first in (b"ObjectType", b"NDims", b"Comment") and b"NDims" in head and b"DimSize" in head


def read(path: Path) -> Sample:
    """Read a volume in Hounsfield units.

    Raises:
        FormatError: It is no single volume, does not state its spacing and orientation, is not in Hounsfield units, is
            truncated, or names voxels in another folder.
    """
    path = Path(path)
    content = content_of(path)
    fields, start = _header_of(content, path)
    shape = tuple(int(length) for length in numbers_of(fields, "DimSize", path))
    check_shape(shape, path)
    kind = _kind_of(fields, path)
    grid = _grid_of(fields, path)
    if fields["ElementDataFile"] != "LOCAL":
        content, start = content_of(beside(path, fields["ElementDataFile"])), 0
    needed = math.prod(shape) * kind.itemsize
    if _is_true(fields, "CompressedData"):
        content, start = inflated(content[start:], needed, path), 0
    else:
        skipped = int(numbers_of(fields, "HeaderSize", path)[0]) if "HeaderSize" in fields else 0
        # Minus one: the voxels are the end of the file.
        start = max(0, len(content) - needed) if skipped < 0 else start + skipped
    return volume_sample(voxels_of(content, start, kind, shape, path), grid, path)


FORMAT = Format(name="metaimage", description="MetaImage volume (.mha, .mhd)", sniff=sniff, read=read)


def _header_of(content: Content, path: Path) -> tuple[dict[str, str], int]:
    """Return the lines of the header by their keys, and where it ends: ElementDataFile is the last key."""
    fields: dict[str, str] = {}
    place = 0
    while "ElementDataFile" not in fields:
        end = content.find(b"\n", place, _MOST_HEADER_BYTES)
        line = content[place : end if end >= 0 else _MOST_HEADER_BYTES].decode("latin-1")
        key, mark, value = line.partition("=")
        if not mark or (end < 0 and key.strip() != "ElementDataFile"):
            raise FormatError(f"{path} is damaged or truncated inside its header", action=_CONVERT_AGAIN)
        fields[key.strip()] = value.strip()
        place = end + 1 if end >= 0 else len(content)
    return fields, place


def _is_true(fields: Mapping[str, str], key: str) -> bool:
    return fields.get(key, "False").lower() in ("true", "1")


def _kind_of(fields: Mapping[str, str], path: Path) -> np.dtype:
    code = _KINDS.get(fields.get("ElementType", ""))
    n_channels = fields.get("ElementNumberOfChannels", "1")
    if code is None or n_channels != "1" or not _is_true({"BinaryData": "True", **fields}, "BinaryData"):
        raise FormatError(
            f"{path} stores its voxels in a way that is not read",
            received=f"{n_channels} x {fields.get('ElementType', 'no type')}",
            allowed=f"one binary number a voxel: {', '.join(_KINDS)}",
            action=_CONVERT_AGAIN,
        )
    is_big_endian = any(_is_true(fields, key) for key in ("BinaryDataByteOrderMSB", "ElementByteOrderMSB"))
    return np.dtype(f"{'>' if is_big_endian else '<'}{code}")


def _grid_of(fields: Mapping[str, str], path: Path) -> Grid:
    spacing = _stated(fields, ("ElementSpacing",), "the distance of its voxels", 3, path)
    origin = _stated(fields, ("Offset", "Position", "Origin"), "where it lies in the patient", 3, path)
    axes = _stated(fields, ("TransformMatrix", "Rotation", "Orientation"), "its orientation", 9, path)
    # One vector after the other, each the direction in LPS in which one index grows.
    steps = np.reshape(axes, (3, 3)).T * np.asarray(spacing)
    grid = grid_from_affine(np.column_stack([steps, origin]), is_ras=False)
    return grid.reordered((2, 1, 0), (False, False, False), (1, 1, 1))


def _stated(
    fields: Mapping[str, str], keys: tuple[str, ...], what: str, n_numbers: int, path: Path
) -> tuple[float, ...]:
    key = next((key for key in keys if key in fields), None)
    numbers = numbers_of(fields, key, path) if key else ()
    if len(numbers) != n_numbers:
        raise FormatError(
            f"{path} does not state {what}",
            received=f"{len(numbers)} numbers",
            allowed=n_numbers,
            action=_CONVERT_AGAIN,
        )
    return numbers
