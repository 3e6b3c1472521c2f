"""NRRD volumes (.nrrd, or .nhdr with a file of voxels beside it), as 3D Slicer writes them."""

from __future__ import annotations

import math
import re
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

_MARK = b"NRRD000"
_MOST_HEADER_BYTES = 1 << 16
_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
# Which way the numbers of a position grow, and the sign that makes it LPS.
_SIGNS: Mapping[str, float] = {
    "left": 1.0,
    "right": -1.0,
    "posterior": 1.0,
    "anterior": -1.0,
    "superior": 1.0,
    "inferior": -1.0,
}
_SPACES = {"lps": "left-posterior-superior", "ras": "right-anterior-superior", "las": "left-anterior-superior"}
_VECTOR = re.compile(r"\(([^()]*)\)")
_CONVERT_AGAIN = "convert the image again from its DICOM series"


def sniff(path: Path, head: bytes) -> bool:
    """Tell an NRRD file by the mark at its beginning."""
    return head.startswith(_MARK)


def read(path: Path) -> Sample:
    """Read a volume in Hounsfield units.

    Raises:
        FormatError: It is no single volume, does not state its spacing and orientation, is not in Hounsfield units, is
            truncated, or names voxels in another folder.
    """
    path = Path(path)
    content = content_of(path)
    fields, start = _header_of(content, path)
    shape = tuple(int(length) for length in numbers_of(fields, "sizes", path))
    check_shape(shape, path)
    kind, is_compressed = _kind_of(fields, path)
    grid = _grid_of(fields, path)
    detached = fields.get("data file", fields.get("datafile"))
    if detached is not None:
        content, start = content_of(beside(path, detached)), 0
    if is_compressed:
        content, start = inflated(content[start:], math.prod(shape) * kind.itemsize, path), 0
    return volume_sample(voxels_of(content, start, kind, shape, path), grid, path)


FORMAT = Format(name="nrrd", description="NRRD volume (.nrrd, .nhdr)", sniff=sniff, read=read)


def _header_of(content: Content, path: Path) -> tuple[dict[str, str], int]:
    """Return the fields of the header in lower case, and where it ends: after an empty line, or with the file."""
    found = re.compile(rb"\r?\n\r?\n").search(content, 0, _MOST_HEADER_BYTES)
    end = found.end() if found else len(content)
    if content[: len(_MARK)] != _MARK or end > _MOST_HEADER_BYTES:
        raise FormatError(f"{path} is damaged or truncated inside its header", action=_CONVERT_AGAIN)
    fields: dict[str, str] = {}
    for line in content[:end].decode("latin-1").splitlines()[1:]:
        key, mark, value = line.partition(":")
        # Lines with ":=" are free pairs of key and value, and lines with "#" are comments.
        if mark and not line.startswith("#") and not value.startswith("="):
            fields[key.strip().lower()] = value.strip()
    return fields, end


def _kind_of(fields: Mapping[str, str], path: Path) -> tuple[np.dtype, bool]:
    code, encoding = _KINDS.get(fields.get("type", "").lower()), fields.get("encoding", "").lower()
    endian = fields.get("endian", "").lower()
    is_known = code is not None and (endian in ("little", "big") or code.endswith("1"))
    skips = any(fields.get(key, "0") != "0" for key in ("line skip", "lineskip", "byte skip", "byteskip"))
    if not is_known or encoding not in ("raw", "gzip", "gz") or skips:
        raise FormatError(
            f"{path} stores its voxels in a way that is not read",
            received=f"{fields.get('type', 'no type')}, {encoding or 'no'} encoding, {endian or 'no'} byte order",
            allowed="one real number a voxel, raw or gzip",
            action=_CONVERT_AGAIN,
        )
    return np.dtype(f"{'>' if endian == 'big' else '<'}{code}"), encoding != "raw"


def _grid_of(fields: Mapping[str, str], path: Path) -> Grid:
    space = fields.get("space", "").lower()
    signs = [_SIGNS.get(word) for word in _SPACES.get(space, space).split("-")]
    vectors = [_vector(text) for text in _VECTOR.findall(fields.get("space directions", ""))]
    origin = [_vector(text) for text in _VECTOR.findall(fields.get("space origin", ""))]
    numbers = [*vectors, *origin]
    if (
        len(signs) != 3
        or None in signs
        or len(vectors) != 3
        or len(origin) != 1
        or any(len(one) != 3 for one in numbers)
    ):
        raise FormatError(
            f"{path} does not state where it lies in the patient",
            received=f"space {space or 'not stated'}, {len(vectors)} directions and {len(origin)} origins",
            allowed="a space such as left-posterior-superior, three directions and an origin",
            action=_CONVERT_AGAIN,
        )
    units = set(re.findall(r'"([^"]*)"', fields.get("space units", "")))
    if not units <= {"mm", ""}:
        raise FormatError(f"{path} is not in millimetres", received=sorted(units), action=_CONVERT_AGAIN)
    affine = np.array(numbers).T * np.array(signs, np.float64)[:, None]
    return grid_from_affine(affine, is_ras=False).reordered((2, 1, 0), (False, False, False), (1, 1, 1))


def _vector(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError:
        return ()
