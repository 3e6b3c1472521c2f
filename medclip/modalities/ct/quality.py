"""Technical faults of a chest CT, in words for the person who sends it."""

from __future__ import annotations

import numpy as np

from medclip.core.errors import InputError
from medclip.core.modality import QualityIssue
from medclip.core.sample import Sample

__all__ = ["assess_quality"]

_FEW_SLICES = 16  # an input specification refuses fewer
_THICK_MM = 5.0  # nodules of the sizes that guidelines follow up, 4 to 8 mm, vanish between thicker slices
_COARSE_MM = 4.0  # enough to measure lungs, in a hundredth of the time
_BODY_HU = -500.0
_LEAST_LUNG_ML = 1000.0  # both lungs of an adult hold 2 to 8 litres in a CT taken in inspiration
_CUT_SHARE = 0.25  # of the largest cross-section of the lungs; apices and bases taper
_CUT_BODY_SHARE = 0.05
_METAL_HU, _METAL_ML = 3000.0, 0.5  # cortical bone and enamel stay below
_MISSING_SHARE = 0.001


def assess_quality(sample: Sample) -> tuple[QualityIssue, ...]:
    """List what is technically wrong with a chest CT; empty if nothing was found.

    Args:
        sample: Volume in Hounsfield units with canonical axes.

    Raises:
        InputError: It is no volume with a spacing.
    """
    if sample.array.ndim != 3 or sample.spacing_mm is None:
        raise InputError("there is no volume to assess", received=f"array of shape {sample.array.shape}")
    issues = [*_body_part(sample), *_slices(sample), *_values(sample)]
    if min(sample.array.shape) > 1:
        issues += _coverage(*_coarse(sample))
    issues += [
        QualityIssue("left_out", (), f"Not looked at: {note.removeprefix('left out: ')}.", "note")
        for note in sample.attributes.get("notes", ())
        if note.startswith("left out: ")
    ]
    issues += [
        QualityIssue("resampled", (), f"The series was resampled: {note.removeprefix('resampled: ')}.", "note")
        for note in sample.attributes.get("notes", ())
        if note.startswith("resampled: ")
    ]
    return tuple(issues)


def _body_part(sample: Sample) -> list[QualityIssue]:
    part = sample.attributes.get("body_part")
    message = f"The header says that this is a CT of another part of the body: {part}. Send the chest CT."
    return [QualityIssue("body_part", (), message)] if part else []


def _slices(sample: Sample) -> list[QualityIssue]:
    step_mm, n_slices = (sample.spacing_mm or (0.0,))[0], sample.array.shape[0]
    issues = []
    if n_slices < _FEW_SLICES:
        issues.append(QualityIssue("few_slices", (), f"There are only {n_slices} slices. Send the whole series."))
    if step_mm > _THICK_MM:
        message = f"Slices lie {step_mm:g} mm apart. Small nodules may be missed; send the thin reconstruction."
        issues.append(QualityIssue("thick_slices", (), message))
    return issues


def _values(sample: Sample) -> list[QualityIssue]:
    issues = []
    missing = float(np.isnan(sample.array).mean())
    if missing > _MISSING_SHARE:
        message = f"{100 * missing:.1f} % of the voxels hold no value. Send the original series."
        issues.append(QualityIssue("missing", (), message))
    metal_ml = np.count_nonzero(sample.array >= _METAL_HU) * float(np.prod(sample.spacing_mm or ())) / 1000
    if metal_ml > _METAL_ML:
        message = f"There are {metal_ml:.1f} ml of metal. Streaks around it may look like findings."
        issues.append(QualityIssue("metal", (), message, "note"))
    return issues


def _coarse(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Return every n-th voxel of a volume, and the distances between these."""
    steps = [max(1, round(_COARSE_MM / step_mm)) for step_mm in sample.spacing_mm or ()]
    view = sample.array[:: steps[0], :: steps[1], :: steps[2]]
    return view, np.multiply(sample.spacing_mm or (), steps)


def _coverage(volume: np.ndarray, spacing_mm: np.ndarray) -> list[QualityIssue]:
    """Judge by the air inside the body whether lungs are there, and whole."""
    from scipy.ndimage import binary_fill_holes

    is_body = volume > _BODY_HU
    lungs = np.stack([binary_fill_holes(image) & ~image for image in is_body])
    area_cm2 = lungs.sum(axis=(1, 2)) * float(spacing_mm[1] * spacing_mm[2]) / 100
    lung_ml = float(area_cm2.sum() * spacing_mm[0] / 10)
    if lung_ml < _LEAST_LUNG_ML:
        message = (
            f"The air inside the body is {lung_ml:.0f} ml, less than lungs hold. Check that it is a whole chest CT."
        )
        return [QualityIssue("no_lungs", (), message)]
    issues = []
    for end, where in ((0, "lower"), (-1, "upper")):
        if area_cm2[end] > _CUT_SHARE * area_cm2.max():
            message = f"The lungs go on beyond the {where} end of the scan. Send all its slices."
            issues.append(QualityIssue("lungs_cut", (where,), message))
    sides = [is_body[:, :, 0], is_body[:, :, -1], is_body[:, 0], is_body[:, -1]]
    if max(float(side.mean()) for side in sides) > _CUT_BODY_SHARE:
        message = "The body reaches the border of the picture. What lies beyond cannot be judged."
        issues.append(QualityIssue("body_cut", (), message, "note"))
    return issues
