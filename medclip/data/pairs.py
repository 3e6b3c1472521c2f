"""Records with their reports, fetched a batch at a time."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch

from medclip.core.batch import Batch
from medclip.core.errors import DatasetError, SignalError, StoreError
from medclip.core.input_spec import InputSpec, RestorableSpec
from medclip.core.waveform_spec import WaveformSpec
from medclip.data.store import PackedStore
from medclip.data.texts import TextTable

__all__ = ["PairDataset", "prepared_batch", "usable_records"]

_log = logging.getLogger(__name__)


class PairDataset:
    """Prepared inputs and text rows of some records of a data set.

    ``__getitems__`` makes the whole batch at once: preparing, stacking and copying cost more one by one. Its result is
    the finished ``Batch``, so the loader's ``collate_fn`` has nothing left to do.

    Args:
        store: The packed data set.
        records: Numbers of the records in ``store`` that this part uses.
        spec: How the encoder wants them.
        texts: Reports of all records of ``store``.
        keep_mb: Prepared inputs are kept in memory up to this size, so that preparing that costs more than reading,
            such as resampling, is done once.
        n_statements: At most so many statements of a report take part in an epoch, others in the next; all if None.
        seed: Of the choice of statements, which follows from it, the epoch and the record alone.
    """

    def __init__(
        self,
        store: PackedStore,
        records: np.ndarray,
        spec: InputSpec,
        texts: TextTable,
        *,
        keep_mb: int = 0,
        n_statements: int | None = None,
        seed: int = 0,
    ) -> None:
        self.store = store
        self.records = records
        self.spec = spec
        self.texts = texts
        self.n_statements = n_statements
        self.seed = seed
        self.epoch = 0
        """Set by the loader before each pass."""
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        # float32 values, and a byte of mask for each place.
        self._n_kept_at_most = (keep_mb << 20) // int(4 * np.prod(spec.shape) + np.prod(spec.shape[1:]))

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Return one batch of the records at ``indices`` of this part."""
        records = self.records[np.asarray(indices, dtype=np.int64)]
        values, mask = self._prepared(records)
        modality = self.spec.modality
        statements = [self._statements_of(int(record)) for record in records]
        distinct = np.unique(np.concatenate(statements)) if statements else np.empty(0, np.int64)
        statement_of = np.zeros((len(records), len(distinct)), np.bool_)
        for row, own in enumerate(statements):
            statement_of[row, np.searchsorted(distinct, own)] = True
        return Batch(
            inputs={modality: torch.from_numpy(values)},
            masks={modality: torch.from_numpy(mask)},
            text_ids=torch.from_numpy(self.texts.report_rows[records]),
            pair_ids=torch.from_numpy(self.texts.pair_ids[records]),
            statement_ids=torch.from_numpy(distinct),
            statement_of=torch.from_numpy(statement_of),
            record_ids=tuple(self.store.record_ids[record] for record in records.tolist()),
        )

    def _statements_of(self, record: int) -> np.ndarray:
        """Rows of the statements of a record that take part in this epoch."""
        rows = self.texts.statements_of(record)
        if self.n_statements is None or len(rows) <= self.n_statements:
            return rows
        random = np.random.default_rng((self.seed, self.epoch, record))
        return random.choice(rows, self.n_statements, replace=False)

    def _prepared(self, records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self._n_kept_at_most == 0:
            return prepared_batch(self.store, records, self.spec)
        new = [record for record in dict.fromkeys(records.tolist()) if record not in self._kept]
        fresh: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        if new:
            values, mask = prepared_batch(self.store, np.array(new), self.spec)
            fresh = {record: (values[row].copy(), mask[row].copy()) for row, record in enumerate(new)}
            room = max(0, self._n_kept_at_most - len(self._kept))
            self._kept.update(list(fresh.items())[:room])
        found = [fresh[record] if record in fresh else self._kept[record] for record in records.tolist()]
        return np.stack([values for values, _ in found]), np.stack([mask for _, mask in found])


def prepared_batch(store: PackedStore, records: np.ndarray, spec: InputSpec) -> tuple[np.ndarray, np.ndarray]:
    """Read and prepare records; returns ``(values, mask)`` stacked in their order.

    Raises:
        SignalError: A record does not meet the specification; ``usable_records`` finds these beforehand.
        StoreError: The store holds inputs that were prepared by another specification.
    """
    if store.input_spec is not None and len(records):
        return _packed_inputs(store, records, spec)
    if not isinstance(spec, WaveformSpec) or spec.modality != store.modality or len(records) == 0:
        batch = spec.prepare_batch(store[int(record)] for record in records)
        return batch.values, batch.mask
    groups = store.read(records)
    parts = [
        spec.prepare_arrays(
            group.values,
            group.layout.sampling_rate_hz or 0.0,
            group.layout.channel_names or (),
            has_missing=group.has_missing,
        )
        for group in groups
    ]
    if len(parts) == 1:
        return parts[0].values, parts[0].mask
    order = np.argsort(np.concatenate([group.positions for group in groups]))
    return np.concatenate([part.values for part in parts])[order], np.concatenate([part.mask for part in parts])[order]


def _packed_inputs(store: PackedStore, records: np.ndarray, spec: InputSpec) -> tuple[np.ndarray, np.ndarray]:
    if store.input_spec != spec.to_dict():
        raise StoreError(
            f"the inputs in {store.folder} were prepared by another input specification",
            action="pack the data set again, or train with the specification in its store.json",
        )
    (group,) = store.read(records)
    mask = np.isfinite(group.values[:, 0])
    if group.has_missing and group.padding is not None:
        for values, seen, padding in zip(group.values, mask, group.padding, strict=True):
            values[:, ~seen] = padding
    return group.values, mask


def usable_records(store: PackedStore, records: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Return the records that meet the specification, and log how many do not and why.

    One waveform speaks for all of its layout; those with missing values are tried one by one. Of an image the store
    knows enough without reading it.

    Raises:
        DatasetError: None does.
    """
    refusals = _Refusals(store, spec)
    reasons: Counter[str] = Counter(entry["reason"] for entry in store.description["refused"])
    usable = []
    for record in records.tolist():
        reason = refusals.reason(record)
        if reason is None:
            usable.append(record)
        else:
            reasons[reason] += 1
    n_all = len(records) + len(store.description["refused"])
    for reason, count in reasons.items():
        _log.warning("%d of %d records of %s left out: %s", count, n_all, store.name, reason)
    if not usable:
        raise DatasetError(
            f"no record of {store.name} meets the input specification",
            received="; ".join(reasons) or "no record selected",
            action="check the folds and the input specification of the recipe",
        )
    return np.array(usable, np.int64)


class _Refusals:
    """Why a specification refuses the records of a store, with as few of them read as possible."""

    def __init__(self, store: PackedStore, spec: InputSpec) -> None:
        self._store = store
        self._spec = spec
        self._of_layout: dict[int, str | None] = {}

    def reason(self, record: int) -> str | None:
        store, spec = self._store, self._spec
        if store.input_spec is not None:
            return None
        layout = int(store.layout_of[record])
        if store.layouts[layout].shape is None and isinstance(spec, RestorableSpec):
            sample, values = store.without_pixels(record)
            return _refusal(lambda: spec.check(sample, values))
        if store.has_missing[record]:
            return _refusal(lambda: spec.prepare(store[record]))
        if layout not in self._of_layout:
            self._of_layout[layout] = _refusal(lambda: spec.prepare(store[record]))
        return self._of_layout[layout]


def _refusal(attempt: Callable[[], object]) -> str | None:
    try:
        attempt()
    except SignalError as error:
        return str(error)
    return None
