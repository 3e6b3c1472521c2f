"""GE MUSE resting ECGs in XML (root element ``RestingECG``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from medclip.core.demographics import age_in_years, device_of, sex_of, whole_years_between
from medclip.core.modality import Format
from medclip.core.privacy import private_id
from medclip.core.sample import Sample
from medclip.core.xml import has_root, parse_xml
from medclip.modalities.ecg.formats._description import report_of_lines
from medclip.modalities.ecg.formats._muse_waveform import read_rhythm
from medclip.modalities.ecg.formats._xml_values import text_of

__all__ = ["FORMAT", "read", "sniff"]

_ROOT = "RestingECG"
_AGE_UNITS = {"": "Y", "YEARS": "Y", "MONTHS": "M", "WEEKS": "W", "DAYS": "D", "HOURS": "H"}


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is XML of GE MUSE by its root element."""
    return has_root(head, _ROOT)


def read(path: Path) -> Sample:
    """Read the rhythm of a GE MUSE ECG into millivolts.

    Median beats are left out and named in the attribute ``other_waveforms``. MUSE stores eight leads; III, aVR, aVL and
    aVF are computed from I and II and named in ``derived_leads``.

    Returns:
        float32 ``(n_leads, n_samples)`` in mV, NaN where nothing was recorded; ``age`` in years, ``sex``, ``device``,
        ``low_cutoff_hz``, ``high_cutoff_hz``, ``notch_hz``, ``has_pace_spikes`` and ``questionable_leads`` as
        attributes where the file states them. The report is the current diagnosis; if it was edited, the attribute
        ``device_report`` is what the device had stated.

    Raises:
        FormatError: The file is no MUSE ECG, is damaged, or cannot be decoded faithfully.
    """
    path = Path(path)
    root = parse_xml(path, root=_ROOT)
    rhythm = read_rhythm(root, path)
    report, original = _statements(root.find("Diagnosis")), _statements(root.find("OriginalDiagnosis"))
    attributes = _description(root) | rhythm.attributes
    if report and original and report != original:
        attributes["device_report"] = original
    return Sample(
        modality="ecg",
        array=rhythm.array,
        record_id=path.stem,
        patient_id=private_id(text_of(root, "PatientDemographics/PatientID")),
        sampling_rate_hz=rhythm.rate_hz,
        channel_names=rhythm.names,
        report=report or original,
        attributes=attributes,
        source=path.name,
    )


FORMAT = Format(name="muse_xml", description="GE MUSE XML (RestingECG)", sniff=sniff, read=read)


def _statements(diagnosis: Element | None) -> str | None:
    return report_of_lines(_lines(diagnosis)) if diagnosis is not None else None


def _lines(diagnosis: Element) -> Iterator[str]:
    """Put statements that share a line together: one that ends its line carries the flag ``ENDSLINE``."""
    line = ""
    for statement in diagnosis.iterfind("DiagnosisStatement"):
        line = f"{line} {text_of(statement, 'StmtText')}"
        if any(text_of(flag).upper() == "ENDSLINE" for flag in statement.iterfind("StmtFlag")):
            yield line
            line = ""
    yield line


def _description(root: Element) -> dict[str, Any]:
    """Return age, sex and device; the date of birth serves to compute the age and is not kept."""
    patient, test = root.find("PatientDemographics"), root.find("TestDemographics")
    stated, unit = text_of(patient, "PatientAge"), text_of(patient, "AgeUnits").upper()
    if stated.isascii() and stated.isdigit() and len(stated) < 6:
        age_years = age_in_years(float(stated), _AGE_UNITS.get(unit, "?"))
    else:
        born, recorded = text_of(patient, "DateofBirth"), text_of(test, "AcquisitionDate")
        age_years = whole_years_between(_year_first(born), _year_first(recorded))
    found = {
        "age": age_years,
        "sex": sex_of(text_of(patient, "Gender")),
        "device": device_of(text_of(test, "AcquisitionDevice")),
    }
    return {name: value for name, value in found.items() if value is not None}


def _year_first(date: str) -> str:
    """Turn MM-DD-YYYY into YYYYMMDD.

    >>> _year_first("05-08-1953")
    '19530508'
    """
    month, _, rest = date.partition("-")
    day, _, year = rest.partition("-")
    return f"{year}{month}{day}"
