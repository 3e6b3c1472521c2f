"""The picture of a DICOM file as a monitor shows it, in [0, 1] with dark air."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.imaging.colour import grey_of
from medclip.modalities.imaging.grey_values import modality_values, padding_of, shown_values
from medclip.modalities.imaging.header_values import decoding, text_of
from medclip.modalities.imaging.stored_values import PixelFormat, StoredValues, pixel_format_of, stored_values

if TYPE_CHECKING:
    from medclip.modalities.imaging.dicom_file import DicomFile

__all__ = ["Picture", "read_picture"]

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as a monitor shows it.

    Args:
        array: float32 ``(rows, columns)`` in [0, 1]; NaN where the file says that there is no picture.
        notes: What was mended or assumed on the way.
    """

    array: np.ndarray
    notes: tuple[str, ...]


def read_picture(file: DicomFile) -> Picture:
    """Decode the single picture of a file: stored value, modality LUT, VOI, polarity, in this order.

    Raises:
        FormatError: There are several pictures, it is in colour, damaged, or coded in an unknown way.
        MissingDependencyError: The package that decodes its compression is not installed.
    """
    form = pixel_format_of(file)
    if form.n_frames > 1:
        raise FormatError(
            f"{file.path} is a clip", received=f"{form.n_frames} pictures", allowed="a single picture in a file"
        )
    if form.photometric in _COLOUR or form.n_samples > 1:
        return _in_colour(file, form)
    if form.photometric not in _GREY:
        raise FormatError(
            f"{file.path} does not say whether low values are dark",
            received="another photometric interpretation" if form.photometric else "no photometric interpretation",
            allowed=_GREY,
            action="export the file again from its source",
        )
    stored = stored_values(file)
    padding = padding_of(stored, file)
    known = np.ones(stored.array.shape, np.bool_) if padding is None else ~padding
    values = modality_values(stored.array, file.header, file.path)
    shown, notes = shown_values(values, known, file)
    if _is_inverted(file, form):
        shown = np.subtract(np.float32(1), shown)
    if padding is not None and padding.any():
        shown = np.where(known, shown, np.float32(np.nan))
    return Picture(np.ascontiguousarray(shown[0], np.float32), (*stored.notes, *notes))


def _is_inverted(file: DicomFile, form: PixelFormat) -> bool:
    """Tell whether low values are bright; a file that says so in both ways (PS3.3 C.8.11.3.1.2) says it once."""
    shape = text_of(file.header, "PresentationLUTShape", file.path).upper()
    return form.photometric == "MONOCHROME1" or shape == "INVERSE"


def _in_colour(file: DicomFile, form: PixelFormat) -> Picture:
    stored = stored_values(file)
    if form.photometric == "PALETTE COLOR":
        picture, white = _by_palette(stored, file)
    else:
        # Three values a pixel come decoded as red, green and blue.
        picture, white = stored.array[0], (1 << stored.form.bits_stored) - 1
    array, notes = grey_of(picture, white, file.path)
    return Picture(array, (*stored.notes, "a picture stored in colour was read as the grey picture that it is", *notes))


def _by_palette(stored: StoredValues, file: DicomFile) -> tuple[np.ndarray, int]:
    from pydicom.pixels.processing import apply_color_lut

    with decoding(file.path, "its palette"):
        coloured = apply_color_lut(stored.array[0], file.header)
    return coloured[..., :3], int(np.iinfo(coloured.dtype).max)
