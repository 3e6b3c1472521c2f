"""Time medclip's image readers beside pydicom, SimpleITK, nibabel and MONAI, and compare their values.

    OMP_NUM_THREADS=1 python benchmarks/reading_images.py [--series FOLDER_OR_TAR] [--nifti FILE] [--repeats 9]

Without files, a chest-like series of 64 slices of 512 x 512, the same volume as NIfTI, and a radiograph of 2048 x 2048
pixels of 12 bits are drawn into a temporary folder, the radiograph in four codings. All readers take turns in random
order and every file is read once before the clock starts. Ratios of medians are the thing to read: a shared machine's
seconds vary, so the ratio of processor time stands beside that of the clock.

Each reader ends with float values in memory: medclip's with checked geometry and units, the others with what they give.
The target is to be at least as fast as the fastest reader written in Python.
"""

from __future__ import annotations

import argparse
import random
import sys
import tarfile
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import SimpleITK
from monai.transforms import LoadImage
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

import medclip

CT, DX = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1.1"
CODINGS = {"uncompressed": None, "RLE": RLELossless, "JPEG 2000": JPEG2000Lossless, "JPEG-LS": JPEGLSLossless}
COMPILED = ("SimpleITK",)
Readers = Mapping[str, Callable[[], np.ndarray]]
Times = tuple[float, float]
"""Seconds by the clock and of the processor."""


def main() -> int:
    """Print medians and ratios; the exit code is 0 if values agree and no reader in Python is faster."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=Path, help="a CT series as folder or tar archive (default: drawn)")
    parser.add_argument("--nifti", type=Path, help="a NIfTI volume (default: drawn)")
    parser.add_argument("--repeats", type=int, default=9, help="times that each reader reads (default: 9)")
    parser.add_argument("--seed", type=int, default=0, help="seed of values and order (default: 0)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    order, random_state = random.Random(options.seed), np.random.default_rng(options.seed)
    met = True
    with tempfile.TemporaryDirectory() as folder:
        for title, readers in cases(Path(folder), options, random_state):
            met &= compare(title, readers, options.repeats, order)
    return 0 if met else 1


def cases(folder: Path, options: argparse.Namespace, state: np.random.Generator) -> list[tuple[str, Readers]]:
    """Draw what is not given, and list the readers of each file."""
    volume = draw_volume(state)
    series = unpacked(options.series, folder / "given") if options.series else write_series(folder / "series", volume)
    nifti = options.nifti or write_nifti(folder / "volume.nii.gz", volume)
    plain = nibabel.load(nifti)
    nibabel.save(plain, folder / "volume.nii")
    found = [
        (f"CT series, {len(list(series.iterdir()))} files", series_readers(series)),
        ("NIfTI, compressed", nifti_readers(nifti)),
        ("NIfTI, uncompressed", nifti_readers(folder / "volume.nii")),
    ]
    for name, path in write_radiographs(folder / "radiographs", state).items():
        found.append((f"radiograph 2048 x 2048, {name}", radiograph_readers(path)))
    return found


def series_readers(folder: Path) -> Readers:
    """Readers of a folder of slices."""
    files = sorted(folder.iterdir())

    def by_pydicom() -> np.ndarray:
        slices = sorted((pydicom.dcmread(path) for path in files), key=lambda one: float(one.ImagePositionPatient[2]))
        return np.stack([apply_modality_lut(one.pixel_array, one).astype(np.float32) for one in slices])

    def by_simpleitk() -> np.ndarray:
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
        return SimpleITK.GetArrayFromImage(reader.Execute()).astype(np.float32)

    load = LoadImage(image_only=True, reader="PydicomReader")
    return {
        "medclip": lambda: medclip.read(folder).array,
        "pydicom": by_pydicom,
        "MONAI (pydicom)": lambda: np.asarray(load(str(folder))),
        "SimpleITK": by_simpleitk,
    }


def nifti_readers(path: Path) -> Readers:
    """Readers of a NIfTI volume."""
    load = LoadImage(image_only=True, reader="NibabelReader")
    return {
        "medclip": lambda: medclip.read(path).array,
        "nibabel": lambda: np.asarray(nibabel.load(path).get_fdata(dtype=np.float32)),
        "MONAI (nibabel)": lambda: np.asarray(load(str(path))),
        "SimpleITK": lambda: SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))).astype(np.float32),
    }


def radiograph_readers(path: Path) -> Readers:
    """Readers of a single DICOM picture; pydicom's ends with values as they are shown, as medclip's does."""

    def by_pydicom() -> np.ndarray:
        dataset = pydicom.dcmread(path)
        values = apply_voi(apply_modality_lut(dataset.pixel_array, dataset), dataset).astype(np.float32)
        return (values - values.min()) / (values.max() - values.min())

    load = LoadImage(image_only=True, reader="PydicomReader")
    return {
        "medclip": lambda: medclip.read(path).array,
        "pydicom": by_pydicom,
        "MONAI (pydicom)": lambda: np.asarray(load(str(path))),
        "SimpleITK": lambda: SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))).astype(np.float32),
    }


def compare(title: str, readers: Readers, n_repeats: int, order: random.Random) -> bool:
    """Time the readers of one file in random order; tell whether values agree and ours is the fastest in Python."""
    values = {name: read() for name, read in readers.items()}
    agree = all(same_values(values["medclip"], other) for other in values.values())
    del values
    times: dict[str, list[Times]] = {name: [] for name in readers}
    for name in order.sample(list(readers) * n_repeats, len(readers) * n_repeats):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        readers[name]()
        times[name].append((time.perf_counter() - wall_s, time.process_time() - cpu_s))
    medians = {name: np.median(np.array(taken), axis=0) for name, taken in times.items()}
    print(f"{title}{'' if agree else ', VALUES DIFFER'}")
    for name, median in medians.items():
        ratio = median / medians["medclip"]
        print(f"  {name:<16} {1e3 * median[0]:8.1f} ms  x {ratio[0]:5.2f}   processor x {ratio[1]:5.2f}")
    worst = max(float((medians["medclip"] / median).min()) for name, median in medians.items() if name not in COMPILED)
    # Two readers that spend their time in the same decoder differ by chance.
    return agree and worst <= 1.1


def same_values(ours: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether values are the same up to the order of axes, a scale and what lies below air."""
    first, second = (np.sort(np.asarray(one, np.float32), axis=None)[::97] for one in (ours, other))
    second = np.maximum(second, -1024)
    return first.shape == second.shape and bool(np.corrcoef(first, second)[0, 1] > 0.9999)


