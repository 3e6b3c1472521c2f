"""What may be taken from a Philips ECG beside its samples: nothing that names or dates anybody."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from medclip.core.demographics import age_in_years, device_of, sex_of, whole_years_between
from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats._description import report_of_lines
from medclip.modalities.ecg.formats._xml_values import text_of

__all__ = ["describe", "patient_id_of", "report_of"]

_PATIENT = "patient/generalpatientdata"
_AGE_UNITS = {"years": "Y", "months": "M", "weeks": "W", "days": "D", "hours": "H"}
_PACED = {"yes": True, "true": True, "paced": True, "no": False, "false": False, "not paced": False}


def describe(root: Element) -> dict[str, Any]:
    """Return ``age`` in years, ``sex``, ``device`` and ``has_pacemaker``, as far as the file states them."""
    found = {
        "age": _age_years(root),
        "sex": sex_of(text_of(root, f"{_PATIENT}/sex")),
        "device": device_of(text_of(root, "dataacquisition/machine")),
        "has_pacemaker": _PACED.get(text_of(root, f"{_PATIENT}/pacestatus").lower()),
    }
    return {name: value for name, value in found.items() if value is not None}


def patient_id_of(root: Element) -> str | None:
    """Return the name under which a patient's recordings are kept together, see ``medclip.core.privacy``."""
    return private_id(text_of(root, f"{_PATIENT}/patientid"))


def report_of(root: Element) -> str | None:
    """Return the statements of the latest interpretation and its severity, one per line, without their reasons."""
    found = root.findall("interpretations/interpretation")
    if not found:
        return None
    latest = max(found, key=lambda item: (item.get("date", ""), item.get("time", "")))
    lines = [text_of(statement, "leftstatement") for statement in latest.iterfind("statement")]
    return report_of_lines([*lines, text_of(latest, "severity").strip("- ")])


def _age_years(root: Element) -> float | None:
    """Return the age stated, or else the whole years from the date of birth to the recording; neither date is kept."""
    age = root.find(f"{_PATIENT}/age")
    for name, unit in _AGE_UNITS.items():
        stated = text_of(age, name)
        if stated.isascii() and stated.isdigit() and len(stated) < 6:
            return age_in_years(float(stated), unit)
    acquisition = root.find("dataacquisition")
    recorded = "" if acquisition is None else acquisition.get("date", "")
    return whole_years_between(text_of(age, "dateofbirth").replace("-", ""), recorded.replace("-", ""))
