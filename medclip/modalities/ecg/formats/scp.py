"""SCP-ECG files (EN 1064, ISO 11073-91064), read by own code: no kept library decodes every compression."""

from __future__ import annotations

from pathlib import Path

from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats._recording import bytes_of
from medclip.modalities.ecg.formats._scp_container import is_scp, sections_of
from medclip.modalities.ecg.formats._scp_description import (
    attributes_of,
    measurements_of,
    patient_id_of,
    report_of,
    tags_of,
)
from medclip.modalities.ecg.formats._scp_leads import read_leads
from medclip.modalities.ecg.formats._scp_signal import read_rhythm

__all__ = ["FORMAT", "read", "sniff"]


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is SCP-ECG by the mark in its pointer section."""
    return is_scp(head)


def read(path: Path) -> Sample:
    """Read the rhythm of an SCP-ECG file into millivolts.

    Checksums of the file and of every section are compared. Of the dates only the age is used; names, places and
    free text about the patient are not decoded.

    Returns:
        float32 ``(n_leads, n_samples)`` in mV with standard lead names, NaN where a lead was not recorded; ``age`` in
        years, ``sex``, ``device``, corner frequencies of its filters, its measurements in ``_ms`` and ``_deg``,
        ``derived_leads``, and ``is_decimated_between_beats`` if the file holds only every n-th sample there, as
        attributes where the file states them; the device's statements as report.

    Raises:
        FormatError: The file is no SCP-ECG, is damaged, or cannot be decoded faithfully.
    """
    path = Path(path)
    sections = sections_of(bytes_of(path), path)
    tags = tags_of(sections.get(1, b""), path)
    leads = read_leads(sections.get(3), path)
    rhythm = read_rhythm(sections, leads, path)
    attributes = attributes_of(tags) | measurements_of(sections.get(7), path)
    if leads.derived:
        attributes["derived_leads"] = leads.derived
    if rhythm.is_simplified:
        attributes["is_decimated_between_beats"] = True
    return Sample(
        modality="ecg",
        array=rhythm.array,
        record_id=path.stem,
        patient_id=patient_id_of(tags),
        sampling_rate_hz=rhythm.rate_hz,
        channel_names=leads.names,
        report=report_of(sections.get(8), tags, path),
        attributes=attributes,
        source=path.name,
    )


FORMAT = Format(name="scp", description="SCP-ECG (EN 1064, ISO 11073-91064)", sniff=sniff, read=read)
