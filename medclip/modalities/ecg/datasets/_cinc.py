"""What the data sets of the PhysioNet/CinC challenges 2020 and 2021 share: WFDB records with SNOMED CT codes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.dataset import RecordInfo
from medclip.core.dataset_files import find_folder
from medclip.core.errors import DatasetError
from medclip.core.splits import fold_of
from medclip.modalities.ecg.datasets._recordings import Entry, Recordings, check_tokens
from medclip.modalities.ecg.datasets._snomed import challenge_codes, scored_reading
from medclip.modalities.ecg.datasets._wfdb_folder import HeaderInfo, read_wfdb, scan_headers

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["NAME_PATTERNS", "open_challenge", "open_source", "source_of"]

NAME_PATTERNS: Mapping[str, str] = {
    "cpsc2018": r"A\d{4}",
    "cpsc2018_extra": r"Q\d{4}",
    "incart": r"I\d{4}",
    "ptb": r"S\d{4}",
    "ptbxl": r"HR\d{5}",
    "georgia": r"E\d{5}",
    "chapman_shaoxing": r"JS(0\d{4}|10[0-5]\d\d|106[0-3]\d|1064[0-6])",
    "ningbo": r"JS\d{5}",
}
"""Names of the records of each source. Chapman-Shaoxing's go up to JS10646, Ningbo's follow."""

# Several records of these come from one patient, and the challenge does not say which.
_UNKNOWN_PATIENTS = ("incart", "ptb", "ptbxl")


def source_of(record_id: str) -> str | None:
    """Return the source of a record of the challenges by its name.

    >>> source_of("JS10646"), source_of("JS10647"), source_of("HR06000"), source_of("100")
    ('chapman_shaoxing', 'ningbo', 'ptbxl', None)
    """
    return next((source for source, pattern in NAME_PATTERNS.items() if re.fullmatch(pattern, record_id)), None)


def open_source(
    root: Path | str | None,
    source: str,
    card: DataCard,
    *,
    absence: str,
    unknown_codes: str,
    split_seed: int,
    split_fractions: Mapping[str, float] | None,
) -> Recordings:
    """Open one source of the challenge of 2021, in the folder of the source or of the whole challenge.

    Args:
        root: A folder that holds its records, at any depth.
        source: One of ``NAME_PATTERNS``, whose patients have one record each as far as is published.
        card: Its data card.
        absence: See ``scored_reading``.
        unknown_codes: See ``check_tokens``.
        split_seed: See ``patient_split``.
        split_fractions: Shares of the splits; None for 70, 10 and 20 % of the patients.
    """
    folder = find_folder(root, card)
    headers = scan_headers(folder, card, NAME_PATTERNS[source])
    entries = [
        _entry(header, source, header.record_id, fold_of(header.record_id, split_seed, split_fractions))
        for header in headers
    ]
    check_tokens(entries, challenge_codes(), card, unknown_codes)
    return Recordings(
        folder, card, entries, readings={"cinc2021": scored_reading("cinc2021", absence=absence)}, read=read_wfdb
    )


def open_challenge(
    root: Path | str | None,
    card: DataCard,
    *,
    label_set: str,
    absence: str,
    unknown_codes: str,
    ptbxl_root: Path | str | None,
    split_seed: int,
    split_fractions: Mapping[str, float] | None,
) -> Recordings:
    """Open all sources of a challenge that lie in a folder.

    The challenge does not say which records of INCART, PTB and PTB-XL belong to one patient, so that no split of them
    is safe: they are all in ``train``. With ``ptbxl_root`` the patients of PTB-XL are known, and split as the others.

    Args:
        root: A folder that holds the records, at any depth.
        card: Data card of the challenge.
        label_set: ``cinc2021`` or ``cinc2020``.
        absence: See ``scored_reading``.
        unknown_codes: See ``check_tokens``.
        ptbxl_root: Folder of PTB-XL itself, for its table of patients; or None.
        split_seed: See ``patient_split``.
        split_fractions: Shares of the splits; None for 70, 10 and 20 % of the patients.
    """
    folder = find_folder(root, card)
    reading = scored_reading(label_set, absence=absence)
    patients = {} if ptbxl_root is None else _ptbxl_patients(ptbxl_root)
    entries = []
    for header in scan_headers(folder, card):
        source = source_of(header.record_id)
        if source is None:
            raise DatasetError(
                f"{folder} holds a record that belongs to no source of {card.title}",
                received=header.record_id,
                action="move other records out of the folder",
            )
        is_safe = source not in _UNKNOWN_PATIENTS or (source == "ptbxl" and ptbxl_root is not None)
        patient = _patient(header.record_id, source, patients)
        fold = fold_of(patient, split_seed, split_fractions) if is_safe else "train"
        entries.append(_entry(header, source, patient, fold))
    check_tokens(entries, challenge_codes(), card, unknown_codes)
    return Recordings(folder, card, entries, readings={label_set: reading}, read=read_wfdb)


def _entry(header: HeaderInfo, source: str, patient_id: str, fold: str) -> Entry:
    attributes = {**header.attributes, "source": source}
    info = RecordInfo(header.record_id, patient_id, None, fold, attributes)
    return Entry(info, header.path, header.tokens, source)


def _patient(record_id: str, source: str, ptbxl_patients: Mapping[int, str]) -> str:
    if source != "ptbxl" or not ptbxl_patients:
        return record_id
    number = int(record_id.removeprefix("HR"))
    if number not in ptbxl_patients:
        raise DatasetError(
            "the table of PTB-XL lacks a record of the challenge",
            received=record_id,
            action="give ptbxl_root version 1.0.1 of PTB-XL, or leave it out",
        )
    return f"ptbxl-{ptbxl_patients[number]}"


def _ptbxl_patients(root: Path | str) -> dict[int, str]:
    """Patient of each record of PTB-XL by its number, which the challenge kept."""
    from medclip.modalities.ecg.datasets.ptbxl import open_ptbxl

    records: Sequence[RecordInfo] = open_ptbxl(root).records
    return {int(record.record_id): record.patient_id for record in records}