def draw_volume(state: np.random.Generator) -> np.ndarray:
    """Return int16 ``(64, 512, 512)`` Hounsfield units: a body with lungs, and noise as a scanner has."""
    z, y, x = np.ogrid[-1:1:64j, -1:1:512j, -1:1:512j]
    volume = np.where((x / 0.85) ** 2 + (y / 0.6) ** 2 < 1, 40.0, -1000.0)
    for side in (-0.38, 0.38):
        volume = np.where(((x - side) / 0.28) ** 2 + (y / 0.42) ** 2 + z**2 < 1, -850.0, volume)
    return (volume + state.normal(0, 12, volume.shape)).clip(-1024, 3071).astype(np.int16)


def write_series(folder: Path, volume: np.ndarray) -> Path:
    """Write a volume as single CT images."""
    folder.mkdir()
    for number, image in enumerate(volume):
        dataset = blank(CT, "CT", (image.astype(np.int32) + 1024).astype(np.uint16), 16)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [-200, -200, 5 * number], [1, 0, 0, 0, 1, 0]
        dataset.PixelSpacing, dataset.SliceThickness = [0.8, 0.8], 5
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.InstanceNumber = 1, -1024, number + 1
        dataset.save_as(folder / f"{number:03d}.dcm", enforce_file_format=True)
    return folder


def write_nifti(path: Path, volume: np.ndarray) -> Path:
    """Write the same volume, in the orientation that converters from DICOM give."""
    image = nibabel.Nifti1Image(volume.transpose(2, 1, 0), np.diag([-0.8, -0.8, 5.0, 1.0]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path


def write_radiographs(folder: Path, state: np.random.Generator) -> dict[str, Path]:
    """Write one radiograph in each coding."""
    folder.mkdir()
    y, x = np.ogrid[-1:1:2048j, -1:1:2048j]
    picture = 3000 - 1800 * np.exp(-((np.abs(x) - 0.4) ** 2) / 0.05 - y**2 / 0.4) + 300 * np.cos(24 * y)
    pixels = (picture + state.normal(0, 6, picture.shape)).clip(0, 4095).astype(np.uint16)
    paths = {}
    for number, (name, coding) in enumerate(CODINGS.items()):
        dataset = blank(DX, "DX", pixels, 12)
        dataset.BodyPartExamined, dataset.ViewPosition = "CHEST", "PA"
        if coding is not None:
            dataset.compress(coding, generate_instance_uid=False)
        paths[name] = folder / f"{number}.dcm"
        dataset.save_as(paths[name], enforce_file_format=True)
    return paths


def blank(sop_class: str, modality: str, pixels: np.ndarray, bits: int) -> FileDataset:
    """Return a DICOM picture with nothing but its pixels."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, pydicom.uid.generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID, dataset.Modality = "1.2.3", modality
    dataset.set_pixel_data(pixels, "MONOCHROME2", bits, generate_instance_uid=False)
    return dataset


def unpacked(path: Path, target: Path) -> Path:
    """Return the folder of a series, unpacked where it is an archive."""
    if path.is_dir():
        return path
    with tarfile.open(path) as archive:
        archive.extractall(target, filter="data")
    return next(found for found in (target, *target.rglob("*")) if any(one.is_file() for one in found.iterdir()))


if __name__ == "__main__":
    sys.exit(main())
