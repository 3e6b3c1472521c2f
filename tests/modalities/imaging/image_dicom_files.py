"""DICOM images that the tests write themselves, with pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CR = "1.2.840.10008.5.1.4.1.1.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def image(array: np.ndarray, *, syntax: str = ExplicitVRLittleEndian, **changes: Any) -> Dataset:
    """A radiograph of the chest with these stored values; changes set elements, None removes them."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = CR
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["test"])
    dataset.Modality = "CR"
    dataset.BodyPartExamined = "CHEST"
    dataset.PatientID = "4711"
    dataset.SamplesPerPixel = 1 if array.ndim == 2 else 3
    if array.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "MONOCHROME2" if array.ndim == 2 else "RGB"
    dataset.Rows, dataset.Columns = array.shape[:2]
    dataset.BitsAllocated = dataset.BitsStored = 8 * array.itemsize
    dataset.HighBit = dataset.BitsAllocated - 1
    dataset.PixelRepresentation = int(array.dtype.kind == "i")
    order = ">" if syntax == "1.2.840.10008.1.2.2" else "<"
    dataset.PixelData = array.astype(array.dtype.newbyteorder(order)).tobytes()
    dataset["PixelData"].VR = "OW" if array.itemsize > 1 else "OB"
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def write(path: Path, dataset: Dataset, *, with_preamble: bool = True) -> Path:
    """Write a data set as a file, with or without the preamble and meta information that the standard asks for."""
    if with_preamble:
        dataset.save_as(path, enforce_file_format=True)
    else:
        syntax = dataset.file_meta.TransferSyntaxUID
        del dataset.file_meta
        dataset.save_as(path, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    return path


def ramp(rows: int = 64, columns: int = 48, *, kind: str = "u2", top: int = 4095) -> np.ndarray:
    """All values from 0 to ``top`` in reading order."""
    return np.linspace(0, top, rows * columns).reshape(rows, columns).astype(kind)
