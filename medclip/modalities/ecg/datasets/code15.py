"""CODE-15%: 345,779 ECGs of 233,770 patients in Minas Gerais with six diagnoses (https://doi.org/10.5281/zenodo.4916206)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medclip.core.dataset import RecordInfo
from medclip.core.dataset_files import check_relative, check_unique, find_root, read_rows
from medclip.core.errors import DatasetError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.core.sample import Sample
from medclip.core.splits import fold_of
from medclip.modalities.ecg.datasets._recordings import Entry, Recordings, TokenReading
from medclip.modalities.ecg.formats import hdf5

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_code15"]

_TABLE = "exams.csv"
_FLAGS = {"True": True, "False": False, "1": True, "0": False}


def open_code15(
    root: Path | str | None,
    *,
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> Recordings:
    """Open CODE-15% in its own layout: ``exams.csv`` and ``exams_part0.hdf5`` to ``exams_part17.hdf5``.

    Its amplitude is not calibrated to millivolts, which the attribute ``amplitude_is_calibrated`` of a sample says.

    Args:
        root: The folder with ``exams.csv``, or one that holds a single such folder.
        split_seed: See ``patient_split``.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 % of the patients.

    Raises:
        DatasetError: The folder, the table, a column or a value is missing, doubled or unknown.
    """
    from medclip.core.cards import load_card

    card = load_card("code15")
    folder = find_root(root, _TABLE, card)
    codes = LabelSet.load("code").codes
    entries = _read_exams(folder / _TABLE, card, codes, split_seed, split_fractions)
    check_unique((entry.info.record_id for entry in entries), card, folder / _TABLE)
    reading = TokenReading({code: (code,) for code in codes})
    return Recordings(folder, card, entries, readings={"code": reading}, read=_read)


DATASET = DatasetFactory(
    name="code15", description="CODE-15%: 345,779 twelve-lead ECGs at 400 Hz with six diagnoses", open=open_code15
)


def _read(path: Path, entry: Entry) -> Sample:
    return hdf5.read(Path(f"{path}#{entry.place}"))


def _read_exams(
    path: Path,
    card: DataCard,
    codes: tuple[str, ...],
    split_seed: int,
    split_fractions: Mapping[str, float] | None,
) -> list[Entry]:
    columns = ("exam_id", "patient_id", "trace_file", "age", "is_male", "normal_ecg", *codes)
    entries = []
    for line, (exam_id, patient_id, file, age, is_male, is_normal, *flags) in read_rows(path, card, columns):
        try:
            exam_id, patient_id = str(int(exam_id)), str(int(patient_id))
            tokens = frozenset(code for code, flag in zip(codes, flags, strict=True) if _FLAGS[flag])
            attributes = _attributes(age, is_male, is_normal)
        except (KeyError, ValueError) as error:
            raise DatasetError(
                f"line {line} of {path} cannot be used ({error})",
                allowed="whole numbers as exam_id, patient_id and age, True or False as labels",
                action="copy it again from its source",
            ) from error
        fold = fold_of(patient_id, split_seed, split_fractions)
        info = RecordInfo(exam_id, patient_id, None, fold, attributes)
        entries.append(Entry(info, check_relative(file, path), tokens, place=exam_id))
    return entries


def _attributes(age: str, is_male: str, is_normal: str) -> dict[str, Any]:
    years = float(age) if age else math.nan
    return {
        **({"age": years} if math.isfinite(years) else {}),
        "sex": "male" if _FLAGS[is_male] else "female",
        **({"is_normal": _FLAGS[is_normal]} if is_normal else {}),
    }
