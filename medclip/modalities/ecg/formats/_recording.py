"""What holds for a file in any binary or table format: that it can be read, its size, and the packages it needs."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from medclip.core.errors import FormatError, MedclipError, MissingDependencyError
from medclip.modalities.ecg.formats._wfdb_header import MAXIMUM_VALUES

__all__ = [
    "COPY_AGAIN",
    "EXPORT_AGAIN",
    "as_voltages",
    "bytes_of",
    "check_readable",
    "check_size",
    "damaged",
    "needed",
]

COPY_AGAIN = "copy the file again from its source"
EXPORT_AGAIN = "export the recording again from its device"
_MAXIMUM_BYTES = 1 << 30  # one day of 12 leads of 16 bits at 500 Hz
_MAXIMUM_LEADS = 256


def check_readable(path: Path, *, maximum_bytes: int = _MAXIMUM_BYTES) -> int:
    """Return the bytes of a file, or raise ``FormatError`` if it is none, is empty or is larger than any ECG."""
    try:
        with path.open("rb") as file:
            n_bytes = file.seek(0, 2)
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read ({error.strerror})", action="check the path and its rights"
        ) from error
    if n_bytes == 0:
        raise FormatError(f"{path} is empty", received="0 bytes", action=COPY_AGAIN)
    if n_bytes > maximum_bytes:
        raise FormatError(
            f"{path} is too large for an ECG", received=f"{n_bytes} bytes", allowed=f"up to {maximum_bytes} bytes"
        )
    return n_bytes


def bytes_of(path: Path) -> bytes:
    """Return the content of a file, or raise ``FormatError`` if it cannot be read or is larger than any ECG."""
    check_readable(path)
    return path.read_bytes()


def check_size(n_leads: int, n_samples: int, path: Path, *, maximum_values: int = MAXIMUM_VALUES) -> None:
    """Raise ``FormatError`` unless this is the size of an ECG; to be called before anything of it is allocated."""
    if not (0 < n_leads <= _MAXIMUM_LEADS and 0 < n_samples <= maximum_values // n_leads):
        raise FormatError(
            f"{path} announces a recording of an unusable size",
            received=f"{n_leads} leads of {n_samples} samples",
            allowed=f"1 to {_MAXIMUM_LEADS} leads, 1 to {maximum_values} samples of all together",
            action=COPY_AGAIN,
        )


def as_voltages(values: np.ndarray, path: Path) -> np.ndarray:
    """Return numbers as float32 in C order, or raise ``FormatError`` if one is too large to be a voltage."""
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.array(values, np.float32, order="C")
    if np.isinf(array).any():
        raise FormatError(f"{path} holds numbers that are no voltages", received="infinity", action=COPY_AGAIN)
    return array


@contextlib.contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Turn whatever a library says against a file into one line without the file's own words, which may be a name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MedclipError:
        raise
    except Exception as error:
        raise FormatError(
            f"{path} is truncated or damaged and cannot be decoded ({type(error).__name__})", action=COPY_AGAIN
        ) from error


@contextlib.contextmanager
def needed(kind: str, extra: str) -> Iterator[None]:
    """Say which optional package a kind of files needs, if the import inside the block fails."""
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            f"{kind} files need the package {extra} ({error})", action=f"run pip install {extra}"
        ) from error
