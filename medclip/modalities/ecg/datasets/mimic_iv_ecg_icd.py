"""MIMIC-IV-ECG-Ext-ICD: the discharge diagnoses of MIMIC-IV-ECG's patients as ICD-10 codes (https://doi.org/10.13026/hdyc-1h77).

The table has no signals. They are read from MIMIC-IV-ECG itself if its folder is given.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.dataset import LabelTable, RecordInfo
from medclip.core.dataset_files import find_folder, find_root, read_rows
from medclip.core.errors import ConfigError, DatasetError, LabelError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.core.sample import Sample
from medclip.modalities.ecg.datasets.mimic_iv_ecg import read_study, record_index

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "DIAGNOSES", "MimicIvEcgIcd", "open_mimic_iv_ecg_icd"]

DIAGNOSES = ("all_diag_all", "all_diag_hosp", "hosp_diag_hosp", "ed_diag_hosp", "ed_diag_ed")
"""Whose diagnoses: of the hospital or else the emergency department, of the hospital alone, and so on."""

_TABLE = "records_w_diag_icd10.csv"
_LABEL_SET = "icd10-heart"
_CODE = re.compile(r"'([^']*)'")
_CATEGORY = 3


class MimicIvEcgIcd:
    """Records, folds and discharge diagnoses; ``open_mimic_iv_ecg_icd`` makes one."""

    name = "mimic_iv_ecg_icd"
    modality = "ecg"
    label_sets = (_LABEL_SET,)

    def __init__(
        self, records: Sequence[RecordInfo], labels: LabelTable, *, signals: Path | None, version: str
    ) -> None:
        self._labels = labels
        self._signals = signals
        self.records = records
        self.version = version

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        """Read one record from MIMIC-IV-ECG, with its labels.

        Raises:
            DatasetError: No folder of MIMIC-IV-ECG was given, or it lacks the record.
            FormatError: The record is damaged.
        """
        if self._signals is None:
            raise DatasetError(
                "MIMIC-IV-ECG-Ext-ICD has no signals of its own", action="open it with signals=FOLDER_OF_MIMIC_IV_ECG"
            )
        row = self._labels.values[index].tolist()
        return read_study(self._signals, self.records[index]).replace(
            labels=dict(zip(self._labels.codes, row, strict=True)), source=self.name
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def labels(self, label_set: str) -> LabelTable:
        """Three-character ICD-10 categories of all records; NaN where there is no discharge diagnosis at all.

        Raises:
            LabelError: It is another label set than ``icd10-heart``.
        """
        if label_set != _LABEL_SET:
            raise LabelError("MIMIC-IV-ECG-Ext-ICD has no such label set", received=label_set, allowed=_LABEL_SET)
        return self._labels


def open_mimic_iv_ecg_icd(
    root: Path | str | None, *, signals: Path | str | None = None, diagnoses: str = "all_diag_all"
) -> MimicIvEcgIcd:
    """Open the table of diagnoses; its folds, 0 to 19, keep a patient together.

    A diagnosis counts for its category, the first three characters of its code. A hospital codes what it treats and
    bills: a category that is absent was not coded, which is less than a finding that is absent from the ECG.

    Args:
        root: The folder with ``records_w_diag_icd10.csv``, or one that holds a single such folder.
        signals: Folder of MIMIC-IV-ECG, or None if only the table is wanted.
        diagnoses: One of ``DIAGNOSES``.

    Raises:
        ConfigError: There are no such diagnoses.
        DatasetError: The folder, the table, a column or a value is missing, doubled or unknown.
    """
    from medclip.core.cards import load_card

    if diagnoses not in DIAGNOSES:
        raise ConfigError("the table has no such diagnoses", received=diagnoses, allowed=DIAGNOSES)
    card = load_card("mimic_iv_ecg_icd")
    folder = find_root(root, _TABLE, card)
    place = None if signals is None else find_folder(signals, load_card("mimic_iv_ecg"))
    records, labels = _read_table(folder / _TABLE, card, diagnoses)
    return MimicIvEcgIcd(records, labels, signals=place, version=card.version)


DATASET = DatasetFactory(
    name="mimic_iv_ecg_icd",
    description="MIMIC-IV-ECG-Ext-ICD: ICD-10 discharge diagnoses of MIMIC-IV-ECG's patients",
    open=open_mimic_iv_ecg_icd,
)


def _read_table(path: Path, card: DataCard, diagnoses: str) -> tuple[Sequence[RecordInfo], LabelTable]:
    codes = LabelSet.load(_LABEL_SET).codes
    column = {code: position for position, code in enumerate(codes)}
    studies, subjects, rows = array("q"), array("q"), array("l")
    known: dict[str, int] = {}
    values: list[np.ndarray] = []
    folds: dict[int, str] = {}
    for line, (study, subject, fold, text) in read_rows(
        path, card, ("study_id", "subject_id", "strat_fold", diagnoses)
    ):
        try:
            study_id, subject_id, fold = int(study), int(subject), str(int(fold))
        except ValueError as error:
            raise DatasetError(
                f"line {line} of {path} has no whole number as study_id, subject_id or strat_fold",
                action="copy it again",
            ) from error
        card.check_split(fold)
        if folds.setdefault(subject_id, fold) != fold:
            raise DatasetError(f"line {line} of {path} puts a patient in a second fold", action="copy it again")
        # Most of the 800,000 lists of diagnoses lead to one of a few thousand rows.
        if text not in known:
            known[text] = len(values)
            values.append(_row(text, column, line, path))
        studies.append(study_id)
        subjects.append(subject_id)
        rows.append(known[text])
    study_ids = np.array(studies)
    if len(study_ids) == 0 or len(np.unique(study_ids)) < len(study_ids):
        what = "lists a study more than once" if len(study_ids) else "lists no record"
        raise DatasetError(f"{path} {what}", action="copy it again from its source")
    return record_index(study_ids, np.array(subjects), folds), LabelTable(codes, np.stack(values)[np.array(rows)])


def _row(text: str, column: dict[str, int], line: int, path: Path) -> np.ndarray:
    """Return the labels of a list such as "['I480', 'E876']"; a list without a code tells nothing."""
    stripped = text.strip()
    if stripped and not (stripped.startswith("[") and stripped.endswith("]")):
        raise DatasetError(
            f"line {line} of {path} holds no list of codes", received=stripped[:40], action="copy it again"
        )
    categories = {code[:_CATEGORY] for code in _CODE.findall(stripped)}
    row = np.full(len(column), 0.0 if categories else np.nan, np.float32)
    row[[column[category] for category in categories if category in column]] = 1.0
    return row
