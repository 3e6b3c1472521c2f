"""Simulated radiographs as samples: one at a time, or records of a cohort."""

from __future__ import annotations

from collections.abc import Collection

from medclip.core.errors import InputError
from medclip.core.sample import Sample
from medclip.core.simulated_keys import RecordKey, checked_seed
from medclip.modalities.cxr.simulate.phrases import PHRASES
from medclip.modalities.imaging.phantom.cohort import Description
from medclip.modalities.imaging.phantom.lesions import nodule_radius_mm
from medclip.modalities.imaging.phantom.radiograph import (
    View,
    attenuation_per_mm,
    display,
    line_integrals,
    project_masks,
    projection_grid,
)
from medclip.modalities.imaging.phantom.scene import Scene, draw_scene
from medclip.modalities.imaging.phantom.volume import render
from medclip.modalities.imaging.phantom.wording import write_report

__all__ = ["CODES", "NOISE", "VIEWS", "describe_record", "simulate_radiograph", "simulate_record"]

_KINDS = {
    "Cardiomegaly": "cardiomegaly",
    "Pleural effusion": "effusion",
    "Pneumothorax": "pneumothorax",
    "Consolidation": "consolidation",
    "Nodule": "nodule",
    "Emphysema": "emphysema",
    "Aortic calcification": "aortic_calcification",
}
_NORMAL = "Normal"
_WITHOUT_PLACE = ("Emphysema",)  # it is everywhere

CODES = (_NORMAL, *_KINDS)
"""All findings, in the order of the label set."""

NOISE = {"none": 0.0, "typical": 0.08, "heavy": 0.25}
"""Relative noise behind 200 mm of water, in a pixel of 1 mm."""

VIEWS: tuple[View, ...] = ("frontal", "lateral")
"""Frontal radiographs are taken from back to front."""

_FIELD_MM = 400.0
_SIZES = (32, 2048)


def simulate_radiograph(
    findings: Collection[str] | None = None,
    *,
    seed: int,
    size: int = 256,
    view: str = "frontal",
    noise: str = "typical",
) -> Sample:
    """Simulate one chest radiograph with known findings.

    Args:
        findings: Codes of ``CODES``; empty for a normal chest, None for a random choice.
        seed: At least 0.
        size: Height and width in pixels, 32 to 2048; the field is 400 mm wide.
        view: ``frontal`` (PA, the patient's right on the left of the image) or ``lateral`` (the front on the left).
        noise: ``none``, ``typical`` or ``heavy``.

    Returns:
        A sample in [0, 1] with a report, labels of the set ``simulated-cxr``, and masks of what has a place.

    Raises:
        InputError: A value is out of range or a finding is unknown.

    >>> chest = simulate_radiograph(["Pleural effusion"], seed=1, size=64)
    >>> chest.array.shape, chest.labels["Pleural effusion"], list(chest.regions)
    ((64, 64), 1.0, ['Pleural effusion'])
    """
    key = RecordKey(checked_seed(seed))
    return simulate_record(key, view, findings=findings, size=size, noise=noise)


def simulate_record(
    key: RecordKey, view: str, *, findings: Collection[str] | None = None, size: int, noise: str
) -> Sample:
    """Simulate one record of a cohort; the arguments are those of ``simulate_radiograph``."""
    if view not in VIEWS:
        raise InputError("the simulator has no such view", received=view, allowed=VIEWS)
    if noise not in NOISE or not _SIZES[0] <= size <= _SIZES[1]:
        raise InputError(
            "the simulator makes no such radiograph",
            received=f"size {size}, noise {noise}",
            allowed=f"size {_SIZES[0]} to {_SIZES[1]}, noise {', '.join(NOISE)}",
        )
    shown: View = "lateral" if view == "lateral" else "frontal"
    scene = _scene(key, findings)
    described = _describe(scene, view)
    phantom = render(scene, projection_grid(size, _FIELD_MM, view=shown))
    absorbed = line_integrals(attenuation_per_mm(phantom.hounsfield), phantom.grid, view=shown)
    pixel_mm = _FIELD_MM / size
    random = key.record_stream(3 + VIEWS.index(shown))
    codes = {kind: code for code, kind in _KINDS.items() if code not in _WITHOUT_PLACE}
    masks = project_masks(phantom, view=shown)
    return Sample(
        modality="cxr",
        array=display(absorbed, pixel_mm, random, noise=NOISE[noise]),
        record_id=described.record_id,
        patient_id=key.patient_id,
        spacing_mm=(pixel_mm, pixel_mm),
        report=described.report,
        labels=described.labels,
        attributes=described.attributes,
        source="simulated_cxr",
        regions={codes[kind]: mask for kind, mask in masks.items() if kind in codes},
    )


def describe_record(key: RecordKey, view: str, *, findings: Collection[str] | None = None) -> Description:
    """Return everything about a record but its image, hundreds of times faster than simulating it."""
    return _describe(_scene(key, findings), view)


def _scene(key: RecordKey, findings: Collection[str] | None) -> Scene:
    unknown = sorted(map(str, set(findings or ()) - set(CODES)))
    if unknown or isinstance(findings, str):
        raise InputError("the simulator does not know these findings", received=unknown or findings, allowed=CODES)
    if findings is not None and _NORMAL in findings and len(set(findings)) > 1:
        raise InputError("a normal radiograph shows no finding", received=sorted(findings), action="leave out one")
    kinds = None if findings is None else [_KINDS[code] for code in findings if code != _NORMAL]
    return draw_scene(key, posture="upright", kinds=kinds, known=_KINDS.values())


def _describe(scene: Scene, view: str) -> Description:
    present = {lesion.kind for lesion in scene.disease}
    labels = {_NORMAL: float(not present)} | {code: float(kind in present) for code, kind in _KINDS.items()}
    nodule = scene.lesion("nodule")
    sizes = {} if nodule is None else {"nodule": 2 * nodule_radius_mm(nodule)}
    anatomy = scene.anatomy
    return Description(
        record_id=f"{scene.key.record_id}-{view}",
        report=write_report(scene.disease, sizes, PHRASES, scene.key.record_stream(2)),
        labels=labels,
        attributes={
            "age": float(anatomy.age_years),
            "sex": anatomy.sex,
            "device": "simulator",
            "view": view,
            "projection": "PA" if view == "frontal" else "LL",
        },
    )
