"""What may be taken from an HL7 annotated ECG beside its samples: nothing that names or dates anybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from medclip.core.demographics import age_in_years, device_of, sex_of, whole_years_between
from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats._description import report_of_lines
from medclip.modalities.ecg.formats._xml_values import text_of

__all__ = ["describe", "patient_id_of", "report_of"]

_SUBJECT = "componentOf/timepointEvent/componentOf/subjectAssignment/subject/trialSubject"
_PERSON = f"{_SUBJECT}/subjectDemographicPerson"
_REPORTED_AGE = "21612-7"  # LOINC
_AGE_UNITS = {"a": "Y", "yr": "Y", "mo": "M", "wk": "W", "d": "D", "h": "H"}
_STATEMENTS = (
    "MDC_ECG_RHY",
    "MDC_ECG_INTERPRETATION",
    "MDC_ECG_INTERPRETATION_STATEMENT",
    "MDC_ECG_INTERPRETATION_SUMMARY",
)
_FILTERS = {
    ("MDC_ECG_CTL_VBL_ATTR_FILTER_HIGH_PASS", "MDC_ECG_CTL_VBL_ATTR_FILTER_CUTOFF_FREQ"): "low_cutoff_hz",
    ("MDC_ECG_CTL_VBL_ATTR_FILTER_LOW_PASS", "MDC_ECG_CTL_VBL_ATTR_FILTER_CUTOFF_FREQ"): "high_cutoff_hz",
    ("MDC_ECG_CTL_VBL_ATTR_FILTER_NOTCH", "MDC_ECG_CTL_VBL_ATTR_FILTER_NOTCH_FREQ"): "notch_hz",
}


def describe(root: Element, series: Element) -> dict[str, Any]:
    """Return ``age`` in years, ``sex``, ``device`` and the device's filters, as far as the file states them."""
    maker = text_of(series, "author/seriesAuthor/manufacturerOrganization/name")
    model = text_of(series, "author/seriesAuthor/manufacturedSeriesDevice/manufacturerModelName")
    found = {
        "age": _age_years(root),
        "sex": sex_of(attribute_of(root, f"{_PERSON}/administrativeGenderCode", "code")),
        "device": device_of(maker, model),
    }
    return {name: value for name, value in found.items() if value is not None} | dict(_filters(series))


def patient_id_of(root: Element) -> str | None:
    """Return the name under which a patient's recordings are kept together, see ``medclip.core.privacy``."""
    return private_id(attribute_of(root, f"{_SUBJECT}/id", "extension") or attribute_of(root, f"{_SUBJECT}/id", "root"))


def report_of(series: Element) -> str | None:
    """Return what the annotations state about the whole recording; marks at single beats are left out."""
    sets = series.iterfind("subjectOf/annotationSet")
    return report_of_lines(line for annotations in sets for line in _statements(annotations))


def attribute_of(element: Element, where: str, name: str) -> str:
    """Return an attribute of an element below another one; empty if there is none."""
    found = element.find(where)
    return "" if found is None else found.get(name, "").strip()


def _statements(annotations: Element) -> Iterator[str]:
    for annotation in annotations.iter("annotation"):
        if attribute_of(annotation, "code", "code") in _STATEMENTS:
            yield text_of(annotation, "value") or attribute_of(annotation, "value", "displayName")


def _age_years(root: Element) -> float | None:
    for observation in root.iterfind("controlVariable/relatedObservation"):
        if attribute_of(observation, "code", "code") == _REPORTED_AGE:
            stated = attribute_of(observation, "value", "value")
            if _is_plain(stated):
                return age_in_years(float(stated), _AGE_UNITS.get(attribute_of(observation, "value", "unit"), "?"))
    recorded = [attribute_of(root, f"effectiveTime/{name}", "value") for name in ("center", "low")]
    born = attribute_of(root, f"{_PERSON}/birthTime", "value")
    return whole_years_between(born, next(filter(None, recorded), ""))


def _filters(series: Element) -> Iterator[tuple[str, float]]:
    for variable in series.iterfind("controlVariable/controlVariable"):
        for part in variable.iterfind("component/controlVariable"):
            codes = attribute_of(variable, "code", "code"), attribute_of(part, "code", "code")
            stated, unit = attribute_of(part, "value", "value"), attribute_of(part, "value", "unit")
            # A filter of 0 Hz is how some devices say that there is none.
            if codes in _FILTERS and unit.lower() == "hz" and _is_plain(stated) and float(stated) > 0:
                yield _FILTERS[codes], float(stated)


def _is_plain(number: str) -> bool:
    return number.isascii() and number.replace(".", "", 1).isdigit() and len(number) < 9
