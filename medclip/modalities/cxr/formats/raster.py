"""Chest radiographs as PNG, JPEG or TIFF: grey, or grey in disguise."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.errors import FormatError, MedclipError, MissingDependencyError
from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.modalities.cxr.formats._size import check_size
from medclip.modalities.imaging.colour import grey_of

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["FORMAT", "read", "sniff"]

_PNG_HEAD = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_JPEG_HEAD = b"\xff\xd8\xff"
_TIFF_HEADS = (b"II*\x00", b"MM\x00*")
_MOST_PIXELS = 100_000_000
_MOST_BYTES = 1 << 30
_EXIF_ORIENTATION = 0x0112
_GREY_16 = ("I;16", "I;16L", "I;16B", "I")
_GREY_8 = ("1", "L", "LA", "La")
_OF_12_BITS = 4095
_TOO_MANY = "{} announces more pixels than any radiograph has"
_COPY_AGAIN = "copy the file again from its source"


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file begins as PNG, JPEG or TIFF."""
    return head.startswith((_PNG_HEAD, _JPEG_HEAD, *_TIFF_HEADS))


def read(path: Path) -> Sample:
    """Read a radiograph from a picture file, whose white is taken for bone, as it is in every published set.

    Such a file says nothing of the patient, the view or the size of a pixel, and nothing is guessed.

    Returns:
        float32 ``(height, width)`` in [0, 1]; NaN where the picture is transparent; attribute ``view`` is ``unknown``,
        ``notes`` say what was mended.

    Raises:
        FormatError: It is truncated, in colour, too small or too large, or holds several pictures.
    """
    path = Path(path)
    with _opened(path) as image:
        _check(image, path)
        upright, notes = _upright(image)
        array, more = _grey(upright, path)
    notes = (*notes, *more)
    return Sample(
        modality="cxr",
        array=array,
        record_id=path.stem,
        attributes={"view": "unknown"} | ({"notes": notes} if notes else {}),
        source=path.name,
    )


FORMAT = Format(name="raster", description="radiograph as PNG, JPEG or TIFF", sniff=sniff, read=read)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image]:
    """Open a picture without decoding it; whatever Pillow says against it becomes one line."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError(
            f"PNG, JPEG and TIFF need the package pillow ({error})", action="run pip install pillow"
        ) from error
    _check_file(path)
    try:
        # Its warnings are about sizes, which are checked here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=("PNG", "JPEG", "TIFF")) as image:
                yield image
    except MedclipError:
        raise
    except Image.DecompressionBombError as error:
        raise FormatError(_TOO_MANY.format(path), allowed=f"up to {_MOST_PIXELS} pixels") from error
    except Exception as error:
        raise FormatError(
            f"{path} is truncated or damaged and cannot be decoded ({type(error).__name__})", action=_COPY_AGAIN
        ) from error


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        n_bytes = path.stat().st_size
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read ({error.strerror})", action="check the path and its rights"
        ) from error
    if not sniff(path, head):
        raise FormatError(f"{path} is no PNG, JPEG or TIFF", action="choose the picture of the radiograph")
    if n_bytes > _MOST_BYTES:
        raise FormatError(f"{path} is too large", received=f"{n_bytes} bytes", allowed=f"up to {_MOST_BYTES} bytes")


def _check(image: Image, path: Path) -> None:
    columns, rows = image.size
    check_size(rows, columns, path)
    if rows * columns > _MOST_PIXELS:
        raise FormatError(
            _TOO_MANY.format(path),
            received=f"{rows} x {columns}",
            allowed=f"up to {_MOST_PIXELS} pixels",
        )
    n_pictures = getattr(image, "n_frames", 1)
    if n_pictures > 1:
        raise FormatError(
            f"{path} holds several pictures", received=n_pictures, allowed="1", action="save the one that is meant"
        )


def _upright(image: Image) -> tuple[Image, tuple[str, ...]]:
    from PIL.ImageOps import exif_transpose

    if image.getexif().get(_EXIF_ORIENTATION, 1) == 1:
        return image, ()
    return exif_transpose(image), ("turned as the camera's orientation tag says",)


def _grey(image: Image, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the grey picture in [0, 1], NaN where it is transparent, and what was done for it."""
    if image.mode in _GREY_16:
        return _of_16_bits(np.asarray(image), path)
    if image.mode in _GREY_8 and "transparency" not in image.info:
        values = np.asarray(image.convert("LA" if image.mode in ("LA", "La") else "L"), np.float32) / np.float32(255)
        alpha = values[..., 1] if values.ndim == 3 else None
        return _without_transparent(values[..., 0] if values.ndim == 3 else values, alpha)
    if image.mode == "F":
        raise FormatError(
            f"{path} holds floating point numbers of unknown meaning", allowed="8 or 16 bits", action="export it again"
        )
    is_opaque = image.mode in ("RGB", "CMYK", "YCbCr", "P") and "transparency" not in image.info
    values = np.asarray(image.convert("RGB" if is_opaque else "RGBA"))
    array, notes = grey_of(values[..., :3], 255, path)
    array, transparent = _without_transparent(array, None if is_opaque else values[..., 3])
    return array, (*notes, *transparent)


def _of_16_bits(values: np.ndarray, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise FormatError(f"{path} holds values of an unknown range", received=f"{low} to {high}", allowed="0 to 65535")
    if high > _OF_12_BITS:
        return np.asarray(values / np.float32(65535), np.float32), ()
    # Detectors have 10 to 12 bits, and many exports put them into 16 without scaling.
    n_bits = max(8, high.bit_length())
    notes = (f"16 bits of which {n_bits} are used; it was scaled by these",)
    return np.asarray(values / np.float32((1 << n_bits) - 1), np.float32), notes


def _without_transparent(array: np.ndarray, alpha: np.ndarray | None) -> tuple[np.ndarray, tuple[str, ...]]:
    if alpha is None or alpha.min() > 0:
        return np.ascontiguousarray(array, np.float32), ()
    return np.where(alpha > 0, array, np.float32(np.nan)), ("transparent parts were left out",)
