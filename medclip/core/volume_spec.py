"""The input specification of volumes: size, spacing, orientation, window."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from medclip.core.axis_map import AxisMap
from medclip.core.errors import ConfigError, SignalError
from medclip.core.image_steps import ValueRange, check_grid, positive_numbers, resample_known, restore_known, stack
from medclip.core.input_spec import PreparedBatch, PreparedInput
from medclip.core.orientation import AxisOrder, axis_order
from medclip.core.sample import Sample
from medclip.core.windows import Window, whole

__all__ = ["VolumeSpec"]

Scaling = Literal["minus_one_one", "zero_one"]
Centre = Literal["middle", "body"]
SCALINGS: tuple[str, ...] = get_args(Scaling)
CENTRES: tuple[str, ...] = get_args(Centre)

_LARGEST_CELLS = 2048
_LARGEST_MM = 100.0
_BODY_HU = -500.0
# Of every axis: enough to find the middle of a body, in a hundredth of the time.
_EVERY_FOR_BODY = 4
# Lung, bowel and the air around a patient lie below the first, bone above the second, in whatever part of the body.
_ALWAYS_BELOW_HU = -200.0
_ALWAYS_ABOVE_HU = 200.0
_NOTED_TILT_DEGREES = 10.0
_NOTED_LOSS = 0.1
_NOTED_PADDING = 0.3
_NOTED_ENLARGEMENT = 2.0
_ENDS = (("feet", "head"), ("front", "back"), ("right", "left"))


@dataclass(frozen=True)
class VolumeSpec:
    """What an encoder of volumes expects: axes foot to head, front to back, right to left.

    Args:
        modality: Name of the modality folder.
        shape_dhw: Voxels along the three axes.
        spacing_mm: Distance between voxel centres along the three axes, after resampling.
        window_hu: Lowest and highest value; what lies beyond is set to them.
        scaling: ``minus_one_one`` maps the window to [-1, 1], ``zero_one`` to [0, 1].
        centre: ``middle`` keeps the middle of the volume; ``body`` that of what is denser than -500 HU, for scans that
            hold the patient off centre.
        minimum_slices: Volumes with fewer slices from foot to head are refused.

    Raises:
        ConfigError: A value is out of range.
    """

    modality: str
    shape_dhw: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    window_hu: tuple[float, float] = (-1000.0, 1000.0)
    scaling: Scaling = "minus_one_one"
    centre: Centre = "middle"
    minimum_slices: int = 16

    kind: ClassVar[str] = "volume"

    def __post_init__(self) -> None:
        if not isinstance(self.modality, str):
            raise ConfigError("modality of an input specification is no text", received=self.modality)
        shape = positive_numbers("shape_dhw", self.shape_dhw, 3, whole=True, largest=_LARGEST_CELLS)
        spacing = positive_numbers("spacing_mm", self.spacing_mm, 3, whole=False, largest=_LARGEST_MM)
        positive_numbers("minimum_slices", (self.minimum_slices,), 1, whole=True, largest=_LARGEST_CELLS)
        object.__setattr__(self, "shape_dhw", shape)
        object.__setattr__(self, "spacing_mm", tuple(map(float, spacing)))
        object.__setattr__(self, "window_hu", _checked_window(self.window_hu))
        for what, value, known in (("scaling", self.scaling, SCALINGS), ("centre", self.centre, CENTRES)):
            if value not in known:
                raise ConfigError(f"unknown {what}", received=value, allowed=known)

    @property
    def shape(self) -> tuple[int, ...]:
        """``(1, depth, height, width)``."""
        return (1, *self.shape_dhw)

    @property
    def hu_per_unit(self) -> float:
        """Hounsfield units of a difference of 1 in what is prepared."""
        low, high = self.window_hu
        return high - low if self.scaling == "zero_one" else (high - low) / 2

    def to_dict(self) -> dict[str, Any]:
        """Plain types for ``bundle.json``."""
        described = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in described.items()}
        return plain | {"kind": self.kind}

    def windows(self, sample: Sample, *, overlap: float = 0.5, at_most: int | None = None) -> Sequence[Window]:
        """Return one window that holds all of it: there is no time to divide.

        Raises:
            ConfigError: ``overlap`` or ``at_most`` is out of range.
        """
        return whole(sample, lambda: self.prepare(sample), overlap=overlap, at_most=at_most)

    def absent(self, sample: Sample) -> tuple[str, ...]:
        """Return nothing: there are no channels that could be missing."""
        return ()

    def prepare(self, sample: Sample) -> PreparedInput:
        """Turn, resample, crop or pad, and window one volume.

        Resampling works along one axis after the other, in float32: beyond the sample and the result it needs the
        memory of two partly resampled volumes. Padding has the lowest value, that of air.

        Raises:
            SignalError: Spacing or direction is unknown, there are too few slices, or the values are no Hounsfield
                units.
        """
        seen = ValueRange.of(sample.array)
        self.check(sample, seen)
        order = self._order(sample)
        maps = self._maps(sample, order)
        values, mask = resample_known(sample.array, maps, all_known=not seen.n_missing)
        values, mask = np.transpose(values, order.axes), np.transpose(mask, order.axes)
        notes = self._notes(sample, order, maps, seen)
        return PreparedInput(self._window(values, mask)[None], np.ascontiguousarray(mask), tuple(notes))

    def check(self, sample: Sample, values: ValueRange) -> None:
        """Check whether a volume can be prepared, without looking at its voxels.

        Args:
            sample: The volume; only the shape of its array matters.
            values: What is known of its values.

        Raises:
            SignalError: ``prepare`` would refuse it.
        """
        self._order(sample)
        values.check_missing(sample.array.size)
        _check_values(values.low, values.high)

    def prepare_batch(self, samples: Iterable[Sample]) -> PreparedBatch:
        """Prepare volumes of any sizes, one after the other.

        Raises:
            SignalError: One of them cannot be used.
        """
        return stack([self.prepare(sample) for sample in samples], self.shape)

    def restore(self, values: np.ndarray, sample: Sample) -> np.ndarray:
        """Bring a grid over the prepared volume back to the sample's own voxels, in the sample's own axes.

        Args:
            values: Numbers ``(depth, height, width)`` of any grid that covers the prepared volume, such as
                8 x 12 x 12 tokens.
            sample: The sample that was prepared.

        Returns:
            float32 in the shape of the sample, linear between the centres of the grid's cells, NaN outside what the
            encoder saw.

        Raises:
            InputError: ``values`` is no grid, or the sample cannot be prepared.
        """
        order = self._order(sample)
        own_axes = np.transpose(check_grid(values, 3), np.argsort(order.axes))
        return restore_known(own_axes, self._maps(sample, order), sample.array)

    def _order(self, sample: Sample) -> AxisOrder:
        if sample.modality != self.modality:
            raise SignalError("the model takes another kind of data", received=sample.modality, allowed=self.modality)
        if sample.array.ndim != 3 or sample.sampling_rate_hz is not None:
            raise SignalError("the sample is not a volume", received=f"array of shape {sample.array.shape}")
        if sample.spacing_mm is None or sample.direction is None:
            lacking = "spacing" if sample.spacing_mm is None else "direction"
            raise SignalError(
                f"the {lacking} of the volume is unknown",
                action="use the original series: without it sizes and sides are guesswork",
            )
        order = axis_order(sample.direction)
        axis = order.axes[0]
        n_slices = sample.array.shape[axis]
        if n_slices < self.minimum_slices:
            raise SignalError(
                "the volume has too few slices",
                received=_as_stored(sample, axis),
                allowed=f"at least {self.minimum_slices} from foot to head",
                action="use the whole series",
            )
        return order

    def _maps(self, sample: Sample, order: AxisOrder) -> list[AxisMap]:
        """Voxels of the prepared volume on those of the sample, in the order of the sample's axes."""
        centres = _body_centre(sample.array) if self.centre == "body" else (None, None, None)
        maps: list[AxisMap] = [AxisMap(1, 1, 0.0, 1.0)] * 3
        for axis, sign, wanted, spacing in zip(order.axes, order.signs, self.shape_dhw, self.spacing_mm, strict=True):
            step = sign * spacing / (sample.spacing_mm or ())[axis]
            maps[axis] = AxisMap.centred(sample.array.shape[axis], wanted, step, centres[axis])
        return maps

    def _window(self, values: np.ndarray, mask: np.ndarray) -> np.ndarray:
        low, high = self.window_hu
        windowed: np.ndarray = np.clip(values, np.float32(low), np.float32(high), order="C")
        windowed -= np.float32(low)
        windowed *= np.float32(1.0 / self.hu_per_unit)
        if self.scaling == "minus_one_one":
            windowed -= np.float32(1.0)
        windowed[~mask] = 0.0 if self.scaling == "zero_one" else -1.0
        return windowed

    def _notes(self, sample: Sample, order: AxisOrder, maps: list[AxisMap], values: ValueRange) -> list[str]:
        notes = []
        if order.tilt_degrees > _NOTED_TILT_DEGREES:
            notes.append(f"the slices are tilted by {order.tilt_degrees:.0f} degrees, and were left so")
        spacing = sample.spacing_mm or ()
        for axis, ends, wanted in zip(order.axes, _ENDS, self.spacing_mm, strict=True):
            n_cells, direction = sample.array.shape[axis], f"from {ends[0]} to {ends[1]}"
            if spacing[axis] / wanted > _NOTED_ENLARGEMENT:
                notes.append(f"{direction} one voxel every {spacing[axis]:g} mm: interpolated to {wanted:g} mm")
            seen = maps[axis].seen_cells
            if seen < (1 - _NOTED_LOSS) * n_cells:
                notes.append(f"{direction} {seen * spacing[axis]:.0f} of {n_cells * spacing[axis]:.0f} mm used")
        filled = math.prod(float(way.is_inside.mean()) for way in maps)
        if filled < 1 - _NOTED_PADDING:
            notes.append(f"a small volume: {100 * (1 - filled):.0f} % of the model's input is empty")
        if values.n_missing:
            notes.append(f"{100 * values.n_missing / sample.array.size:.1f} % of the voxels are missing and masked")
        return notes


