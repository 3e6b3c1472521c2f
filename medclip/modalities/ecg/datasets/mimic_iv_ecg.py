"""MIMIC-IV-ECG 1.0: about 800,000 ten-second ECGs with the machine's statements (https://doi.org/10.13026/4nqg-sb35).

Its tables are joined by ``study_id``: their rows are in different orders. The index keeps a few numbers per record
and makes a ``RecordInfo`` when it is asked for one, so that 800,000 records take about 100 MB and not a gigabyte.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from medclip.core.dataset import LabelTable, RecordInfo, RecordSequence
from medclip.core.dataset_files import check_relative, find_root, read_rows
from medclip.core.errors import ConfigError, DatasetError, LabelError
from medclip.core.modality import DatasetFactory
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats import wfdb

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "MimicIvEcg", "open_mimic_iv_ecg", "read_study", "record_index"]

_RECORDS = "record_list.csv"
_MEASUREMENTS = "machine_measurements.csv"
_N_STATEMENTS = 18
_NO_REPORT = -1


class _Reports(NamedTuple):
    """The reports of all studies: ``codes`` are positions in ``texts``, rows are sorted by ``study_ids``."""

    study_ids: np.ndarray
    subject_ids: np.ndarray
    codes: np.ndarray
    texts: Sequence[str]


class _Index(RecordSequence):
    """What is known of every record, made on demand from a few columns."""

    def __init__(
        self,
        study_ids: np.ndarray,
        subject_ids: np.ndarray,
        *,
        report_codes: np.ndarray,
        reports: Sequence[str],
        splits: Mapping[int, str],
    ) -> None:
        self._study_ids = study_ids
        self._subject_ids = subject_ids
        self._report_codes = report_codes
        self._reports = reports
        self._splits = splits

    def __len__(self) -> int:
        return len(self._study_ids)

    def at(self, index: int) -> RecordInfo:
        """Return what is known of one record."""
        subject_id = int(self._subject_ids[index])
        code = int(self._report_codes[index])
        return RecordInfo(
            record_id=str(self._study_ids[index]),
            patient_id=str(subject_id),
            report=None if code == _NO_REPORT else self._reports[code],
            fold=self._splits[subject_id],
            attributes={},
        )


class MimicIvEcg:
    """Records, reports and patient-wise splits of MIMIC-IV-ECG; ``open_mimic_iv_ecg`` makes one."""

    name = "mimic_iv_ecg"
    modality = "ecg"
    label_sets: tuple[str, ...] = ()

    def __init__(
        self, root: Path, records: Sequence[RecordInfo], *, odd_paths: Mapping[int, str], version: str
    ) -> None:
        self._root = root
        self._odd_paths = odd_paths
        self.records = records
        self.version = version

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        """Read one record; its leads are in the order of its header, in which aVF comes before aVL.

        Raises:
            DatasetError: Its files are not in the folder.
            FormatError: They are damaged.
        """
        info = self.records[index]
        return read_study(self._root, info, relative=self._odd_paths.get(int(info.record_id)))

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def labels(self, label_set: str) -> LabelTable:
        """Raise ``LabelError``: MIMIC-IV-ECG carries reports and no labels."""
        raise LabelError("MIMIC-IV-ECG carries reports and no labels", received=label_set)


def open_mimic_iv_ecg(
    root: Path | str | None,
    *,
    minimum_report_words: int = 0,
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> MimicIvEcg:
    """Open MIMIC-IV-ECG in its own layout; the signal files are not touched until a record is read.

    The report of a record is its statements ``report_0`` to ``report_17``, without the empty ones, joined by ". ".
    Its fold is the split of its patient (``medclip.core.splits.patient_split`` of the bare ``subject_id``), which is
    the same in every MIMIC data set.

    Args:
        root: The folder with ``record_list.csv``, or one that holds a single such folder.
        minimum_report_words: Leave out records whose report has fewer words, counted as MERL does after leading and
            trailing asterisks, equals signs and hyphens are taken off; MERL takes 4. 0 keeps all records.
        split_seed: See ``patient_split``.
        split_fractions: See ``patient_split``; None takes its default.

    Raises:
        ConfigError: An option is out of range.
        DatasetError: The folder, a table or a column is missing, or the tables contradict each other.
    """
    from medclip.core.cards import load_card
    from medclip.core.splits import DEFAULT_FRACTIONS, patient_split

    if minimum_report_words < 0:
        raise ConfigError("the minimum of report words is negative", received=minimum_report_words, allowed="0 or more")
    card = load_card("mimic_iv_ecg")
    folder = find_root(root, _RECORDS, card)
    study_ids, subject_ids, odd_paths = _read_records(folder / _RECORDS, card)
    reports = _read_reports(folder / _MEASUREMENTS, card)
    codes = _join(study_ids, subject_ids, reports)
    if minimum_report_words:
        # The last entry is what position -1, no report, leads to.
        is_long = np.array([_count_words(text) >= minimum_report_words for text in reports.texts] + [False])
        kept = is_long[codes]
        study_ids, subject_ids, codes = study_ids[kept], subject_ids[kept], codes[kept]
    fractions = split_fractions or DEFAULT_FRACTIONS
    patients = np.unique(subject_ids).tolist()
    splits = {subject: patient_split(str(subject), split_seed, fractions=fractions) for subject in patients}
    records = _Index(study_ids, subject_ids, report_codes=codes, reports=reports.texts, splits=splits)
    return MimicIvEcg(folder, records, odd_paths=odd_paths, version=card.version)


DATASET = DatasetFactory(
    name="mimic_iv_ecg",
    description="MIMIC-IV-ECG 1.0: 800,000 twelve-lead ECGs with the machine's statements",
    open=open_mimic_iv_ecg,
)


def record_index(study_ids: np.ndarray, subject_ids: np.ndarray, splits: Mapping[int, str]) -> Sequence[RecordInfo]:
    """Return the index of records without reports, made on demand; ``splits`` gives the fold of each subject."""
    return _Index(study_ids, subject_ids, report_codes=np.full(len(study_ids), _NO_REPORT), reports=(), splits=splits)


def read_study(root: Path, info: RecordInfo, *, relative: str | None = None) -> Sample:
    """Read the signal of a study of MIMIC-IV-ECG.

    Args:
        root: Folder of MIMIC-IV-ECG.
        info: What is known of the study.
        relative: Its path in the folder without suffix, if it is not the usual one.

    Raises:
        DatasetError: Its files are not in the folder.
        FormatError: They are damaged.
    """
    path = root / f"{relative or _usual_path(int(info.patient_id), int(info.record_id))}.hea"
    if not path.exists():
        raise DatasetError(
            f"the files of study {info.record_id} of MIMIC-IV-ECG are not there",
            action="run medclip data download mimic_iv_ecg",
        )
    return wfdb.read(path).replace(
        record_id=info.record_id, patient_id=info.patient_id, report=info.report, source="mimic_iv_ecg"
    )


def _usual_path(subject_id: int, study_id: int) -> str:
    return f"files/p{str(subject_id)[:4]}/p{subject_id}/s{study_id}/{study_id}"


def _read_records(path: Path, card: DataCard) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Read study and patient of every record, and the paths that do not follow from them."""
    studies, subjects = array("q"), array("q")
    odd_paths: dict[int, str] = {}
    for line, (subject, study, relative) in read_rows(path, card, ("subject_id", "study_id", "path")):
        subject_id, study_id = _identifiers(subject, study, line, path)
        subjects.append(subject_id)
        studies.append(study_id)
        if relative != _usual_path(subject_id, study_id):
            odd_paths[study_id] = check_relative(relative, path)
    study_ids = np.array(studies)
    if len(study_ids) == 0 or len(np.unique(study_ids)) < len(study_ids):
        what = "lists a study more than once" if len(study_ids) else "lists no record"
        raise DatasetError(f"{path} {what}", action="copy it again from its source")
    return study_ids, np.array(subjects), odd_paths


