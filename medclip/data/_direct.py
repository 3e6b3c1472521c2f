"""Downloading a data set of a few whole files whose addresses its card holds, from a host without checksums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from medclip.core.cards import CardFile, DataCard
from medclip.core.errors import InputError
from medclip.core.files import output_errors
from medclip.data._fetch import Fetcher, has_checksum

__all__ = ["fetch_direct", "is_direct"]


def is_direct(card: DataCard) -> bool:
    """Tell whether everybody may fetch the files of a data set one by one."""
    return not card.base_url and not card.access_conditions and any(file.url for file in card.files)


def fetch_direct(
    card: DataCard, folder: Path, fetcher: Fetcher, *, parts: Sequence[str] | None, done: Callable[[int], object]
) -> None:
    """Fetch the files that are not there, or do not have the checksum that the card states.

    Args:
        card: Data card of the data set.
        folder: Where to put them; made if it does not exist.
        fetcher: Fetches one file.
        parts: Names of the files to fetch; all if None.
        done: Called with 1 when a file is there.

    Raises:
        InputError: There is no such part.
        DownloadError: The server fails for good, or sends another file than the card describes.
        OutputError: The folder cannot be written.
    """
    wanted = _wanted(card, parts)
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for file in wanted:
        if fetcher.stop.is_set():
            return
        target = folder / PurePosixPath(file.name).name
        is_there = target.is_file() and (file.sha256 is None or has_checksum(target, file.sha256))
        if not is_there:
            fetcher.fetch(file.url, target, sha256=file.sha256)
        done(1)


def _wanted(card: DataCard, parts: Sequence[str] | None) -> list[CardFile]:
    known = {file.name: file for file in card.files if file.url}
    unknown = [part for part in parts or () if part not in known]
    if unknown:
        raise InputError(f"{card.title} has no such part", received=unknown, allowed=known)
    return [file for name, file in known.items() if parts is None or name in parts]
