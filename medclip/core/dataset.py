"""What every data set offers: records in a fixed order, an index of what is known about them, and labels by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, overload, runtime_checkable

import numpy as np

from medclip.core.errors import LabelError
from medclip.core.sample import Sample

__all__ = ["Dataset", "LabelTable", "RecordInfo", "RecordSequence"]


@dataclass(frozen=True)
class RecordInfo:
    """What is known about a record before its signal is read.

    Args:
        record_id: Identifier inside the data set.
        patient_id: Identifier of the patient inside the data set; keeps a patient's records on one side of a split.
        report: Report text as the data set gives it, or None.
        fold: Official fold or split name as text, or None.
        attributes: Age in years, sex, device and the like.
    """

    record_id: str
    patient_id: str
    report: str | None
    fold: str | None
    attributes: Mapping[str, Any]


class RecordSequence(Sequence[RecordInfo]):
    """Records that are described when they are asked for; a subclass has ``__len__`` and ``at``."""

    def at(self, index: int) -> RecordInfo:
        """Describe one record, by its number from 0."""
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> RecordInfo: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[RecordInfo]: ...

    def __getitem__(self, index: int | slice) -> RecordInfo | Sequence[RecordInfo]:
        """Return what is known of one record, or of several."""
        positions = range(len(self))[index]
        return self.at(positions) if isinstance(positions, int) else [self.at(position) for position in positions]


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Labels of many records.

    Args:
        codes: One code per column, as the label set spells them.
        values: float32 ``(n_records, n_codes)``: 1.0 present, 0.0 absent, nan not assessed.

    Raises:
        LabelError: Codes and columns do not match, or a value is none of the three.
    """

    codes: tuple[str, ...]
    values: np.ndarray

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.codes):
            raise LabelError(
                "a label table needs one column per code",
                received=f"{len(self.codes)} codes, array of shape {self.values.shape}",
            )
        odd = ~(np.isnan(self.values) | (self.values == 0) | (self.values == 1))
        if odd.any():
            code = self.codes[int(np.flatnonzero(odd.any(axis=0))[0])]
            raise LabelError(
                f"label {code} has no allowed value", received=self.values[odd][0], allowed="1.0, 0.0 or nan"
            )

    def select(self, codes: Sequence[str]) -> LabelTable:
        """Return the columns named, in that order; alignment is by name and never by position.

        Raises:
            LabelError: A code is not in the table.
        """
        unknown = [code for code in codes if code not in self.codes]
        if unknown:
            raise LabelError("codes are not in the label table", received=unknown, allowed=self.codes)
        columns = [self.codes.index(code) for code in codes]
        return LabelTable(tuple(codes), self.values[:, columns])

    def rows(self, indices: Sequence[int] | Sequence[bool] | np.ndarray) -> LabelTable:
        """Return some rows, chosen by number or by a bool for every row."""
        chosen = np.asarray(indices)
        return LabelTable(self.codes, self.values[chosen if chosen.dtype == np.bool_ else chosen.astype(np.int64)])


@runtime_checkable
class Dataset(Protocol):
    """Records of one modality in a fixed order."""

    @property
    def name(self) -> str:
        """Name as on the command line."""

    @property
    def modality(self) -> str:
        """Name of its modality."""

    @property
    def version(self) -> str:
        """Version of the data, from its card."""

    @property
    def records(self) -> Sequence[RecordInfo]:
        """What is known of each record, in order."""

    @property
    def label_sets(self) -> tuple[str, ...]:
        """Names of the label sets that ``labels`` answers."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample:
        """Read one record."""

    def __iter__(self) -> Iterator[Sample]: ...

    def labels(self, label_set: str) -> LabelTable:
        """Labels of all records in a label set.

        Raises:
            LabelError: The data set does not carry that label set.
        """
