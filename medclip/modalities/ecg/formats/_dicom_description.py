"""What may be taken from a DICOM ECG beside its samples: nothing that names or dates anybody."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

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
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "WaveformAnnotationSequence",
    "WaveformSequence",
)
"""All that is ever decoded of a file; names, addresses and places are not among them."""

_AGE = re.compile(r"(\d{1,3})([YMWD])")
_AGES_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425}
_OLDEST_YEARS = 130
_SEXES = {"M": "male", "F": "female"}
_UNKNOWN = ("", "unknown", "none", "n/a")
# Lines in which devices name the people who ordered, recorded and read an ECG.
_PERSONAL = re.compile(
    r"\b(confirmed|reviewed|interpreted|read|signed|verified|validated|approved|edited|ordered|referred|performed) by\b"
    r"|\b(name|patient|born|birth|dob|address|phone|physician|doctor|technician|operator|mrn|id|md)\b[^:=]{0,20}[:=]"
    r"|\b(dr|dott|prof)\b|\bm\.?d\.?$",
    re.IGNORECASE,
)


def attributes_of(dataset: Dataset) -> dict[str, Any]:
    """Return ``age`` in years, ``sex`` and ``device``, as far as the file states them.

    Where no age is stated, it is the time from the date of birth to the recording, in whole years; neither is kept.
    """
    attributes: dict[str, Any] = {}
    age_years = _stated_age(_text(dataset, "PatientAge"))
    if age_years is None:
        recorded = _text(dataset, "AcquisitionDateTime") or _text(dataset, "StudyDate")
        age_years = _years_between(_text(dataset, "PatientBirthDate"), recorded)
    if age_years is not None:
        attributes["age"] = age_years
    sex = _SEXES.get(_text(dataset, "PatientSex").upper())
    if sex:
        attributes["sex"] = sex
    made_by = [_text(dataset, keyword) for keyword in ("Manufacturer", "ManufacturerModelName")]
    device = " ".join(text for text in made_by if text.lower() not in _UNKNOWN)
    if device:
        attributes["device"] = device
    return attributes


def patient_id_of(dataset: Dataset) -> str | None:
    """Return the identifier by which a patient's recordings are kept together."""
    return _text(dataset, "PatientID") or None


def report_of(dataset: Dataset) -> str | None:
    """Return the statements of the device or its reader about the whole recording, one per line.

    Measurements, marks at single beats and lines that name people are left out. A report with characters that its
    character set does not hold is left out as a whole, for a lost word may be a "no".
    """
    lines = [line for item in dataset.get("WaveformAnnotationSequence") or () for line in _statements(item)]
    kept = [line for line in dict.fromkeys(lines) if not _PERSONAL.search(line)]
    if any("\N{REPLACEMENT CHARACTER}" in line for line in kept):
        return None
    return "\n".join(kept) or None


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
    age_years = int(found[1]) / _AGES_PER_YEAR[found[2]] if found else -1.0
    return age_years if 0 <= age_years <= _OLDEST_YEARS else None


def _years_between(born: str, recorded: str) -> float | None:
    """Count whole years between two dates that begin with YYYYMMDD.

    >>> _years_between("19530508", "20021122091000"), _years_between("19530508", "20030507"), _years_between("", "2002")
    (49.0, 49.0, None)
    """
    try:
        first, last = (datetime.datetime.strptime(text[:8], "%Y%m%d") for text in (born, recorded))
    except ValueError:
        return None
    age_years = last.year - first.year - ((last.month, last.day) < (first.month, first.day))
    return float(age_years) if 0 <= age_years <= _OLDEST_YEARS else None


def _text(dataset: Dataset, keyword: str) -> str:
    return " ".join(str(dataset.get(keyword) or "").split())
