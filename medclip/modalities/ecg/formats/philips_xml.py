"""Philips PageWriter (Sierra) ECGs in XML, versions 1.03 and 1.04 (root element ``restingecgdata``)."""

from __future__ import annotations

from pathlib import Path

from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.core.xml import has_root, parse_xml
from medclip.modalities.ecg.formats._philips_description import describe, patient_id_of, report_of
from medclip.modalities.ecg.formats._philips_waveform import read_rhythm
from medclip.modalities.ecg.formats._xml_values import text_of

__all__ = ["FORMAT", "read", "sniff"]

_ROOT = "restingecgdata"
_VERSIONS = ("1.03", "1.04", "1.04.01", "1.04.02")


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is XML of a Philips electrocardiograph by its root element."""
    return has_root(head, _ROOT)


def read(path: Path) -> Sample:
    """Read the rhythm of a Philips ECG into millivolts.

    Representative beats are left out and named in the attribute ``other_waveforms``, as is the calibration mark that
    devices put behind the last heartbeat, which would be a beat of 1 mV in all leads.

    Returns:
        float32 ``(n_leads, n_samples)`` in mV; ``age`` in years, ``sex``, ``device``, ``low_cutoff_hz``,
        ``high_cutoff_hz``, ``notch_hz``, ``has_pacemaker`` and ``derived_leads`` as attributes where the file states
        them; the statements of the device, or of its reader if they were edited, as report.

    Raises:
        FormatError: The file is no Philips ECG of a known version, is damaged, or cannot be decoded faithfully.
    """
    path = Path(path)
    root = parse_xml(path, root=_ROOT)
    _check_version(text_of(root, "documentinfo/documentversion"), path)
    rhythm = read_rhythm(root, path)
    return Sample(
        modality="ecg",
        array=rhythm.array,
        record_id=path.stem,
        patient_id=patient_id_of(root),
        sampling_rate_hz=rhythm.rate_hz,
        channel_names=rhythm.names,
        report=report_of(root),
        attributes=describe(root) | rhythm.attributes,
        source=path.name,
    )


FORMAT = Format(name="philips_xml", description="Philips PageWriter XML (Sierra 1.03, 1.04)", sniff=sniff, read=read)


def _check_version(version: str, path: Path) -> None:
    if version not in _VERSIONS:
        is_version = len(version) < 10 and all(part.isdigit() for part in version.split("."))
        raise FormatError(
            f"{path} is of an unknown version of Philips XML",
            received=version if is_version else "something else" if version else "no version",
            allowed=_VERSIONS,
            action="ask for support of this version, with a file that may be shared",
        )
