"""What a trained encoder expects of its input, and the one path that gets any sample there.

An input specification travels inside the bundle. Training, evaluation, the command line and the notebook all call
its ``prepare``, so a model cannot be fed at the wrong rate, in the wrong channel order or in the wrong unit.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from medclip.core.errors import BundleError
from medclip.core.sample import Sample

if TYPE_CHECKING:
    from medclip.core.image_steps import ValueRange

__all__ = ["InputSpec", "PreparedBatch", "PreparedInput", "RestorableSpec", "input_spec_from_dict"]

# One entry per kind of array, not per modality: kind -> "module:class".
_KINDS = {
    "waveform": "medclip.core.waveform_spec:WaveformSpec",
    "image": "medclip.core.image_spec:ImageSpec",
    "volume": "medclip.core.volume_spec:VolumeSpec",
}


@dataclass(frozen=True, eq=False)
class PreparedInput:
    """One sample as an encoder takes it.

    Args:
        values: float32 in the specification's shape, without NaN; channels come first. Padding is 0 in a waveform and
            what air is in an image; an absent channel is 0 before scaling.
        mask: bool over all axes of ``values`` but the first, False where it is padding or missing.
        notes: One line for each thing that was done to the recording and that its reader should know.
    """

    values: np.ndarray
    mask: np.ndarray
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PreparedBatch:
    """Several prepared samples, stacked along a first axis; ``notes`` has one tuple per sample."""

    values: np.ndarray
    mask: np.ndarray
    notes: tuple[tuple[str, ...], ...]


@runtime_checkable
class InputSpec(Protocol):
    """What any input specification offers; one implementation per kind of array."""

    kind: ClassVar[str]

    @property
    def modality(self) -> str:
        """Name of the modality folder whose samples it prepares."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``values`` for one sample."""

    def prepare(self, sample: Sample) -> PreparedInput:
        """Bring one sample into the expected form, or raise ``SignalError``."""

    def prepare_batch(self, samples: Iterable[Sample]) -> PreparedBatch:
        """Same as stacking ``prepare`` of each sample, and faster for waveforms of one layout.

        Images are prepared as they come, so that an iterator that reads them keeps one at a time in memory.
        """

    def to_dict(self) -> dict[str, Any]:
        """Plain types for ``bundle.json``; ``input_spec_from_dict`` reads them back."""


@runtime_checkable
class RestorableSpec(InputSpec, Protocol):
    """An input specification of images: it knows the way back, so that what a model found can be shown where it is."""

    def check(self, sample: Sample, values: ValueRange) -> None:
        """Raise ``SignalError`` if ``prepare`` would, without looking at the pixels of the sample."""

    def restore(self, values: np.ndarray, sample: Sample) -> np.ndarray:
        """Bring a grid of numbers over the prepared input back to the sample's own array.

        Args:
            values: One number per cell of a grid that covers the prepared input, one axis for each axis of the mask.
            sample: The sample that was prepared.

        Returns:
            float32 in the shape of ``sample.array``, NaN outside what the encoder saw.
        """


def input_spec_from_dict(described: Mapping[str, Any]) -> InputSpec:
    """Rebuild an input specification from the plain types that ``to_dict`` wrote.

    Raises:
        BundleError: The kind is unknown or a field is missing or malformed.
    """
    if not isinstance(described, Mapping):
        raise BundleError("an input specification is no mapping", received=type(described).__name__)
    fields = dict(described)
    kind = fields.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BundleError(
            "unknown kind of input specification", received=kind, allowed=sorted(_KINDS), action="update medclip"
        )
    module, _, name = _KINDS[kind].partition(":")
    try:
        spec: InputSpec = getattr(importlib.import_module(module), name)(**fields)
    except (TypeError, ValueError) as error:
        raise BundleError(f"malformed {kind} input specification ({error})") from error
    return spec
