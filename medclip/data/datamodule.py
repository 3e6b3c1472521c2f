"""Pairs of recordings and reports for training."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from tqdm import tqdm

from medclip.core.batch import Batch
from medclip.core.cache import cache_folder
from medclip.core.errors import ConfigError, DatasetError
from medclip.core.input_spec import InputSpec
from medclip.core.label_set import LabelSet
from medclip.core.modality import find_dataset
from medclip.core.splits import patient_split
from medclip.data.access import open_dataset
from medclip.data.loader import BatchSampler, ResumableLoader
from medclip.data.named_findings import NamedFindings
from medclip.data.pack import pack
from medclip.data.pairs import PairDataset, usable_records
from medclip.data.store import SCHEMA_VERSION, STORE_FILE, PackedStore
from medclip.data.texts import NO_TEXT, TextTable
from medclip.modalities.report.pipeline import ReportPipeline
from medclip.version import __version__

__all__ = ["PairDataModule"]

_log = logging.getLogger(__name__)


class PairDataModule(L.LightningDataModule):
    """Recordings with their reports, from a packed store that is made on first use.

    Args:
        dataset: Name of the data set.
        root: Its folder; None for a generated data set, or if ``store`` exists already.
        dataset_options: Further options of the data set, such as ``sampling_rate_hz``.
        store: Where the packed store lies or shall lie; None keeps it below the cache folder.
        spec: Changes to the modality's default input specification, such as ``{sampling_rate_hz: 100}``.
        reports: What makes the reports readable.
        near_duplicates: Whether reports that differ only in the order of statements count as equal.
        implied_statements: Whether the simpler statements that follow from a statement are trained on as well.
        named_findings: A label set; the names of those of its findings that rules read off a report as present are
            statements of it as well.
        statements_per_epoch: At most so many statements of a report are trained on in an epoch, drawn anew for each;
            None takes all. Validation always takes all.
        train_folds: Folds to train on; None takes all that are neither for validation nor for test.
        val_folds: Folds to validate on. Empty sets ``validation_share`` of the training patients aside instead.
        test_folds: Folds for ``medclip test``.
        validation_share: Share of the training patients to validate on if ``val_folds`` is empty.
        batch_size: Records per batch and process.
        n_workers: Worker processes of the loader; 0 is fastest on few cores.
        keep_in_memory_mb: Prepared inputs are kept in memory up to this size; worth it when the specification
            resamples. Ignored with worker processes.
        pack_processes: Processes that read the records when the store is made.
        pack_prepared: Pack what the specification makes of each image rather than the image, which takes a hundredth of
            the room of radiographs; another specification then needs another store.
        seed: Of the order of batches and of the validation share.

    Raises:
        ConfigError: The settings contradict each other or the data set.
    """

    def __init__(
        self,
        dataset: str,
        *,
        root: str | None = None,
        dataset_options: dict[str, Any] | None = None,
        store: str | None = None,
        spec: dict[str, Any] | None = None,
        reports: ReportPipeline | None = None,
        near_duplicates: bool = True,
        implied_statements: bool = True,
        named_findings: str | None = None,
        statements_per_epoch: int | None = None,
        train_folds: Sequence[int | str] | None = None,
        val_folds: Sequence[int | str] = (),
        test_folds: Sequence[int | str] = (),
        validation_share: float = 0.05,
        batch_size: int = 64,
        n_workers: int = 0,
        keep_in_memory_mb: int = 0,
        pack_processes: int = 1,
        pack_prepared: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if batch_size < 2:
            raise ConfigError("contrastive training needs batches of at least 2", received=batch_size)
        if not 0.0 <= validation_share < 1.0:
            raise ConfigError("validation_share is out of range", received=validation_share, allowed="0 up to below 1")
        if statements_per_epoch is not None and statements_per_epoch < 1:
            raise ConfigError(
                "statements_per_epoch is out of range", received=statements_per_epoch, allowed="1 or more"
            )
        for name, number in (("n_workers", n_workers), ("keep_in_memory_mb", keep_in_memory_mb), ("seed", seed)):
            if number < 0:
                raise ConfigError(f"{name} is negative", received=number, allowed="0 or more")
        self.dataset = dataset
        self.root = root
        self.dataset_options = dict(dataset_options or {})
        self.store_folder = Path(store) if store else None
        self.spec = _spec(dataset, spec or {})
        self.reports = reports or ReportPipeline(translate_to=None, normalise=False)
        self.near_duplicates = near_duplicates
        self.implied_statements = implied_statements
        self.named_findings = None if named_findings is None else _label_set(named_findings, self.spec.modality)
        self.statements_per_epoch = statements_per_epoch
        self.train_folds = None if train_folds is None else _texts(train_folds)
        self.val_folds = _texts(val_folds)
        self.test_folds = _texts(test_folds)
        self.validation_share = validation_share
        self.batch_size = batch_size
        self.n_workers = n_workers
        self.keep_in_memory_mb = 0 if n_workers else keep_in_memory_mb
        self.pack_processes = pack_processes
        self.pack_prepared = pack_prepared
        self.seed = seed
        self._parts: dict[str, PairDataset] = {}
        self._train_loader: ResumableLoader | None = None
        self._progress: dict[str, Any] | None = None
        self._check_folds()

    def _check_folds(self) -> None:
        shared = (set(self.train_folds or ()) & {*self.val_folds, *self.test_folds}) | (
            set(self.val_folds) & set(self.test_folds)
        )
        if shared:
            raise ConfigError(
                "a fold serves two purposes",
                received=sorted(shared),
                action="give each fold to one of train, val, test",
            )

    def prepare_data(self) -> None:
        """Pack the data set unless that has been done; runs on one process only."""
        self._store()

    def setup(self, stage: str) -> None:
        """Read the index, process the reports and divide the records."""
        if self._parts:
            return
        store = self._store()
        self.texts = TextTable.build(
            store.column("report"),
            self.reports,
            near_duplicates=self.near_duplicates,
            implied_statements=self.implied_statements,
            named=None if self.named_findings is None else NamedFindings(self.named_findings, self.reports),
        )
        self.store_digest = store.digest()
        for part, members in self._divide(store, usable_records(store, np.arange(len(store)), self.spec)).items():
            self._parts[part] = PairDataset(
                store,
                members,
                self.spec,
                self.texts,
                keep_mb=self.keep_in_memory_mb,
                n_statements=self.statements_per_epoch if part == "train" else None,
                seed=self.seed,
            )

    def n_records(self) -> dict[str, int]:
        """Number of records of each part."""
        return {name: len(part) for name, part in self._parts.items()}

    def training_texts(self) -> list[str]:
        """Reports of the training records; the vocabulary of a new text encoder is learned from these alone."""
        return self.texts.reports(self._parts["train"].records.tolist())

    def glance(self, n_records: int) -> Iterator[Batch]:
        """Batches of at most so many training records, spread evenly over them, in their order."""
        part = self._parts["train"]
        chosen = np.unique(np.linspace(0, len(part) - 1, min(n_records, len(part))).round().astype(np.int64))
        for start in range(0, len(chosen), self.batch_size):
            yield part.__getitems__(chosen[start : start + self.batch_size].tolist())

    def train_dataloader(self) -> ResumableLoader:
        """Batches in a new order each epoch; after a restart, behind the last batch of the checkpoint."""
        self._train_loader = self._loader("train", shuffle=True)
        if self._progress is not None:
            self._train_loader.load_state_dict(self._progress)
            self._progress = None
        return self._train_loader

    def state_dict(self) -> dict[str, Any]:
        """How far the training has come.

        Lightning keeps the state of loaders itself, but does not give it back to one that it has asked for its length
        before, as it does for the learning rate's schedule.
        """
        return {} if self._train_loader is None else {"train": self._train_loader.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue there."""
        self._progress = state_dict.get("train")

    def val_dataloader(self) -> ResumableLoader | list[ResumableLoader]:
        """Batches in the order of the records; an empty list if nothing is set aside."""
        return self._loader("val", shuffle=False) if self.val_folds or len(self._parts["val"]) else []

    def test_dataloader(self) -> ResumableLoader:
        """Batches of the test folds."""
        return self._loader("test", shuffle=False)

    def predict_dataloader(self) -> ResumableLoader:
        """Batches of the test folds, or of all records if there are none; a report is not needed."""
        return self._loader("predict", shuffle=False)

    def _loader(self, part: str, *, shuffle: bool) -> ResumableLoader:
        dataset = self._parts[part]
        if len(dataset) == 0:
            raise ConfigError(f"no records for {part}", action=f"name {part}_folds in the recipe")
        sampler = BatchSampler(len(dataset), self.batch_size, shuffle=shuffle, seed=self.seed)
        return ResumableLoader(
            dataset,
            sampler,
            n_workers=self.n_workers,
            pin_memory=torch.cuda.is_available(),
            n_batches_at_most=self._training_limit(len(sampler)) if part == "train" else None,
        )

    def _training_limit(self, n_batches: int) -> int | None:
        """Return how many batches the trainer takes for an epoch: a number, or a share of all."""
        limit = getattr(self.trainer, "limit_train_batches", None)
        return int(n_batches * limit) if isinstance(limit, float) else limit

    def _divide(self, store: PackedStore, records: np.ndarray) -> dict[str, np.ndarray]:
        folds = np.array([str(fold) for fold in store.column("fold")])
        for wanted in {*(self.train_folds or ()), *self.val_folds, *self.test_folds} - set(folds.tolist()):
            raise ConfigError(f"{store.name} has no such fold", received=wanted, allowed=sorted(set(folds.tolist())))
        held_out = [*self.val_folds, *self.test_folds]
        train = ~np.isin(folds, held_out) if self.train_folds is None else np.isin(folds, self.train_folds)
        val = np.isin(folds, self.val_folds)
        if not self.val_folds and self.validation_share:
            shares = {"train": 1.0 - self.validation_share, "validation": self.validation_share}
            patients = store.column("patient_id")
            aside = np.array(
                [patient_split(patient, self.seed, fractions=shares) == "validation" for patient in patients]
            )
            train, val = train & ~aside, train & aside
        test = np.isin(folds, self.test_folds)
        self._check_patients(store, {"train": train, "validation": val, "test": test})
        with_text = self.texts.report_rows != NO_TEXT
        if not with_text.all():
            _log.info("%d of %d records have no report to learn from", np.sum(~with_text), len(store))
        members = {
            "train": train & with_text,
            "val": val & with_text,
            "test": test & with_text,
            "predict": test if self.test_folds else np.ones(len(store), np.bool_),
        }
        return {part: records[chosen[records]] for part, chosen in members.items()}

    def _check_patients(self, store: PackedStore, parts: Mapping[str, np.ndarray]) -> None:
        patients = np.array(store.column("patient_id"))
        members = {part: set(patients[chosen].tolist()) for part, chosen in parts.items()}
        for one, other in itertools.combinations(members, 2):
            shared = len(members[one] & members[other])
            if shared:
                raise DatasetError(
                    f"{shared} patients of {store.name} have records for both {one} and {other}",
                    action="choose folds that keep a patient's records together",
                )

    def _store(self) -> PackedStore:
        name = find_dataset(self.dataset)[1].name
        folder = self.store_folder or cache_folder() / "stores" / f"{name}-{self._source_digest()}"
        if (folder / STORE_FILE).is_file():
            return self._checked(PackedStore(folder))
        dataset = open_dataset(self.dataset, self.root, **self.dataset_options)
        with tqdm(total=len(dataset), desc=f"packing {self.dataset}", unit=" records", disable=None) as bar:
            spec = self.spec if self.pack_prepared else None
            return pack(
                dataset,
                folder,
                spec=spec,
                n_processes=self.pack_processes,
                progress=lambda done, _: bar.update(done - bar.n),
            )

    def _checked(self, store: PackedStore) -> PackedStore:
        if store.name != find_dataset(self.dataset)[1].name:
            raise ConfigError(
                "the packed store holds another data set",
                received=store.name,
                allowed=self.dataset,
                action="name its folder in data.store, or leave that out",
            )
        if store.input_spec not in (None, self.spec.to_dict()):
            raise ConfigError(
                f"the inputs in {store.folder} were prepared by another input specification",
                action="name another folder in data.store, or leave that out",
            )
        return store

    def _source_digest(self) -> str:
        """Identify what a store in the cache was made from, so that a change of it makes another store."""
        described = {
            "schema": SCHEMA_VERSION,
            "medclip": __version__,
            "root": str(Path(self.root).resolve()) if self.root else None,
            "tables": _file_stamps(Path(self.root)) if self.root else [],
            "options": self.dataset_options,
            "input_spec": self.spec.to_dict() if self.pack_prepared else None,
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _file_stamps(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of the files that lie in a data set's folder itself: its tables."""
    try:
        found = [(path.name, path.stat()) for path in sorted(folder.iterdir()) if path.is_file()]
    except OSError:
        return []
    return [(name, status.st_size, status.st_mtime_ns) for name, status in found]


def _label_set(name: str, modality: str) -> LabelSet:
    labels = LabelSet.load(name)
    if labels.modality != modality:
        raise ConfigError(
            f"the label set of named_findings is for another kind of data: {name}",
            received=labels.modality,
            allowed=modality,
        )
    return labels


def _spec(dataset: str, changes: Mapping[str, Any]) -> InputSpec:
    """Return the default specification of the data set's modality with the recipe's changes."""
    default: Any = find_dataset(dataset)[0].default_input_spec()
    known = {entry.name for entry in dataclasses.fields(default)}
    unknown = set(changes) - known
    if unknown:
        raise ConfigError("unknown field of the input specification", received=unknown, allowed=sorted(known))
    spec: InputSpec = dataclasses.replace(default, **changes)
    return spec


def _texts(folds: Sequence[int | str]) -> tuple[str, ...]:
    return tuple(str(fold) for fold in folds)
