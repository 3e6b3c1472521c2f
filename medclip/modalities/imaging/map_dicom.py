"""Maps of findings as DICOM objects that a PACS files beside the images they were made from.

They carry the patient's name and the study of their source, as every derived object of a study must: hand them on only
where the source may go.
"""

from __future__ import annotations

import contextlib
import copy
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core._heads import split_record
from medclip.core.archives import is_archive
from medclip.core.errors import FormatError, MissingDependencyError
from medclip.core.files import write_whole
from medclip.core.finding_map import FindingMap
from medclip.core.sample import Sample
from medclip.modalities.imaging.archive import holds_dicom
from medclip.modalities.imaging.dicom_file import is_dicom
from medclip.modalities.imaging.series import source_headers
from medclip.version import __version__

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["dicom_headers", "write_parametric_map", "write_segmentation"]

_SCHEME = "99MEDCLIP"
# Attributes of the patient and study that must be there and may be empty (type 2 in DICOM PS3.3).
_REPEATED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
_HEAD_BYTES = 4096
_SERIES_NUMBER = 9000  # behind the series of any scanner
_LONGEST_LABEL, _LONGEST_MEANING = 16, 64


def dicom_headers(source: Path) -> list[Dataset]:
    """Return the headers of a DICOM series; they name the patient.

    Raises:
        FormatError: ``source`` is no DICOM, or as ``read_series`` raises.
    """
    path = split_record(source)[0]
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        if not is_dicom(head) and not (is_archive(head) and holds_dicom(path)):
            raise FormatError(f"{source} is no DICOM, which a DICOM map could refer to", action="write another format")
    return source_headers(source)


def write_parametric_map(found: FindingMap, sample: Sample, headers: Sequence[Dataset], target: Path) -> None:
    """Write a map as a parametric map in floating point.

    What the model did not see has the value of ``FloatPixelPaddingValue``, one below the lowest of the map.

    Args:
        found: The map.
        sample: The volume that it lies on.
        headers: Headers of all files that the volume was read from.
        target: The file to make.

    Raises:
        FormatError: ``headers`` lack what a derived object has to repeat, or the volume its place in the patient.
        MissingDependencyError: ``highdicom`` is not installed.
        OutputError: ``target`` cannot be written.
    """
    highdicom, codes = _highdicom()
    found.check(sample)
    lowest = float(np.floor(np.nanmin(found.values))) - 1.0
    values = np.nan_to_num(found.values, nan=lowest)
    mapping = highdicom.pm.RealWorldValueMapping(
        lut_label=_short(found.code),
        lut_explanation=f"log-odds for {found.name}"[:_LONGEST_MEANING],
        unit=codes.UCUM.NoUnits,
        value_range=(float(values.min()), float(values.max())),
        intercept=0.0,
        slope=1.0,
    )
    high = float(values.max())
    window = highdicom.VOILUTTransformation(window_center=high / 2, window_width=max(high - lowest - 1.0, 1e-3))
    with _refusing(headers):
        made = highdicom.pm.ParametricMap(
            source_images=[_complete(header) for header in headers],
            pixel_array=_volume(highdicom, values, sample, headers),
            real_world_value_mappings=[mapping],
            voi_lut_transformations=[window],
            contains_recognizable_visual_features=False,
            content_label=_short(found.code),
            **_equipment(highdicom),
        )
    made.FloatPixelPaddingValue = lowest
    _say_research(made, f"{found.name}, log-odds")
    _save(made, target)


def write_segmentation(
    found: FindingMap, sample: Sample, headers: Sequence[Dataset], target: Path, *, above: float = 0.0
) -> None:
    """Write where a map is above a value as a binary segmentation.

    Args:
        found: The map.
        sample: The volume or image that it lies on.
        headers: Headers of all files that it was read from.
        target: The file to make.
        above: Log-odds above which a place belongs to the finding.

    Raises:
        FormatError: No place is above the value, or ``headers`` lack what a derived object has to repeat.
        MissingDependencyError: ``highdicom`` is not installed.
        OutputError: ``target`` cannot be written.
    """
    highdicom, codes = _highdicom()
    found.check(sample)
    inside = np.nan_to_num(found.values, nan=-np.inf) > above
    if not inside.any():
        raise FormatError(
            f"no place of the map of {found.code} is above the limit",
            received=f"{float(np.nanmax(found.values)):.3g} at most",
            allowed=f"above {above:g}",
            action="write the map itself, or set a lower limit",
        )
    segment = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label=found.name[:_LONGEST_MEANING],
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=highdicom.sr.CodedConcept(found.code, _SCHEME, found.name[:_LONGEST_MEANING]),
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name="medclip", version=__version__, family=codes.DCM.ArtificialIntelligence
        ),
    )
    with _refusing(headers):
        made = highdicom.seg.Segmentation(
            source_images=[_complete(header) for header in headers],
            pixel_array=_volume(highdicom, inside.astype(np.uint8), sample, headers),
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[segment],
            content_label=_short(found.code),
            **_equipment(highdicom),
        )
    _say_research(made, f"{found.name}, above {above:g}")
    _save(made, target)


