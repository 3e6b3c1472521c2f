"""DICOM segmentation that refers to its radiograph."""

from __future__ import annotations

from pathlib import Path

from medclip.core.errors import FormatError
from medclip.core.finding_map import FindingMap
from medclip.core.modality import MapWriter
from medclip.core.sample import Sample
from medclip.modalities.imaging.dicom_file import is_dicom, open_dicom
from medclip.modalities.imaging.map_dicom import write_segmentation

__all__ = ["MAP_WRITER"]

_HEAD_BYTES = 4096


def _write(found: FindingMap, sample: Sample, source: Path, target: Path) -> None:
    if not _is_dicom_file(source):
        raise FormatError(
            f"{source} is no DICOM file, which a DICOM map could refer to",
            action="give the radiograph's own file, or write png instead",
        )
    write_segmentation(found, sample, [open_dicom(source).header], target)


def _is_dicom_file(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return is_dicom(file.read(_HEAD_BYTES))


MAP_WRITER = MapWriter(
    "dicom-seg", "DICOM segmentation above log-odds of 0; names the patient, as its radiograph does", ".dcm", _write
)
