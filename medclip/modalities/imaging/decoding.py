"""Pixels of many CT images into one volume in Hounsfield units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.imaging.dicom_file import open_dicom
from medclip.modalities.imaging.quick_header import QuickHeader
from medclip.modalities.imaging.slices import Slice, to_hounsfield
from medclip.modalities.imaging.stored_values import stored_values

__all__ = ["decoded"]

_COPY_AGAIN = "copy the series again from its source"


def decoded(images: Sequence[Slice]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decode images of one size.

    Args:
        images: In the order that they are to have.

    Returns:
        float32 ``(n, rows, columns)`` in Hounsfield units, and notes on what was mended in decoding.

    Raises:
        FormatError: Pixels are damaged, fewer than announced, or coded in an unknown way.
        MissingDependencyError: The package that decodes their compression is not installed.
    """
    volume = np.empty((len(images), *images[0].shape), np.float32)
    notes: dict[str, None] = {}
    files: dict[QuickHeader, list[int]] = {}
    for place, image in enumerate(images):
        files.setdefault(image.header, []).append(place)
    for header, places in files.items():
        stored = _uncompressed(header)
        if stored is None:
            values = stored_values(open_dicom(header.path))
            stored = values.array
            notes.update(dict.fromkeys(values.notes))
        for place in places:
            to_hounsfield(stored[images[place].frame], images[place], volume[place])
    return volume, tuple(notes)


def _uncompressed(header: QuickHeader) -> np.ndarray | None:
    """Read the usual case directly: one uncompressed picture of 16 bits; None for any other."""
    bits = header.number("BitsStored", 16.0)
    usual = {"BitsAllocated": 16.0, "HighBit": bits - 1, "SamplesPerPixel": 1.0, "NumberOfFrames": 1.0}
    if header.pixel_offset is None or any(header.number(key, value) != value for key, value in usual.items()):
        return None
    rows, columns = int(header.number("Rows")), int(header.number("Columns"))
    if header.is_truncated or header.n_pixel_bytes < 2 * rows * columns or not 1 <= bits <= 16:
        raise FormatError(
            f"{header.path.name} holds fewer pixels than its header says",
            received=f"{header.n_pixel_bytes} bytes announced",
            allowed=f"{2 * rows * columns} bytes for {rows} x {columns} pixels",
            action=_COPY_AGAIN,
        )
    kind = "<i2" if header.number("PixelRepresentation", 0.0) else "<u2"
    stored = np.fromfile(header.path, kind, rows * columns, offset=header.pixel_offset).reshape(1, rows, columns)
    # Other bits may hold an overlay; shifting up and down takes them away and gives the sign.
    unused = 16 - int(bits)
    return (stored << unused) >> unused if unused else stored
