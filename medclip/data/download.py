"""Downloading a data set, mostly from PhysioNet: parallel, resumed after any interruption, every file verified.

PhysioNet keeps beside the files of every version a list ``SHA256SUMS.txt`` of their names and checksums. It is fetched
first and decides what is fetched and what is already there.
"""

from __future__ import annotations

import re
import shutil
import sys
import threading
import urllib.parse
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from medclip.core.cards import DataCard
from medclip.core.errors import DownloadError, InputError, OutputError
from medclip.data._direct import fetch_direct, is_direct
from medclip.data._fetch import Fetcher, has_checksum

__all__ = ["download_dataset"]

_LIST = "SHA256SUMS.txt"
_LINE = re.compile(r"([0-9a-fA-F]{64})\s+\*?(\S.*)")
_LARGEST_N_PARALLEL = 32
_GIGABYTE = 1e9


def download_dataset(
    card: DataCard,
    destination: Path | str,
    *,
    base_url: str | None = None,
    parts: Sequence[str] | None = None,
    n_parallel: int = 8,
    progress: bool = True,
    n_attempts: int = 6,
    first_wait_s: float = 1.0,
    timeout_s: float = 60.0,
) -> Path:
    """Fetch all files of a data set, or those of some parts; do it again to continue or to verify.

    Args:
        card: Data card of the data set.
        destination: Folder for its files; made if it does not exist.
        base_url: Folder on a mirror that holds the files; by default the card's.
        parts: Groups of files to fetch, by their names in the card; what is in no group is always fetched. Of a card
            that holds the addresses of its files and no folder, these files by name.
        n_parallel: Connections at a time, 1 to 32.
        progress: Show a progress bar on standard error.
        n_attempts: Attempts without progress after which a file is given up.
        first_wait_s: Seconds before the second attempt; later waits double.
        timeout_s: Seconds without a byte after which a connection counts as broken.

    Returns:
        ``destination``.

    Raises:
        InputError: An option is out of range.
        DownloadError: Access must be asked for, the server fails for good, or it sends other files than it lists.
        OutputError: The folder cannot be written or has too little room.
    """
    fetcher = Fetcher(max(n_attempts, 1), first_wait_s, timeout_s, threading.Event())
    folder = Path(destination).expanduser()
    if base_url is None and is_direct(card):
        with _bar(len(parts or card.files), progress) as bar:
            fetch_direct(card, folder, fetcher, parts=parts, done=bar.update)
        return folder
    base_url = _check(card, base_url, parts, n_parallel)
    _make_folder(folder)
    # The list itself is not resumed: without a checksum of its own nothing would tell two halves of two versions apart.
    (folder / f"{_LIST}.part").unlink(missing_ok=True)
    sha256 = next((file.sha256 for file in card.files if file.name == _LIST), None)
    fetcher.fetch(base_url + _LIST, folder / _LIST, sha256=sha256)
    is_wanted = _selection(card, parts)
    n_files = sum(1 for _ in _entries(folder / _LIST, is_wanted))
    if n_files == 0:
        raise DownloadError(f"{base_url}{_LIST} lists no file that is wanted", action="check the address")
    _check_room(card, folder, parts)
    _fetch_all(fetcher, base_url, folder, is_wanted, n_files=n_files, n_parallel=n_parallel, progress=progress)
    return folder


def _check(card: DataCard, base_url: str | None, parts: Sequence[str] | None, n_parallel: int) -> str:
    if not card.base_url and base_url is None:
        # Its host keeps no list of checksums, or it is a part of another data set; the card says which.
        raise InputError(
            f"{card.title} cannot be fetched by this command",
            action=card.access_conditions or f"fetch it by hand from {card.url}",
        )
    if card.access_conditions and base_url is None:
        raise DownloadError(
            f"{card.title} is not open to everybody",
            received=card.access_conditions,
            action=f"ask for access on {card.url}, fetch it there with your account, and give its folder to medclip",
        )
    address = base_url or card.base_url
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        raise InputError(
            f"{card.title} cannot be fetched", received=address or "no address", allowed="an HTTPS address"
        )
    groups = [file.name for file in card.files if file.pattern]
    unknown = [part for part in parts or () if part not in groups]
    if unknown:
        raise InputError(f"{card.title} has no such part", received=unknown, allowed=groups)
    if not 1 <= n_parallel <= _LARGEST_N_PARALLEL:
        raise InputError(
            "the number of connections is out of range", received=n_parallel, allowed=f"1 to {_LARGEST_N_PARALLEL}"
        )
    return address.rstrip("/") + "/"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be used as a folder ({error.strerror})", action="give another destination"
        ) from error


