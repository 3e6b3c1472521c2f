"""Write small folders in the published layouts of public data sets from generated records; nothing of them is in it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import wfdb

from medclip.core.dataset import Dataset
from medclip.modalities.ecg.leads import STANDARD_LEADS

__all__ = [
    "codes_of",
    "open_codes",
    "signal",
    "write_challenge",
    "write_csv",
    "write_h5",
    "write_record",
    "write_tracings",
]

_CHALLENGE = ("Age: 61", "Sex: Female", "Dx: {codes}", "Rx: Unknown", "Hx: Unknown", "Sx: Unknown")


def signal(seed: int, n_samples: int = 500, n_leads: int = 12) -> np.ndarray:
    """Return a generated int16 ``(n_leads, n_samples)``."""
    return np.random.default_rng(seed).integers(-900, 900, (n_leads, n_samples)).astype(np.int16)


def write_record(
    stem: Path,
    stored: np.ndarray,
    *,
    comments: Sequence[str] = (),
    rate_hz: float = 500,
    leads: Sequence[str] = STANDARD_LEADS,
    gains: Sequence[float] | None = None,
    baselines: Sequence[int] | None = None,
) -> None:
    """Write a WFDB record of stored values ``(n_leads, n_samples)``."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    n_leads = len(stored)
    wfdb.wrsamp(
        stem.name,
        rate_hz,
        ["mV"] * n_leads,
        list(leads),
        d_signal=stored.T.astype(np.int64),
        fmt=["16"] * n_leads,
        adc_gain=list(gains or [1000.0] * n_leads),
        baseline=list(baselines or [0] * n_leads),
        comments=list(comments),
        write_dir=str(stem.parent),
    )


def write_challenge(folder: Path, records: Mapping[str, str]) -> Path:
    """Write records of a challenge by their path in the folder and their codes; return the folder."""
    for number, (path, codes) in enumerate(records.items()):
        comments = [line.format(codes=codes) for line in _CHALLENGE]
        write_record(folder / path, signal(number), comments=comments)
    return folder


def write_csv(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """Write rows, with the columns of the first."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_h5(path: Path, millivolts: np.ndarray) -> None:
    """Write one record as SPH has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["ecg"] = millivolts.astype(np.float16)


def write_tracings(path: Path, tracings: np.ndarray, exam_ids: Sequence[int] | None = None) -> None:
    """Write tracings ``(n, 4096, 12)`` as CODE-15 has them, or without ``exam_ids`` as CODE-test has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["tracings"] = tracings.astype(np.float32)
        if exam_ids is not None:
            file["exam_id"] = np.array(exam_ids, np.int64)


def codes_of(dataset: Dataset, label_set: str, record: int = 0) -> set[str]:
    """Return the codes that are present in a record."""
    table = dataset.labels(label_set)
    return {code for code, value in zip(table.codes, table.values[record], strict=True) if value == 1}


def open_codes(dataset: Dataset, label_set: str, record: int = 0) -> set[str]:
    """Return the codes that are not assessed in a record."""
    table = dataset.labels(label_set)
    return {code for code, value in zip(table.codes, table.values[record], strict=True) if np.isnan(value)}
