"""Write a small folder in MIMIC-IV-ECG's layout from generated records; nothing of MIMIC is in it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import wfdb

from medclip.core.splits import patient_split

LEADS = ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]
REPORTS = [f"report_{number}" for number in range(18)]


def write_mimic(folder: Path, n_patients: int) -> Path:
    """Write one ten-second record for so many patients of each split, with statements of four words and more."""
    folder.mkdir(parents=True)
    records, measurements = [], []
    splits = [patient_split(str(10000000 + number)) for number in range(1000)]
    for number in (n for split in ("train", "validation", "test") for n in _first(splits, split, n_patients)):
        subject, study = 10000000 + number, 40000000 + number
        stem = f"files/p{str(subject)[:4]}/p{subject}/s{study}/{study}"
        time = "2180-07-23 08:44:00"
        records.append([subject, study, study, time, stem])
        statements = ["Sinus rhythm", f"Possible inferior infarct number {number % 7}"] + [""] * 16
        measurements.append([subject, study, time, *statements])
        _write_signal(folder / stem, number)
    _write(folder / "record_list.csv", ["subject_id", "study_id", "file_name", "ecg_time", "path"], records)
    _write(folder / "machine_measurements.csv", ["subject_id", "study_id", "ecg_time", *REPORTS], measurements)
    return folder


def _first(splits: list[str], wanted: str, n: int) -> list[int]:
    return [number for number, split in enumerate(splits) if split == wanted][:n]


def _write_signal(stem: Path, number: int) -> None:
    stem.parent.mkdir(parents=True)
    steps = np.random.default_rng(number).integers(-300, 300, (5000, 12))
    wfdb.wrsamp(
        stem.name,
        500,
        ["mV"] * 12,
        LEADS,
        d_signal=steps,
        fmt=["16"] * 12,
        adc_gain=[200.0] * 12,
        baseline=[0] * 12,
        write_dir=str(stem.parent),
    )


def _write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
