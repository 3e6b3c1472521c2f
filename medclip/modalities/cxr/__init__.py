"""Chest radiographs in [0, 1] with dark air."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medclip.core.modality import Modality, QualityIssue
from medclip.core.sample import Sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from medclip.core.input_spec import InputSpec

__all__ = ["MODALITY"]


def _default_input_spec() -> InputSpec:
    from medclip.core.image_spec import ImageSpec

    return ImageSpec(modality="cxr", height=224, width=224)


def _plot(sample: Sample, **options: Any) -> Figure:
    from medclip.modalities.cxr.plot import plot_radiograph

    return plot_radiograph(sample, **options)


def _quality(sample: Sample) -> tuple[QualityIssue, ...]:
    from medclip.modalities.cxr.quality import assess_quality

    return assess_quality(sample)


MODALITY = Modality(
    name="cxr",
    title="chest radiograph",
    package=__name__,
    default_input_spec=_default_input_spec,
    plot=_plot,
    quality=_quality,
    # Models understand denials badly (docs/experiments.md; in the literature, negated prompts cost half the AUROC).
    default_ensemble="centred",
)
