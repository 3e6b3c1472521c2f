"""Computed tomography of the chest, in Hounsfield units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medclip.core.modality import Modality, QualityIssue
from medclip.core.sample import Sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from medclip.core.input_spec import InputSpec

__all__ = ["MODALITY"]


def _default_input_spec() -> InputSpec:
    from medclip.core.volume_spec import VolumeSpec

    # 336 x 384 x 384 mm hold the lungs of nearly all adults, and fit an ordinary machine.
    return VolumeSpec(modality="ct", shape_dhw=(112, 256, 256), spacing_mm=(3.0, 1.5, 1.5), centre="body")


def _plot(sample: Sample, **options: Any) -> Figure:
    from medclip.modalities.ct.plot import plot_ct

    return plot_ct(sample, **options)


def _quality(sample: Sample) -> tuple[QualityIssue, ...]:
    from medclip.modalities.ct.quality import assess_quality

    return assess_quality(sample)


MODALITY = Modality(
    name="ct",
    title="chest CT",
    package=__name__,
    default_input_spec=_default_input_spec,
    plot=_plot,
    quality=_quality,
    # Models understand denials badly (docs/experiments.md; in the literature, negated prompts cost half the AUROC).
    default_ensemble="centred",
)
