"""What lies in a zip or tar archive, without trusting what the archive says about itself."""

from __future__ import annotations

import contextlib
import itertools
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from medclip.core.errors import FormatError

__all__ = [
    "DAMAGES",
    "LOOKED_AT",
    "Limits",
    "Member",
    "is_archive",
    "member_heads",
    "members_of",
    "not_opened",
    "open_files",
    "too_large",
]

DAMAGES = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    ValueError,
    NotImplementedError,
)
"""What the standard library raises for archives that are not whole; RuntimeError stands for an encrypted one."""

LOOKED_AT = 200
"""Most members of which the beginning is looked at."""

_HEAD_BYTES = 4096
_LOOKED_AT_BYTES = 64 << 20
_TAR_MARK = slice(257, 262)


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to.

    Args:
        n_members: Most members, folders included.
        n_bytes: Most bytes of all members together.
        ratio: Most bytes of them per byte of the archive, once they are more than ``free_bytes``.
        free_bytes: Bytes that may be unpacked at any ratio.
    """

    n_members: int = 20_000
    n_bytes: int = 8 << 30
    ratio: float = 100.0
    free_bytes: int = 256 << 20

    def check_bytes(self, path: Path, n_bytes: int, n_packed: int) -> None:
        """Refuse an archive of ``n_packed`` bytes that unpacks to more than it may.

        Raises:
            FormatError: It does.
        """
        if n_bytes > self.n_bytes:
            raise too_large(path, f"more than {self.n_bytes} bytes", f"{self.n_bytes} bytes")
        if n_bytes > max(self.free_bytes, self.ratio * n_packed):
            raise too_large(path, f"more than {self.ratio:g} times its own {n_packed} bytes", f"{self.ratio:g} times")


class Member(NamedTuple):
    """A file in an archive: its first 4096 bytes, and the size that the archive states."""

    head: bytes
    n_bytes: int


def is_archive(head: bytes) -> bool:
    """Tell by its first bytes whether a file may be a zip or tar archive, compressed or not.

    >>> is_archive(b"PK\\x03\\x04"), is_archive(b"\\xfd7zXZ\\x00"), is_archive(b"DICM")
    (True, True, False)
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\xfd7zXZ\x00", b"BZh")) or head[_TAR_MARK] == b"ustar":
        return True
    return head.startswith(b"\x1f\x8b") and _begins_with_tar(head)


def _begins_with_tar(head: bytes) -> bool:
    with contextlib.suppress(zlib.error):
        return zlib.decompressobj(wbits=31).decompress(head, 512)[_TAR_MARK] == b"ustar"
    return False


def member_heads(path: Path) -> Iterator[bytes]:
    """Return the first bytes of each of the first members of an archive, none if it is damaged; never raises."""
    try:
        yield from (member.head for member in members_of(path))
    except (*DAMAGES, RuntimeError):
        return


def members_of(path: Path) -> Iterator[Member]:
    """Return the first files of an archive.

    Raises:
        One of ``DAMAGES``: It is no archive of a known kind, or damaged.
        RuntimeError: It is encrypted.
    """
    if not zipfile.is_zipfile(path):
        yield from _tar_members(path)
        return
    with zipfile.ZipFile(path) as archive:
        files = (info for info in archive.infolist() if not info.is_dir())
        for info in itertools.islice(files, LOOKED_AT):
            with archive.open(info) as member:
                yield Member(member.read(_HEAD_BYTES), info.file_size)


def open_files(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Give the name, the stated size and the content of every file of an archive; links are passed over.

    Raises:
        One of ``DAMAGES``: It is no archive of a known kind, or damaged.
        RuntimeError: It is encrypted.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    with archive.open(entry) as member:
                        yield entry.filename, entry.file_size, member
        return
    with tarfile.open(path, "r:*") as tarred:
        for info in tarred:
            content = tarred.extractfile(info) if info.isreg() and not info.issparse() else None
            if content is not None:
                with content:
                    yield info.name, info.size, content


def _tar_members(path: Path) -> Iterator[Member]:
    n_bytes = 0
    with tarfile.open(path, "r:*") as archive:
        for info in itertools.islice(archive, LOOKED_AT):
            member = archive.extractfile(info) if info.isreg() and not info.issparse() else None
            if member is not None:
                with member:
                    yield Member(member.read(_HEAD_BYTES), info.size)
            # To get at the next member, this one is decompressed.
            n_bytes += info.size
            if n_bytes > _LOOKED_AT_BYTES:
                return


def not_opened(path: Path, error: Exception) -> FormatError:
    """Say of an archive that it is encrypted or damaged."""
    if isinstance(error, RuntimeError) and not isinstance(error, NotImplementedError):
        return FormatError(f"{path} is encrypted", action="unpack it into a folder and give that")
    return FormatError(
        f"{path} is damaged or no archive of a known kind ({type(error).__name__})",
        allowed="zip, tar, tar.gz, tar.bz2, tar.xz",
        action="copy the archive again from its source",
    )


def too_large(path: Path, received: str, allowed: str) -> FormatError:
    """Say of an archive that more is in it than is taken out."""
    return FormatError(
        f"{path} unpacks to too much",
        received=received,
        allowed=f"up to {allowed}",
        action="unpack the recording you want into a folder and give that",
    )