def _highdicom() -> tuple[Any, Any]:
    try:
        import highdicom
        from pydicom.sr.codedict import codes
    except ImportError as error:
        raise MissingDependencyError(
            "maps as DICOM objects need the package highdicom", action="run pip install medclip-toolkit[imaging]"
        ) from error
    return highdicom, codes


def _volume(highdicom: Any, values: np.ndarray, sample: Sample, headers: Sequence[Dataset]) -> Any:
    """Return the values with their place in the patient; an image without one lies on the pixels of its source."""
    if values.ndim == 2:
        return values[None]
    if sample.spacing_mm is None or sample.origin_mm is None or sample.direction is None:
        raise FormatError(f"{sample.source or 'the volume'} does not say where its voxels lie")
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(sample.direction, (3, 3)).T * np.asarray(sample.spacing_mm)
    affine[:3, 3] = sample.origin_mm
    frame = str(headers[0].get("FrameOfReferenceUID", "") or "") or None
    return highdicom.Volume(values, affine, coordinate_system="PATIENT", frame_of_reference_uid=frame)


def _complete(header: Dataset) -> Dataset:
    """Return a header with everything that a derived object has to repeat, empty where it was lost.

    Files that were made anonymous lack these, or hold a word in place of a date.
    """
    copied = copy.deepcopy(header)
    for keyword in _REPEATED:
        if keyword not in copied:
            setattr(copied, keyword, None if keyword.endswith(("Date", "Time")) else "")
    for keyword in ("PatientBirthDate", "StudyDate", "StudyTime"):
        if not re.fullmatch(r"[0-9.]*", str(copied.get(keyword) or "")):
            setattr(copied, keyword, None)
    stated = getattr(copied, "file_meta", {}).get("MediaStorageSOPClassUID")
    if not copied.get("SOPClassUID") and stated:
        copied.SOPClassUID = stated
    return copied


def _equipment(highdicom: Any) -> dict[str, Any]:
    return {
        "series_instance_uid": highdicom.UID(),
        "series_number": _SERIES_NUMBER,
        "sop_instance_uid": highdicom.UID(),
        "instance_number": 1,
        "manufacturer": "medclip",
        "manufacturer_model_name": "medclip-toolkit",
        "software_versions": __version__,
        "device_serial_number": "none",
    }


@contextlib.contextmanager
def _refusing(headers: Sequence[Dataset]) -> Iterator[None]:
    """Turn what highdicom misses in the source into one line without the source's own words."""
    n_names = len({str(header.get("SOPInstanceUID", "")) for header in headers})
    if n_names < len(headers):
        raise FormatError(
            "images of the source share a SOPInstanceUID, so that a DICOM map cannot refer to one of them",
            received=f"{len(headers)} images, {n_names} identifiers",
            action="write another format",
        )
    try:
        # Its warnings quote the patient's name.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (AttributeError, ValueError, TypeError, KeyError) as error:
        # The name of an attribute identifies nobody; a value may.
        named = re.search(r"attribute '([A-Za-z]+)'", str(error)) if isinstance(error, AttributeError) else None
        raise FormatError(
            "the source lacks what a DICOM map has to repeat",
            received=f"no {named[1]}" if named else f"{len(headers)} headers that cannot be used",
            action="write another format",
        ) from error


def _say_research(made: Dataset, words: str) -> None:
    made.ContentDescription = f"{words}"[:_LONGEST_MEANING]
    made.SeriesDescription = "medclip map, RESEARCH USE ONLY, not for diagnosis"


def _save(made: Dataset, target: Path) -> None:
    with write_whole(target) as temporary:
        made.save_as(temporary)


def _short(text: str) -> str:
    """A code string: 16 capitals, digits, blanks and underscores."""
    letters = [letter if letter.isascii() and letter.isalnum() else "_" for letter in text.upper()]
    return "".join(letters)[:_LONGEST_LABEL]
