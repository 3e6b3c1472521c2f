"""NIfTI volumes in Hounsfield units (.nii, .nii.gz), as converters and public data sets have them."""

from __future__ import annotations

import contextlib
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from medclip.core.errors import FormatError, MissingDependencyError
from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.modalities.imaging.geometry import Grid, grid_from_affine
from medclip.modalities.imaging.volume_file import check_shape, content_of, inflated, volume_sample, voxels_of

__all__ = ["FORMAT", "read", "sniff"]

_GZIP = b"\x1f\x8b"
_HEADER_BYTES = {1: 348, 2: 540}
_MOST_HEADER_BYTES = 1 << 24
# Codes of orientation: 1 is the scanner's, 2 that of another image of the patient; 3 and on are of an atlas.
_OF_PATIENT = (1, 2)
_SAME_AXIS_WITHIN, _SAME_SPACING_SHARE = 0.02, 0.01
_CONVERT_AGAIN = "convert the image again from its DICOM series"


def sniff(path: Path, head: bytes) -> bool:
    """Tell a NIfTI file, compressed or not, by the mark in its header."""
    return _version_of(_begin(head)) is not None


def read(path: Path, *, scaling: tuple[float, float] | None = None) -> Sample:
    """Read a volume in Hounsfield units; the scaling that the header states is applied once.

    Args:
        path: The file.
        scaling: Slope and intercept that are stated elsewhere, for a file whose header is wrong about them.

    Raises:
        FormatError: It is no single volume, states no orientation or two, is not in millimetres or not in Hounsfield
            units, or is truncated.
        MissingDependencyError: ``nibabel`` is not installed.
    """
    path = Path(path)
    content = content_of(path)
    is_compressed = content[:2] == _GZIP
    header = _header_of(_begin(content[:4096]), path)
    shape = _shape_of(header, path)
    kind, start = header.get_data_dtype(), _start_of(header, path)
    if kind.kind not in "iuf" or kind.itemsize > 8:
        raise FormatError(f"{path} does not hold one real number a voxel", received=str(kind), action=_CONVERT_AGAIN)
    if is_compressed:
        content = inflated(content, start + math.prod(shape) * kind.itemsize, path)
    stored = voxels_of(content, start, kind, shape, path)
    slope, intercept = scaling or _scaling_of(header, path)
    grid, notes = _grid_of(header, path)
    return volume_sample(stored, grid, path, slope=slope, intercept=intercept, attributes=notes)


FORMAT = Format(name="nifti", description="NIfTI volume (.nii, .nii.gz)", sniff=sniff, read=read)


def _begin(head: bytes) -> bytes:
    """Return the first bytes of a file, inflated where they are compressed."""
    if not head.startswith(_GZIP):
        return head
    with contextlib.suppress(zlib.error):
        return zlib.decompressobj(wbits=31).decompress(head, _HEADER_BYTES[2])
    return b""


def _version_of(head: bytes) -> int | None:
    """Return 1 or 2 for the two versions of NIfTI, None for anything else."""
    if head[344:348] in (b"n+1\0", b"ni1\0"):
        return 1
    return 2 if head[4:8] in (b"n+2\0", b"ni2\0") else None


def _header_of(head: bytes, path: Path) -> Any:
    try:
        from nibabel.nifti1 import Nifti1Header
        from nibabel.nifti2 import Nifti2Header
        from nibabel.spatialimages import HeaderDataError
    except ImportError as error:
        raise MissingDependencyError(
            f"NIfTI files need the package nibabel ({error})", action="run pip install 'medclip-toolkit[imaging]'"
        ) from error
    version = _version_of(head)
    if version is None or len(head) < _HEADER_BYTES[version]:
        raise FormatError(f"{path} is no NIfTI file, or is truncated", action="copy the file again from its source")
    try:
        kind: Any = Nifti1Header if version == 1 else Nifti2Header
        header = kind(head[: _HEADER_BYTES[version]], check=False)
        header.get_data_dtype(), header.get_data_shape()
    except (HeaderDataError, ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{path} is damaged: its header cannot be decoded", action=_CONVERT_AGAIN) from error
    if bytes(header["magic"])[:2] == b"ni":
        raise FormatError(
            f"{path} keeps its voxels in a second file", allowed=".nii or .nii.gz", action="convert it into one file"
        )
    return header


def _shape_of(header: Any, path: Path) -> tuple[int, int, int]:
    shape = [int(length) for length in header.get_data_shape()]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    check_shape(shape, path)
    first, second, third = shape
    return first, second, third


def _start_of(header: Any, path: Path) -> int:
    """Return where the voxels begin; extensions of the header lie before them."""
    start = float(header["vox_offset"])
    least = int(header["sizeof_hdr"])
    if not least <= start <= _MOST_HEADER_BYTES or start != int(start):
        raise FormatError(
            f"{path} is damaged: its voxels begin nowhere",
            received=f"byte {start:g}",
            allowed=f"{least} to {_MOST_HEADER_BYTES}",
            action=_CONVERT_AGAIN,
        )
    return int(start)


def _scaling_of(header: Any, path: Path) -> tuple[float, float]:
    """Return what stored values are multiplied with and what is added; 0 and NaN stand for "not scaled"."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0
    if not math.isfinite(intercept):
        raise FormatError(f"{path} states no usable scaling", received=intercept, action=_CONVERT_AGAIN)
    return slope, intercept


def _grid_of(header: Any, path: Path) -> tuple[Grid, dict[str, Any]]:
    """Read where the voxels lie in the patient, from the two places where a header may say so."""
    unit = int(header["xyzt_units"]) & 0x07
    if unit not in (0, 2):
        raise FormatError(f"{path} is not in millimetres", received=f"unit {unit}", action=_CONVERT_AGAIN)
    affines = [
        affine
        for affine, code in ((header.get_sform, "sform_code"), (header.get_qform, "qform_code"))
        if int(header[code]) in _OF_PATIENT
    ]
    if not affines:
        codes = f"sform {int(header['sform_code'])}, qform {int(header['qform_code'])}"
        raise FormatError(
            f"{path} does not say which side of the patient is which",
            received=f"codes of orientation {codes}",
            allowed="1 (scanner) or 2 (aligned)",
            action=_CONVERT_AGAIN,
        )
    grids = [_grid_from(affine(), path) for affine in affines]
    for other in grids[1:]:
        _check_agreement(grids[0], other, path)
    # Array axes run the other way round than NIfTI counts them.
    grid = grids[0].reordered((2, 1, 0), (False, False, False), (1, 1, 1))
    return grid, {} if unit else {"notes": ("the file states no unit of length; it was read as millimetres",)}


def _grid_from(affine: np.ndarray, path: Path) -> Grid:
    try:
        return grid_from_affine(affine, is_ras=True)
    except FormatError as error:
        raise FormatError(
            f"{path}: {error.what}", received=error.received, allowed=error.allowed, action=error.action
        ) from error


def _check_agreement(first: Grid, second: Grid, path: Path) -> None:
    off = np.abs(np.subtract(first.direction, second.direction)).max()
    share = np.abs(np.divide(first.spacing_mm, second.spacing_mm) - 1).max()
    if off > _SAME_AXIS_WITHIN or share > _SAME_SPACING_SHARE:
        raise FormatError(
            f"{path} states two orientations or spacings that contradict each other (sform and qform)",
            received=" and ".join(
                " x ".join(f"{step:g}" for step in grid.spacing_mm) + " mm" for grid in (first, second)
            ),
            action=_CONVERT_AGAIN,
        )
