"""EDF and EDF+ files, read by own code: the format is two pages long, and what names people stays undecoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats._edf_description import attributes_of, filters_of, patient_id_of, report_of
from medclip.modalities.ecg.formats._edf_header import (
    ANNOTATIONS,
    START_BYTES,
    Header,
    Signal,
    is_edf,
    parse_header,
)
from medclip.modalities.ecg.formats._leads_together import check_rate, named_once
from medclip.modalities.ecg.formats._recording import EXPORT_AGAIN, as_voltages, check_readable, check_size
from medclip.modalities.ecg.formats._units import MILLIVOLTS
from medclip.modalities.ecg.leads import STANDARD_LEADS, standard_lead_name

__all__ = ["FORMAT", "read", "sniff"]

_HEAD_BYTES = START_BYTES * 513
_OTHER_LEADS = ("V3R", "V4R", "V5R", "V7", "V8", "V9", "X", "Y", "Z", "MLI", "MLII", "MLIII", "CM5", "CC5")
_PREFIXES = ("ECG", "EKG")


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is EDF by its version and the size of its header."""
    return is_edf(head)


def read(path: Path) -> Sample:
    """Read the ECG of an EDF or EDF+ file into millivolts.

    Signals that are no ECG by their labels are left out and counted in the attribute ``other_signals``. Of an EDF+
    header only the code of the patient, the sex, the equipment and the age that follows from its dates are used.

    Returns:
        float32 ``(n_leads, n_samples)`` in mV with standard lead names; ``age`` in years, ``sex``, ``device`` and
        corner frequencies of the filters as attributes where the file states them; annotations of EDF+ that are
        sentences about the whole recording as report.

    Raises:
        FormatError: The file is no EDF, has gaps or is damaged, holds no ECG, or its leads have different rates.
    """
    path = Path(path)
    n_bytes = check_readable(path)
    with path.open("rb") as file:
        header = parse_header(file.read(_HEAD_BYTES), n_bytes, path)
    leads = _leads_of(header, path)
    rate_hz = _common_rate(header, leads, path)
    names = named_once([signal.label for _, signal in leads], path)
    check_size(len(leads), header.n_records * leads[0][1].n_per_record, path)
    stored = np.memmap(path, "<i2", "r", header.n_bytes, (header.n_records, header.n_per_record))
    attributes = attributes_of(header) | filters_of(signal for _, signal in leads)
    n_others = sum(signal.label != ANNOTATIONS for signal in header.signals) - len(leads)
    if n_others:
        attributes["other_signals"] = n_others
    return Sample(
        modality="ecg",
        array=np.stack([_millivolts(stored[:, start : start + s.n_per_record], s, path) for start, s in leads]),
        record_id=path.stem,
        patient_id=patient_id_of(header),
        sampling_rate_hz=rate_hz,
        channel_names=names,
        report=_report(stored, header),
        attributes=attributes,
        source=path.name,
    )


FORMAT = Format(name="edf", description="EDF or EDF+ (.edf)", sniff=sniff, read=read)


def _leads_of(header: Header, path: Path) -> list[tuple[int, Signal]]:
    """Return the signals that are an ECG by their labels, with their first sample in a data record."""
    starts = np.cumsum([0] + [signal.n_per_record for signal in header.signals]).tolist()
    placed = [(start, s) for start, s in zip(starts, header.signals, strict=False) if s.label != ANNOTATIONS]
    leads = [(start, signal) for start, signal in placed if signal.label.upper().startswith(_PREFIXES)]
    if not leads:
        known = (*STANDARD_LEADS, *_OTHER_LEADS)
        leads = [(start, signal) for start, signal in placed if standard_lead_name(signal.label) in known]
    if not leads:
        raise FormatError(
            f"{path} holds no signal that is an ECG by its label",
            received=f"{len(placed)} signals",
            allowed=[*(f"{prefix} ..." for prefix in _PREFIXES), *STANDARD_LEADS],
            action="export the leads of the electrocardiogram with their names",
        )
    return leads


def _common_rate(header: Header, leads: list[tuple[int, Signal]], path: Path) -> float:
    rates = {signal.n_per_record / header.duration_s for _, signal in leads}
    if len(rates) > 1:
        raise FormatError(
            f"the leads of {path} have different sampling rates",
            received=", ".join(f"{rate:g}" for rate in sorted(rates)) + " Hz",
            allowed="one for all: filling a lead up would invent samples, and thinning it out would lose them",
            action="export the recording again with all leads at one rate",
        )
    # The duration is a decimal of eight characters, so that the rate may miss a whole number by rounding.
    rate_hz = rates.pop()
    nearest = round(rate_hz)
    return check_rate(float(nearest) if nearest and abs(rate_hz / nearest - 1) < 1e-6 else rate_hz, path)


def _millivolts(stored: np.ndarray, signal: Signal, path: Path) -> np.ndarray:
    """Lay the two physical values on the two digital ones: float32 ``(n_samples,)``."""
    if signal.unit.lower() not in MILLIVOLTS:
        raise FormatError(
            f"the unit of a lead in {path} is missing or no voltage",
            received=signal.unit or "no unit",
            allowed="V, mV, uV, nV",
            action=EXPORT_AGAIN,
        )
    (low, high), (digital_low, digital_high) = signal.physical, signal.digital
    step = (high - low) / (digital_high - digital_low)
    values = (stored.reshape(-1).astype(np.float64) - digital_low) * step + low
    return as_voltages(values * MILLIVOLTS[signal.unit.lower()], path)


def _report(stored: np.ndarray, header: Header) -> str | None:
    """Read the annotations of the first data record: later ones are about later moments."""
    start, texts = 0, []
    for signal in header.signals:
        if header.is_plus and signal.label == ANNOTATIONS:
            texts.append(stored[0, start : start + signal.n_per_record].astype("<i2").tobytes())
        start += signal.n_per_record
    return report_of(texts)
