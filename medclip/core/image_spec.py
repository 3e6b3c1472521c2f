"""The input specification of images with two axes: size, how they are made to fit, scaling."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from medclip.core.axis_map import AxisMap
from medclip.core.errors import ConfigError, SignalError
from medclip.core.image_steps import ValueRange, check_grid, positive_numbers, resample_known, restore_known, stack
from medclip.core.input_spec import PreparedBatch, PreparedInput
from medclip.core.sample import Sample

__all__ = ["ImageSpec"]

Fit = Literal["pad", "crop"]
Scaling = Literal["none", "zscore", "minus_one_one", "mean_std"]
FITS: tuple[str, ...] = get_args(Fit)
SCALINGS: tuple[str, ...] = get_args(Scaling)

_LARGEST_PX = 8192
# Of [0, 1]: what a reader's rounding may leave.
_ROUNDING = 1e-3
_SQUARE_WITHIN = 0.01
_NOTED_ENLARGEMENT = 2.0
_NOTED_PADDING = 0.3
_NOTED_CROP = 0.05


@dataclass(frozen=True)
class ImageSpec:
    """What an encoder of images expects.

    The ratio of height to width is always kept, in millimetres: pixels that are not square are made so. Whoever
    squeezes a chest into a square changes the ratio of heart to chest, by which a large heart is defined.

    Args:
        modality: Name of the modality folder.
        height: Rows the encoder takes, 8 to 8192.
        width: Columns the encoder takes, 8 to 8192.
        fit: ``pad`` shows the whole image and masks what it does not fill; ``crop`` fills everything and shows the
            middle of the image.
        scaling: ``none`` keeps [0, 1]; ``minus_one_one`` gives [-1, 1]; ``mean_std`` subtracts ``mean`` and divides by
            ``std``; ``zscore`` gives the pixels of each image mean 0 and deviation 1.
        mean: Mean for ``mean_std``.
        std: Deviation for ``mean_std``, > 0.
        minimum_size_px: Images with fewer rows or columns are refused rather than enlarged.

    Raises:
        ConfigError: A value is out of range.
    """

    modality: str
    height: int
    width: int
    fit: Fit = "pad"
    scaling: Scaling = "none"
    mean: float | None = None
    std: float | None = None
    minimum_size_px: int = 32

    kind: ClassVar[str] = "image"

    def __post_init__(self) -> None:
        if not isinstance(self.modality, str):
            raise ConfigError("modality of an input specification is no text", received=self.modality)
        positive_numbers("the size of an input specification", self.size, 2, whole=True, largest=_LARGEST_PX)
        positive_numbers("minimum_size_px", (self.minimum_size_px,), 1, whole=True, largest=_LARGEST_PX)
        if min(self.size) < 8:
            raise ConfigError("the input specification is too small to see anything", received=self.size)
        for what, value, known in (("fit", self.fit, FITS), ("scaling", self.scaling, SCALINGS)):
            if value not in known:
                raise ConfigError(f"unknown {what}", received=value, allowed=known)
        self._check_mean_and_std()

    def _check_mean_and_std(self) -> None:
        stated = (self.mean, self.std)
        if self.scaling != "mean_std":
            if stated != (None, None):
                raise ConfigError("mean and std belong to the scaling mean_std", received=f"scaling {self.scaling}")
            return
        is_number = [isinstance(value, Real) and not isinstance(value, bool) for value in stated]
        if not all(is_number) or not all(map(math.isfinite, stated)) or float(self.std or 0) <= 0:  # type: ignore[arg-type]
            raise ConfigError(
                "the scaling mean_std needs a mean and a std", received=stated, allowed="two numbers, std above 0"
            )

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)``."""
        return (self.height, self.width)

    @property
    def shape(self) -> tuple[int, ...]:
        """``(1, height, width)``."""
        return (1, *self.size)

    def to_dict(self) -> dict[str, Any]:
        """Plain types for ``bundle.json``."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)} | {"kind": self.kind}

    def prepare(self, sample: Sample) -> PreparedInput:
        """Resample, pad or crop, and scale one image.

        Padding has the value of dark air.

        Raises:
            SignalError: The image is too small, shows nothing, or is not in [0, 1].
        """
        seen = ValueRange.of(sample.array)
        self.check(sample, seen)
        maps = self._maps(sample)
        values, mask = resample_known(sample.array, maps, all_known=not seen.n_missing)
        # At most 1 part in 10 million beyond it, from rounding, unless a value of the sample was.
        values = self._scale(np.clip(values, 0.0, 1.0), mask)
        return PreparedInput(values[None], mask, tuple(_notes(sample, maps, seen)))

    def check(self, sample: Sample, values: ValueRange) -> None:
        """Check whether an image can be prepared, without looking at its pixels.

        Args:
            sample: The image; only the shape of its array matters.
            values: What is known of its values.

        Raises:
            SignalError: ``prepare`` would refuse it.
        """
        self._check_geometry(sample)
        values.check_missing(sample.array.size)
        _check_values(values.low, values.high)

    def prepare_batch(self, samples: Iterable[Sample]) -> PreparedBatch:
        """Prepare images of any sizes, one after the other.

        Raises:
            SignalError: One of them cannot be used.
        """
        return stack([self.prepare(sample) for sample in samples], self.shape)

    def restore(self, values: np.ndarray, sample: Sample) -> np.ndarray:
        """Bring a grid over the prepared image back to the image's own pixels.

        Args:
            values: Numbers ``(rows, columns)`` of any grid that covers the prepared image, such as 14 x 14 tokens.
            sample: The sample that was prepared.

        Returns:
            float32 ``(height, width)`` of the sample, linear between the centres of the grid's cells, NaN outside what
            the encoder saw.

        Raises:
            InputError: ``values`` is no grid, or the sample cannot be prepared.
        """
        self._check_geometry(sample)
        return restore_known(check_grid(values, 2), self._maps(sample), sample.array)

    def _check_geometry(self, sample: Sample) -> None:
        if sample.modality != self.modality:
            raise SignalError("the model takes another kind of data", received=sample.modality, allowed=self.modality)
        if sample.array.ndim != 2 or sample.sampling_rate_hz is not None:
            raise SignalError("the sample is not an image of rows and columns", received=_shape(sample))
        if min(sample.array.shape) < self.minimum_size_px:
            raise SignalError(
                "the image is too small",
                received=f"{_shape(sample)} pixels",
                allowed=f"at least {self.minimum_size_px} x {self.minimum_size_px}",
                action="use the original image, not a thumbnail or a strip of it",
            )

    def _maps(self, sample: Sample) -> tuple[AxisMap, AxisMap]:
        """Rows and columns of the prepared image on those of the sample: square pixels around the same middle."""
        spacing = sample.spacing_mm or (1.0, 1.0)
        ratios = [n * step / wanted for n, step, wanted in zip(sample.array.shape, spacing, self.size, strict=True)]
        pixel_mm = max(ratios) if self.fit == "pad" else min(ratios)
        rows, columns = (
            AxisMap.centred(n, wanted, pixel_mm / step)
            for n, step, wanted in zip(sample.array.shape, spacing, self.size, strict=True)
        )
        return rows, columns

    def _scale(self, values: np.ndarray, mask: np.ndarray) -> np.ndarray:
        if self.scaling == "none":
            return values
        shift, divisor = 0.5, 0.5
        if self.scaling == "mean_std":
            shift, divisor = float(self.mean or 0), float(self.std or 1)
        elif self.scaling == "zscore":
            # In double precision, because the rounding of a large offset would look like a faint image.
            seen = values[mask].astype(np.float64)
            shift, divisor = float(seen.mean()), float(seen.std()) or 1.0
        return np.asarray((values - np.float32(shift)) / np.float32(divisor), np.float32)


def _check_values(low: float, high: float) -> None:
    if low < -_ROUNDING or high > 1.0 + _ROUNDING:
        raise SignalError(
            "the image is not scaled to [0, 1]",
            received=f"{low:g} to {high:g}",
            action="read the file with medclip.read, which knows its value range",
        )
    if high - low < 1e-6:
        raise SignalError("the image shows nothing", received=f"the value {low:g} everywhere", action="export it again")


def _notes(sample: Sample, maps: tuple[AxisMap, AxisMap], values: ValueRange) -> list[str]:
    notes = []
    rows, columns = maps
    if abs(math.log(rows.step / columns.step)) > math.log(1 + _SQUARE_WITHIN) and sample.spacing_mm:
        row_mm, column_mm = sample.spacing_mm
        notes.append(f"pixels of {row_mm:g} x {column_mm:g} mm made square")
    if 1 / min(rows.step, columns.step) > _NOTED_ENLARGEMENT:
        notes.append(f"a small image, enlarged {1 / min(rows.step, columns.step):.1f} times: it shows no fine detail")
    filled = rows.is_inside.mean() * columns.is_inside.mean()
    if filled < 1 - _NOTED_PADDING:
        notes.append(f"an elongated image: {100 * (1 - filled):.0f} % of the model's input is empty")
    seen = rows.seen_cells * columns.seen_cells / sample.array.size
    if seen < 1 - _NOTED_CROP:
        notes.append(f"the middle {100 * seen:.0f} % of the image used")
    if values.n_missing:
        notes.append(f"{100 * values.n_missing / sample.array.size:.1f} % of the pixels are missing and masked")
    return notes


def _shape(sample: Sample) -> str:
    return " x ".join(map(str, sample.array.shape))
