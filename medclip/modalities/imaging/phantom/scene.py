"""Everything about a simulated chest that is decided before a voxel is computed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from medclip.core.simulated_keys import RecordKey
from medclip.modalities.imaging.phantom.anatomy import Anatomy, Posture, draw_anatomy
from medclip.modalities.imaging.phantom.disease import Lesion, draw_disease

__all__ = ["Scene", "draw_scene"]


@dataclass(frozen=True)
class Scene:
    """A patient and what is wrong with the patient.

    Args:
        key: Where the random numbers of its textures come from.
        anatomy: The chest, already changed by what changes its shape.
        disease: Findings, none for a healthy chest.
    """

    key: RecordKey
    anatomy: Anatomy
    disease: tuple[Lesion, ...]

    def lesion(self, kind: str) -> Lesion | None:
        """Return the finding of one kind, or None."""
        return next((lesion for lesion in self.disease if lesion.kind == kind), None)

    def without(self, kind: str) -> Scene:
        """Return the same chest without one finding; its shape stays."""
        return replace(self, disease=tuple(lesion for lesion in self.disease if lesion.kind != kind))


def draw_scene(
    key: RecordKey, *, posture: Posture, kinds: Collection[str] | None = None, known: Collection[str] | None = None
) -> Scene:
    """Draw a patient with the given findings, or with random ones if ``kinds`` is None.

    Args:
        key: Which record of which patient.
        posture: ``upright`` or ``supine``.
        kinds: Findings to have; empty for a healthy chest.
        known: Kinds that may be drawn at random; None for all.

    Raises:
        InputError: A finding is unknown.
    """
    anatomy = draw_anatomy(key.patient_stream(1), key.record_stream(1), posture=posture)
    disease = draw_disease(key.patient_stream(2), age_years=anatomy.age_years, kinds=kinds)
    if known is not None:
        disease = tuple(lesion for lesion in disease if lesion.kind in known)
    return Scene(key, _inflated(anatomy, disease), disease)


def _inflated(anatomy: Anatomy, disease: tuple[Lesion, ...]) -> Anatomy:
    """Emphysema pushes the diaphragm down and flat, deepens the chest and narrows the heart."""
    extent = next((lesion.extent for lesion in disease if lesion.kind == "emphysema"), None)
    if extent is None:
        return anatomy
    return replace(
        anatomy,
        dome_mm=anatomy.dome_mm - 16.0 - 14.0 * extent,
        sulcus_mm=anatomy.sulcus_mm * (0.50 - 0.15 * extent),
        half_depth_mm=anatomy.half_depth_mm * (1.08 + 0.08 * extent),
        cardiothoracic_ratio=anatomy.cardiothoracic_ratio * 0.93,
    )
