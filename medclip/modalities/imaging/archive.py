"""DICOM files out of an archive, without trusting what the archive says about itself.

Members are counted, measured while they are unpacked, and written under numbers of their own, so that no name inside an
archive can lead anywhere.
"""

from __future__ import annotations

import contextlib
import itertools
import lzma
import re
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from medclip.core.errors import FormatError
from medclip.modalities.imaging.dicom_file import is_dicom

__all__ = ["Limits", "Unpacked", "holds_dicom", "is_archive", "member_heads", "unpacked"]

_CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 4096
_LOOKED_AT, _LOOKED_AT_BYTES = 200, 64 << 20
_TAR_MARK = slice(257, 262)
_DAMAGES = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    ValueError,
    NotImplementedError,
)
_COPY_AGAIN = "copy the archive again from its source"


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


@dataclass(frozen=True, eq=False)
class Unpacked:
    """What came out of an archive.

    Args:
        files: DICOM files on disk, in the archive's order.
        n_others: Members that are no DICOM files, archives inside the archive among them.
        n_links: Links and devices, which are never followed.
    """

    files: tuple[Path, ...]
    n_others: int
    n_links: int


def is_archive(head: bytes) -> bool:
    """Tell by its first bytes whether a file may be a zip or tar archive, compressed or not.

    >>> is_archive(b"PK\\x03\\x04"), is_archive(b"\\xfd7zXZ\\x00"), is_archive(b"DICM")
    (True, True, False)
    """
    if head.startswith((b"PK\x03\x04", b"\xfd7zXZ\x00", b"BZh")) or head[_TAR_MARK] == b"ustar":
        return True
    return head.startswith(b"\x1f\x8b") and _begins_with_tar(head)


def _begins_with_tar(head: bytes) -> bool:
    with contextlib.suppress(zlib.error):
        return zlib.decompressobj(wbits=31).decompress(head, 512)[_TAR_MARK] == b"ustar"
    return False


def holds_dicom(path: Path) -> bool:
    """Tell whether a DICOM file is among the first members of an archive; never raises."""
    return any(is_dicom(head) for head in member_heads(path))


