"""Simulated volumes of the chest as samples: one at a time, or records of a cohort."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from medclip.core.errors import InputError
from medclip.core.sample import Sample
from medclip.core.simulated_keys import RecordKey, checked_seed
from medclip.modalities.ct.simulate.phrases import PHRASES
from medclip.modalities.imaging.phantom.cohort import Description
from medclip.modalities.imaging.phantom.grid import Grid
from medclip.modalities.imaging.phantom.lesions import nodule_radius_mm
from medclip.modalities.imaging.phantom.scene import Scene, draw_scene
from medclip.modalities.imaging.phantom.volume import render
from medclip.modalities.imaging.phantom.wording import write_report

__all__ = ["CODES", "DIRECTION", "NOISE_HU", "describe_record", "simulate_record", "simulate_volume"]

_KINDS = {
    "Cardiomegaly": "cardiomegaly",
    "Pleural effusion": "effusion",
    "Pneumothorax": "pneumothorax",
    "Consolidation": "consolidation",
    "Lung nodule": "nodule",
    "Emphysema": "emphysema",
    "Arterial wall calcification": "aortic_calcification",
    "Coronary artery wall calcification": "coronary_calcification",
}

CODES = tuple(_KINDS)
"""All findings, in the order of the label set."""

NOISE_HU = {"none": 0.0, "typical": 14.0, "heavy": 40.0}
"""Standard deviation of noise in Hounsfield units."""

DIRECTION = (0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0)
"""Foot to head, front to back, right to left, in patient coordinates."""

_FIELD_MM = (330.0, 400.0, 400.0)
_FEWEST, _MOST = 16, 512
_LOWEST, _HIGHEST = -1024.0, 3071.0  # of 12 bits


def simulate_volume(
    findings: Collection[str] | None = None,
    *,
    seed: int,
    shape: Sequence[int] = (64, 96, 96),
    noise: str = "typical",
) -> Sample:
    """Simulate one CT of the chest of a lying patient, with known findings.

    Args:
        findings: Codes of ``CODES``; empty for a normal chest, None for a random choice.
        seed: At least 0.
        shape: Slices, rows and columns, 16 to 512 each; the field is 330 x 400 x 400 mm whatever the shape.
        noise: ``none``, ``typical`` or ``heavy``.

    Returns:
        A sample in whole Hounsfield units with a report, labels of the set ``simulated-ct``, and masks.

    Raises:
        InputError: A value is out of range or a finding is unknown.

    >>> chest = simulate_volume(["Lung nodule"], seed=1, shape=(32, 48, 48))
    >>> chest.array.shape, chest.labels["Lung nodule"], list(chest.regions)
    ((32, 48, 48), 1.0, ['Lung nodule'])
    """
    return simulate_record(RecordKey(checked_seed(seed)), "", findings=findings, shape=shape, noise=noise)


def simulate_record(
    key: RecordKey, view: str, *, findings: Collection[str] | None = None, shape: Sequence[int], noise: str
) -> Sample:
    """Simulate one record of a cohort; ``view`` is empty, the other arguments are those of ``simulate_volume``."""
    grid = _grid(shape)
    if noise not in NOISE_HU:
        raise InputError("noise has no such level", received=noise, allowed=tuple(NOISE_HU))
    scene = _scene(key, findings)
    described = _describe(scene)
    phantom = render(scene, grid)
    hounsfield = phantom.hounsfield
    if NOISE_HU[noise]:
        random = key.record_stream(3)
        hounsfield += random.standard_normal(grid.shape, dtype=np.float32) * np.float32(NOISE_HU[noise])
    np.clip(np.rint(hounsfield, out=hounsfield), _LOWEST, _HIGHEST, out=hounsfield)
    masks = phantom.masks
    return Sample(
        modality="ct",
        array=hounsfield,
        record_id=described.record_id,
        patient_id=key.patient_id,
        spacing_mm=grid.spacing_mm,
        origin_mm=grid.origin_mm,
        direction=DIRECTION,
        report=described.report,
        labels=described.labels,
        attributes=described.attributes,
        source="simulated_ct",
        regions={code: masks[kind] for code, kind in _KINDS.items() if kind in masks},
    )


def describe_record(key: RecordKey, view: str, *, findings: Collection[str] | None = None) -> Description:
    """Return everything about a record but its image, hundreds of times faster than simulating it."""
    return _describe(_scene(key, findings))


def _grid(shape: Sequence[int]) -> Grid:
    sizes = tuple(shape)
    is_sound = len(sizes) == 3 and all(isinstance(size, int) and _FEWEST <= size <= _MOST for size in sizes)
    if not is_sound:
        raise InputError(
            "the simulator makes no such volume", received=sizes, allowed=f"three sizes of {_FEWEST} to {_MOST}"
        )
    depth, height, width = sizes
    spacing = (_FIELD_MM[0] / depth, _FIELD_MM[1] / height, _FIELD_MM[2] / width)
    return Grid((depth, height, width), spacing, (-15.0, 10.0, 0.0))


def _scene(key: RecordKey, findings: Collection[str] | None) -> Scene:
    unknown = sorted(map(str, set(findings or ()) - set(CODES)))
    if unknown or isinstance(findings, str):
        raise InputError("the simulator does not know these findings", received=unknown or findings, allowed=CODES)
    kinds = None if findings is None else [_KINDS[code] for code in findings]
    return draw_scene(key, posture="supine", kinds=kinds)


def _describe(scene: Scene) -> Description:
    present = {lesion.kind for lesion in scene.disease}
    nodule = scene.lesion("nodule")
    sizes = {} if nodule is None else {"nodule": 2 * nodule_radius_mm(nodule)}
    return Description(
        record_id=scene.key.record_id,
        report=write_report(scene.disease, sizes, PHRASES, scene.key.record_stream(2)),
        labels={code: float(kind in present) for code, kind in _KINDS.items()},
        attributes={"age": float(scene.anatomy.age_years), "sex": scene.anatomy.sex, "device": "simulator"},
    )