def _read_reports(path: Path, card: DataCard) -> _Reports:
    studies, subjects, codes = array("q"), array("q"), array("q")
    # About 180,000 of the 800,000 texts differ; each is kept once.
    known: dict[str, int] = {"": _NO_REPORT}
    texts: list[str] = []
    columns = ("subject_id", "study_id", *(f"report_{number}" for number in range(_N_STATEMENTS)))
    for line, (subject, study, *statements) in read_rows(path, card, columns):
        subject_id, study_id = _identifiers(subject, study, line, path)
        report = ". ".join(filter(None, map(str.strip, statements)))
        code = known.get(report)
        if code is None:
            code = known[report] = len(texts)
            texts.append(report)
        subjects.append(subject_id)
        studies.append(study_id)
        codes.append(code)
    study_ids = np.array(studies)
    order = np.argsort(study_ids, kind="stable")
    study_ids = study_ids[order]
    if (study_ids[1:] == study_ids[:-1]).any():
        raise DatasetError(f"{path} describes a study more than once", action="copy it again from its source")
    return _Reports(study_ids, np.array(subjects)[order], np.array(codes)[order], texts)


def _join(study_ids: np.ndarray, subject_ids: np.ndarray, reports: _Reports) -> np.ndarray:
    """Return the position of each record's report, by study; the patient must be the same in both tables."""
    if len(reports.study_ids) == 0:
        return np.full(len(study_ids), _NO_REPORT)
    nearest = np.minimum(np.searchsorted(reports.study_ids, study_ids), len(reports.study_ids) - 1)
    is_found = reports.study_ids[nearest] == study_ids
    n_contradictions = int((is_found & (reports.subject_ids[nearest] != subject_ids)).sum())
    if n_contradictions:
        raise DatasetError(
            f"{_RECORDS} and {_MEASUREMENTS} give the same study to different patients",
            received=f"{n_contradictions} studies",
            action="use both tables of the same version of MIMIC-IV-ECG",
        )
    joined: np.ndarray = np.where(is_found, reports.codes[nearest], _NO_REPORT)
    return joined


def _identifiers(subject: str, study: str, line: int, path: Path) -> tuple[int, int]:
    try:
        return int(subject), int(study)
    except ValueError as error:
        raise DatasetError(
            f"line {line} of {path} has no whole number for subject_id or study_id", action="copy it again"
        ) from error


def _count_words(report: str) -> int:
    return len(report.strip(" *").strip("=-").split())
