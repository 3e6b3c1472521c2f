"""Single CT images: where each lies, and its pixels in Hounsfield units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.imaging.dicom_file import open_dicom
from medclip.modalities.imaging.header_values import items_of, number_of, numbers_of, text_of, texts_of
from medclip.modalities.imaging.quick_header import QuickHeader

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["AIR_HU", "Slice", "slices_of", "to_hounsfield"]

AIR_HU = -1024.0
"""Lowest value that is kept: below it scanners write padding, for air has -1000 Hounsfield units by definition."""

_ORIGINAL_UNITS = ("", "HU")
_NOT_HOUNSFIELD = frozenset({"PERFUSION", "RCBF", "RCBV", "MTT", "TTP", "PBP", "TMAX"})
_TISSUE_HU = -1000.0


@dataclass(frozen=True, eq=False)
class Slice:
    """One CT image of a file.

    Args:
        header: Plain values of the file.
        frame: Which of the file's images it is.
        position_mm: Centre of its first pixel, LPS.
        orientation: Directions of a row and of a column, six numbers.
        pixel_spacing_mm: Distance between rows, then between columns.
        slope, intercept: Hounsfield units are ``stored * slope + intercept``.
    """

    header: QuickHeader
    frame: int
    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_spacing_mm: tuple[float, ...]
    slope: float
    intercept: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.header.number("Rows")), int(self.header.number("Columns"))

    @property
    def padding(self) -> tuple[float, float] | None:
        """Lowest and highest stored value that stands for "nothing was measured here", if the file has any."""
        values = [
            number - 65536.0 if number > 32767 and self.header.number("PixelRepresentation", 0.0) else number
            for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")
            for number in self.header.numbers(keyword)[:1]
        ]
        return (min(values), max(values)) if values else None


def slices_of(header: QuickHeader) -> tuple[Slice, ...]:
    """Return the images of a CT file with their places.

    Raises:
        FormatError: A place, a distance or the unit of the values is not stated or unusable.
    """
    if header.number("NumberOfFrames", 1.0) > 1 or "ImagePositionPatient" not in header.values:
        return tuple(_frames_of(header))
    _check_unit(header, header.text("RescaleType"), header.texts("ImageType"))
    slope, intercept = header.numbers("RescaleSlope", 1), header.numbers("RescaleIntercept", 1)
    return (
        _slice(
            header,
            0,
            header.numbers("ImagePositionPatient", 3),
            header.numbers("ImageOrientationPatient", 6),
            header.numbers("PixelSpacing", 2),
            (*slope, *intercept),
        ),
    )


def _slice(
    header: QuickHeader,
    frame: int,
    position_mm: tuple[float, ...],
    orientation: tuple[float, ...],
    pixel_spacing_mm: tuple[float, ...],
    rescale: tuple[float, ...],
) -> Slice:
    stated = {
        "where it lies in the patient": len(position_mm) == 3 and len(orientation) == 6,
        "the distance of its pixels": len(pixel_spacing_mm) == 2 and min(pixel_spacing_mm, default=0.0) > 0,
        "how its values become Hounsfield units": len(rescale) == 2 and rescale[0] != 0,
    }
    for what, is_stated in stated.items():
        if not is_stated:
            raise FormatError(
                f"{header.path.name} does not state {what}",
                action="export the series again from the scanner or PACS",
            )
    return Slice(header, frame, position_mm, orientation, pixel_spacing_mm, *rescale)


def _frames_of(header: QuickHeader) -> Iterator[Slice]:
    """Read the places of the frames of an enhanced CT, each stated for itself or for all (DICOM PS3.3 C.7.6.16)."""
    path, dataset = header.path, open_dicom(header.path).header
    shared = items_of(dataset, "SharedFunctionalGroupsSequence", path)[:1]
    frames = items_of(dataset, "PerFrameFunctionalGroupsSequence", path)
    n_frames = int(header.number("NumberOfFrames", 1.0))
    if len(frames) != n_frames:
        raise FormatError(
            f"{path.name} does not state where its images lie in the patient",
            received=f"{len(frames)} places for {n_frames} images",
            action="give the series as single images, or export it again from the scanner or PACS",
        )
    for number, own in enumerate(frames):
        groups = _Groups((own, *shared), header)
        kind = groups.item("CTImageFrameTypeSequence")
        values = groups.item("PixelValueTransformationSequence")
        if values is not None:
            words = texts_of(kind, "FrameType", path) if kind is not None else ()
            _check_unit(header, text_of(values, "RescaleType", path), (*words, *header.texts("ImageType")))
        rescale = [number_of(values, key, path) for key in ("RescaleSlope", "RescaleIntercept") if values is not None]
        yield _slice(
            header,
            number,
            groups.numbers("PlanePositionSequence", "ImagePositionPatient"),
            groups.numbers("PlaneOrientationSequence", "ImageOrientationPatient"),
            groups.numbers("PixelMeasuresSequence", "PixelSpacing"),
            tuple(rescale),
        )


@dataclass(frozen=True, eq=False)
class _Groups:
    """Functional groups of one frame: its own, then those that all frames share."""

    groups: tuple[Dataset, ...]
    header: QuickHeader

    def item(self, sequence: str) -> Dataset | None:
        items = (item for group in self.groups for item in items_of(group, sequence, self.header.path)[:1])
        return next(items, None)

    def numbers(self, sequence: str, keyword: str) -> tuple[float, ...]:
        item = self.item(sequence)
        return numbers_of(item, keyword, self.header.path) if item is not None else ()


def _check_unit(header: QuickHeader, unit: str, words: tuple[str, ...]) -> None:
    """Refuse values that are not Hounsfield units; DICOM PS3.3 C.8.2.1.1 lets the unit away where they are."""
    maps = sorted(_NOT_HOUNSFIELD & {word.upper() for word in words})
    if unit.upper() not in _ORIGINAL_UNITS or maps or "ModalityLUTSequence" in header.values:
        raise FormatError(
            f"{header.path.name} does not hold Hounsfield units",
            received="a map of blood flow or volume" if maps else "values of another or an unspecified unit",
            allowed="a CT whose rescale type is HU or not stated",
            action="choose the reconstruction in Hounsfield units",
        )


def to_hounsfield(stored: np.ndarray, image: Slice, out: np.ndarray) -> None:
    """Turn stored values into Hounsfield units; padding, and what lies below -1024, becomes -1024.

    A padding value that tissue may have as well counts as padding only where it reaches the border of the image.

    Args:
        stored: ``(rows, columns)`` of any integer type.
        image: The image they belong to.
        out: float32 array of the same shape, written to.
    """
    np.multiply(stored, np.float32(image.slope), out=out)
    if image.intercept:
        out += np.float32(image.intercept)
    padding = image.padding
    if padding and max(value * image.slope + image.intercept for value in padding) > _TISSUE_HU:
        out[_reaching_border((stored >= padding[0]) & (stored <= padding[1]))] = AIR_HU
    np.maximum(out, np.float32(AIR_HU), out=out)


def _reaching_border(mask: np.ndarray) -> np.ndarray:
    from scipy.ndimage import label

    numbers, _ = label(mask)
    border = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
    return np.asarray(np.isin(numbers, border[border > 0]))
