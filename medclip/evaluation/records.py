"""Which records of a data set are evaluated, and how they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from medclip.core.dataset import Dataset
from medclip.core.errors import DatasetError, FormatError, SignalError
from medclip.core.image_steps import ValueRange
from medclip.core.input_spec import InputSpec, PreparedBatch, PreparedInput, RestorableSpec, records_at_once
from medclip.core.sample import Sample
from medclip.zeroshot.windows import Pooling, WindowReview, batches, choose_windows, pool_scores

__all__ = ["RecordReader", "select_folds", "select_records"]


def select_folds(dataset: Dataset, folds: Sequence[str] | None) -> list[int]:
    """Return the records of some folds, or all.

    Raises:
        DatasetError: There is no such fold.
    """
    known = {str(info.fold) for info in dataset.records}
    unknown = set(folds or ()) - known
    if unknown:
        raise DatasetError(f"{dataset.name} has no such fold", received=unknown, allowed=sorted(known))
    return [index for index, info in enumerate(dataset.records) if folds is None or str(info.fold) in folds]


def select_records(dataset: Dataset, labels: np.ndarray, folds: Sequence[str] | None) -> list[int]:
    """Return the records of some folds for which at least one label was assessed.

    Raises:
        DatasetError: There is no such fold, or no record is left.
    """
    assessed = ~np.isnan(labels).all(axis=1)
    records = [record for record in select_folds(dataset, folds) if assessed[record]]
    if not records:
        raise DatasetError(f"no record of {dataset.name} has labels in these folds", received=list(folds or ()))
    return records


class RecordReader:
    """Reads and prepares records in batches and remembers which could be used.

    Args:
        spec: How they are prepared.
        dataset: Where they come from.
        skip_unreadable: Leave out what cannot be decoded or prepared, instead of raising.
        windows: Which windows of long recordings are taken; see ``Model.diagnose``.
        overlap: Of windows.
        channels: Take these only, as if no other had been recorded.
    """

    def __init__(
        self,
        spec: InputSpec,
        dataset: Dataset,
        skip_unreadable: bool,
        *,
        windows: Pooling = "middle",
        overlap: float = 0.5,
        channels: Sequence[str] | None = None,
    ) -> None:
        self._spec = spec
        self._dataset = dataset
        self._skip = skip_unreadable
        self._pooling = windows
        self._overlap = overlap
        self._channels = channels
        self._n_windows: list[int] = []
        self.kept: list[int] = []

    @property
    def score_kind(self) -> str:
        """What windows add to how a score comes about."""
        if self._pooling == "middle":
            return ""
        if self._pooling == "first":
            return "; of the first window"
        return f"; {self._pooling} over windows that overlap by {self._overlap:g}"

    def batches(self, records: Sequence[int]) -> Iterator[PreparedBatch]:
        """Read records by number.

        Raises:
            DatasetError: None can be used.
            FormatError: One cannot be decoded.
            SignalError: One cannot be prepared.
        """
        n_at_once = records_at_once(self._spec)
        if self._pooling == "middle":
            for start in range(0, len(records), n_at_once):
                members = records[start : start + n_at_once]
                batch = self._spec.prepare_batch(sample for record in members for sample in self._usable(record))
                if len(batch.values):
                    yield batch
        else:
            yield from batches(self._windows(records), n_at_once)
        if not self.kept:
            raise DatasetError(f"no record of {self._dataset.name} can be used", action="check the files")

    def pooled(self, scores: Tensor) -> np.ndarray:
        """Make one row of scores per record; log-odds of windows are made scores first, as ``diagnose`` pools those."""
        if self._pooling == "middle":
            return np.asarray(scores.numpy())
        return pool_scores(torch.sigmoid(scores).numpy(), self._n_windows, self._pooling)

    def _usable(self, record: int) -> Iterator[Sample]:
        try:
            sample = self._read(record)
            if self._skip and isinstance(self._spec, RestorableSpec):
                self._spec.check(sample, ValueRange.of(sample.array))
            elif self._skip:
                self._spec.prepare(sample)
        except (FormatError, SignalError):
            if not self._skip:
                raise
            return
        self.kept.append(record)
        yield sample

    def _windows(self, records: Sequence[int]) -> Iterator[PreparedInput]:
        for record in records:
            n_windows = 0
            try:
                chosen = choose_windows(self._spec, self._read(record), self._pooling, overlap=self._overlap)
                for prepared in WindowReview(chosen).usable():
                    n_windows += 1
                    yield prepared
            except (FormatError, SignalError):
                # A review raises before its first window or not at all.
                if not self._skip:
                    raise
                continue
            self.kept.append(record)
            self._n_windows.append(n_windows)

    def _read(self, record: int) -> Sample:
        sample = self._dataset[record]
        return sample if self._channels is None else _only(sample, self._channels)


def _only(sample: Sample, channels: Sequence[str]) -> Sample:
    names = sample.channel_names or ()
    kept = [name for name in channels if name in names]
    if not kept:
        raise SignalError("a record has none of the channels asked for", received=channels, allowed=names)
    return sample.replace(array=sample.array[[names.index(name) for name in kept]], channel_names=tuple(kept))
