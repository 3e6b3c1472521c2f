"""Where in a recording a model sees a finding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medclip.core.errors import InputError
from medclip.core.sample import Sample

__all__ = ["FindingMap"]


@dataclass(frozen=True, eq=False)
class FindingMap:
    """How much each place of a recording speaks for a finding.

    It shows what the score rests on, which is not always where the disease is. Values compare places within one map;
    those of two findings or two models do not compare.

    Args:
        code: As the label set spells the finding.
        name: Preferred term.
        values: float32 of the sample's own shape: what each place adds to the log-odds of the positive against the
            negative description, above 0 where it speaks for the finding; NaN outside what the model saw.
        score: Of the whole recording, in [0, 1].

    Raises:
        InputError: The values are of another type, or nothing was seen.
    """

    code: str
    name: str
    values: np.ndarray
    score: float = float("nan")

    def __post_init__(self) -> None:
        if self.values.dtype != np.float32 or not np.isfinite(self.values).any():
            raise InputError(
                f"the map of {self.code} holds no finite float32 value", received=f"{self.values.dtype} values"
            )

    @property
    def peak(self) -> tuple[int, ...]:
        """Index of the highest value; the first of several."""
        place = np.unravel_index(int(np.nanargmax(self.values)), self.values.shape)
        return tuple(int(index) for index in place)

    def check(self, sample: Sample) -> None:
        """Refuse to be shown on another recording.

        Raises:
            InputError: The shapes differ.
        """
        if self.values.shape != sample.array.shape:
            raise InputError(
                f"the map of {self.code} is of another recording",
                received=self.values.shape,
                allowed=sample.array.shape,
            )
