"""Batches in an order that can be interrupted and continued."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch.distributed as distributed
from torch.utils.data import DataLoader, Sampler

from medclip.core.batch import Batch
from medclip.core.errors import ConfigError, MedclipError
from medclip.data.pairs import PairDataset

__all__ = ["BatchSampler", "ResumableLoader"]

_log = logging.getLogger(__name__)


class BatchSampler(Sampler[list[int]]):
    """Batches of record numbers; the order follows from seed and epoch alone.

    With several processes each takes its share of every batch, so that ``batch_size`` is that of one process and the
    order does not depend on their number.

    Args:
        n_records: Records to draw from.
        batch_size: Records per batch and process.
        shuffle: New order every epoch. Then the last, smaller batch is dropped: contrastive losses of batches of
            different sizes are not comparable. In order, it is kept (dropped only if processes would get unequal
            shares).
        seed: Another seed, another order.

    Raises:
        ConfigError: There are fewer records than one batch, with ``shuffle``.
    """

    def __init__(self, n_records: int, batch_size: int, *, shuffle: bool, seed: int = 0) -> None:
        self.n_records = n_records
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0
        if shuffle and len(self) == 0:
            raise ConfigError(
                "fewer training records than one batch",
                received=f"{n_records} records, batches of {batch_size} on {_n_processes()} process(es)",
                action="lower data.batch_size",
            )

    def __len__(self) -> int:
        whole, rest = divmod(self.n_records, self.batch_size * _n_processes())
        return whole + (1 if rest and not self.shuffle and _n_processes() == 1 else 0)

    def identity(self) -> list[int]:
        """Everything but the epoch that the batches of all processes together depend on."""
        return [self.n_records, self.batch_size * _n_processes(), int(self.shuffle), self.seed]

    def __iter__(self) -> Iterator[list[int]]:
        order = np.arange(self.n_records)
        if self.shuffle:
            np.random.default_rng((self.seed, self.epoch)).shuffle(order)
        step = self.batch_size * _n_processes()
        for number in range(len(self)):
            members = order[number * step : (number + 1) * step]
            yield members[_process() :: _n_processes()].tolist()


class ResumableLoader:
    """A data loader that knows how far it is; Lightning stores that in checkpoints and gives it back.

    It holds a ``DataLoader`` rather than being one, because Lightning builds those anew for prediction.

    Args:
        dataset: Where the batches come from.
        sampler: Their order; each pass after the first is its next epoch.
        n_workers: Worker processes. 0 is fastest for a packed store on few cores: a batch is made in a few
            milliseconds, and sending it between processes costs more than that.
        pin_memory: Use page-locked memory, for a GPU.
        n_batches_at_most: Batches that make an epoch for the trainer, if it is told to use fewer than there are; a
            run that is continued behind the last of them starts the next epoch.

    Raises:
        MedclipError: While iterating, what the dataset raised, from a worker process too.
    """

    def __init__(
        self,
        dataset: PairDataset,
        sampler: BatchSampler,
        *,
        n_workers: int = 0,
        pin_memory: bool = False,
        n_batches_at_most: int | None = None,
    ) -> None:
        self._dataset = dataset
        self._sampler = sampler
        self._remaining = _Remaining(sampler)
        self._n_batches = len(sampler) if n_batches_at_most is None else min(n_batches_at_most, len(sampler))
        self._n_delivered = 0
        self._continues = False
        self._loader: DataLoader[Batch | MedclipError] = DataLoader(
            _Guarded(dataset),  # type: ignore[arg-type]
            batch_sampler=self._remaining,
            num_workers=n_workers,
            collate_fn=_already_a_batch,
            pin_memory=pin_memory,
        )

    def __len__(self) -> int:
        return len(self._sampler)

    def __iter__(self) -> Iterator[Batch]:
        if not self._continues and self._n_delivered:
            self._sampler.epoch += 1
            self._n_delivered = 0
        self._continues = False
        self._remaining.n_skipped = self._n_delivered
        # Worker processes are started anew for each pass and take it along.
        self._dataset.epoch = self._sampler.epoch
        for batch in self._loader:
            if isinstance(batch, MedclipError):
                raise batch
            self._n_delivered += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Epoch, number of batches delivered in it, and what their order depends on."""
        return {"epoch": self._sampler.epoch, "n_delivered": self._n_delivered, "order": self._sampler.identity()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue behind the batch that was delivered last, or with the next epoch if other batches are made now."""
        self._sampler.epoch = int(state["epoch"])
        self._n_delivered = int(state["n_delivered"])
        if state.get("order") != self._sampler.identity():
            _log.warning("the data or the size of batches have changed: training continues with the next epoch")
            self._n_delivered = max(1, self._n_delivered)
            self._continues = False
            return
        self._continues = self._n_delivered < self._n_batches


class _Guarded:
    """Hands an error over instead of raising it: a worker process would make a traceback of its one clear line."""

    def __init__(self, dataset: PairDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitems__(self, indices: Sequence[int]) -> Batch | MedclipError:
        try:
            return self._dataset.__getitems__(indices)
        except MedclipError as error:
            return error


class _Remaining:
    """The batches of a sampler after the first few."""

    def __init__(self, sampler: BatchSampler) -> None:
        self.sampler = sampler
        self.n_skipped = 0

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[list[int]]:
        for number, members in enumerate(self.sampler):
            if number >= self.n_skipped:
                yield members


def _already_a_batch(batch: Any) -> Any:
    return batch


def _n_processes() -> int:
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def _process() -> int:
    return distributed.get_rank() if _n_processes() > 1 else 0
