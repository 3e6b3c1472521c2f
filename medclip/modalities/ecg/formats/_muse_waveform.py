"""The rhythm waveform of a GE MUSE file: what it states, and its samples in millivolts."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from medclip.core.errors import FormatError
from medclip.core.xml import COPY_AGAIN
from medclip.modalities.ecg.formats._leads_together import Rhythm, check_rate, check_size, named_once, together
from medclip.modalities.ecg.formats._xml_values import (
    bytes_of,
    millivolts_per_unit,
    number_of,
    text_of,
    whole_number_of,
)
from medclip.modalities.ecg.leads import DERIVED_LEADS, standard_lead_name

__all__ = ["read_rhythm"]

_EXPORT_AGAIN = "export the recording again from its device"
_LARGEST_EXPONENT = 6
# What a converter gives that has measured nothing.
_NOTHING = -32768


def read_rhythm(root: Element, path: Path) -> Rhythm:
    """Decode the rhythm waveform; others, such as median beats, are only named.

    Raises:
        FormatError: There is none or more than one, or it cannot be decoded faithfully.
    """
    waveforms = root.findall("Waveform")
    kinds = [text_of(waveform, "WaveformType").lower() for waveform in waveforms]
    if kinds.count("rhythm") != 1:
        raise FormatError(
            f"{path} holds not exactly one rhythm waveform",
            received=f"{kinds.count('rhythm')} among {len(kinds)} waveforms",
            action=_EXPORT_AGAIN,
        )
    rhythm = waveforms[kinds.index("rhythm")]
    rate_hz = _rate_of(rhythm, path)
    leads = _leads_of(rhythm, path)
    names, array, derived = together(leads)
    attributes = _attributes(rhythm)
    if derived:
        attributes["derived_leads"] = derived
    questionable = _questionable(rhythm, names)
    if questionable:
        attributes["questionable_leads"] = questionable
    others = tuple(_mention(waveform) for waveform in waveforms if waveform is not rhythm)
    if others:
        attributes["other_waveforms"] = others
    return Rhythm(names, array, rate_hz, attributes)


def _rate_of(waveform: Element, path: Path) -> float:
    base = number_of(text_of(waveform, "SampleBase"), "sample base", path)
    exponent = whole_number_of(text_of(waveform, "SampleExponent"), "sample exponent", path, default=0)
    if abs(exponent) > _LARGEST_EXPONENT:
        raise FormatError(f"{path} states an impossible sampling rate", received=f"{base:g} x 10^{exponent} Hz")
    return check_rate(base * 10.0**exponent, path)


def _leads_of(waveform: Element, path: Path) -> dict[str, np.ndarray]:
    """Decode all leads; one that ends before the others is NaN from there on."""
    items = waveform.findall("LeadData")
    announced = whole_number_of(text_of(waveform, "NumberofLeads"), "number of leads", path, default=len(items))
    if not items or announced != len(items):
        raise FormatError(
            f"leads are missing in {path}", received=f"{len(items)} leads", allowed=announced, action=COPY_AGAIN
        )
    names = named_once([text_of(item, "LeadID") for item in items], path)
    _check_alignment(items, path)
    decoded = [_millivolts(item, name, path) for item, name in zip(items, names, strict=True)]
    n_samples = max(len(values) for values in decoded)
    check_size(len(items), n_samples, path)
    return {
        name: np.pad(values, (0, n_samples - len(values)), constant_values=np.nan)
        for name, values in zip(names, decoded, strict=True)
    }


def _check_alignment(items: list[Element], path: Path) -> None:
    """Refuse what would move a lead in time or in amplitude in a way that GE does not publish."""
    for field, what in (("LeadTimeOffset", "start later than others"), ("LeadOffsetFirstSample", "start elsewhere")):
        if len({number_of(text_of(item, field), field, path, default=0.0) for item in items}) > 1:
            raise FormatError(f"some leads of {path} {what}", received=f"different {field}", action=_EXPORT_AGAIN)
    if any(number_of(text_of(item, "FirstSampleBaseline"), "baseline", path, default=0.0) for item in items):
        raise FormatError(
            f"a lead of {path} has a baseline whose meaning is not published",
            received="a FirstSampleBaseline other than 0",
            action=_EXPORT_AGAIN,
        )


def _millivolts(item: Element, lead: str, path: Path) -> np.ndarray:
    size = whole_number_of(text_of(item, "LeadSampleSize"), "sample size", path, default=2)
    if size != 2:
        raise FormatError(f"the samples of {path} are of an unusual size", received=f"{size} bytes", allowed="2 bytes")
    content = bytes_of(text_of(item, "WaveFormData"), f"lead {lead}", path)
    _check_content(item, content, lead, path)
    unit_mv = millivolts_per_unit(text_of(item, "LeadAmplitudeUnits"), path, lead=lead)
    step = number_of(text_of(item, "LeadAmplitudeUnitsPerBit"), "amplitude of a step", path)
    if step <= 0:
        raise FormatError(f"lead {lead} in {path} has no amplitude", received=f"{step:g} a step", action=_EXPORT_AGAIN)
    stored = np.frombuffer(content, "<i2")
    return np.where(stored == _NOTHING, np.nan, stored * (step * unit_mv))


def _check_content(item: Element, content: bytes, lead: str, path: Path) -> None:
    """Compare what was decoded with the length and the CRC-32 that the file states."""
    n_samples = whole_number_of(text_of(item, "LeadSampleCountTotal"), "number of samples", path)
    n_bytes = whole_number_of(text_of(item, "LeadByteCountTotal"), "number of bytes", path, default=2 * n_samples)
    if not len(content) == n_bytes == 2 * n_samples:
        raise FormatError(
            f"lead {lead} in {path} is of another length than it announces",
            received=f"{len(content)} bytes",
            allowed=f"{n_bytes} bytes for {n_samples} samples of 2 bytes",
            action=COPY_AGAIN,
        )
    stated = text_of(item, "LeadDataCRC32")
    # The number is written with or without a sign.
    if stated and not (stated.lstrip("-").isdigit() and len(stated) < 12 and _same(int(stated), zlib.crc32(content))):
        raise FormatError(f"lead {lead} in {path} fails its check (CRC-32)", action=COPY_AGAIN)


def _same(stated: int, computed: int) -> bool:
    return stated % (1 << 32) == computed


def _attributes(waveform: Element) -> dict[str, Any]:
    """Return the filters; the high-pass is stated in hundredths of a hertz. ``NONE`` and 0 are no filters."""
    attributes: dict[str, Any] = {}
    for field, name, unit_hz in (
        ("HighPassFilter", "low_cutoff_hz", 0.01),
        ("LowPassFilter", "high_cutoff_hz", 1.0),
        ("ACFilter", "notch_hz", 1.0),
    ):
        stated = text_of(waveform, field)
        if stated.isascii() and stated.isdigit() and 0 < int(stated[:6]) < 100_000:
            attributes[name] = int(stated) * unit_hz
    if waveform.find("PaceSpikes/*") is not None:
        attributes["has_pace_spikes"] = True
    return attributes


def _questionable(waveform: Element, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the leads whose electrode was off, and those that follow from them."""
    is_off = {
        standard_lead_name(text_of(item, "LeadID")): text_of(item, "LeadOff").upper() == "TRUE"
        for item in waveform.iterfind("LeadData")
    }
    sources = {name: (name,) if name in is_off else tuple(DERIVED_LEADS[name]) for name in names}
    return tuple(name for name in names if any(is_off[source] for source in sources[name]))


def _mention(waveform: Element) -> str:
    """Describe a waveform that is left out; its type is quoted only if it is the usual one."""
    kind = "median" if text_of(waveform, "WaveformType").lower() == "median" else "other"
    return f"{kind}, {len(waveform.findall('LeadData'))} leads"
