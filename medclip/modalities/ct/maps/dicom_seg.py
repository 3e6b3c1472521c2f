"""DICOM segmentation that refers to its series."""

from __future__ import annotations

from pathlib import Path

from medclip.core.finding_map import FindingMap
from medclip.core.modality import MapWriter
from medclip.core.sample import Sample
from medclip.modalities.imaging.map_dicom import dicom_headers, write_segmentation

__all__ = ["MAP_WRITER"]


def _write(found: FindingMap, sample: Sample, source: Path, target: Path) -> None:
    write_segmentation(found, sample, dicom_headers(source), target)


MAP_WRITER = MapWriter(
    "dicom-seg", "DICOM segmentation above log-odds of 0; names the patient, as its series does", ".dcm", _write
)
