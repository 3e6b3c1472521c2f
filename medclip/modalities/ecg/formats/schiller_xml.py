"""Schiller ECGs in XML, as SEMA exports them (root element ``com.xiriuz.sema.xml.schillerEDI.SchillerEDI``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from medclip.core.demographics import device_of, sex_of, whole_years_between
from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.privacy import private_id
from medclip.core.sample import Sample
from medclip.core.xml import COPY_AGAIN, has_root, parse_xml
from medclip.modalities.ecg.formats._description import report_of_lines
from medclip.modalities.ecg.formats._leads_together import Rhythm, check_rate, check_size, named_once, together
from medclip.modalities.ecg.formats._xml_values import (
    millivolts_per_unit,
    number_of,
    numbers_of,
    text_of,
    whole_number_of,
)

__all__ = ["FORMAT", "read", "sniff"]

_ROOT = "com.xiriuz.sema.xml.schillerEDI.SchillerEDI"
_EXPORT_AGAIN = "export the recording again from its device"
_FILTERS = {"HIGHPASS_CUTOFF_FREQ": "low_cutoff_hz", "LOWPASS_CUTOFF_FREQ": "high_cutoff_hz", "MAINS": "notch_hz"}
_PACEMAKER = {"ON": True, "OFF": False}


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is XML of Schiller's SEMA by its root element."""
    return has_root(head, _ROOT)


def read(path: Path) -> Sample:
    """Read the rhythm of a Schiller ECG into millivolts; averages are named in the attribute ``other_waveforms``.

    Returns:
        float32 ``(n_leads, n_samples)`` in mV; ``age`` in years, ``sex``, ``device``, ``low_cutoff_hz``,
        ``high_cutoff_hz``, ``notch_hz``, ``has_pacemaker`` and ``derived_leads`` as attributes where the file states
        them; the device's interpretation as report.

    Raises:
        FormatError: The file is no Schiller ECG, is damaged, or cannot be decoded faithfully.
    """
    path = Path(path)
    root = parse_xml(path, root=_ROOT)
    rhythm = _read_rhythm(root, path)
    return Sample(
        modality="ecg",
        array=rhythm.array,
        record_id=path.stem,
        patient_id=private_id(text_of(root, "patdata/id")),
        sampling_rate_hz=rhythm.rate_hz,
        channel_names=rhythm.names,
        report=_report_of(root),
        attributes=_describe(root) | rhythm.attributes,
        source=path.name,
    )


FORMAT = Format(name="schiller_xml", description="Schiller XML (SEMA)", sniff=sniff, read=read)


def _read_rhythm(root: Element, path: Path) -> Rhythm:
    waves = root.findall("eventdata/event/wavedata")
    found = [wave for wave in waves if text_of(wave, "type") in ("ECG_RHYTHMS", "ECG_RHYTHM")]
    if len(found) != 1:
        raise FormatError(
            f"{path} holds not exactly one rhythm",
            received=f"{len(found)} among {len(waves)} waveforms",
            action=_EXPORT_AGAIN,
        )
    rate_hz = _rate_of(found[0], path)
    names, array, derived = together(_leads_of(found[0], path))
    attributes: dict[str, Any] = {"derived_leads": derived} if derived else {}
    others = tuple(_mention(wave) for wave in waves if wave is not found[0])
    if others:
        attributes["other_waveforms"] = others
    return Rhythm(names, array, rate_hz, attributes)


def _rate_of(wave: Element, path: Path) -> float:
    """Return samples per second. An exponent of 1 stands beside rates in hertz; no other one has been seen."""
    exponent = whole_number_of(text_of(wave, "resolution/samplerate/exponent"), "sampling exponent", path, default=1)
    if exponent != 1:
        raise FormatError(
            f"{path} states its sampling rate in a way whose meaning is not published",
            received=f"exponent {exponent}",
            allowed="exponent 1",
            action=_EXPORT_AGAIN,
        )
    return check_rate(number_of(text_of(wave, "resolution/samplerate/value"), "sampling rate", path), path)


def _leads_of(wave: Element, path: Path) -> dict[str, np.ndarray]:
    channels = wave.findall("channel")
    if not channels:
        raise FormatError(f"{path} holds no leads", action=_EXPORT_AGAIN)
    names = named_once([text_of(channel, "name") for channel in channels], path)
    step = number_of(text_of(wave, "resolution/yres/unitperbit"), "amplitude of a step", path)
    unit_mv = millivolts_per_unit(text_of(wave, "resolution/yres/units"), path, lead=names[0])
    if step <= 0:
        raise FormatError(f"the leads of {path} have no amplitude", received=f"{step:g} a step", action=_EXPORT_AGAIN)
    decoded = [_samples_of(channel, name, path) for channel, name in zip(channels, names, strict=True)]
    lengths = {len(samples) for samples in decoded}
    if len(lengths) > 1:
        raise FormatError(
            f"the leads of {path} are of different lengths",
            received=f"{min(lengths)} to {max(lengths)} samples",
            action=COPY_AGAIN,
        )
    check_size(len(names), lengths.pop(), path)
    return {name: samples * (step * unit_mv) for name, samples in zip(names, decoded, strict=True)}


def _samples_of(channel: Element, lead: str, path: Path) -> np.ndarray:
    if text_of(channel, "datastype") != "COMMASEPARATE":
        raise FormatError(
            f"lead {lead} in {path} is written in an unknown way", allowed="COMMASEPARATE", action=_EXPORT_AGAIN
        )
    samples = numbers_of(channel.findtext("data") or "", f"lead {lead}", path, separator=",")
    n_samples = whole_number_of(text_of(channel, "samplecount"), "number of samples", path)
    if len(samples) != n_samples:
        raise FormatError(
            f"lead {lead} in {path} is of another length than it announces",
            received=f"{len(samples)} samples",
            allowed=n_samples,
            action=COPY_AGAIN,
        )
    return samples


def _describe(root: Element) -> dict[str, Any]:
    """Return age, sex, device, pacemaker and filters; the date of birth serves to compute the age and is not kept."""
    hardware = root.find("examdescript/aquiringdevice/hardware")
    recorded = text_of(root, "examdescript/startdatetime/date")
    found: dict[str, Any] = {
        "age": whole_years_between(text_of(root, "patdata/birthdate"), recorded),
        "sex": sex_of(text_of(root, "patdata/gender")),
        "device": device_of(text_of(hardware, "vendor"), text_of(hardware, "model")),
        "has_pacemaker": _PACEMAKER.get(text_of(root, "patdata/pacemaker/value")),
    }
    for item in root.iterfind("eventdata/event/filters_data/filter"):
        name, stated = _FILTERS.get(text_of(item, "name")), text_of(item, "value")
        if name and stated.isascii() and stated.replace(".", "", 1).isdigit() and len(stated) < 9 and float(stated) > 0:
            found[name] = float(stated)
    return {name: value for name, value in found.items() if value is not None}


def _report_of(root: Element) -> str | None:
    texts = root.iterfind("eventdata/event/textdata")
    statements = [item for item in texts if text_of(item, "type") == "INTERPRETATION"]
    return report_of_lines(
        line
        for item in statements
        for part in item.iterfind("textdata")
        for line in "".join(part.itertext()).splitlines()
    )


def _mention(wave: Element) -> str:
    kind = "average beat" if text_of(wave, "type") == "ECG_AVERAGES" else "other"
    return f"{kind}, {len(wave.findall('channel'))} leads"
