"""A data set of one file per record, and how what it writes about a record becomes labels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from medclip.core.dataset import LabelTable, RecordInfo
from medclip.core.dataset_files import how_to_fetch
from medclip.core.errors import ConfigError, DatasetError, LabelError
from medclip.core.label_set import LabelSet
from medclip.core.sample import Sample

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = [
    "Entry",
    "Reading",
    "Recordings",
    "TokenReading",
    "check_tokens",
]


@dataclass(frozen=True)
class Entry:
    """One record before its signal is read.

    Args:
        info: What is known of it.
        path: Its file, relative to the folder of the data set, with slashes.
        tokens: Its labels as the data set writes them; None if nobody has assessed it.
        source: Part of the data set that it belongs to, or empty.
        place: Which of the recordings in its file it is, or empty.
    """

    info: RecordInfo
    path: str
    tokens: frozenset[str] | None
    source: str = ""
    place: str = ""


class Reading(Protocol):
    """How the labels that a data set writes are read in one label set."""

    def __call__(self, entry: Entry) -> tuple[Collection[str], Collection[str]]:
        """Return the codes that are present, and those that are not assessed unless present."""


@dataclass(frozen=True)
class TokenReading:
    """Whole labels, looked up one by one.

    Args:
        present: Codes that a label makes present; a label that is no key says nothing about the label set.
        unsure: Codes of which a label leaves open whether they are present.
        unassessed: Codes that a part of the data set never states, by the name of the part.
    """

    present: Mapping[str, Collection[str]]
    unsure: Mapping[str, Collection[str]] = field(default_factory=dict)
    unassessed: Mapping[str, Collection[str]] = field(default_factory=dict)

    def __call__(self, entry: Entry) -> tuple[Collection[str], Collection[str]]:
        """Return the codes that are present, and those that are not assessed unless present."""
        tokens = entry.tokens or ()
        present = {code for token in tokens for code in self.present.get(token, ())}
        unsure = {code for token in tokens for code in self.unsure.get(token, ())}
        return present, unsure | set(self.unassessed.get(entry.source, ()))


class Recordings:
    """Records, attributes, splits and labels of a data set with one file per record.

    Args:
        root: Folder of the data set.
        card: Its data card.
        entries: Its records in order.
        readings: How its labels are read, by label set; the first is the one that samples carry.
        read: Reads the file of an entry into a sample.
    """

    modality = "ecg"

    def __init__(
        self,
        root: Path,
        card: DataCard,
        entries: Sequence[Entry],
        *,
        readings: Mapping[str, Reading],
        read: Callable[[Path, Entry], Sample],
    ) -> None:
        self._root, self._card, self._entries, self._read = root, card, entries, read
        self.readings = readings
        self.name, self.version = card.name, card.version
        self.label_sets = tuple(readings)
        self.records: Sequence[RecordInfo] = tuple(entry.info for entry in entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Sample:
        """Read one record, with its attributes and the labels of the first label set.

        Raises:
            DatasetError: Its file is not in the folder.
            FormatError: It is damaged.
        """
        entry = self._entries[index]
        path = self._root / entry.path
        if not path.is_file():
            raise DatasetError(
                f"the file of record {entry.info.record_id} of {self._card.title} is not there",
                received=f"no {path}",
                action=how_to_fetch(self._card),
            )
        sample = self._read(path, entry)
        return sample.replace(
            record_id=entry.info.record_id,
            patient_id=entry.info.patient_id,
            report=entry.info.report,
            labels=self._labels_of(index),
            attributes={**sample.attributes, **entry.info.attributes},
            source=f"{self.name} {entry.info.record_id}",
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def labels(self, label_set: str) -> LabelTable:
        """Labels of all records; a row is NaN if nobody has assessed the record.

        Raises:
            LabelError: The data set does not carry that label set.
        """
        if label_set not in self.readings:
            raise LabelError(
                f"{self._card.title} has no such label set", received=label_set, allowed=self.label_sets or "none"
            )
        codes = LabelSet.load(label_set).codes
        reading, column = self.readings[label_set], {code: position for position, code in enumerate(codes)}
        values = np.zeros((len(self._entries), len(codes)), np.float32)
        for row, entry in zip(values, self._entries, strict=True):
            if entry.tokens is None:
                row[:] = np.nan
                continue
            present, unsure = reading(entry)
            row[[column[code] for code in unsure]] = np.nan
            row[[column[code] for code in present]] = 1.0
        return LabelTable(codes, values)

    def with_readings(self, readings: Mapping[str, Reading]) -> Recordings:
        """Return the same records with their labels read in other label sets."""
        return Recordings(self._root, self._card, self._entries, readings=readings, read=self._read)

    def _labels_of(self, index: int) -> dict[str, float]:
        if not self.label_sets:
            return {}
        return dict(zip(self._first_labels.codes, self._first_labels.values[index].tolist(), strict=True))

    @functools.cached_property
    def _first_labels(self) -> LabelTable:
        return self.labels(self.label_sets[0])


def check_tokens(entries: Iterable[Entry], known: Collection[str], card: DataCard, unknown_codes: str) -> None:
    """Check that the data set is known to use all labels of its records.

    Args:
        entries: The records.
        known: All labels that the data set is known to use.
        card: Its data card.
        unknown_codes: ``error``, or ``ignore`` to accept them: they are part of no label set then.

    Raises:
        ConfigError: ``unknown_codes`` is neither.
        DatasetError: A record has another label.
    """
    if unknown_codes not in ("error", "ignore"):
        raise ConfigError("unknown_codes cannot be that", received=unknown_codes, allowed="error, ignore")
    for entry in entries if unknown_codes == "error" else ():
        unknown = sorted((entry.tokens or frozenset()) - set(known))
        if unknown:
            raise DatasetError(
                f"record {entry.info.record_id} of {card.title} has a code that version {card.version} does not use",
                received=unknown,
                action="copy its file again, or open the data set with unknown_codes=ignore",
            )
