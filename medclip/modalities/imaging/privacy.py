"""What may be taken from a DICOM image beside its pixels: nothing that names or dates anybody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medclip.core.demographics import age_in_years, device_of, sex_of, whole_years_between
from medclip.core.privacy import private_id
from medclip.modalities.imaging.header_values import text_of, texts_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["attributes_of", "burned_in_notes", "patient_id_of"]

_AGE = re.compile(r"(\d{1,3})([YMWD])")
_CAPTURES = "1.2.840.10008.5.1.4.1.1.7"


def attributes_of(header: Dataset, path: Path) -> dict[str, Any]:
    """Return ``age`` in years, ``sex`` and ``device``, as far as the file states them.

    Where no age is stated, it is the time from the date of birth to the study, in whole years; neither is kept.

    Raises:
        FormatError: One of the elements cannot be decoded.
    """
    attributes: dict[str, Any] = {}
    stated = _AGE.fullmatch(text_of(header, "PatientAge", path).upper())
    age_years = age_in_years(float(stated[1]), stated[2]) if stated else None
    if age_years is None:
        taken = text_of(header, "AcquisitionDate", path) or text_of(header, "StudyDate", path)
        age_years = whole_years_between(text_of(header, "PatientBirthDate", path), taken)
    if age_years is not None:
        attributes["age"] = age_years
    sex = sex_of(text_of(header, "PatientSex", path))
    if sex:
        attributes["sex"] = sex
    device = device_of(*(text_of(header, keyword, path) for keyword in ("Manufacturer", "ManufacturerModelName")))
    if device:
        attributes["device"] = device
    return attributes


def patient_id_of(header: Dataset, path: Path) -> str | None:
    """Return the name under which a patient's images are kept together, see ``medclip.core.privacy``.

    Raises:
        FormatError: The identifier cannot be decoded.
    """
    return private_id(text_of(header, "PatientID", path), issuer=text_of(header, "IssuerOfPatientID", path))


def burned_in_notes(header: Dataset, path: Path) -> tuple[str, ...]:
    """Warn of writing in the picture itself, which may name the patient and which no reader of headers removes.

    Raises:
        FormatError: The elements that tell cannot be decoded.
    """
    if text_of(header, "BurnedInAnnotation", path).upper() == "YES":
        return ("the file says that text is burned into the picture: it may name the patient",)
    is_capture = text_of(header, "SOPClassUID", path).startswith(_CAPTURES)
    if is_capture or "SECONDARY" in texts_of(header, "ImageType", path):
        return ("a secondary capture: text burned into the picture may name the patient",)
    return ()
