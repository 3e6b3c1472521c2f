"""Small CT series as DICOM files, whose geometry and values the test knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
PLANTED = ("Doe^Jane", "MRN-31337", "19500102", "St Elsewhere", "ACC-4711", "Dr^Who")
"""What identifies the patient in every file; it may turn up nowhere."""


def stored(n_slices: int, rows: int = 12, columns: int = 10, seed: int = 0) -> np.ndarray:
    """Return uint16 values, each of which occurs once, of -1000 to about 900 Hounsfield units."""
    size = n_slices * rows * columns
    values = np.random.default_rng(seed).permutation(size) + 24
    return values.reshape(n_slices, rows, columns).astype(np.uint16)


def ct_dataset(pixels: np.ndarray, position: Sequence[float], number: int = 1, **changes: Any) -> Dataset:
    """Return one CT image; ``changes`` replaces elements, None removes one."""
    dataset = Dataset()
    elements: dict[str, Any] = {
        "SOPClassUID": CT,
        "SOPInstanceUID": f"1.2.3.4.{number}",
        "SeriesInstanceUID": "1.2.3.4",
        "StudyInstanceUID": "1.2.3",
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SeriesNumber": 3,
        "InstanceNumber": number,
        "PatientName": PLANTED[0],
        "PatientID": PLANTED[1],
        "PatientBirthDate": PLANTED[2],
        "InstitutionName": PLANTED[3],
        "AccessionNumber": PLANTED[4],
        "ReferringPhysicianName": PLANTED[5],
        "SeriesDescription": f"Lung 5.0mm {PLANTED[0]}",
        "PatientAge": "057Y",
        "PatientSex": "F",
        "ImagePositionPatient": [f"{value:.6f}" for value in position],
        "ImageOrientationPatient": list(AXIAL),
        "PixelSpacing": [0.7, 0.8],
        "SliceThickness": 9.0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": pixels.shape[-2],
        "Columns": pixels.shape[-1],
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "PixelData": np.ascontiguousarray(pixels).tobytes(),
    } | changes
    for keyword, value in elements.items():
        if value is not None:
            setattr(dataset, keyword, value)
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OW"
    return dataset


def save(dataset: Dataset, path: Path, *, is_implicit: bool = False) -> Path:
    """Write a dataset as a DICOM file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CT)
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3.4.5")
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    FileDataset(str(path), dataset, file_meta=meta, preamble=bytes(128)).save_as(path, enforce_file_format=True)
    return path


def positions(n_slices: int, step_mm: float = 2.5, *, orientation: Sequence[float] = AXIAL) -> np.ndarray:
    """Return places of the first pixels of an even, straight stack."""
    normal = np.cross(orientation[:3], orientation[3:])
    return np.array([-30.0, -40.0, 50.0]) + step_mm * np.arange(n_slices)[:, None] * normal


def write_series(
    folder: Path,
    pixels: np.ndarray,
    places: np.ndarray,
    *,
    name: str = "image",
    is_implicit: bool = False,
    **changes: Any,
) -> list[Path]:
    """Write a series; names run against the order of the slices, and so do instance numbers."""
    n_slices = len(pixels)
    return [
        save(
            ct_dataset(image, place, n_slices - number, **changes),
            folder / f"{name}{n_slices - number:03d}.dcm",
            is_implicit=is_implicit,
        )
        for number, (image, place) in enumerate(zip(pixels, places, strict=True))
    ]


def pixel_position_mm(
    place: Sequence[float], orientation: Sequence[float], spacing_mm: Sequence[float], row: int, column: int
) -> np.ndarray:
    """Return the centre of a pixel by the equation of DICOM PS3.3 C.7.6.2.1.1."""
    along_row, along_column = np.asarray(orientation[:3]), np.asarray(orientation[3:])
    return np.asarray(place) + along_row * spacing_mm[1] * column + along_column * spacing_mm[0] * row
