"""Retrieval of reports by recordings and of recordings by reports, on the records of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from medclip.core.dataset import Dataset
from medclip.core.errors import DatasetError
from medclip.evaluation.records import RecordReader, select_folds
from medclip.evaluation.retrieval import Retrieval, retrieval
from medclip.modalities.report.deduplicate import pair_ids
from medclip.zeroshot.model import Model

__all__ = ["ReportRetrieval", "evaluate_retrieval"]

_TEXTS_AT_ONCE = 256


@dataclass(frozen=True)
class ReportRetrieval:
    """Both directions of retrieval, and what they were measured on.

    Args:
        result: The numbers.
        n_records: Records with a report.
        n_without_report: Records of the folds that had none, or nothing of it was left after cleaning; not counted.
        n_unreadable: Records that could not be used and were left out on request.
        dataset: Name of the data set.
        dataset_version: Version from its card.
        folds: Folds evaluated on; empty for all.
        model: Name of the bundle.
        model_sha256: Its digest.
        n_resamples: Resamples of the patient bootstrap.
        seed: Of the bootstrap.
    """

    result: Retrieval
    n_records: int
    n_without_report: int
    n_unreadable: int
    dataset: str
    dataset_version: str
    folds: tuple[str, ...]
    model: str
    model_sha256: str
    n_resamples: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Plain types for a JSON file."""
        described = asdict(self)
        described["result"] = {
            "record_to_text": self.result.record_to_text.to_dict(),
            "text_to_record": self.result.text_to_record.to_dict(),
            "n_patients": self.result.n_patients,
        }
        return described


def evaluate_retrieval(
    model: Model,
    dataset: Dataset,
    *,
    folds: Sequence[str] | None = None,
    ks: Sequence[int] = (1, 5, 10),
    skip_unreadable: bool = False,
    n_resamples: int = 1000,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> ReportRetrieval:
    """Measure how well recordings and their reports find each other; reports that say the same are one.

    Reports go through the same cleaning as those that the model was trained on.

    Args:
        model: The model.
        dataset: Records with reports.
        folds: Folds to evaluate on; all if None.
        ks: How many of the first candidates are looked at.
        skip_unreadable: Leave out records that cannot be decoded or prepared, and count them.
        n_resamples: Resamples of the patient bootstrap.
        seed: Of the bootstrap.
        progress: Called with the number of records just embedded.

    Raises:
        DatasetError: There is no such fold, or fewer than two records with a report.
        InputError: There are fewer than two patients.
    """
    records = select_folds(dataset, folds)
    reports = model.bundle.reports
    texts = {record: reports(dataset.records[record].report or "").text for record in records}
    with_text = [record for record in records if texts[record]]
    if len(with_text) < 2:
        raise DatasetError(
            f"too few records of {dataset.name} have a report in these folds",
            received=len(with_text),
            allowed="2 or more",
        )
    reader = RecordReader(model.input_specs[dataset.modality], dataset, skip_unreadable)
    embedded = model.embed_batches(dataset.modality, reader.batches(with_text), progress=progress)
    kept = [texts[record] for record in reader.kept]
    first, text_of = np.unique(pair_ids(kept, near=True), return_index=True, return_inverse=True)[1:]
    distinct = [kept[index] for index in first]
    parts = [
        model.embed_texts(distinct[start : start + _TEXTS_AT_ONCE]) for start in range(0, len(distinct), _TEXTS_AT_ONCE)
    ]
    return ReportRetrieval(
        result=retrieval(
            embedded.numpy(),
            torch.cat(parts).numpy(),
            text_of,
            patient_ids=[dataset.records[record].patient_id for record in reader.kept],
            ks=ks,
            n_resamples=n_resamples,
            seed=seed,
        ),
        n_records=len(reader.kept),
        n_without_report=len(records) - len(with_text),
        n_unreadable=len(with_text) - len(reader.kept),
        dataset=dataset.name,
        dataset_version=dataset.version,
        folds=tuple(map(str, folds or ())),
        model=model.bundle.name,
        model_sha256=model.bundle.digest,
        n_resamples=n_resamples,
        seed=seed,
    )
