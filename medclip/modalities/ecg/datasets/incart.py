"""St Petersburg INCART: 75 recordings of half an hour from 32 Holter patients at 257 Hz (https://doi.org/10.13026/C2V88N)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from medclip.core.dataset import RecordInfo
from medclip.core.dataset_files import find_folder
from medclip.core.errors import DatasetError
from medclip.core.modality import DatasetFactory
from medclip.core.splits import fold_of
from medclip.modalities.ecg.datasets._recordings import Entry, Recordings
from medclip.modalities.ecg.datasets._wfdb_folder import HeaderInfo, check_listed, read_wfdb, scan_headers

__all__ = ["DATASET", "open_incart"]

_NAMES = r"I\d{2}"
_PATIENT = re.compile(r"patient\s+(\d{1,2})", re.IGNORECASE)
_DIAGNOSES = re.compile(r".*<diagnoses>:?\s*(.*)")


def open_incart(
    root: Path | str | None,
    *,
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> Recordings:
    """Open INCART in its own layout, ``I01.hea`` to ``I75.hea``.

    It has no label set: a header holds the patient's diagnoses and a line on the ECG in free text, which are the
    report. Its records with SNOMED CT codes are part of ``cinc2021``.

    Args:
        root: The folder that holds the records.
        split_seed: See ``patient_split``.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 % of the patients.

    Raises:
        DatasetError: The folder lacks records, holds one twice, or a header does not name its patient's number.
    """
    from medclip.core.cards import load_card

    card = load_card("incart")
    folder = find_folder(root, card)
    check_listed(folder, folder / "RECORDS", card)
    entries = [_entry(header, folder, split_seed, split_fractions) for header in scan_headers(folder, card, _NAMES)]
    return Recordings(folder, card, entries, readings={}, read=read_wfdb)


DATASET = DatasetFactory(
    name="incart",
    description="St Petersburg INCART: 75 half-hour twelve-lead recordings of 32 patients",
    open=open_incart,
)


def _entry(header: HeaderInfo, folder: Path, split_seed: int, split_fractions: Mapping[str, float] | None) -> Entry:
    numbers = [found[1] for found in map(_PATIENT.fullmatch, header.comments) if found]
    if len(numbers) != 1:
        raise DatasetError(
            f"{folder / header.path} does not name the number of its patient",
            received=f"{len(numbers)} lines with a number",
            allowed="one line such as # patient 1",
            action="copy the header again from its source",
        )
    patient = str(int(numbers[0]))
    fold = fold_of(patient, split_seed, split_fractions)
    info = RecordInfo(header.record_id, patient, _report(header.comments), fold, header.attributes)
    return Entry(info, header.path, None)


def _report(comments: Sequence[str]) -> str | None:
    """Return the diagnoses and what follows the patient's number, the remarks on the ECG."""
    lines: list[str] = []
    is_after_patient = False
    for comment in comments:
        diagnoses = _DIAGNOSES.fullmatch(comment)
        if diagnoses:
            lines.append(diagnoses[1])
        elif is_after_patient:
            lines.append(comment)
        is_after_patient = is_after_patient or bool(_PATIENT.fullmatch(comment))
    return ". ".join(line.strip().rstrip(".") for line in lines if line.strip()) or None
