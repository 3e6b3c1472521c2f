"""What a packed store keeps beside the pixels of each image: its shape, where it lies in the patient, its values.

Images of a data set differ in size, a hundred thousand of them in as many ways, so that each row says its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.image_steps import ValueRange
from medclip.core.sample import Sample

if TYPE_CHECKING:
    import pyarrow

__all__ = ["ImageFacts", "ImageRows", "image_columns"]

_GEOMETRY = ("spacing_mm", "origin_mm", "direction")


@dataclass(frozen=True)
class ImageFacts:
    """What is stored of an image beside its pixels.

    Args:
        shape: Of its array.
        spacing_mm: As in ``Sample``, or empty.
        origin_mm: As in ``Sample``, or empty.
        direction: As in ``Sample``, or empty.
        shift: Of its quantisation.
        values: What is known of its values.
        padding: Value of what is masked, if it is a prepared input.
    """

    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]
    shift: float
    values: ValueRange
    padding: float = 0.0

    @classmethod
    def of(cls, sample: Sample, shift: float) -> ImageFacts:
        """Describe an image."""
        spacing, origin, direction = (tuple(getattr(sample, name) or ()) for name in _GEOMETRY)
        return cls(sample.array.shape, spacing, origin, direction, shift, ValueRange.of(sample.array))


def image_columns(facts: Sequence[ImageFacts]) -> dict[str, pyarrow.Array]:
    """Return the columns of a shard that hold the facts of its images."""
    import pyarrow as arrow

    numbers = arrow.list_(arrow.float64())
    columns = {name: arrow.array([getattr(fact, name) for fact in facts], numbers) for name in _GEOMETRY}
    return columns | {
        "shape": arrow.array([fact.shape for fact in facts], arrow.list_(arrow.int32())),
        "shift": arrow.array([fact.shift for fact in facts], arrow.float32()),
        "low": arrow.array([fact.values.low for fact in facts], arrow.float64()),
        "high": arrow.array([fact.values.high for fact in facts], arrow.float64()),
        "n_missing": arrow.array([fact.values.n_missing for fact in facts], arrow.int64()),
        "padding": arrow.array([fact.padding for fact in facts], arrow.float32()),
    }


class ImageRows:
    """The facts of a shard's images.

    Args:
        columns: Those that ``image_columns`` made.
    """

    def __init__(self, columns: Any) -> None:
        self.shapes: list[tuple[int, ...]] = [tuple(shape) for shape in columns["shape"].to_pylist()]
        self.shift, self.padding, self._low, self._high, self._n_missing = (
            columns[name].to_numpy() for name in ("shift", "padding", "low", "high", "n_missing")
        )
        self._geometry = {name: columns[name] for name in _GEOMETRY}

    @property
    def n_values(self) -> np.ndarray:
        """``(n_records,)`` number of pixels of each image."""
        return np.array([np.prod(shape, dtype=np.int64) for shape in self.shapes], np.int64)

    def values(self, row: int) -> ValueRange:
        """What is known of the values of one image."""
        return ValueRange(float(self._low[row]), float(self._high[row]), int(self._n_missing[row]))

    def geometry(self, row: int) -> dict[str, tuple[float, ...] | None]:
        """Where one image lies, as arguments of ``Sample``."""
        return {name: tuple(column[row].as_py()) or None for name, column in self._geometry.items()}
