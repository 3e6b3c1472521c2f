"""One set of sequences of an HL7 annotated ECG: a time axis and the leads that were sampled on it."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from medclip.core.errors import FormatError
from medclip.core.xml import COPY_AGAIN
from medclip.modalities.ecg.formats._aecg_description import attribute_of
from medclip.modalities.ecg.formats._leads_together import check_rate, check_size, named_once
from medclip.modalities.ecg.formats._xml_values import millivolts_per_unit, number_of, numbers_of

__all__ = ["SequenceSet", "describe_set", "millivolts_of"]

_EXPORT_AGAIN = "export the recording again from its device"
_TIMES = ("TIME_ABSOLUTE", "TIME_RELATIVE")
_LEAD = re.compile(r"MDC_ECG_LEAD_([A-Za-z0-9]{1,6})")
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "\N{MICRO SIGN}s": 1e-6}
_MOMENT = re.compile(r"(\d{14})(\.\d{1,6})?([+-]\d{4})?", re.ASCII)


class SequenceSet(NamedTuple):
    """A set of sequences whose numbers are decoded, but not yet scaled.

    Args:
        names: Leads.
        values: Elements ``value`` of the leads.
        digits: The numbers of each lead.
        rate_hz: Samples per second, > 0.
        n_samples: Samples per lead, >= 1.
        begin_s: When the first sample was taken, on a scale that all sets share; None if the file does not say.
    """

    names: tuple[str, ...]
    values: tuple[Element, ...]
    digits: tuple[np.ndarray, ...]
    rate_hz: float
    n_samples: int
    begin_s: float | None


def describe_set(item: Element, path: Path) -> SequenceSet | None:
    """Read an element ``sequenceSet``; None if it holds no lead of an ECG.

    Raises:
        FormatError: It has no even time axis, or its leads are of different lengths.
    """
    sequences = item.findall("component/sequence")
    codes = [attribute_of(sequence, "code", "code") for sequence in sequences]
    found = [(code, sequence) for code, sequence in zip(codes, sequences, strict=True) if _LEAD.fullmatch(code)]
    if not found:
        return None
    names = named_once([code.removeprefix("MDC_ECG_LEAD_") for code, _ in found], path)
    values = tuple(_value_of(sequence, path) for _, sequence in found)
    digits = tuple(
        numbers_of(value.findtext("digits") or "", f"lead {name}", path)
        for name, value in zip(names, values, strict=True)
    )
    lengths = {len(numbers) for numbers in digits}
    if len(lengths) > 1:
        raise FormatError(
            f"the leads of {path} are of different lengths",
            received=f"{min(lengths)} to {max(lengths)} samples",
            allowed="the same number of samples of all leads in a set",
            action=COPY_AGAIN,
        )
    n_samples = lengths.pop()
    check_size(len(names), n_samples, path)
    times = [sequence for code, sequence in zip(codes, sequences, strict=True) if code in _TIMES]
    rate_hz, begin_s = _time_axis(times, path)
    return SequenceSet(names, values, digits, rate_hz, n_samples, begin_s)


def millivolts_of(found: SequenceSet, path: Path) -> dict[str, np.ndarray]:
    """Return float64 ``(n_samples,)`` in millivolts by lead: origin + number * scale.

    Raises:
        FormatError: The amplitude of a step is unknown.
    """
    return {
        name: _scaled(value, digits, name, path)
        for name, value, digits in zip(found.names, found.values, found.digits, strict=True)
    }


def _scaled(value: Element, digits: np.ndarray, lead: str, path: Path) -> np.ndarray:
    scale = number_of(attribute_of(value, "scale", "value"), f"scale of lead {lead}", path)
    scale_mv = scale * millivolts_per_unit(attribute_of(value, "scale", "unit"), path, lead=lead)
    origin = number_of(attribute_of(value, "origin", "value"), f"origin of lead {lead}", path, default=0.0)
    if scale_mv == 0:
        raise FormatError(f"lead {lead} in {path} has no amplitude", received="a scale of 0", action=_EXPORT_AGAIN)
    if origin:
        origin *= millivolts_per_unit(attribute_of(value, "origin", "unit"), path, lead=lead)
    return digits * scale_mv + origin


def _value_of(sequence: Element, path: Path) -> Element:
    value = sequence.find("value")
    if value is None or value.find("digits") is None:
        raise FormatError(f"a lead of {path} has no samples", allowed="a list of digits", action=_EXPORT_AGAIN)
    return value


def _time_axis(times: list[Element], path: Path) -> tuple[float, float | None]:
    """Return samples per second and the moment of the first one."""
    if len(times) != 1:
        raise FormatError(
            f"a set of leads in {path} has not exactly one time axis",
            received=f"{len(times)} sequences of times",
            action=_EXPORT_AGAIN,
        )
    increment = number_of(attribute_of(times[0], "value/increment", "value"), "time between samples", path)
    unit = attribute_of(times[0], "value/increment", "unit")
    if unit not in _SECONDS or increment <= 0:
        raise FormatError(
            f"{path} states no usable time between samples",
            received=f"{increment:g} {unit if unit in _SECONDS else 'of another unit'}",
            allowed="more than 0 s, ms or us",
            action=_EXPORT_AGAIN,
        )
    rate_hz = check_rate(round(1.0 / (increment * _SECONDS[unit]), 6), path)
    return rate_hz, _begin_s(times[0])


def _begin_s(time: Element) -> float | None:
    stated, unit = attribute_of(time, "value/head", "value"), attribute_of(time, "value/head", "unit")
    if unit in _SECONDS:
        return float(stated) * _SECONDS[unit] if re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?", stated, re.ASCII) else None
    found = _MOMENT.fullmatch(stated)
    try:
        moment = datetime.datetime.strptime(found[1], "%Y%m%d%H%M%S") if found else None
    except ValueError:
        return None
    if found is None or moment is None:
        return None
    return (moment - datetime.datetime(1900, 1, 1)).total_seconds() + float(found[2] or 0)
