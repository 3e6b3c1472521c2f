"""Finding and reading the tables of a data set's folder, checked against its data card."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.errors import DatasetError

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["check_relative", "check_unique", "find_folder", "find_root", "first_present", "how_to_fetch", "read_rows"]


def how_to_fetch(card: DataCard) -> str:
    """Say how somebody gets the files of a data set."""
    return f"run medclip data download {card.name}" if card.base_url else f"fetch them from {card.url}"


def find_folder(root: Path | str | None, card: DataCard) -> Path:
    """Return the folder that was given.

    Raises:
        DatasetError: None was given, or it is no folder.
    """
    if root is None:
        raise DatasetError(f"{card.title} needs a folder", action=f"give it, or {how_to_fetch(card)}")
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {folder} with {card.title}", action=how_to_fetch(card))
    return folder


def find_root(root: Path | str | None, table: str | Sequence[str], card: DataCard) -> Path:
    """Return the folder that holds ``table``: the one given, or the only one of that kind inside it.

    Args:
        root: A folder.
        table: Path of a file or folder inside it, or several of which one is enough.
        card: Of the data set.

    Raises:
        DatasetError: It is not a folder, or neither it nor exactly one folder in it holds the table.
    """
    names = (table,) if isinstance(table, str) else tuple(table)
    fetch = f"fetch it: medclip data download {card.name}" if card.base_url else f"fetch it from {card.url}"
    ways_out = f"give the folder that holds {' or '.join(names)}, or {fetch}"
    if root is None:
        raise DatasetError(f"{card.title} needs a folder", action=ways_out)
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {folder} with {card.title}", action=ways_out)
    if any((folder / name).exists() for name in names):
        return folder
    nested = sorted(inner for inner in folder.iterdir() if any((inner / name).exists() for name in names))
    if len(nested) != 1:
        found = f"{' or '.join(names)} in {', '.join(inner.name for inner in nested)}"
        raise DatasetError(
            f"{folder} does not hold {card.title}",
            received=found if nested else f"no {' or '.join(names)}",
            action=ways_out,
        )
    return nested[0]


def first_present(folder: Path, names: Sequence[str], card: DataCard) -> Path:
    """Return the first file or folder of several names that is there.

    Raises:
        DatasetError: None is.
    """
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise DatasetError(f"{folder} lacks {' or '.join(names)} of {card.title}", action=how_to_fetch(card))


def read_rows(path: Path, card: DataCard, columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Iterate over the rows of a CSV file: the number of the line and the fields of ``columns``, in that order.

    Raises:
        DatasetError: The file is missing, is no text, is cut short, or lacks a column that the card declares.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            card.check_columns(path.name, header)
            # A column without a name is asked for by the empty text.
            pick = itemgetter(*(header.index(column) for column in columns))
            for row in reader:
                yield reader.line_num, pick(row)
    except FileNotFoundError as error:
        raise DatasetError(f"{path.parent} lacks {path.name} of {card.title}", action=how_to_fetch(card)) from error
    except IndexError as error:
        raise DatasetError(
            f"line {reader.line_num} of {path} has fewer fields than the first line",
            action="copy the file again from its source",
        ) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read as a table ({error})", action="copy it again") from error


def check_relative(name: str, table: Path) -> str:
    """Return a path that a table gives, or raise ``DatasetError`` if it leaves the data set's folder."""
    if not name or name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name:
        raise DatasetError(f"{table} names a file outside its folder", received=name, action="copy the table again")
    return name


def check_unique(record_ids: Iterable[str], card: DataCard, where: Path) -> None:
    """Raise ``DatasetError`` if a record occurs more than once, or if there is none."""
    seen: set[str] = set()
    for record_id in record_ids:
        if record_id in seen:
            raise DatasetError(
                f"{where} holds a record of {card.title} more than once",
                received=record_id,
                action="keep one copy of every record in the folder",
            )
        seen.add(record_id)
    if not seen:
        raise DatasetError(f"{where} holds no record of {card.title}", action=how_to_fetch(card))
