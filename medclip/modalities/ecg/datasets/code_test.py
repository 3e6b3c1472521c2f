"""CODE-test: 827 ECGs of 827 patients annotated by cardiologists (https://doi.org/10.5281/zenodo.3625006)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from medclip.core.dataset import RecordInfo
from medclip.core.dataset_files import find_root, how_to_fetch, read_rows
from medclip.core.errors import ConfigError, DatasetError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.core.sample import Sample
from medclip.modalities.ecg.datasets._recordings import Entry, Recordings, TokenReading
from medclip.modalities.ecg.formats import hdf5

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["ANNOTATORS", "DATASET", "open_code_test"]

ANNOTATORS = (
    "gold_standard",
    "cardiologist1",
    "cardiologist2",
    "cardiology_residents",
    "emergency_residents",
    "medical_students",
    "dnn",
)
_TRACINGS, _ATTRIBUTES = "ecg_tracings.hdf5", "attributes.csv"
_SEXES = {"M": "male", "F": "female"}


def open_code_test(root: Path | str | None, *, annotator: str = "gold_standard") -> Recordings:
    """Open CODE-test in its own layout; its records are all in the fold ``test`` and are called by their rows.

    Its amplitude is not calibrated to millivolts, which the attribute ``amplitude_is_calibrated`` of a sample says.

    Args:
        root: The folder with ``annotations/gold_standard.csv``, or one that holds a single such folder.
        annotator: Whose labels: ``gold_standard``, one of the people it was compared with, or the network ``dnn``.

    Raises:
        ConfigError: There is no such annotator.
        DatasetError: The folder, a table, a column or a value is missing, or the tables differ in length.
    """
    from medclip.core.cards import load_card

    if annotator not in ANNOTATORS:
        raise ConfigError("CODE-test has no such annotator", received=annotator, allowed=ANNOTATORS)
    card = load_card("code_test")
    folder = find_root(root, f"annotations/{annotator}.csv", card)
    codes = LabelSet.load("code").codes
    tokens = _read_labels(folder / "annotations" / f"{annotator}.csv", card, codes)
    people = _read_people(folder / _ATTRIBUTES, card)
    if not len(tokens) == len(people) > 0:
        raise DatasetError(
            f"{_ATTRIBUTES} and {annotator}.csv of {card.title} do not belong together",
            received=f"{len(people)} and {len(tokens)} rows",
            action=how_to_fetch(card),
        )
    entries = [
        Entry(RecordInfo(str(row), str(row), None, "test", person), _TRACINGS, labels, place=str(row))
        for row, (labels, person) in enumerate(zip(tokens, people, strict=True))
    ]
    reading = TokenReading({code: (code,) for code in codes})
    return Recordings(folder, card, entries, readings={"code": reading}, read=_read)


DATASET = DatasetFactory(
    name="code_test",
    description="CODE-test: 827 twelve-lead ECGs at 400 Hz with six diagnoses by cardiologists",
    open=open_code_test,
)


def _read(path: Path, entry: Entry) -> Sample:
    return hdf5.read(Path(f"{path}#{entry.place}"))


def _read_labels(path: Path, card: DataCard, codes: tuple[str, ...]) -> list[frozenset[str]]:
    found = []
    for line, flags in read_rows(path, card, codes):
        if not set(flags) <= {"0", "1"}:
            raise DatasetError(
                f"line {line} of {path} holds another label than 0 and 1", received=flags, action=how_to_fetch(card)
            )
        found.append(frozenset(code for code, flag in zip(codes, flags, strict=True) if flag == "1"))
    return found


def _read_people(path: Path, card: DataCard) -> list[dict[str, Any]]:
    people = []
    for line, (age, sex) in read_rows(path, card, ("age", "sex")):
        try:
            person: dict[str, Any] = {"age": float(age)} if age else {}
        except ValueError as error:
            raise DatasetError(f"line {line} of {path} has no usable age", received=age) from error
        people.append(person | ({"sex": _SEXES[sex]} if sex in _SEXES else {}))
    return people