def member_heads(path: Path) -> Iterator[bytes]:
    """Return the first bytes of each of the first members of an archive, none if it is damaged; never raises."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = (info for info in archive.infolist() if not info.is_dir())
                for info in itertools.islice(members, _LOOKED_AT):
                    with archive.open(info) as member:
                        yield member.read(_HEAD_BYTES)
        else:
            yield from _tar_member_heads(path)
    except (*_DAMAGES, RuntimeError):
        return


def _tar_member_heads(path: Path) -> Iterator[bytes]:
    n_bytes = 0
    with tarfile.open(path, "r:*") as archive:
        for info in itertools.islice(archive, _LOOKED_AT):
            member = archive.extractfile(info) if info.isreg() and not info.issparse() else None
            if member is not None:
                with member:
                    yield member.read(_HEAD_BYTES)
            # To get at the next member, this one is decompressed.
            n_bytes += info.size
            if n_bytes > _LOOKED_AT_BYTES:
                return


@contextlib.contextmanager
def unpacked(path: Path, limits: Limits | None = None) -> Iterator[Unpacked]:
    """Unpack the DICOM files of an archive into a temporary folder, which goes with the context.

    Raises:
        FormatError: It is damaged, encrypted, larger than allowed, or names a member outside itself.
    """
    with tempfile.TemporaryDirectory(prefix="medclip-") as folder:
        with _as_format_error(path):
            taken = _Taken(path, Path(folder), limits or Limits())
            if zipfile.is_zipfile(path):
                _take_zip(path, taken)
            else:
                _take_tar(path, taken)
        yield Unpacked(tuple(taken.files), taken.n_others, taken.n_links)


@contextlib.contextmanager
def _as_format_error(path: Path) -> Iterator[None]:
    try:
        yield
    except FormatError:
        raise
    except _DAMAGES as error:
        raise FormatError(
            f"{path} is damaged or no archive of a known kind ({type(error).__name__})",
            allowed="zip, tar, tar.gz, tar.bz2, tar.xz",
            action=_COPY_AGAIN,
        ) from error
    except RuntimeError as error:
        raise FormatError(f"{path} is encrypted", action="unpack it into a folder and give that") from error


def _truncated(path: Path) -> FormatError:
    return FormatError(f"{path} is truncated: it ends before its last member does", action=_COPY_AGAIN)


class _Taken:
    """What has been taken out of an archive so far, against its limits."""

    def __init__(self, path: Path, folder: Path, limits: Limits) -> None:
        self.path, self.folder, self.limits = path, folder, limits
        self.n_packed = max(1, path.stat().st_size)
        self.files: list[Path] = []
        self.n_members = self.n_others = self.n_links = self.n_bytes = 0

    def count(self, name: str) -> None:
        """Count one more member, and refuse a name that leads out of the archive."""
        self.n_members += 1
        if self.n_members > self.limits.n_members:
            raise self._too_large(f"more than {self.limits.n_members} members", f"{self.limits.n_members} members")
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if ".." in parts or parts[:1] == ("/",) or ":" in name[:2]:
            raise FormatError(
                f"{self.path} names a member outside itself",
                action="do not unpack it; ask where it came from",
            )

    def add_bytes(self, n_bytes: int) -> None:
        """Count bytes that were unpacked."""
        self.n_bytes += n_bytes
        if self.n_bytes > self.limits.n_bytes:
            raise self._too_large(f"more than {self.limits.n_bytes} bytes", f"{self.limits.n_bytes} bytes")
        if self.n_bytes > max(self.limits.free_bytes, self.limits.ratio * self.n_packed):
            received = f"more than {self.limits.ratio:g} times its own {self.n_packed} bytes"
            raise self._too_large(received, f"{self.limits.ratio:g} times")

    def take(self, member: IO[bytes], name: str, n_bytes: int) -> None:
        """Write a member that is a DICOM file; of another, read nothing beyond its beginning."""
        head = member.read(_HEAD_BYTES)
        self.add_bytes(len(head))
        if not is_dicom(head):
            self.n_others += 1
            return
        # The name is for error messages; the number keeps two of one name apart.
        target = self.folder / f"{self.n_members:05d}" / re.sub(r"[^\w.-]", "_", PurePosixPath(name).name)[-60:]
        target.parent.mkdir()
        with target.open("wb") as file:
            while head:
                file.write(head)
                head = member.read(_CHUNK_BYTES)
                self.add_bytes(len(head))
            if file.tell() != n_bytes:
                raise _truncated(self.path)
        self.files.append(target)

    def _too_large(self, received: str, allowed: str) -> FormatError:
        return FormatError(
            f"{self.path} unpacks to too much",
            received=received,
            allowed=f"up to {allowed}",
            action="unpack the series you want into a folder and give that",
        )


def _take_zip(path: Path, taken: _Taken) -> None:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            taken.count(info.filename)
            # The upper half of the attributes is the mode of a Unix file; 0o12 marks a symbolic link.
            if info.external_attr >> 28 == 0o12:
                taken.n_links += 1
            elif not info.is_dir():
                with archive.open(info) as member:
                    taken.take(member, info.filename, info.file_size)


def _take_tar(path: Path, taken: _Taken) -> None:
    with tarfile.open(path, "r:*") as archive:
        for info in archive:
            taken.count(info.name)
            if info.isdir():
                continue
            member = archive.extractfile(info) if info.isreg() and not info.issparse() else None
            if member is None:
                taken.n_links += 1
                continue
            with member:
                before = taken.n_others
                taken.take(member, info.name, info.size)
            if taken.n_others > before:
                # What is not read is decompressed all the same, to get at the next member.
                taken.add_bytes(max(0, info.size - _HEAD_BYTES))
        # The library takes the end of the file for the end of the archive, which is two blocks of zeros.
        end: Any = archive.fileobj
        if end.tell() <= archive.offset:
            raise _truncated(path)
