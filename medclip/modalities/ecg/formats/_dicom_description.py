"""What may be taken from a DICOM ECG beside its samples: nothing that names or dates anybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from medclip.core.demographics import age_in_years, device_of, sex_of, whole_years_between
from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats._description import report_of_lines

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["KEYWORDS", "attributes_of", "patient_id_of", "report_of"]

KEYWORDS = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "AcquisitionDateTime",
    "StudyDate",
    "Manufacturer",
    "ManufacturerModelName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "WaveformAnnotationSequence",
    "WaveformSequence",
)
"""All that is ever decoded of a file; names, addresses and places are not among them."""

_AGE = re.compile(r"(\d{1,3})([YMWD])")


def attributes_of(dataset: Dataset) -> dict[str, Any]:
    """Return ``age`` in years, ``sex`` and ``device``, as far as the file states them.

    Where no age is stated, it is the time from the date of birth to the recording, in whole years; neither is kept.
    """
    attributes: dict[str, Any] = {}
    age_years = _stated_age(_text(dataset, "PatientAge"))
    if age_years is None:
        recorded = _text(dataset, "AcquisitionDateTime") or _text(dataset, "StudyDate")
        age_years = whole_years_between(_text(dataset, "PatientBirthDate"), recorded)
    if age_years is not None:
        attributes["age"] = age_years
    sex = sex_of(_text(dataset, "PatientSex"))
    if sex:
        attributes["sex"] = sex
    device = device_of(_text(dataset, "Manufacturer"), _text(dataset, "ManufacturerModelName"))
    if device:
        attributes["device"] = device
    return attributes


def patient_id_of(dataset: Dataset) -> str | None:
    """Return the name under which a patient's recordings are kept together, see ``medclip.core.privacy``."""
    return private_id(_text(dataset, "PatientID"), issuer=_text(dataset, "IssuerOfPatientID"))


def report_of(dataset: Dataset) -> str | None:
    """Return the statements of the device or its reader about the whole recording, one per line.

    Measurements, marks at single beats and lines that name people are left out. A report with characters that its
    character set does not hold is left out as a whole, for a lost word may be a "no".
    """
    items = dataset.get("WaveformAnnotationSequence") or ()
    return report_of_lines(line for item in items for line in _statements(item))


def _statements(annotation: Dataset) -> Iterator[str]:
    """Return what one annotation states: free text, or the meaning of a coded value (DICOM PS3.3 C.10.10)."""
    # Looking for what is there before anything is decoded spares most of the work: nearly all are measurements.
    if not any(keyword in annotation for keyword in ("UnformattedTextValue", "ConceptCodeSequence")):
        return
    if "NumericValue" in annotation or annotation.get("TemporalRangeType") in ("POINT", "MULTIPOINT"):
        return
    texts = [annotation.get("UnformattedTextValue")]
    texts += [code.get("CodeMeaning") for code in annotation.get("ConceptCodeSequence") or ()]
    for text in texts:
        yield from (line.strip() for line in str(text or "").splitlines() if line.strip())


def _stated_age(text: str) -> float | None:
    """Read an age of the value representation AS in years.

    >>> _stated_age("042Y"), _stated_age("006M"), _stated_age("forty")
    (42.0, 0.5, None)
    """
    found = _AGE.fullmatch(text.upper())
    return age_in_years(float(found[1]), found[2]) if found else None


def _text(dataset: Dataset, keyword: str) -> str:
    return " ".join(str(dataset.get(keyword) or "").split())
