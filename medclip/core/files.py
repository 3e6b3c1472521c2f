"""Writing files so that a crash, a full disk or a second process never leaves half a result."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medclip.core.errors import MedclipError, OutputError

__all__ = ["new_folder", "output_errors", "read_json", "sha256_of_file", "write_json", "write_whole"]

_CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def output_errors(target: Path) -> Iterator[None]:
    """Turn what the operating system says against writing ``target`` into ``OutputError``.

    Raises:
        OutputError: The disk is full, rights are missing, the target is taken, and the like.
    """
    try:
        yield
    except (MedclipError, ConnectionError, TimeoutError):
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(_existing_parent(target)).free
            raise OutputError(
                f"the disk is full while writing {target}",
                received=f"{free / 1e6:.0f} MB free",
                action="free some space or choose another output folder, then run again; nothing was kept",
            ) from error
        if error.errno is None:
            raise
        where = "" if error.filename is None or Path(error.filename) == target else f": {error.filename}"
        raise OutputError(
            f"cannot write {target} ({error.strerror}{where})", action="choose another output, or mend its rights"
        ) from error


@contextlib.contextmanager
def write_whole(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target`` that replaces it once the block has ended without an error.

    The file is on the disk before it takes the name, so that after a power cut there is the old one or the new one.
    """
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _flush(temporary)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside ``target`` that takes its place once the block has ended without an error.

    Raises:
        OutputError: ``target`` exists and ``overwrite`` is False, or cannot be written.
    """
    with output_errors(target):
        if target.exists() and not overwrite and (not target.is_dir() or any(target.iterdir())):
            raise OutputError(f"{target} exists already", action="choose another folder, or say --overwrite")
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            temporary.chmod(0o777 & ~_umask())
            yield temporary
            for path in temporary.rglob("*"):
                if path.is_file():
                    _flush(path)
            if overwrite:
                _replace_folder(temporary, target)
            else:
                # This fails if another process has filled the folder meanwhile.
                temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _replace_folder(temporary: Path, target: Path) -> None:
    """Give ``temporary`` the name ``target``; what had that name is removed only once the new one is in its place."""
    if not target.exists():
        temporary.replace(target)
        return
    discarded = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        old = target.replace(discarded / "old")
        try:
            temporary.replace(target)
        except BaseException:
            old.replace(target)
            raise
    finally:
        shutil.rmtree(discarded, ignore_errors=True)


def write_json(target: Path, content: Any) -> None:
    """Write strict JSON (no NaN) as a whole."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with write_whole(target) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path, *, maximum_bytes: int = 256 << 20) -> Any:
    """Read JSON of a limited size.

    Raises:
        ValueError: The file is larger, or no JSON.
    """
    size = path.stat().st_size
    if size > maximum_bytes:
        raise ValueError(f"{size} bytes, at most {maximum_bytes} expected")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def sha256_of_file(path: Path) -> str:
    """Sha256 of a file's content, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _existing_parent(path: Path) -> Path:
    return next(parent for parent in (path, *path.absolute().parents) if parent.exists())


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
