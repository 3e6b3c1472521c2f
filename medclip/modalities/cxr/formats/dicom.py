"""DICOM radiographs (CR, DX, digitised film, a single picture of a fluoroscopy); other single pictures are refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.record_name import record_name
from medclip.core.sample import Sample
from medclip.modalities.cxr.formats._body_part import is_chest, other_body_part
from medclip.modalities.cxr.formats._size import check_size
from medclip.modalities.cxr.formats._view import turned_upright, view_attributes
from medclip.modalities.imaging.dicom_file import DicomFile, open_dicom
from medclip.modalities.imaging.dicom_kind import DicomKind, kind_of, sniffed_kind
from medclip.modalities.imaging.header_values import numbers_of, text_of
from medclip.modalities.imaging.pixels import read_picture
from medclip.modalities.imaging.privacy import attributes_of, burned_in_notes, patient_id_of
from medclip.modalities.imaging.stored_values import pixel_format_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["FORMAT", "read", "sniff"]

_GENERAL = ("", "OT", "SC")
_SPACINGS = (
    ("PixelSpacing", ""),
    ("ImagerPixelSpacing", "the spacing is that at the detector: what lies in the body is a little smaller"),
    ("NominalScannedPixelSpacing", "the spacing is that of the film: what lies in the body is a little smaller"),
)


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is a DICOM picture other than a slice; what is no radiograph is refused by its name."""
    kind = sniffed_kind(path, head)
    return kind is not None and kind.reader == "radiograph"


def read(path: Path) -> Sample:
    """Read a chest radiograph as a monitor shows it.

    Returns:
        float32 ``(height, width)`` in [0, 1], dark air, NaN where the file says that there is no picture; attributes
        ``view``, ``projection``, ``age``, ``sex`` and ``device`` as far as stated, and ``notes`` on what was mended or
        assumed.

    Raises:
        FormatError: It is no chest radiograph, is damaged, or does not say what its values mean.
        MissingDependencyError: The package that decodes its compression is not installed.
    """
    path = Path(path)
    file = open_dicom(path)
    kind = kind_of(file.header, path)
    _check_kind(kind, file)
    form = pixel_format_of(file)
    check_size(form.rows, form.columns, path)
    attributes = view_attributes(file.header, path) | attributes_of(file.header, path)
    picture = read_picture(file)
    array, is_exchanged, turned = turned_upright(picture.array, file.header, path, view=attributes["view"])
    spacing_mm, measured = _spacing(file.header, path)
    notes = (*_notes(file), *picture.notes, *turned, *measured)
    return Sample(
        modality="cxr",
        array=array,
        record_id=record_name(path),
        patient_id=patient_id_of(file.header, path),
        spacing_mm=spacing_mm[::-1] if spacing_mm and is_exchanged else spacing_mm,
        attributes=attributes | ({"notes": notes} if notes else {}),
        source=path.name,
    )


FORMAT = Format(name="dicom", description="DICOM radiograph (CR, DX, digitised film)", sniff=sniff, read=read)


def _check_kind(kind: DicomKind, file: DicomFile) -> None:
    """Refuse what is no single X-ray picture of a chest, in words that say what it is."""
    path, header = file.path, file.header
    is_named = kind.modality in _GENERAL and is_chest(header, path) and "dose" not in kind.description
    if not (kind.is_radiograph or is_named):
        unsaid = " that does not say to be of the chest" if kind.modality in _GENERAL else ""
        raise FormatError(
            f"{path} is {kind.description}{unsaid}, and no chest radiograph",
            action="choose the radiograph of this study",
        )
    if kind.n_frames > 1:
        raise FormatError(f"{path} is a clip of {kind.n_frames} pictures, and no chest radiograph")
    other = other_body_part(header, path)
    if other:
        raise FormatError(
            f"{path} is a radiograph of another part of the body",
            received=other,
            allowed="the chest",
            action="choose the chest radiograph of this study",
        )
    if not file.has_pixels:
        raise FormatError(f"{path} holds no picture", action="copy the file again from its source")


def _notes(file: DicomFile) -> tuple[str, ...]:
    notes = list(burned_in_notes(file.header, file.path))
    if not is_chest(file.header, file.path):
        notes.append("the file does not say which part of the body it shows; it was taken for a chest")
    if text_of(file.header, "PresentationIntentType", file.path).upper() == "FOR PROCESSING":
        notes.append("raw values of the detector, not meant to be looked at: contrast and polarity may be unusual")
    return tuple(notes)


def _spacing(header: Dataset, path: Path) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Return millimetres between rows and between columns as stated, and what is to be known about them."""
    for keyword, note in _SPACINGS:
        numbers = numbers_of(header, keyword, path)
        if len(numbers) == 2 and min(numbers) > 0:
            return (numbers[0], numbers[1]), ((note,) if note else ())
    return None, ()
