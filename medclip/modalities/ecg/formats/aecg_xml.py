"""HL7 annotated ECGs (aECG) in XML (root element ``AnnotatedECG``)."""

from __future__ import annotations

from pathlib import Path

from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.core.xml import has_root, parse_xml
from medclip.modalities.ecg.formats._aecg_description import describe, patient_id_of, report_of
from medclip.modalities.ecg.formats._aecg_rhythm import choose_series, read_rhythm

__all__ = ["FORMAT", "read", "sniff"]

_ROOT = "AnnotatedECG"


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is an HL7 annotated ECG by its root element."""
    return has_root(head, _ROOT)


def read(path: Path) -> Sample:
    """Read the rhythm of an HL7 annotated ECG into millivolts.

    Of several rhythm series the one with the most standard leads, then the longest, is taken; others and representative
    beats are named in the attribute ``other_waveforms``.

    Returns:
        float32 ``(n_leads, n_samples)`` in mV, NaN where nothing was recorded; ``age`` in years, ``sex``, ``device``,
        ``low_cutoff_hz``, ``high_cutoff_hz``, ``notch_hz`` and ``derived_leads`` as attributes where the file states
        them; rhythm and interpretation among the annotations as report.

    Raises:
        FormatError: The file is no annotated ECG, holds no recording, is damaged, or cannot be decoded faithfully.
    """
    path = Path(path)
    root = parse_xml(path, root=_ROOT)
    series = choose_series(root, path)
    rhythm = read_rhythm(series, root, path)
    return Sample(
        modality="ecg",
        array=rhythm.array,
        record_id=path.stem,
        patient_id=patient_id_of(root),
        sampling_rate_hz=rhythm.rate_hz,
        channel_names=rhythm.names,
        report=report_of(series),
        attributes=describe(root, series) | rhythm.attributes,
        source=path.name,
    )


FORMAT = Format(name="aecg_xml", description="HL7 annotated ECG XML (AnnotatedECG)", sniff=sniff, read=read)
