"""DICOM ECGs (12-lead, general and ambulatory ECG waveform storage), read through ``pydicom``."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from medclip.core.errors import FormatError, MedclipError, MissingDependencyError
from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats._dicom_description import KEYWORDS, attributes_of, patient_id_of, report_of
from medclip.modalities.ecg.formats._dicom_rhythm import read_rhythm
from medclip.modalities.imaging.dicom_file import WatchedFile

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["FORMAT", "read", "sniff"]

# DICOM PS3.4 B.5: 12-lead, general, ambulatory and general 32-bit ECG Waveform Storage.
_SOP_CLASSES = tuple(f"1.2.840.10008.5.1.4.1.1.9.1.{number}" for number in (1, 2, 3, 4))
_LITTLE_ENDIAN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_PREAMBLE_BYTES = 128
_HEAD_BYTES = 4096
_MAXIMUM_BYTES = 1 << 30  # one day of 12 leads of 16 bits at 500 Hz
_MEDIA_CLASS, _TRANSFER_SYNTAX = b"\x02\x00\x02\x00", b"\x02\x00\x10\x00"
_OBJECT_CLASS, _OBJECT_CLASS_BIG_ENDIAN = b"\x08\x00\x16\x00", b"\x00\x08\x00\x16"
_COPY_AGAIN = "copy the file again from its source"


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is a DICOM ECG by the class of object it states; images and other waveforms are not."""
    return _sop_class(head) in _SOP_CLASSES


def read(path: Path) -> Sample:
    """Read the rhythm of a DICOM ECG into millivolts.

    Derived waveforms, such as median beats, are left out and named in the attribute ``other_waveforms``. The patient's
    name, dates and institution are not even decoded; of the dates only the age is used.

    Returns:
        float32 ``(n_leads, n_samples)`` in mV with standard lead names, NaN where nothing was recorded; ``age`` in
        years, ``sex``, ``device``, ``low_cutoff_hz``, ``high_cutoff_hz`` and ``notch_hz`` of the device's filters,
        ``derived_leads``, ``questionable_leads`` and ``amplitude_is_calibrated`` as attributes where the file states
        them; the device's statements as report.

    Raises:
        FormatError: The file is no DICOM ECG, is damaged, or does not say what its samples are in millivolts.
        MissingDependencyError: ``pydicom`` is not installed.
    """
    path = Path(path)
    content = _content_of(path)
    is_little_endian = _check_container(path, content[:_HEAD_BYTES])
    with _damaged(path):
        dataset = _parse(path, content)
        rhythm = read_rhythm(dataset, path, is_little_endian=is_little_endian)
        return Sample(
            modality="ecg",
            array=rhythm.array,
            record_id=path.stem,
            patient_id=patient_id_of(dataset),
            sampling_rate_hz=rhythm.rate_hz,
            channel_names=rhythm.names,
            report=report_of(dataset),
            attributes=attributes_of(dataset) | rhythm.attributes,
            source=path.name,
        )


FORMAT = Format(name="dicom", description="DICOM ECG waveform (12-lead, general, ambulatory)", sniff=sniff, read=read)


def _content_of(path: Path) -> bytes:
    """Read a file as a whole, so that no length it states can make anything larger than itself be allocated."""
    try:
        n_bytes = path.stat().st_size
        if n_bytes > _MAXIMUM_BYTES:
            raise FormatError(
                f"{path} is too large for an ECG", received=f"{n_bytes} bytes", allowed=f"up to {_MAXIMUM_BYTES} bytes"
            )
        return path.read_bytes()
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read ({error.strerror})", action="check the path and its rights"
        ) from error


def _check_container(path: Path, head: bytes) -> bool:
    """Refuse what is no DICOM ECG or is packed in an unusual way; tell whether its numbers are little-endian."""
    sop_class, transfer_syntax = _sop_class(head), _uid_after(_TRANSFER_SYNTAX, head)
    if head[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] != b"DICM":
        raise FormatError(
            f"{path} is {'DICOM without its preamble' if sop_class else 'no DICOM file'}",
            allowed="128 bytes and the letters DICM before the data, as DICOM PS3.10 has it",
            action="export the recording again as a DICOM file" if sop_class else _COPY_AGAIN,
        )
    if sop_class not in _SOP_CLASSES:
        raise FormatError(
            f"{path} is a DICOM file, but no ECG waveform",
            received=_name_of(sop_class),
            allowed=[_name_of(known) for known in _SOP_CLASSES],
            action="choose the ECG of this study; a picture or a PDF of an ECG holds no samples",
        )
    if transfer_syntax not in (*_LITTLE_ENDIAN, _BIG_ENDIAN):
        raise FormatError(
            f"{path} is compressed or coded in a way that ECGs are not read in",
            received=_name_of(transfer_syntax),
            allowed=[_name_of(known) for known in (*_LITTLE_ENDIAN, _BIG_ENDIAN)],
            action="export the recording again without compression",
        )
    return transfer_syntax in _LITTLE_ENDIAN


def _sop_class(head: bytes) -> str | None:
    """Return the class of object that a DICOM file states in its file meta information, or at its beginning."""
    if head[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] == b"DICM":
        head = head[_PREAMBLE_BYTES + 4 :]
    elif head[:2] not in (b"\x02\x00", b"\x08\x00", b"\x00\x08"):
        return None
    for tag in (_MEDIA_CLASS, _OBJECT_CLASS, _OBJECT_CLASS_BIG_ENDIAN):
        found = _uid_after(tag, head)
        if found:
            return found
    return None


def _uid_after(tag: bytes, head: bytes) -> str | None:
    """Return the unique identifier that is the value of an element; its length is stated in two bytes or in four."""
    found = re.search(re.escape(tag) + rb"(?:UI..|....)([0-9.]{10,64})", head, re.DOTALL)
    return found[1].decode("ascii") if found else None


def _name_of(uid: str | None) -> str:
    if uid is None:
        return "nothing stated"
    with _installed():
        from pydicom.uid import UID
    return UID(uid).name


def _parse(path: Path, content: bytes) -> Dataset:
    with _installed():
        from pydicom import dcmread
    watched = WatchedFile(io.BytesIO(content))
    dataset = dcmread(cast(BinaryIO, watched), specific_tags=list(KEYWORDS))
    if watched.n_missing:
        raise FormatError(f"{path} is truncated", received=f"{watched.n_missing} bytes too few", action=_COPY_AGAIN)
    return dataset


@contextlib.contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            f"DICOM files need the package pydicom ({error})", action="run pip install pydicom"
        ) from error


@contextlib.contextmanager
def _damaged(path: Path) -> Iterator[None]:
    """Turn whatever ``pydicom`` says against a file into one line without the file's own words, which may be a name."""
    with _installed():
        from pydicom.config import disable_value_validation
    try:
        # Its warnings and log lines quote values.
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    except MedclipError:
        raise
    except Exception as error:
        raise FormatError(
            f"{path} is truncated or damaged and cannot be decoded ({type(error).__name__})", action=_COPY_AGAIN
        ) from error
