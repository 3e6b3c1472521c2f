"""Write DICOM ECGs, sound and odd ones, with pydicom."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, generate_uid

TWELVE_LEAD, CT_IMAGE = "1.2.840.10008.5.1.4.1.1.9.1.1", "1.2.840.10008.5.1.4.1.1.2"
NAME = "Secretsson^Anna"

# DICOM PS3.16, CID 3001, as far as the tests need it.
MDC = {"I": "2:1", "II": "2:2", "III": "2:61", "aVR": "2:62", "aVL": "2:63", "aVF": "2:64"} | {
    f"V{number}": f"2:{number + 2}" for number in range(1, 7)
}
SCP = {lead: code.replace("2:", "5.6.3-9-") for lead, code in MDC.items()}


def item(**elements: Any) -> Dataset:
    """Make a data set or an item of a sequence; None leaves an element out."""
    made = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd values are the point
        for keyword, value in elements.items():
            try:
                if value is not None:
                    setattr(made, keyword, Items(value) if dictionary_VR(keyword) == "SQ" else value)
            except ValueError:  # a text where a number belongs
                made.add_new(keyword, "LO", value)
    return made


def code(value: str | None, scheme: str | None = None, meaning: str | None = None) -> Dataset:
    """Make an item of a code sequence."""
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def channel(lead: str, **changes: Any) -> Dataset:
    """Describe a channel: 2.5 uV a step unless something else is said."""
    described: dict[str, Any] = {
        "ChannelSourceSequence": [code(MDC[lead], "MDC")] if lead in MDC else [code(None, None, lead)],
        "ChannelSensitivity": "2.5",
        "ChannelSensitivityUnitsSequence": [code("uV", "UCUM", "microvolt")],
        "ChannelSensitivityCorrectionFactor": "1",
        "ChannelBaseline": "0",
        "ChannelSampleSkew": "0",
        "WaveformBitsStored": 16,
    }
    return item(**(described | changes))


def group(
    stored: np.ndarray,
    leads: Sequence[str],
    *,
    rate_hz: str = "500",
    bits: int = 16,
    coding: str = "SS",
    dtype: str = "<i2",
    channels: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Dataset:
    """Make a multiplex group of integers ``(n_leads, n_samples)``; ``channels`` changes every channel's description."""
    content = np.ascontiguousarray(stored.T).astype(dtype).tobytes()
    described: dict[str, Any] = {
        "WaveformOriginality": "ORIGINAL",
        "NumberOfWaveformChannels": len(leads),
        "NumberOfWaveformSamples": stored.shape[1],
        "SamplingFrequency": rate_hz,
        "ChannelDefinitionSequence": [channel(lead, **(channels or {})) for lead in leads],
        "WaveformBitsAllocated": bits,
        "WaveformSampleInterpretation": coding,
        "WaveformData": content + b"\0" * (len(content) % 2),
    }
    made = item(**(described | changes))
    for keyword in ("WaveformData", "WaveformPaddingValue"):
        if keyword in made:
            made[keyword].VR = "OB" if bits == 8 else "OW"
    return made


def write(
    path: Path,
    groups: Sequence[Dataset] | None,
    *,
    sop_class: str = TWELVE_LEAD,
    transfer_syntax: str = ExplicitVRLittleEndian,
    change: Callable[[Dataset], None] | None = None,
    **elements: Any,
) -> Path:
    """Write a file with a patient's name, dates and places in it, which no message or attribute may show."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, generate_uid(entropy_srcs=["test"])
    meta.TransferSyntaxUID = transfer_syntax
    dataset = Dataset()
    dataset.file_meta, dataset.preamble = meta, b"\0" * 128
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID, dataset.InstitutionName = NAME, "ID-4711", "Secret Hospital"
    dataset.update(item(**elements))
    if groups is not None:
        dataset.WaveformSequence = Items(groups)
    if change:
        change(dataset)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd files are the point
        dataset.save_as(
            path,
            implicit_vr=transfer_syntax == "1.2.840.10008.1.2",
            little_endian=transfer_syntax != ExplicitVRBigEndian,
            enforce_file_format=False,
        )
    return path
