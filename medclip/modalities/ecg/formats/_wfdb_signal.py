"""The stored samples of a WFDB record, before any unit: read, and compared with what the header announces.

Plain 16-bit integers in one file are read here. Every other layout of the WFDB Applications Guide, "signal(5)"
(https://physionet.org/physiotools/wag/signal-5.htm), is decoded by the ``wfdb`` package.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from medclip.core.errors import FormatError, MissingDependencyError
from medclip.modalities.ecg.formats._wfdb_header import MAXIMUM_VALUES, Header, Signal

__all__ = ["is_plain", "missing_value", "read_plain", "read_unusual"]

# Bytes per sample; formats 508, 516 and 524 are compressed, so that their files have no fixed length.
_BYTES = {
    "8": 1.0,
    "80": 1.0,
    "310": 4 / 3,
    "311": 4 / 3,
    "212": 1.5,
    "16": 2.0,
    "61": 2.0,
    "160": 2.0,
    "24": 3.0,
    "32": 4.0,
}
# Formats that pack samples into groups of up to four bytes; the last group may be written in part or in full.
_PACKED = ("212", "310", "311")
_BITS = {"16": 16, "24": 24, "32": 32, "61": 16, "80": 8, "160": 16, "212": 12, "310": 10, "311": 10} | {
    "508": 8,
    "516": 16,
    "524": 24,
}
# Two's complement, least or most significant byte first; what the wfdb package makes of format 61 is an error.
_PLAIN_TYPES = {"16": "<i2", "61": ">i2"}
# Ten seconds of 12 leads at 500 Hz are 120,000 bytes.
_BLOCK_BYTES = 1 << 17
_COPY_AGAIN = "copy the record again from its source"


def missing_value(storage_format: str) -> int:
    """Return the stored value that stands for "no sample": the most negative one of the format.

    >>> missing_value("16"), missing_value("212")
    (-32768, -2048)
    """
    # Format 8 stores differences and has no such value; the smallest 64-bit integer never occurs.
    return -(1 << (_BITS.get(storage_format, 64) - 1))


def is_plain(signals: Sequence[Signal]) -> bool:
    """Tell whether all signals lie in one file as plain 16-bit integers, sample by sample."""
    file_name, first = signals[0].file_name, signals[0].channel
    layout = (first.storage, 1, 0, first.byte_offset)
    return first.storage in _PLAIN_TYPES and all(
        signal.file_name == file_name and signal.channel[:4] == layout for signal in signals
    )


def read_plain(header: Header, header_path: Path, convert: Callable[[np.ndarray, np.ndarray], None]) -> np.ndarray:
    """Read a plain record block by block.

    Reading in blocks that fit the processor's cache touches little memory beside the result, which costs the most.

    Args:
        header: Header of a record for which ``is_plain`` holds.
        header_path: Where it was read.
        convert: Called with stored int16 ``(n_leads, n_samples)`` and the float32 of the same shape to write to.

    Returns:
        float32 ``(n_leads, n_samples)``.

    Raises:
        FormatError: The signal file is missing, of another length, or damaged.
    """
    n_leads, offset = len(header.signals), header.signals[0].channel.byte_offset
    path = header_path.with_name(header.signals[0].file_name)
    with _open(path, header_path) as file:
        n_bytes = os.fstat(file.fileno()).st_size - offset
        n_frames = header.n_frames or n_bytes // (2 * n_leads)
        _check_length(path, n_bytes, 2 * n_leads * n_frames, n_leads, n_frames)
        values = np.empty((n_leads, n_frames), np.float32)
        firsts, sums = [0] * n_leads, np.zeros(n_leads, np.int16)
        file.seek(offset)
        step = max(_BLOCK_BYTES // (2 * n_leads), 1)
        for start in range(0, n_frames, step):
            content = _read_exactly(file, path, 2 * n_leads * min(step, n_frames - start))
            stored = _arrange(content, header.signals)
            firsts = firsts if start else stored[:, 0].tolist()
            sums += np.add.reduce(stored, axis=1, dtype=np.int16)
            convert(stored, values[:, start : start + step])
    _compare(header, firsts, sums.tolist(), header_path)
    return values


def read_unusual(header: Header, header_path: Path) -> list[np.ndarray]:
    """Decode a record of one segment in any other layout with the ``wfdb`` package.

    Returns:
        One array of stored integers per lead, ``n_frames * samples_per_frame`` of them.

    Raises:
        FormatError: A signal file is missing, of another length, damaged, or cannot be decoded.
        MissingDependencyError: A package that the layout needs is not installed.
    """
    for file_name in {signal.file_name for signal in header.signals}:
        _check_file(file_name, header, header_path)
    leads = _decode(header_path)
    frames = {len(lead) / signal.channel.samples_per_frame for lead, signal in zip(leads, header.signals, strict=True)}
    if len(frames) != 1 or (header.n_frames is not None and frames != {header.n_frames}) or frames == {0}:
        raise FormatError(
            f"the signal files of {header_path} hold another length than it announces",
            received=sorted(frames),
            allowed=header.n_frames,
            action=_COPY_AGAIN,
        )
    sums = [int(lead.sum(dtype=np.int64)) for lead in leads]
    _compare(header, [int(lead[0]) for lead in leads], sums, header_path)
    return leads


def _read_exactly(file: BinaryIO, path: Path, n_bytes: int) -> bytes:
    content = file.read(n_bytes)
    while len(content) < n_bytes:
        more = file.read(n_bytes - len(content))
        if not more:
            raise FormatError(f"the signal file {path} became shorter while it was read", action="read it again")
        content += more
    return content


def _arrange(content: bytes, signals: Sequence[Signal]) -> np.ndarray:
    """Arrange the bytes of whole frames as int16 ``(n_leads, n_samples)``."""
    frames = np.frombuffer(content, _PLAIN_TYPES[signals[0].channel.storage]).reshape(-1, len(signals))
    # The file holds the leads interleaved; all that follows is faster with each lead's samples side by side.
    return np.ascontiguousarray(frames.T, np.int16)


def _decode(header_path: Path) -> list[np.ndarray]:
    if header_path.suffix != ".hea":
        raise FormatError(
            f"the header {header_path} has another ending", allowed=".hea", action="give it back its name"
        )
    try:
        import wfdb

        record = wfdb.rdrecord(str(header_path.absolute().with_suffix("")), physical=False, smooth_frames=False)
        return [np.asarray(lead) for lead in record.e_d_signal]
    except ImportError as error:
        raise MissingDependencyError(
            f"the storage format of {header_path} needs a package that is not installed ({error})",
            action="run pip install wfdb soundfile",
        ) from error
    except Exception as error:
        raise FormatError(
            f"{header_path} and its signal files cannot be decoded ({type(error).__name__}: {error})",
            action=_COPY_AGAIN,
        ) from error


def _check_file(file_name: str, header: Header, header_path: Path) -> None:
    """Check one signal file of an unusual record before anything is allocated for it."""
    group = [signal.channel for signal in header.signals if signal.file_name == file_name]
    layouts = {(channel.storage, channel.byte_offset) for channel in group}
    if len(layouts) != 1:
        raise FormatError(
            f"{header_path} gives several storage formats for one signal file",
            received=[f"{storage}+{offset}" for storage, offset in sorted(layouts)],
            action=_COPY_AGAIN,
        )
    storage, offset = layouts.pop()
    path = header_path.with_name(file_name)
    with _open(path, header_path) as file:
        n_bytes = os.fstat(file.fileno()).st_size
    if storage not in _BYTES:
        if n_bytes == 0:
            raise FormatError(f"the signal file {path} is empty", action=_COPY_AGAIN)
        return
    n_per_frame = sum(channel.samples_per_frame for channel in group)
    n_frames = header.n_frames or int((n_bytes - offset) / _BYTES[storage]) // n_per_frame
    n_expected = math.ceil(n_frames * n_per_frame * _BYTES[storage])
    slack = 3 if storage in _PACKED else 0
    _check_length(path, n_bytes - offset, n_expected, len(group), n_frames, slack=slack)


def _open(path: Path, header_path: Path) -> BinaryIO:
    try:
        return open(path, "rb", buffering=0)
    except FileNotFoundError as error:
        raise FormatError(
            f"the signal file {path.name} that {header_path} names is not beside it",
            action="copy the header and its signal files together",
        ) from error
    except OSError as error:
        raise FormatError(
            f"the signal file {path} cannot be read ({error.strerror})", action="check the path and its rights"
        ) from error


def _check_length(path: Path, n_bytes: int, n_expected: int, n_leads: int, n_frames: int, *, slack: int = 0) -> None:
    if n_expected > 0 and n_expected <= n_bytes <= n_expected + slack:
        if n_leads * n_frames > MAXIMUM_VALUES:
            raise FormatError(
                f"the signal file {path} is too long", received=f"{n_bytes} bytes", allowed=f"{MAXIMUM_VALUES} samples"
            )
        return
    if n_bytes <= 0:
        what = "is empty"
    elif n_bytes < n_expected:
        what = "is truncated"
    else:
        what = "is longer than its header says" if n_frames else "holds less than one sample of each lead"
    raise FormatError(
        f"the signal file {path} {what}",
        received=f"{max(n_bytes, 0)} bytes of samples",
        allowed=f"{n_expected} bytes for {n_leads} leads of {n_frames} samples" if n_frames else None,
        action=_COPY_AGAIN,
    )


def _compare(header: Header, firsts: Sequence[int], sums: Sequence[int], header_path: Path) -> None:
    """Compare first samples and checksums with the header, where it gives them and its length."""
    signals = header.signals
    # Some writers fill both fields of every lead with 0 rather than leave them out.
    if header.n_frames is None or not any(signal.checksum or signal.initial_value for signal in signals):
        return
    odd = [
        signal.channel.description
        for signal, first, total in zip(signals, firsts, sums, strict=True)
        if not signal.channel.skew and not _is_as_announced(signal, first, total)
    ]
    if odd:
        raise FormatError(
            f"the samples of {header_path} are not those its header was written for",
            received=f"another first sample or checksum in {', '.join(odd)}",
            action=f"the file is damaged or belongs to another record: {_COPY_AGAIN}",
        )


def _is_as_announced(signal: Signal, first: int, total: int) -> bool:
    if signal.checksum is not None and (total - signal.checksum) % 65536:
        return False
    # Format 8 stores differences to the initial value, so that the first sample may be another.
    return signal.initial_value is None or signal.channel.storage == "8" or first == signal.initial_value
