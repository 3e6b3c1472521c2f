"""Chapman-Shaoxing, denoised: 10,646 ECGs of 10 s with a spreadsheet of diagnoses (Zheng et al., Scientific Data 2020).

This is the form on figshare (https://doi.org/10.6084/m9.figshare.c.4560497): ``Diagnostics.xlsx`` and one file per
record, as CSV or as a MATLAB matrix ``val``, of 5000 samples by 12 leads in microvolts at 500 Hz.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.dataset import RecordInfo
from medclip.core.dataset_files import check_relative, check_unique, find_root
from medclip.core.errors import DatasetError, FormatError
from medclip.core.excel import read_sheet
from medclip.core.modality import DatasetFactory
from medclip.core.sample import Sample
from medclip.core.splits import fold_of
from medclip.modalities.ecg.datasets._csn_labels import readings_of
from medclip.modalities.ecg.datasets._recordings import Entry, Recordings, check_tokens
from medclip.modalities.ecg.datasets._snomed import ids_of_codes
from medclip.modalities.ecg.formats._mat_content import variables_of
from medclip.modalities.ecg.leads import STANDARD_LEADS

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_chapman_denoised"]

_TABLE = "Diagnostics.xlsx"
_FOLDERS = ("ECGDataDenoised", "ECGData", "")
_RATE_HZ, _MICROVOLTS = 500.0, 1000.0
# Acronyms of the spreadsheet that the later list of Chapman-Shaoxing-Ningbo lacks, and which are part of no label set:
# high left ventricular and right atrial voltage, a long RR interval, and JPS.
_FURTHER = ("LVHV", "RAHV", "LRRI", "JPS")
_NO_BEAT = "NONE"
_NUMBERS = {
    "PatientAge": "age",
    "VentricularRate": "ventricular_rate_bpm",
    "AtrialRate": "atrial_rate_bpm",
    "QRSDuration": "qrs_duration_ms",
    "QTInterval": "qt_interval_ms",
    "QTCorrected": "qt_corrected_ms",
    "RAxis": "r_axis_deg",
    "TAxis": "t_axis_deg",
}
_SEXES = {"MALE": "male", "FEMALE": "female"}


def open_chapman_denoised(
    root: Path | str | None,
    *,
    label_reading: str = "exact",
    unknown_codes: str = "error",
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> Recordings:
    """Open the denoised form; the rhythm and the beats of its spreadsheet are the labels of ``csn``.

    Each record is of another patient. The same patients, without denoising and under other names, are the first part
    of ``csn``: do not train on one and test on the other.

    Args:
        root: The folder with ``Diagnostics.xlsx``, or one that holds a single such folder.
        label_reading: ``exact``, or ``merl`` to find acronyms inside others as MERL does.
        unknown_codes: ``ignore`` accepts acronyms that are not known; ``error`` refuses them.
        split_seed: See ``patient_split``.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.

    Raises:
        ConfigError: An option is out of range.
        DatasetError: The folder, the spreadsheet, a column or a label is missing, doubled or unknown.
    """
    from medclip.core.cards import load_card

    card = load_card("chapman_denoised")
    folder = find_root(root, _TABLE, card)
    readings = readings_of(label_reading, has_snomed=False)
    places = {path.stem: path for path in _record_files(folder)}
    entries = []
    for line, row in enumerate(_rows(folder / _TABLE, card), start=2):
        record_id = check_relative(row["FileName"], folder / _TABLE)
        tokens = frozenset({row["Rhythm"], *row["Beat"].split()} - {_NO_BEAT, ""})
        fold = fold_of(record_id, split_seed, split_fractions)
        info = RecordInfo(record_id, record_id, None, fold, _attributes(row, line, folder / _TABLE))
        place = places.get(record_id)
        path = f"{_FOLDERS[0]}/{record_id}.csv" if place is None else place.relative_to(folder).as_posix()
        entries.append(Entry(info, path, tokens))
    check_unique((entry.info.record_id for entry in entries), card, folder / _TABLE)
    check_tokens(entries, {*ids_of_codes("csn"), *_FURTHER}, card, unknown_codes)
    return Recordings(folder, card, entries, readings=readings, read=_read)


DATASET = DatasetFactory(
    name="chapman_denoised",
    description="Chapman-Shaoxing, denoised: 10,646 twelve-lead ECGs with rhythms and beats in a spreadsheet",
    open=open_chapman_denoised,
)


def _record_files(folder: Path) -> list[Path]:
    """Return the files of the records; of a denoised and a raw one the denoised comes last and counts."""
    found = [
        path for name in reversed(_FOLDERS) for suffix in ("csv", "mat") for path in (folder / name).glob(f"*.{suffix}")
    ]
    return [path for path in found if path.is_file()]


def _rows(path: Path, card: DataCard) -> list[dict[str, str]]:
    header, *rows = read_sheet(path) or [()]
    card.check_columns(path.name, header)
    return [dict(zip(header, row, strict=True)) for row in rows if any(row)]


def _attributes(row: Mapping[str, str], line: int, path: Path) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    try:
        attributes |= {name: float(row[column]) for column, name in _NUMBERS.items() if row.get(column)}
    except ValueError as error:
        raise DatasetError(f"line {line} of {path} cannot be used ({error})", action="copy it again") from error
    sex = _SEXES.get(row["Gender"])
    return attributes | ({"sex": sex} if sex else {})


def _read(path: Path, _: Entry) -> Sample:
    values = _matrix(path)
    if values.ndim != 2 or values.shape[1] != len(STANDARD_LEADS) or values.dtype.kind not in "iuf":
        raise FormatError(
            f"{path} does not hold twelve leads in columns",
            received=" x ".join(map(str, values.shape)),
            allowed="n x 12 numbers",
            action="copy it again from its source",
        )
    return Sample(
        modality="ecg",
        array=np.ascontiguousarray(values.T / _MICROVOLTS, np.float32),
        record_id=path.stem,
        sampling_rate_hz=_RATE_HZ,
        channel_names=STANDARD_LEADS,
    )


def _matrix(path: Path) -> np.ndarray:
    if path.suffix == ".mat":
        values = variables_of(path).get("val")
        if not isinstance(values, np.ndarray):
            raise FormatError(f"{path} holds no matrix val", action="copy it again from its source")
        return values
    try:
        return np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise FormatError(
            f"{path} is truncated or damaged and cannot be decoded", action="copy it again from its source"
        ) from error