def _as_stored(sample: Sample, axis: int) -> str:
    """Count along an axis; of what was resampled, what lies in the file, too, which is what can be looked up."""
    n_slices, stored = sample.array.shape[axis], sample.attributes.get("shape_before_resampling")
    if not stored or stored[axis] == n_slices:
        return str(n_slices)
    return f"{n_slices}, resampled from {stored[axis]} in the file"


def _checked_window(window: Any) -> tuple[float, float]:
    is_pair = isinstance(window, (list, tuple)) and len(window) == 2
    if (
        not is_pair
        or not all(isinstance(value, Real) and not isinstance(value, bool) for value in window)
        or not (-32768 <= window[0] < window[1] <= 32767)
    ):
        raise ConfigError("window_hu is malformed", received=repr(window), allowed="two numbers, the lower one first")
    return float(window[0]), float(window[1])


def _check_values(low: float, high: float) -> None:
    if low > _ALWAYS_BELOW_HU or high < _ALWAYS_ABOVE_HU:
        raise SignalError(
            "the volume is not in Hounsfield units, or was windowed before",
            received=f"{low:g} to {high:g}",
            allowed=f"values below {_ALWAYS_BELOW_HU:g} (air, lung) and above {_ALWAYS_ABOVE_HU:g} (bone)",
            action="use the original series",
        )


def _body_centre(array: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """Return the centre of mass of what is denser than air and lung, in voxels; None along each axis without any."""
    # As much is left at the end of an axis as at its beginning, within a voxel.
    starts = [(n_cells - 1) % _EVERY_FOR_BODY // 2 for n_cells in array.shape]
    is_body = array[tuple(slice(start, None, _EVERY_FOR_BODY) for start in starts)] > _BODY_HU
    if not is_body.any():
        return (None, None, None)
    first, second, third = (
        start + _EVERY_FOR_BODY * float(np.average(np.arange(n), weights=is_body.sum(axis=tuple({0, 1, 2} - {axis}))))
        for axis, (start, n) in enumerate(zip(starts, is_body.shape, strict=True))
    )
    return (first, second, third)
