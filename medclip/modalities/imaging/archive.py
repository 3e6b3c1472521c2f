"""DICOM files out of an archive, without trusting what the archive says about itself.

Members are counted, measured while they are unpacked, and written under numbers of their own, so that no name inside an
archive can lead anywhere.
"""

from __future__ import annotations

import contextlib
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from medclip.core.archives import DAMAGES, Limits, member_heads, not_opened, too_large
from medclip.core.errors import FormatError
from medclip.modalities.imaging.dicom_file import is_dicom

__all__ = ["Unpacked", "holds_dicom", "unpacked"]

_CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 4096
_COPY_AGAIN = "copy the archive again from its source"


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


def holds_dicom(path: Path) -> bool:
    """Tell whether a DICOM file is among the first members of an archive; never raises."""
    return any(is_dicom(head) for head in member_heads(path))


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
    except (*DAMAGES, RuntimeError) as error:
        raise not_opened(path, error) from error


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
            raise too_large(self.path, f"more than {self.limits.n_members} members", f"{self.limits.n_members} members")
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if ".." in parts or parts[:1] == ("/",) or ":" in name[:2]:
            raise FormatError(
                f"{self.path} names a member outside itself",
                action="do not unpack it; ask where it came from",
            )

    def add_bytes(self, n_bytes: int) -> None:
        """Count bytes that were unpacked."""
        self.n_bytes += n_bytes
        self.limits.check_bytes(self.path, self.n_bytes, self.n_packed)

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
