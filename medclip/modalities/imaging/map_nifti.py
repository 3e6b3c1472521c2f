"""Maps of findings as NIfTI, for any viewer of research images."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from medclip.core.errors import FormatError, MissingDependencyError
from medclip.core.files import write_whole
from medclip.core.finding_map import FindingMap
from medclip.core.sample import Sample
from medclip.modalities.imaging.geometry import Grid

__all__ = ["write_nifti"]


def write_nifti(found: FindingMap, sample: Sample, source: Path, target: Path) -> None:
    """Write a map on the grid of its volume, NaN outside what the model saw. It names nobody.

    Args:
        found: The map.
        sample: The volume that it lies on.
        source: Not looked at.
        target: Ends in ``.nii`` or ``.nii.gz``.

    Raises:
        FormatError: The sample does not say where its voxels lie.
        MissingDependencyError: ``nibabel`` is not installed.
        OutputError: ``target`` cannot be written.
    """
    try:
        nibabel: Any = importlib.import_module("nibabel")
    except ImportError as error:
        raise MissingDependencyError(
            "NIfTI files need the package nibabel", action="run pip install medclip-toolkit[imaging]"
        ) from error
    found.check(sample)
    spacing, origin, direction = sample.spacing_mm, sample.origin_mm, sample.direction
    if spacing is None or origin is None or direction is None or len(spacing) != 3:
        raise FormatError(
            f"{sample.source or 'the recording'} does not say where its voxels lie", action="write another format"
        )
    grid = Grid((spacing[0], spacing[1], spacing[2]), origin, direction)
    # NIfTI's first axis runs fastest, and viewers expect it from side to side.
    affine = grid.affine_ras[:, [2, 1, 0, 3]]
    image: Any = nibabel.Nifti1Image(np.ascontiguousarray(found.values.transpose(2, 1, 0)), affine)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = f"medclip map {found.code}"[:79].encode("ascii", "replace")
    with write_whole(target) as temporary:
        content = image.to_bytes()
        temporary.write_bytes(_compressed(content) if target.name.endswith(".gz") else content)


def _compressed(content: bytes) -> bytes:
    import gzip

    # Without a time, so that the same map is the same file.
    return gzip.compress(content, compresslevel=1, mtime=0)
