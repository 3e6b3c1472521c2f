"""The waveform of a Philips file: what it states, and its samples in millivolts."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from medclip.core.errors import FormatError
from medclip.core.xml import COPY_AGAIN
from medclip.modalities.ecg.formats._leads_together import Rhythm, check_rate, check_size, named_once, together
from medclip.modalities.ecg.formats._philips_xli import decompress, restore_limb_leads
from medclip.modalities.ecg.formats._xml_values import bytes_of, number_of, numbers_of, text_of, whole_number_of
from medclip.modalities.ecg.leads import STANDARD_LEADS

__all__ = ["read_rhythm"]

_EXPORT_AGAIN = "export the recording again from its device"
_MICROVOLTS_PER_MILLIVOLT = 1000.0
_STANDARD_SETS = ("STD-12", "10-WIRE")
_SHORTEST_MARK_S = 0.1
_MARK_MILLIVOLTS = 1.0


def read_rhythm(root: Element, path: Path) -> Rhythm:
    """Decode the parsed waveforms; representative beats are only named.

    Raises:
        FormatError: There is none, or it cannot be decoded faithfully.
    """
    found = root.findall("waveforms/parsedwaveforms")
    signal = root.find("dataacquisition/signalcharacteristics")
    if len(found) != 1 or signal is None:
        raise FormatError(
            f"{path} holds no waveform", received=f"{len(found)} elements parsedwaveforms", action=_EXPORT_AGAIN
        )
    waveform = found[0]
    rate_hz = check_rate(number_of(text_of(signal, "samplingrate"), "sampling rate", path), path)
    names = _names_of(waveform, signal, path)
    stored = _stored(waveform, names, rate_hz, path)
    millivolts = stored * (_resolution_uv(waveform, signal, path) / _MICROVOLTS_PER_MILLIVOLT)
    n_samples = _end_of_recording(millivolts, rate_hz)
    ordered, array, derived = together(dict(zip(names, millivolts[:, :n_samples], strict=True)))
    attributes = _filters(signal)
    if derived:
        attributes["derived_leads"] = derived
    others = _others(root, (millivolts.shape[1] - n_samples) / rate_hz)
    if others:
        attributes["other_waveforms"] = others
    return Rhythm(ordered, array, rate_hz, attributes)


def _names_of(waveform: Element, signal: Element, path: Path) -> tuple[str, ...]:
    """Return the leads in the order of the file, as version 1.04 lists them or version 1.03 implies them."""
    allocated = whole_number_of(text_of(signal, "numberchannelsallocated"), "number of channels", path)
    valid = whole_number_of(text_of(signal, "numberchannelsvalid"), "number of channels", path, default=allocated)
    labels = waveform.get("leadlabels", "").split()
    if labels:
        count = whole_number_of(waveform.get("numberofleads", ""), "number of leads", path, default=len(labels))
        if not count == len(labels) == min(valid, len(labels)):
            raise _contradiction(path, f"{len(labels)} names, {count} leads, {valid} valid channels")
        return named_once(labels, path)
    if text_of(signal, "acquisitiontype") not in _STANDARD_SETS:
        raise FormatError(
            f"{path} does not say which leads it holds",
            received="another set of leads, without their names",
            allowed=_STANDARD_SETS,
            action="export the recording as version 1.04, which names its leads",
        )
    if min(allocated, valid) < len(STANDARD_LEADS):
        raise _contradiction(path, f"{allocated} channels, {valid} of them valid")
    return STANDARD_LEADS


def _contradiction(path: Path, received: str) -> FormatError:
    return FormatError(
        f"leads are missing in {path}, and it does not say which",
        received=received,
        allowed=f"the same number each, or at least {len(STANDARD_LEADS)} channels",
        action=_EXPORT_AGAIN,
    )


def _stored(waveform: Element, names: tuple[str, ...], rate_hz: float, path: Path) -> np.ndarray:
    """Return the integers of the file, ``(n_leads, n_samples)``, with all limb leads whole."""
    duration_ms = number_of(waveform.get("durationperchannel", ""), "duration", path)
    n_samples = round(duration_ms / 1000.0 * rate_hz)
    check_size(len(names), n_samples, path)
    if "".join((waveform.text or "").split()) == "":
        raise FormatError(f"the waveform of {path} is empty", action=_EXPORT_AGAIN)
    if _is_compressed(waveform, path):
        content = bytes_of(waveform.text or "", "the waveform", path)
        stored = decompress(content, len(names), n_samples, path)
        return restore_limb_leads(stored, names) if set(STANDARD_LEADS[:6]) <= set(names) else _refuse_residuals(path)
    return _plain(waveform, len(names), n_samples, path)


def _refuse_residuals(path: Path) -> np.ndarray:
    raise FormatError(
        f"the compressed limb leads of {path} need each other, and some are missing",
        allowed=STANDARD_LEADS[:6],
        action="export the recording without compression",
    )


def _is_compressed(waveform: Element, path: Path) -> bool:
    method = (waveform.get("compressmethod") or waveform.get("compression") or "").upper()
    if waveform.get("compressflag", "True").lower() == "false" or method in ("", "UNCOMPRESSED", "NONE"):
        return False
    if method != "XLI":
        raise FormatError(
            f"the waveform of {path} is compressed in an unknown way", allowed="XLI, or none", action=_EXPORT_AGAIN
        )
    return True


def _plain(waveform: Element, n_leads: int, n_samples: int, path: Path) -> np.ndarray:
    encoding = waveform.get("dataencoding", "").lower()
    if encoding == "plain":
        values = numbers_of(waveform.text or "", "the waveform", path)
    elif encoding == "base64":
        content = bytes_of(waveform.text or "", "the waveform", path)
        values = np.frombuffer(content[: len(content) // 2 * 2], "<i2").astype(np.float64)
    else:
        raise FormatError(f"the waveform of {path} is encoded in an unknown way", allowed="Base64 or Plain")
    # Devices write further channels that hold nothing.
    if len(values) < n_leads * n_samples or len(values) % n_samples:
        raise FormatError(
            f"the waveform of {path} is of another length than it announces",
            received=f"{len(values)} samples",
            allowed=f"{n_leads} leads of {n_samples} samples",
            action=COPY_AGAIN,
        )
    return values[: n_leads * n_samples].reshape(n_leads, n_samples)


def _resolution_uv(waveform: Element, signal: Element, path: Path) -> float:
    """Return microvolts per step, having refused what is not coded in the usual way."""
    stated = text_of(signal, "signalresolution") or text_of(signal, "resolution") or waveform.get("resolution", "")
    resolution_uv = number_of(stated, "resolution", path)
    bits = whole_number_of(text_of(signal, "bitspersample"), "bits per sample", path, default=16)
    offset = number_of(text_of(signal, "signaloffset"), "offset", path, default=0.0)
    is_signed = text_of(signal, "signalsigned").lower() in ("", "true")
    if resolution_uv <= 0 or bits != 16 or offset != 0 or not is_signed:
        raise FormatError(
            f"the samples of {path} are coded in a way that is not known",
            received=f"{resolution_uv:g} uV a step, {bits} bits, offset {offset:g}, signed {is_signed}",
            allowed="a resolution above 0, 16 bits, no offset, signed",
            action=_EXPORT_AGAIN,
        )
    return resolution_uv


def _end_of_recording(millivolts: np.ndarray, rate_hz: float) -> int:
    """Return the number of samples before the calibration mark.

    In a recording the leads differ. Behind its end devices write the same into all channels: nothing, a rectangle of
    1 mV, nothing.
    """
    differs = np.flatnonzero((millivolts != millivolts[0]).any(axis=0))
    n_samples: int = millivolts.shape[1]
    if len(millivolts) < len(STANDARD_LEADS) or not len(differs):
        return n_samples
    end = int(differs[-1]) + 1
    tail = millivolts[0, end:]
    is_mark = np.isclose(tail, _MARK_MILLIVOLTS)
    if is_mark.sum() >= _SHORTEST_MARK_S * rate_hz and (is_mark | (tail == 0)).all():
        return end
    return n_samples


def _filters(signal: Element) -> dict[str, Any]:
    """Return the filters that the samples have passed; those of the printout are stated elsewhere."""
    low, _, high = text_of(signal, "signalbandwidth").partition("-")
    is_notched = text_of(signal, "notchfiltered").lower() == "true"
    stated = {
        "low_cutoff_hz": text_of(signal, "hipass") or low,
        "high_cutoff_hz": text_of(signal, "lowpass") or high,
        "notch_hz": text_of(signal, "notchfilterfreqs") if is_notched else "",
    }
    return {name: float(text) for name, text in stated.items() if _is_positive(text)}


def _is_positive(text: str) -> bool:
    return text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 9 and float(text) > 0


def _others(root: Element, mark_s: float) -> tuple[str, ...]:
    n_beats = len(root.findall("waveforms/repbeats/repbeat"))
    beats = (f"representative beats, {n_beats} leads",) if n_beats else ()
    return beats + ((f"calibration mark, {mark_s:.1f} s",) if mark_s else ())
