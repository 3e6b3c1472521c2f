"""CPSC2018: 6,877 ECGs of 6 to 144 s with nine diagnoses (China Physiological Signal Challenge 2018).

Two forms are read: the challenge's own (``A0001.mat`` and ``REFERENCE.csv``), and that of the PhysioNet/CinC challenges
(``A0001.hea`` with SNOMED CT codes).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.dataset import RecordInfo
from medclip.core.dataset_files import check_relative, check_unique, find_folder, how_to_fetch, read_rows
from medclip.core.errors import DatasetError
from medclip.core.modality import DatasetFactory
from medclip.core.sample import Sample
from medclip.core.splits import fold_of
from medclip.modalities.ecg.datasets._cinc import open_source
from medclip.modalities.ecg.datasets._recordings import Entry, Recordings, TokenReading
from medclip.modalities.ecg.formats import mat

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_cpsc2018"]

_REFERENCE = "REFERENCE.csv"
_CLASSES = {
    "1": "Normal",
    "2": "AF",
    "3": "I-AVB",
    "4": "LBBB",
    "5": "RBBB",
    "6": "PAC",
    "7": "PVC",
    "8": "STD",
    "9": "STE",
}
# The codes with which the PhysioNet/CinC challenges write the nine classes.
_SNOMED = {
    "426783006": "Normal",
    "164889003": "AF",
    "270492004": "I-AVB",
    "164909002": "LBBB",
    "59118001": "RBBB",
    "284470004": "PAC",
    "164884008": "PVC",
    "429622005": "STD",
    "164931005": "STE",
}


def open_cpsc2018(
    root: Path | str | None,
    *,
    absence: str = "source",
    unknown_codes: str = "error",
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> Recordings:
    """Open CPSC2018 in either form; its own form is taken if ``REFERENCE.csv`` is there.

    Every record counts as a patient, since none is published. Its own form has the label set ``cpsc2018``; the form of
    the PhysioNet/CinC challenges has ``cinc2021`` besides.

    Args:
        root: A folder that holds its records, at any depth.
        absence: Of ``cinc2021``: ``source`` leaves findings open (NaN) that no record of this set carries,
            ``challenge`` counts them as absent.
        unknown_codes: ``ignore`` accepts SNOMED CT codes that the challenges do not know; ``error`` refuses them.
        split_seed: See ``patient_split``.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.

    Raises:
        ConfigError: An option is out of range.
        DatasetError: The folder, a column, a record or a label is missing, doubled or unknown.
    """
    from medclip.core.cards import load_card

    card = load_card("cpsc2018")
    folder = find_folder(root, card)
    references = sorted(folder.rglob(_REFERENCE))
    if not references:
        found = open_source(
            folder,
            "cpsc2018",
            card,
            absence=absence,
            unknown_codes=unknown_codes,
            split_seed=split_seed,
            split_fractions=split_fractions,
        )
        reading = TokenReading({snomed: (code,) for snomed, code in _SNOMED.items()})
        return found.with_readings({"cpsc2018": reading, **found.readings})
    entries = _read_reference(references, folder, card, split_seed, split_fractions)
    reading = TokenReading({number: (code,) for number, code in _CLASSES.items()})
    return Recordings(folder, card, entries, readings={"cpsc2018": reading}, read=_read)


DATASET = DatasetFactory(
    name="cpsc2018",
    description="CPSC2018: 6,877 twelve-lead ECGs of 6 to 144 s with nine diagnoses",
    open=open_cpsc2018,
)


def _read(path: Path, _: Entry) -> Sample:
    return mat.read(path)


def _read_reference(
    references: list[Path],
    folder: Path,
    card: DataCard,
    split_seed: int,
    split_fractions: Mapping[str, float] | None,
) -> list[Entry]:
    """Read the labels; each of the three archives of the challenge may bring the same table along."""
    if len({path.read_bytes() for path in references}) > 1:
        raise DatasetError(f"{folder} holds different files {_REFERENCE}", action=how_to_fetch(card))
    # Where a record is not there, it is missed when it is read, so that the labels can be used without the signals.
    paths = sorted(folder.rglob("A*.mat"))
    if paths:
        check_unique((path.stem for path in paths), card, folder)
    places = {path.stem: path.relative_to(folder).as_posix() for path in paths}
    entries = []
    columns = ("Recording", "First_label", "Second_label", "Third_label")
    for line, (record_id, *labels) in read_rows(references[0], card, columns):
        check_relative(record_id, references[0])
        tokens = frozenset(label.removesuffix(".0") for label in labels if label)
        if not tokens or not tokens <= set(_CLASSES):
            raise DatasetError(
                f"line {line} of {references[0]} has no usable label",
                received=sorted(tokens - set(_CLASSES)),
                allowed="1 to 9",
                action=how_to_fetch(card),
            )
        info = RecordInfo(record_id, record_id, None, fold_of(record_id, split_seed, split_fractions), {})
        entries.append(Entry(info, places.get(record_id, f"{record_id}.mat"), tokens, "cpsc2018"))
    check_unique((entry.info.record_id for entry in entries), card, references[0])
    return entries