def _selection(card: DataCard, parts: Sequence[str] | None) -> Callable[[str], bool]:
    """Return what tells whether a file is wanted: it is in no group, or in one of the groups asked for."""
    unwanted = [file.pattern for file in card.files if file.pattern and parts is not None and file.name not in parts]
    return lambda name: not any(fnmatchcase(name, pattern) for pattern in unwanted)


def _entries(path: Path, is_wanted: Callable[[str], bool]) -> Generator[tuple[str, str], None, None]:
    """Iterate over the names and checksums in a list of checksums; a million of them are never held at once.

    Raises:
        DownloadError: A line is malformed or names a file outside the folder.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                matched = _LINE.fullmatch(line.strip())
                if matched is None and line.strip():
                    raise DownloadError(
                        f"line {number} of {path.name} is no checksum and file name", action="try again"
                    )
                if matched is not None:
                    name = _check_name(matched[2])
                    if is_wanted(name) and name != _LIST:
                        yield name, matched[1]
    except UnicodeDecodeError as error:
        raise DownloadError(f"{path.name} is not a list of checksums", action="check the address") from error


def _check_name(name: str) -> str:
    parts = PurePosixPath(name).parts
    is_odd = any(ord(letter) < 32 or letter in '\\:*?"<>|' for letter in name)
    if is_odd or not parts or name.startswith("/") or ".." in parts or name.endswith(".part"):
        raise DownloadError(
            f"{_LIST} names a file that must not be written",
            received=ascii(name[:80]),
            action="do not use this server",
        )
    return name


def _check_room(card: DataCard, folder: Path, parts: Sequence[str] | None) -> None:
    """Compare the sizes that the card states with the free space and with what is already there."""
    needed = sum(file.n_bytes or 0 for file in card.files if parts is None or not file.pattern or file.name in parts)
    free = shutil.disk_usage(folder).free
    if free < needed:
        present = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if free < needed - present:
            raise OutputError(
                f"{folder} has too little room for {card.title}",
                received=f"{free / _GIGABYTE:.1f} GB free",
                allowed=f"{(needed - present) / _GIGABYTE:.1f} GB or more",
                action="make room, give another folder, or fetch only a part",
            )


def _fetch_all(
    fetcher: Fetcher,
    base_url: str,
    folder: Path,
    is_wanted: Callable[[str], bool],
    *,
    n_files: int,
    n_parallel: int,
    progress: bool,
) -> None:
    """Let each worker take the next file of the list until none is left; the first failure stops all."""
    lock = threading.Lock()
    with closing(_entries(folder / _LIST, is_wanted)) as entries, _bar(n_files, progress) as bar:

        def work() -> None:
            while not fetcher.stop.is_set():
                with lock:
                    entry = next(entries, None)
                if entry is None:
                    return
                name, sha256 = entry
                target = folder / name
                if not has_checksum(target, sha256):
                    _make_folder(target.parent)
                    fetcher.fetch(base_url + urllib.parse.quote(name), target, sha256=sha256)
                with lock:
                    bar.update(1)

        with ThreadPoolExecutor(n_parallel) as pool:
            try:
                for future in as_completed([pool.submit(work) for _ in range(n_parallel)]):
                    future.result()
            except BaseException:
                fetcher.stop.set()
                raise


def _bar(n_files: int, progress: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=n_files, unit="file", file=sys.stderr, disable=not progress)
