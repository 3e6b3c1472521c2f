"""Data cards: what a data set is, under which terms, and what its files must hold.

A card is a Croissant 1.0 file (https://docs.mlcommons.org/croissant/docs/croissant-spec.html), JSON-LD in
``data_cards/NAME.json``. This module reads the part that medclip relies on; ``mlcroissant`` reads all of it.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from medclip.core.errors import DatasetError

__all__ = ["CardFile", "DataCard", "have_recordings_in_common", "load_card", "read_card"]

_SIZE = re.compile(r"(\d+)(?: ?B)?")


@dataclass(frozen=True)
class CardFile:
    """One file, or one group of files, of a data set.

    Args:
        name: Its id in the card.
        url: Where a single file is fetched from; empty for a group.
        pattern: Glob that the paths of a group match, relative to the data set's folder; empty for a single file.
        n_bytes: Size of all of it, or None if the card does not say.
        sha256: Checksum of a single file in hexadecimal digits, or None if the card does not say.
    """

    name: str
    url: str = ""
    pattern: str = ""
    n_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class DataCard:
    """What medclip knows of a data set before it reads it.

    Args:
        name: Name on the command line.
        title: What people call it.
        version: Version that the card describes.
        licence: Address of the licence.
        citation: How to cite it.
        url: Its page, for people.
        base_url: Address of the folder that holds its files, with a final slash; empty if they cannot be fetched.
        access_conditions: What is needed to be given access; empty if everybody may fetch it.
        files: Its files and groups of files.
        columns: Columns that each table must have, by file name.
        splits: Names of the official splits or folds; empty if there are none.
        overlaps_with: Names of data sets that have recordings in common with this one.
    """

    name: str
    title: str
    version: str
    licence: str
    citation: str
    url: str
    base_url: str
    access_conditions: str
    files: tuple[CardFile, ...]
    columns: Mapping[str, tuple[str, ...]]
    splits: tuple[str, ...]
    overlaps_with: tuple[str, ...] = ()

    def check_columns(self, file_name: str, header: Sequence[str]) -> None:
        """Check the first row of a table against the card.

        Raises:
            DatasetError: A column that the card declares is absent.
        """
        # Croissant names a column without a name the way pandas does.
        known = {name or f"Unnamed: {position}" for position, name in enumerate(header)}
        lacking = [name for name in self.columns.get(file_name, ()) if name not in known]
        if lacking:
            raise DatasetError(
                f"{file_name} of {self.title} lacks columns that its data card declares: {', '.join(lacking)}",
                received=[name for name in header if name],
                action=f"use the file of version {self.version}: {self.url}",
            )

    def check_split(self, split: str) -> None:
        """Check that a split or fold is one of those the card declares; raise ``DatasetError`` if not."""
        if self.splits and split not in self.splits:
            raise DatasetError(
                f"{self.title} has no such split",
                received=split,
                allowed=self.splits,
                action=f"use the files of version {self.version}: {self.url}",
            )


@functools.cache
def load_card(name: str) -> DataCard:
    """Load a shipped data card by the name of its data set; ``-`` and ``_`` are the same.

    Raises:
        DatasetError: There is no card of that name, or it is malformed.

    >>> load_card("ptbxl").version
    '1.0.3'
    """
    wanted = name.lower().replace("-", "_")
    known = _card_files()
    if wanted not in known:
        raise DatasetError("there is no data card of that name", received=name, allowed=sorted(known))
    return read_card(known[wanted])


def have_recordings_in_common(one: str, other: str) -> bool:
    """Tell whether the card of either of two data sets declares the other; a data set without a card declares none.

    >>> have_recordings_in_common("ptbxl", "cinc2021"), have_recordings_in_common("ptbxl", "ludb")
    (True, False)
    """
    one, other = (name.lower().replace("-", "_") for name in (one, other))
    known = _card_files()
    pairs = ((one, other), (other, one))
    return any(name in known and declared in load_card(name).overlaps_with for name, declared in pairs)


def read_card(path: Path) -> DataCard:
    """Read a data card from a file.

    Raises:
        DatasetError: It is not JSON, or lacks what medclip needs.
    """
    try:
        return _parse(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"the data card {path} cannot be used ({type(error).__name__}: {error})",
            action="compare it with the other cards in data_cards",
        ) from error


def _card_files() -> dict[str, Path]:
    """Return the cards of the installed package, or those of the source tree that it is run from."""
    package = Path(str(files("medclip")))
    for folder in (package / "data_cards", package.parent / "data_cards"):
        found = {path.stem: path for path in sorted(folder.glob("*.json"))}
        if found:
            return found
    return {}


def _parse(card: Mapping[str, Any]) -> DataCard:
    distribution = card["distribution"]
    base_urls = [entry["contentUrl"] for entry in distribution if str(entry.get("contentUrl", "")).endswith("/")]
    return DataCard(
        name=_text(card, "name"),
        title=str(card.get("alternateName") or card["name"]),
        version=_text(card, "version"),
        licence=_text(card, "license"),
        citation=_text(card, "citeAs"),
        url=_text(card, "url"),
        base_url=base_urls[0] if base_urls else "",
        access_conditions=str(card.get("conditionsOfAccess", "")),
        files=tuple(_file(entry) for entry in distribution if entry.get("contentUrl") not in base_urls),
        columns=_columns(card.get("recordSet", ())),
        splits=_splits(card.get("recordSet", ())),
        overlaps_with=tuple(str(name) for name in card.get("medclip:overlapsWith", ())),
    )


def _text(card: Mapping[str, Any], key: str) -> str:
    value = card[key]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is not a text")
    return value


def _file(entry: Mapping[str, Any]) -> CardFile:
    size = _SIZE.fullmatch(str(entry.get("contentSize", "")))
    checksum = str(entry.get("sha256", "")).lower()
    return CardFile(
        name=_text(entry, "@id"),
        url=str(entry.get("contentUrl", "")),
        pattern=str(entry.get("includes", "")),
        n_bytes=int(size[1]) if size else None,
        sha256=checksum if re.fullmatch("[0-9a-f]{64}", checksum) else None,
    )


def _columns(record_sets: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    columns: dict[str, tuple[str, ...]] = {}
    for field in (field for record_set in record_sets for field in record_set.get("field", ())):
        source = field.get("source", {})
        column = source.get("extract", {}).get("column")
        if column is not None:
            file_name = source["fileObject"]["@id"]
            columns[file_name] = (*columns.get(file_name, ()), column)
    return columns


def _splits(record_sets: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the first field of every row of the record set that Croissant's type marks as the list of splits."""
    for record_set in record_sets:
        if record_set.get("dataType") == "cr:Split":
            key = record_set["key"]["@id"]
            return tuple(str(row[key]) for row in record_set["data"])
    return ()
