"""What kind of object a DICOM file is, in a nurse's words, and which reader is to answer for it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from medclip.core.errors import FormatError, MissingDependencyError
from medclip.modalities.imaging.dicom_file import is_dicom
from medclip.modalities.imaging.header_values import decoding, optional_number, text_of, texts_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

__all__ = ["DicomKind", "kind_of", "kind_of_head", "sniffed_kind", "what_it_is"]

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_DIRECTORY = "1.2.840.10008.1.3.10"
# DICOM PS3.4 B.5, after the common beginning; the longest beginning counts.
_CLASSES: Mapping[str, str] = {
    "1": "a digital X-ray",
    "1.2": "a mammogram",
    "1.3": "a dental X-ray",
    "2": "a CT",
    "3": "an ultrasound clip",
    "4": "an MR",
    "4.2": "an MR spectrum",
    "5": "a nuclear medicine picture",
    "6": "an ultrasound picture",
    "6.2": "an ultrasound volume",
    "7": "a secondary capture (a picture of a screen or a scan of paper)",
    "9": "a waveform",
    "9.1": "an ECG waveform",
    "9.2": "a blood pressure waveform",
    "9.3": "an electrophysiology waveform",
    "9.4": "a voice recording",
    "9.5": "a pulse waveform",
    "9.6": "a breathing waveform",
    "9.7": "an EEG or muscle waveform",
    "11": "a presentation state (how a picture is shown, not the picture)",
    "12": "an angiography",
    "12.2": "a fluoroscopy",
    "13.1.1": "a 3-D angiography",
    "13.1.2": "a dental volume",
    "13.1.3": "a breast tomosynthesis",
    "13.1.4": "a mammogram",
    "13.1.5": "a mammogram",
    "14": "an optical coherence tomography of a vessel",
    "20": "a nuclear medicine picture",
    "30": "a parametric map",
    "66": "raw data of a scanner",
    "66.1": "a registration",
    "66.2": "a set of fiducials",
    "66.3": "a registration",
    "66.4": "a segmentation",
    "66.5": "a surface segmentation",
    "66.6": "a set of nerve tracts",
    "67": "a table of real-world values",
    "77": "a photograph or microscopy",
    "77.1.1": "an endoscopy",
    "77.1.4": "a photograph",
    "77.1.5": "a picture of an eye",
    "78": "a measurement of eyesight",
    "79": "a report on an eye",
    "80": "a visual field",
    "81": "a map of an eye",
    "82": "a map of an eye",
    "88": "a structured report",
    "88.40": "a procedure log",
    "88.59": "a list of key pictures",
    "88.67": "a dose report",
    "88.68": "a dose report",
    "88.73": "a dose report",
    "88.76": "a dose report",
    "90": "an assessment of pictures",
    "91": "a set of microscopy annotations",
    "104.1": "a PDF document",
    "104.2": "a clinical document",
    "104.3": "a 3-D print model",
    "104.4": "a 3-D print model",
    "104.5": "a 3-D print model",
    "128": "a PET",
    "130": "a PET",
    "131": "a screen layout",
    "200": "a scan protocol",
    "481": "a radiotherapy record",
    "481.1": "a radiotherapy image",
    "481.2": "a radiotherapy dose",
    "481.3": "a set of radiotherapy structures",
    "481.5": "a radiotherapy plan",
    "481.8": "a radiotherapy plan",
    "481.23": "a radiotherapy image",
    "481.24": "a radiotherapy image",
}
# DICOM PS3.3 C.7.3.1.1.1. Where the class of object is general or absent, this says more.
_MODALITIES: Mapping[str, str] = {
    "CR": "a digital X-ray",
    "DX": "a digital X-ray",
    "RG": "a digitised X-ray film",
    "RF": "a fluoroscopy",
    "MG": "a mammogram",
    "IO": "a dental X-ray",
    "PX": "a panoramic dental X-ray",
    "XA": "an angiography",
    "US": "an ultrasound picture",
    "IVUS": "an ultrasound from inside a vessel",
    "CT": "a CT",
    "MR": "an MR",
    "PT": "a PET",
    "NM": "a nuclear medicine picture",
    "ECG": "an ECG waveform",
    "HD": "a blood pressure waveform",
    "EPS": "an electrophysiology waveform",
    "SR": "a structured report",
    "DOC": "a document",
    "KO": "a list of key pictures",
    "PR": "a presentation state (how a picture is shown, not the picture)",
    "REG": "a registration",
    "SEG": "a segmentation",
    "RTDOSE": "a radiotherapy dose",
    "RTSTRUCT": "a set of radiotherapy structures",
    "RTPLAN": "a radiotherapy plan",
    "RTIMAGE": "a radiotherapy image",
    "RTRECORD": "a radiotherapy record",
    "ES": "an endoscopy",
    "GM": "a microscopy",
    "SM": "a microscopy",
    "OP": "a picture of an eye",
    "OPT": "a picture of an eye",
    "XC": "a photograph",
    "SC": "a secondary capture (a picture of a screen or a scan of paper)",
    "OT": "a picture of no stated kind",
    "BMD": "a bone density measurement",
}
_DOSE_SCREENS = ("dose", "screen save", "exam summary")
_PROJECTIONS = frozenset({"CR", "DX", "RG", "RF"})
# What is read with one shot or is a picture of something: the radiograph's reader says what is wrong with it.
_PICTURES = _PROJECTIONS | frozenset({"MG", "IO", "PX", "XA", "US", "IVUS", "OT", "SC", "XC", "ES", "OP", "GM", "SM"})
_PICTURE_CLASSES = ("1.", "3.", "6.", "7.", "12.", "13.1.3.", "13.1.4.", "13.1.5.", "77.")
# The ones that readers of waveforms take; others, such as of blood pressure, nobody reads.
_ECG_CLASSES = ("9.1.1.", "9.1.2.", "9.1.3.", "9.1.4.")
_AFTER_NUMBER_OF_FRAMES = 0x00280009


@dataclass(frozen=True)
class DicomKind:
    """What kind of object a DICOM file is.

    Args:
        sop_class: Unique identifier of its class of object; empty if none is stated.
        modality: The kind of equipment in DICOM's code, such as ``CR``; empty if none is stated.
        description: The kind in plain words with its article, such as "a mammogram".
        n_frames: Pictures in the file, as stated.
    """

    sop_class: str
    modality: str
    description: str
    n_frames: int = 1

    @property
    def is_directory(self) -> bool:
        """True for a DICOMDIR."""
        return self.sop_class == _DIRECTORY

    @property
    def reader(self) -> str:
        """Who answers for it, be it to read it or to refuse it: ``waveform``, ``radiograph`` or ``volume``.

        Single pictures of any kind are the radiograph's, ECG waveforms the waveform's, and all else the volume's.
        """
        suffix = _after_storage(self.sop_class)
        if suffix in _ECG_CLASSES:
            return "waveform"
        if self.modality:
            is_picture = self.modality in _PICTURES and "report" not in self.description
        else:
            is_picture = suffix.startswith(_PICTURE_CLASSES)
        return "radiograph" if is_picture else "volume"

    @property
    def is_radiograph(self) -> bool:
        """True for a single X-ray picture of an unspecified part of the body."""
        return self.modality in _PROJECTIONS and self.n_frames == 1 and "mammogram" not in self.description


def what_it_is(header: Dataset, path: Path) -> str:
    """Describe a DICOM object in plain words with an article, such as "a mammogram".

    Args:
        header: Its elements.
        path: The file, for error messages.

    Raises:
        FormatError: The elements that tell cannot be decoded.
    """
    return kind_of(header, path).description


def kind_of(header: Dataset, path: Path) -> DicomKind:
    """Return the kind of a DICOM object whose header has been read.

    Raises:
        FormatError: The elements that tell cannot be decoded.
    """
    with decoding(path, "its file meta information"):
        stated = str(getattr(header, "file_meta", {}).get("MediaStorageSOPClassUID") or "")
    sop_class = text_of(header, "SOPClassUID", path) or stated
    modality = text_of(header, "Modality", path).upper()
    n_frames = _n_frames(header, path)
    description = _description(sop_class, modality)
    if "secondary capture" in description and _is_dose_screen(header, path):
        description = "a dose report"
    return DicomKind(sop_class, modality, _of_frames(description, n_frames), n_frames)


def sniffed_kind(path: Path, head: bytes) -> DicomKind | None:
    """Return the kind of a file if it is DICOM, else None; never raises.

    A file that begins as DICOM and cannot be decoded further is of no stated kind: reading it says what is wrong.
    """
    if not is_dicom(head):
        return None
    try:
        with path.open("rb") as file:
            return _kind_of_beginning(file, path)
    except (FormatError, MissingDependencyError, OSError):
        return DicomKind("", "", "a damaged file")


def kind_of_head(head: bytes) -> DicomKind | None:
    """Return the kind of a DICOM file as far as its first bytes tell; None if it is none. Never raises."""
    if not is_dicom(head):
        return None
    try:
        return _kind_of_beginning(io.BytesIO(head), Path("member"))
    except (FormatError, MissingDependencyError, OSError):
        return DicomKind("", "", "a damaged file")


def _kind_of_beginning(file: BinaryIO, path: Path) -> DicomKind:
    with decoding(path, "its header"):
        from pydicom.filereader import read_partial

        tags: list[BaseTag | int] = [0x00080016, 0x00080060, 0x00280008]
        header = read_partial(file, lambda tag, *_: tag >= _AFTER_NUMBER_OF_FRAMES, force=True, specific_tags=tags)
    return kind_of(header, path)


def _description(sop_class: str, modality: str) -> str:
    if sop_class == _DIRECTORY:
        return "a DICOMDIR, which lists files and holds no picture"
    by_class = _by_class(_after_storage(sop_class))
    is_general = not by_class or by_class.startswith(("a secondary capture", "a digital X-ray", "a photograph"))
    is_specific = modality in _MODALITIES and modality not in ("OT", "SC")
    if is_general and is_specific:
        named = _MODALITIES[modality]
        is_capture = by_class.startswith("a secondary capture") and modality not in _PROJECTIONS
        return f"a secondary capture (a picture of a screen) of {named}" if is_capture else named
    return by_class or _MODALITIES.get(modality, "an object of no stated kind")


def _by_class(suffix: str) -> str:
    parts = suffix.split(".")
    beginnings = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((_CLASSES[beginning] for beginning in beginnings if beginning in _CLASSES), "")


def _after_storage(sop_class: str) -> str:
    return f"{sop_class.removeprefix(_STORAGE)}." if sop_class.startswith(_STORAGE) else ""


def _n_frames(header: Dataset, path: Path) -> int:
    try:
        return max(1, int(optional_number(header, "NumberOfFrames", path) or 1))
    except FormatError:
        # What a file is can be said all the same; who decodes its pixels refuses it.
        return 1


def _of_frames(description: str, n_frames: int) -> str:
    return "an ultrasound clip" if description == "an ultrasound picture" and n_frames > 1 else description


def _is_dose_screen(header: Dataset, path: Path) -> bool:
    words = [*texts_of(header, "ImageType", path), text_of(header, "SeriesDescription", path)]
    return any(mark in " ".join(words).lower() for mark in _DOSE_SCREENS)
