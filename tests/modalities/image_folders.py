"""Write small folders in the published layouts of public image sets, from generated pictures."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from medclip.core.dataset import Dataset

__all__ = [
    "codes_of",
    "labels_of",
    "open_codes",
    "picture",
    "write_ct_series",
    "write_nifti",
    "write_picture",
    "write_radiograph",
    "write_table",
]

_RADIOGRAPH, _CT = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.2"
STANDARD = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def picture(seed: int, shape: tuple[int, int] = (40, 48)) -> np.ndarray:
    """Return a generated picture of 8 bits."""
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def write_picture(path: Path, pixels: np.ndarray) -> Path:
    """Write a PNG or JPEG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_radiograph(path: Path, pixels: np.ndarray, **tags: object) -> Path:
    """Write a chest radiograph as DICOM."""
    header = _header(_RADIOGRAPH, f"2.25.{sum(path.name.encode())}")
    header.Modality, header.BodyPartExamined, header.ViewPosition = "CR", "CHEST", "PA"
    header.PixelRepresentation, header.WindowCenter, header.WindowWidth = 0, 127.5, 256
    for name, value in tags.items():
        setattr(header, name, value)
    return _save(path, header, pixels.astype(np.uint16))


def write_ct_series(
    folder: Path, volume: np.ndarray, *, uids: Sequence[str], orientation: Sequence[float] = STANDARD
) -> Path:
    """Write one file per slice of a volume ``(n, rows, columns)`` in Hounsfield units, from the feet upwards."""
    for number, (pixels, uid) in enumerate(zip(volume, uids, strict=True)):
        header = _header(_CT, uid)
        header.Modality, header.SeriesInstanceUID, header.SeriesNumber = "CT", "2.25.77", 1
        header.ImageOrientationPatient, header.ImagePositionPatient = list(orientation), [-10.0, -20.0, 3.0 * number]
        header.PixelSpacing, header.SliceThickness, header.InstanceNumber = [2.0, 2.0], 3.0, number + 1
        header.PixelRepresentation, header.RescaleSlope, header.RescaleIntercept = 1, 1, 0
        header.RescaleType = "HU"
        _save(folder / f"1-{number:02d}.dcm", header, pixels.astype(np.int16))
    return folder


def _header(sop_class: str, uid: str) -> pydicom.Dataset:
    header = pydicom.Dataset()
    header.SOPClassUID, header.SOPInstanceUID = sop_class, uid
    header.StudyInstanceUID, header.PatientID = "2.25.5", "P"
    header.PhotometricInterpretation, header.SamplesPerPixel = "MONOCHROME2", 1
    return header


def _save(path: Path, header: pydicom.Dataset, pixels: np.ndarray) -> Path:
    header.Rows, header.Columns = pixels.shape
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit, header.PixelData = 15, pixels.astype("<i2" if header.PixelRepresentation else "<u2").tobytes()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)
    return path


def write_nifti(path: Path, volume: np.ndarray, *, spacing_mm: tuple[float, float, float] = (0.75, 0.75, 1.5)) -> Path:
    """Write a volume ``(x, y, z)`` whose axes run to the left, to the back and to the head."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([-spacing_mm[0], -spacing_mm[1], spacing_mm[2], 1.0])
    nibabel.save(nibabel.Nifti1Image(volume.astype(np.int16), affine), path)
    return path


def write_table(path: Path, rows: Iterable[Mapping[str, object]], *, delimiter: str = ",") -> Path:
    """Write rows with the columns of the first, gzipped if the name ends so."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def labels_of(dataset: Dataset, label_set: str, record: int = 0) -> dict[str, float]:
    """Return the labels of a record by code."""
    table = dataset.labels(label_set)
    return dict(zip(table.codes, table.values[record].tolist(), strict=True))


def codes_of(dataset: Dataset, label_set: str, record: int = 0) -> set[str]:
    """Return the codes that are present in a record."""
    return {code for code, value in labels_of(dataset, label_set, record).items() if value == 1}


def open_codes(dataset: Dataset, label_set: str, record: int = 0) -> set[str]:
    """Return the codes that are not assessed in a record."""
    return {code for code, value in labels_of(dataset, label_set, record).items() if np.isnan(value)}
