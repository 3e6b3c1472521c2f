"""Twelve-lead electrocardiograms in millivolts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medclip.core.modality import Modality, QualityIssue
from medclip.core.sample import Sample
from medclip.modalities.ecg.leads import DERIVED_LEADS, STANDARD_LEADS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from medclip.core.input_spec import InputSpec

__all__ = ["MODALITY"]


def _default_input_spec() -> InputSpec:
    from medclip.core.waveform_spec import WaveformSpec

    return WaveformSpec(
        modality="ecg",
        sampling_rate_hz=500.0,
        duration_s=10.0,
        channel_names=STANDARD_LEADS,
        derived_channels=DERIVED_LEADS,
    )


def _plot(sample: Sample, **options: Any) -> Figure:
    from medclip.modalities.ecg.plot import plot_ecg

    return plot_ecg(sample, **options)


def _quality(sample: Sample) -> tuple[QualityIssue, ...]:
    from medclip.modalities.ecg.quality import assess_quality

    return assess_quality(sample)


MODALITY = Modality(
    name="ecg",
    title="electrocardiogram",
    package=__name__,
    default_input_spec=_default_input_spec,
    plot=_plot,
    quality=_quality,
    # ECG reports hardly deny anything, so that a model learns little from a denial (docs/experiments.md).
    default_ensemble="centred",
    channel_word="lead",
)
