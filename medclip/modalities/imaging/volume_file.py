"""What the readers of volume files share: bytes to voxels within limits, and voxels to a sample in Hounsfield units."""

from __future__ import annotations

import math
import mmap
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from medclip.core.errors import FormatError
from medclip.core.record_name import record_name
from medclip.core.sample import Sample
from medclip.modalities.imaging.geometry import Grid, canonical
from medclip.modalities.imaging.slices import AIR_HU

__all__ = ["Content", "check_shape", "check_unit", "content_of", "inflated", "volume_sample", "voxels_of"]

MOST_VOXELS = 1 << 30
"""Most voxels of one volume: 4,096 slices of 512 x 512."""

_MOST_BYTES = 8 << 30
_SUSPICIOUS_BYTES, _SUSPICIOUS_RATIO = 256 << 20, 200
# Lungs, bowel and the air around the patient lie below it, whatever part of the body was scanned.
_ALWAYS_BELOW_HU = -200.0
_COPY_AGAIN = "copy the file again from its source"
_CONVERT_AGAIN = "convert the image again from its DICOM series"


Content: TypeAlias = bytes | mmap.mmap
"""The content of a file, in memory or mapped into it."""


def content_of(path: Path) -> Content:
    """Map a file into memory, so that only what is looked at is read.

    Raises:
        FormatError: It does not exist, is empty, cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            n_bytes = os.fstat(file.fileno()).st_size
            if not 0 < n_bytes <= _MOST_BYTES:
                raise FormatError(
                    f"{path} has no usable size", received=f"{n_bytes} bytes", allowed=f"1 to {_MOST_BYTES} bytes"
                )
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read ({error.strerror})", action="check the path and its rights"
        ) from error


def check_shape(shape: Sequence[int], path: Path) -> None:
    """Refuse what is no volume of three axes, or too large, before anything of that size is allocated.

    Raises:
        FormatError: It is.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise FormatError(
            f"{path} is no single volume",
            received=f"{' x '.join(map(str, shape))} voxels",
            allowed="three axes",
            action="give one volume of a series in time, with all its slices",
        )
    if min(shape) < 2:
        raise FormatError(f"{path} is a single slice", received=f"{' x '.join(map(str, shape))} voxels")
    if math.prod(shape) > MOST_VOXELS:
        raise FormatError(
            f"{path} announces more voxels than are read",
            received=f"{' x '.join(map(str, shape))}",
            allowed=f"up to {MOST_VOXELS}",
        )


def inflated(content: Content, n_bytes: int, path: Path) -> bytes:
    """Inflate gzip or zlib data up to the size that is needed, so that no bomb goes off.

    Args:
        content: One or more compressed streams, one after the other.
        n_bytes: Bytes wanted; what follows them is not inflated.
        path: The file, for the message.

    Raises:
        FormatError: The data are damaged, end too early, or are denser than any image is.
    """
    if n_bytes > max(_SUSPICIOUS_BYTES, _SUSPICIOUS_RATIO * len(content)):
        raise FormatError(
            f"{path} grows too large when it is inflated",
            received=f"{n_bytes} bytes from {len(content)}",
            allowed=f"up to {_SUSPICIOUS_RATIO} times its size",
            action="check where the file came from",
        )
    parts, n_missing = [], n_bytes
    try:
        while n_missing and content:
            # Automatic detection of gzip and zlib headers.
            stream = zlib.decompressobj(wbits=47)
            parts.append(stream.decompress(content, n_missing))
            n_missing -= len(parts[-1])
            content = stream.unused_data
    except zlib.error as error:
        raise FormatError(f"{path} is damaged: its compressed data cannot be inflated", action=_COPY_AGAIN) from error
    if n_missing:
        raise _truncated(path, n_bytes - n_missing, n_bytes)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def voxels_of(content: Content, start: int, kind: np.dtype, shape: Sequence[int], path: Path) -> np.ndarray:
    """Lay bytes out as voxels.

    Args:
        content: The (inflated) file.
        start: Where the first voxel begins.
        kind: Type of a voxel, with its byte order.
        shape: Voxels along the three axes, of which the first changes fastest.
        path: The file, for the message.

    Returns:
        A view of ``content``, ``(third, second, first)`` axis.

    Raises:
        FormatError: There are fewer bytes than voxels.
    """
    needed = math.prod(shape) * kind.itemsize
    if len(content) - start < needed:
        raise _truncated(path, max(0, len(content) - start), needed)
    return np.frombuffer(content, kind, math.prod(shape), start).reshape(tuple(reversed(shape)))


def _truncated(path: Path, n_bytes: int, needed: int) -> FormatError:
    return FormatError(
        f"{path} is truncated",
        received=f"{n_bytes} bytes of voxels",
        allowed=f"{needed} bytes, as its header says",
        action=_COPY_AGAIN,
    )


def volume_sample(
    stored: np.ndarray,
    grid: Grid,
    path: Path,
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
    attributes: Mapping[str, Any] | None = None,
) -> Sample:
    """Make a sample of stored voxels.

    Args:
        stored: Three axes, any real type; NaN marks missing values.
        grid: Where they lie.
        path: The file.
        slope, intercept: Hounsfield units are ``stored * slope + intercept``.
        attributes: What else the file states.

    Raises:
        FormatError: The values are no Hounsfield units.
    """
    if stored.dtype.kind not in "iuf" or stored.dtype.itemsize > 8:
        raise FormatError(f"{path} does not hold one real number a voxel", received=str(stored.dtype))
    view, grid = canonical(stored, grid)
    volume = np.empty(view.shape, np.float32)
    lowest, highest = math.inf, -math.inf
    # Slice by slice, so that each is still in the processor's cache when it is looked at again.
    for target, source in zip(volume, view, strict=True):
        ends = sorted(value * slope + intercept for value in _range_of(source))
        lowest, highest = float(np.fmin(lowest, ends[0])), float(np.fmax(highest, ends[1]))
        # In double precision, as the standard has it, where that makes a difference.
        target[...] = source if (slope, intercept) == (1.0, 0.0) else source * np.float64(slope) + intercept
        if ends[0] < AIR_HU:
            np.maximum(target, np.float32(AIR_HU), out=target)
    check_unit(lowest, highest, path)
    return Sample(
        modality="ct",
        array=volume,
        record_id=record_name(path),
        spacing_mm=grid.spacing_mm,
        origin_mm=grid.origin_mm,
        direction=grid.direction,
        attributes=attributes or {},
        source=path.name,
    )


def _range_of(stored: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest value; of whole numbers, much faster than after they are made fractions."""
    if stored.dtype.kind in "iu":
        return float(stored.min()), float(stored.max())
    return float(np.fmin.reduce(stored, None)), float(np.fmax.reduce(stored, None))


def check_unit(lowest: float, highest: float, path: Path) -> None:
    """Refuse values that cannot be Hounsfield units.

    Raises:
        FormatError: There is no air, or a value is infinite or NaN throughout.
    """
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise FormatError(f"{path} holds unusable values", received=f"{lowest:g} to {highest:g}", action=_CONVERT_AGAIN)
    if lowest >= _ALWAYS_BELOW_HU:
        raise FormatError(
            f"{path} does not hold Hounsfield units",
            received=f"values from {lowest:g} to {highest:g}",
            allowed="values in which air is about -1000, not a mask, a normalised image or a picture",
            action=_CONVERT_AGAIN,
        )
