"""PTB Diagnostic ECG Database: 549 ECGs of 290 patients at 1000 Hz, 12 and 3 Frank leads (https://doi.org/10.13026/C28C71)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.dataset import RecordInfo
from medclip.core.dataset_files import find_folder
from medclip.core.errors import DatasetError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.core.splits import fold_of
from medclip.modalities.ecg.datasets._recordings import Entry, Recordings, TokenReading, check_tokens
from medclip.modalities.ecg.datasets._wfdb_folder import HeaderInfo, check_listed, read_wfdb, scan_headers

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_ptb"]

_NAMES = r"s\d{4}\w*"
_PATIENT = re.compile(r"patient\d{3}")
_REASON = re.compile(r"Reason for admission\s*:\s*(.*)")
# Heart failure is written with its class: "Heart failure (NYHA 2)".
_CLASS = re.compile(r"\s*\(NYHA [1-4]\)$")
_UNKNOWN = ("", "n/a")


def open_ptb(
    root: Path | str | None,
    *,
    unknown_codes: str = "error",
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> Recordings:
    """Open PTB in its own layout, ``patient001/s0010_re.hea``.

    Its label set ``ptb`` is the reason for admission: what the clinic knew of the patient, not what the ECG shows.

    Args:
        root: The folder that holds the folders of the patients.
        unknown_codes: ``ignore`` accepts reasons for admission that are not known; ``error`` refuses them.
        split_seed: See ``patient_split``.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 % of the patients.

    Raises:
        ConfigError: An option is out of range.
        DatasetError: The folder lacks records, holds one twice or outside a patient's folder, or has an unknown label.
    """
    from medclip.core.cards import load_card

    card = load_card("ptb")
    folder = find_folder(root, card)
    check_listed(folder, folder / "RECORDS", card)
    entries = [_entry(header, card, split_seed, split_fractions) for header in scan_headers(folder, card, _NAMES)]
    reading = TokenReading({finding.text: (finding.code,) for finding in LabelSet.load("ptb").findings})
    check_tokens(entries, reading.present, card, unknown_codes)
    return Recordings(folder, card, entries, readings={"ptb": reading}, read=read_wfdb)


DATASET = DatasetFactory(
    name="ptb", description="PTB: 549 ECGs of 290 patients with 12 standard and 3 Frank leads at 1000 Hz", open=open_ptb
)


def _entry(header: HeaderInfo, card: DataCard, split_seed: int, split_fractions: Mapping[str, float] | None) -> Entry:
    patient = Path(header.path).parent.name
    if not _PATIENT.fullmatch(patient):
        raise DatasetError(
            f"a record of {card.title} does not lie in the folder of its patient",
            received=header.path,
            allowed=f"patient001/{header.record_id}.hea and the like",
            action="keep the folders as they are published: they alone tell the patients apart",
        )
    fold = fold_of(patient, split_seed, split_fractions)
    info = RecordInfo(header.record_id, patient, None, fold, header.attributes)
    return Entry(info, header.path, _reason(header.comments))


def _reason(comments: Sequence[str]) -> frozenset[str] | None:
    for comment in comments:
        stated = _REASON.fullmatch(comment)
        if stated and stated[1].strip() not in _UNKNOWN:
            return frozenset({_CLASS.sub("", stated[1].strip())})
    return None
