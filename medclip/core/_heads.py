"""The first bytes of a file, by which its format is known."""

from __future__ import annotations

from pathlib import Path

from medclip.core.errors import FormatError

__all__ = ["describe_head", "read_head", "split_record"]

_HEAD_BYTES = 4096


def read_head(path: Path) -> bytes:
    """Return the first 4096 bytes of a file, and nothing of a folder.

    Raises:
        FormatError: The file does not exist, is empty or cannot be read.
    """
    try:
        if path.is_dir():
            return b""
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError as error:
        raise FormatError(f"{path} does not exist", action="check the path") from error
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read ({error.strerror})", action="check the path and its rights"
        ) from error
    if not head:
        raise FormatError(f"{path} is empty", received="0 bytes", action="copy the file again from its source")
    return head


def split_record(path: Path) -> tuple[Path, str | None]:
    """Split ``FILE#RECORD``, which names one recording in a file of several; a file of that very name comes first.

    >>> file, record = split_record(Path("exams.hdf5#1169160"))
    >>> file.name, record
    ('exams.hdf5', '1169160')
    """
    name, mark, record = path.name.rpartition("#")
    if not (mark and name and record) or path.exists():
        return path, None
    return path.with_name(name), record


def describe_head(head: bytes) -> str:
    """Describe what a file begins with, for an error message; an empty head is that of a folder.

    >>> describe_head(b"%PDF-1.7")
    'a file that begins with 25 50 44 46 (%PDF)'
    """
    if not head:
        return "a folder"
    # Enough for the mark of a format, and too little for the name of a patient.
    mark = head[:4]
    shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in mark)
    return f"a file that begins with {mark.hex(' ')} ({shown})"
