"""What every data set promises."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import numpy as np

from medclip.core.dataset import Dataset
from medclip.core.errors import LabelError, SignalError
from medclip.core.label_set import LabelSet
from medclip.core.modality import find_modality
from medclip.core.sample import Sample
from medclip.testing.contract import ContractError, require

__all__ = ["check_dataset"]


def check_dataset(dataset: Dataset, *, n_records: int = 5) -> None:
    """Check the index of a data set, its labels, and some of its records.

    Args:
        dataset: The data set, with at least one record.
        n_records: Records to read, spread over the data set.

    Raises:
        ContractError: It breaks a promise.
    """
    require(isinstance(dataset, Dataset), f"{type(dataset).__name__} lacks a part of medclip.core.dataset.Dataset")
    require(dataset.name and dataset.version, "a data set needs a name and a version")
    find_modality(dataset.modality)
    require(len(dataset) > 0, f"{dataset.name} has no records")
    _check_index(dataset)
    _check_folds(dataset)
    _check_labels(dataset)
    chosen = sorted({round(index) for index in np.linspace(0, len(dataset) - 1, n_records)})
    for index in chosen:
        _check_record(dataset, index)
    _check_access(dataset, chosen)


def _check_index(dataset: Dataset) -> None:
    records = dataset.records
    require(len(records) == len(dataset), f"{len(records)} entries in the index of {len(dataset)} records")
    ids = [info.record_id for info in records]
    require(len(set(ids)) == len(ids), f"{dataset.name} has records that share an identifier")
    require(all(isinstance(name, str) and name for name in ids), "a record has no identifier")
    require(
        all(isinstance(info.patient_id, str) and info.patient_id for info in records),
        "a record has no patient_id, so that no split can keep patients apart",
    )
    require(
        all(info.report is None or (isinstance(info.report, str) and info.report.strip()) for info in records),
        "a report is neither a text nor None",
    )


def _check_folds(dataset: Dataset) -> None:
    folds: dict[str, set[str | None]] = {}
    for info in dataset.records:
        require(info.fold is None or isinstance(info.fold, str), "a fold is a text or None")
        folds.setdefault(info.patient_id, set()).add(info.fold)
    n_torn = sum(len(found) > 1 for found in folds.values())
    require(n_torn == 0, f"{n_torn} patients of {dataset.name} have records in more than one fold")


def _check_labels(dataset: Dataset) -> None:
    for name in dataset.label_sets:
        labels, table = LabelSet.load(name), dataset.labels(name)
        require(
            labels.modality == dataset.modality,
            f"label set {name} is one of {labels.modality}, {dataset.name} holds {dataset.modality}",
        )
        require(set(table.codes) == set(labels.codes), f"the columns of {name} are not the codes of that label set")
        require(table.values.shape[0] == len(dataset), f"{name} has no row for every record")
        require(table.values.dtype == np.float32, f"the labels of {name} are {table.values.dtype}, not float32")
    try:
        dataset.labels("no such label set")
    except LabelError:
        return
    raise ContractError(f"{dataset.name} answers for a label set that it does not have")


def _check_record(dataset: Dataset, index: int) -> None:
    sample, info = dataset[index], dataset.records[index]
    where = f"record {index} of {dataset.name}"
    require(isinstance(sample, Sample), f"{where} is {type(sample).__name__}, not a Sample")
    require(sample.record_id == info.record_id, f"{where} is another than the index says")
    require(sample.patient_id in (None, info.patient_id), f"{where} has another patient than the index says")
    require(sample.modality == dataset.modality, f"{where} is of another modality than its data set")
    require(sample.report in (None, info.report), f"{where} has another report than the index says")
    require(np.isfinite(sample.array).any(), f"{where} holds no number")
    require(np.array_equal(sample.array, dataset[index].array, equal_nan=True), f"{where} is read differently twice")
    try:
        find_modality(dataset.modality).default_input_spec().prepare(sample)
    except SignalError:
        # Refused in medclip's own words, which is a promise kept.
        return


def _check_access(dataset: Dataset, chosen: Sequence[int]) -> None:
    require(next(iter(dataset)).record_id == dataset.records[0].record_id, "iterating begins with another record")
    try:
        dataset[len(dataset)]
    except IndexError:
        pass
    else:
        raise ContractError(f"{dataset.name} has a record after its last one")
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - our own bytes: what a worker process receives
    index = chosen[-1]
    require(
        np.array_equal(copy[index].array, dataset[index].array, equal_nan=True),
        f"{dataset.name} answers otherwise in a worker process",
    )
