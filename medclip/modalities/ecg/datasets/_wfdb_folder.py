"""The records of a folder of WFDB files, from the comments of their headers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from medclip.core.dataset_files import check_unique, how_to_fetch
from medclip.core.errors import DatasetError
from medclip.core.sample import Sample
from medclip.modalities.ecg.datasets._recordings import Entry
from medclip.modalities.ecg.formats import wfdb
from medclip.modalities.ecg.formats._wfdb_comments import describe_comments

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["HeaderInfo", "check_listed", "read_wfdb", "scan_headers"]

_DIAGNOSES = re.compile(r"Dx\s*:\s*(.*)")
_LARGEST_HEADER_BYTES = 1 << 16


class HeaderInfo(NamedTuple):
    """What the header of a record says beside its signals.

    ``tokens`` are its diagnosis codes, None if it states none; ``path`` is relative to the folder.
    """

    record_id: str
    path: str
    attributes: Mapping[str, Any]
    tokens: frozenset[str] | None
    comments: Sequence[str]


def scan_headers(folder: Path, card: DataCard, pattern: str = r".+") -> list[HeaderInfo]:
    """Read the comments of all headers in a folder and below, in the order of the records' names.

    Args:
        folder: Folder of the data set.
        card: Its data card.
        pattern: Regular expression that the name of a record must match as a whole; other records are left out.

    Raises:
        DatasetError: There is none, a record occurs more than once, or a header cannot be read.
    """
    wanted = re.compile(pattern)
    found = sorted((path.stem, path) for path in _headers(folder) if wanted.fullmatch(path.stem))
    check_unique((name for name, _ in found), card, folder)
    return [_read(path, folder) for _, path in found]


def check_listed(folder: Path, listed: Path, card: DataCard) -> None:
    """Check that every record that a ``RECORDS`` file names is there; do nothing if there is no such file.

    Raises:
        DatasetError: A header is missing.
    """
    if not listed.is_file():
        return
    names = listed.read_text(encoding="utf-8", errors="replace").split()
    missing = [name for name in names if not (folder / f"{name}.hea").is_file()]
    if missing:
        raise DatasetError(
            f"{folder} lacks records of {card.title} that {listed.name} names",
            received=missing,
            action=how_to_fetch(card),
        )


def read_wfdb(path: Path, entry: Entry) -> Sample:
    """Read a record; the codes in its header are given as labels and not once more as an attribute."""
    sample = wfdb.read(path)
    return sample.replace(attributes={name: value for name, value in sample.attributes.items() if name != "dx"})


def _headers(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent) / name for name in names if name.endswith(".hea"))


def _read(path: Path, folder: Path) -> HeaderInfo:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_HEADER_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read ({error.strerror})", action="check the path and its rights"
        ) from error
    comments = [line.lstrip("# \t").strip() for line in text.splitlines() if line.startswith("#")]
    attributes, _ = describe_comments(comments)
    attributes.pop("dx", None)
    return HeaderInfo(path.stem, path.relative_to(folder).as_posix(), attributes, _tokens(comments), comments)


def _tokens(comments: Sequence[str]) -> frozenset[str] | None:
    """Return the codes after "Dx:" whole and as they stand, so that a damaged one is noticed and not dropped."""
    for comment in comments:
        stated = _DIAGNOSES.fullmatch(comment)
        if stated:
            tokens = frozenset(filter(None, map(str.strip, stated[1].split(","))))
            return tokens if tokens and tokens != {"Unknown"} else None
    return None
