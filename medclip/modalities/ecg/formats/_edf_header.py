"""The header of an EDF or EDF+ file.

The layout is that of Kemp et al., "A simple format for exchange of digitized polygraphic recordings" (1992), and of
Kemp and Olivan, "European data format 'plus' (EDF+)" (2003).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from medclip.core.errors import FormatError
from medclip.modalities.ecg.formats._recording import COPY_AGAIN

__all__ = [
    "ANNOTATIONS",
    "BYTES_PER_SAMPLE",
    "SIGNAL_BYTES",
    "START_BYTES",
    "Header",
    "Signal",
    "is_edf",
    "parse_header",
]

START_BYTES, SIGNAL_BYTES = 256, 256
"""Bytes of the header before the signals, and for each signal."""
ANNOTATIONS = "EDF Annotations"
"""Label of a signal that holds texts."""
_VERSION = b"0       "
_PATIENT, _RECORDING, _HEADER_SIZE, _KIND = slice(8, 88), slice(88, 168), slice(184, 192), slice(192, 197)
_N_RECORDS, _DURATION, _N_SIGNALS = slice(236, 244), slice(244, 252), slice(252, 256)
_WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
_MOST_SIGNALS = 512
_MOST_DIGITAL = 1 << 15
_UNKNOWN_COUNT = -1
BYTES_PER_SAMPLE = 2
"""EDF stores 16-bit integers."""


class Signal(NamedTuple):
    """One signal.

    Args:
        label: What it is, e.g. ``ECG II``.
        unit: Unit of the physical values.
        physical: Physical values of the two digital ones.
        digital: Two digital values, the first one below the second.
        filters: How it was filtered, e.g. ``HP:0.05Hz LP:150Hz``.
        n_per_record: Samples in each data record.
    """

    label: str
    unit: str
    physical: tuple[float, float]
    digital: tuple[int, int]
    filters: str
    n_per_record: int


class Header(NamedTuple):
    """A parsed header.

    Args:
        patient: What it says about the patient: in EDF+ a code, the sex, the date of birth and the name.
        recording: What it says about the recording: in EDF+ its date, a code, the technician and the equipment.
        is_plus: True for EDF+.
        n_records: Number of data records, >= 1.
        duration_s: Seconds of each data record, > 0.
        signals: What each data record holds, in order.
    """

    patient: str
    recording: str
    is_plus: bool
    n_records: int
    duration_s: float
    signals: tuple[Signal, ...]

    @property
    def n_bytes(self) -> int:
        """Size of the header."""
        return START_BYTES + SIGNAL_BYTES * len(self.signals)

    @property
    def n_per_record(self) -> int:
        """Samples of all signals in a data record."""
        return sum(signal.n_per_record for signal in self.signals)


def is_edf(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is EDF: its version, and a header as long as its signals need."""
    if head[:8] != _VERSION or len(head) < START_BYTES:
        return False
    size, count = head[_HEADER_SIZE].strip(), head[_N_SIGNALS].strip()
    return size.isdigit() and count.isdigit() and int(size) == START_BYTES + SIGNAL_BYTES * int(count)


def parse_header(content: bytes, n_file_bytes: int, path: Path) -> Header:
    """Parse the beginning of a file.

    Args:
        content: At least the header, if the file holds one.
        n_file_bytes: Size of the file.
        path: The file, for messages.

    Raises:
        FormatError: It is no EDF, its recording has gaps, or a number in its header is none or contradicts its size.
    """
    if not is_edf(content):
        raise FormatError(
            f"{path} is no EDF file", allowed="version 0 and a header of its stated size", action=COPY_AGAIN
        )
    kind = _text(content[_KIND])
    if kind == "EDF+D":
        raise FormatError(
            f"the recording in {path} has gaps (EDF+D)",
            allowed="recordings without gaps (EDF or EDF+C)",
            action="export the part without gaps that is needed",
        )
    n_signals = int(content[_N_SIGNALS])
    if not 0 < n_signals <= _MOST_SIGNALS or len(content) < START_BYTES + SIGNAL_BYTES * n_signals:
        raise FormatError(
            f"{path} is truncated or holds no signals",
            received=f"{n_signals} signals in {n_file_bytes} bytes",
            allowed=f"1 to {_MOST_SIGNALS} signals",
            action=COPY_AGAIN,
        )
    signals = _signals(content, n_signals, path)
    duration_s = _number(content[_DURATION], "duration of a data record", path)
    if duration_s <= 0:
        raise FormatError(
            f"{path} holds no recording", received=f"data records of {duration_s:g} s", allowed="more than 0 s"
        )
    n_records = _count_records(content, signals, n_file_bytes, path)
    patient, recording = _text(content[_PATIENT]), _text(content[_RECORDING])
    return Header(patient, recording, kind.startswith("EDF+"), n_records, duration_s, signals)


def _signals(content: bytes, n_signals: int, path: Path) -> tuple[Signal, ...]:
    columns, start = [], START_BYTES
    for width in _WIDTHS:
        columns.append([content[start + width * row : start + width * (row + 1)] for row in range(n_signals)])
        start += width * n_signals
    return tuple(_signal(fields, path) for fields in zip(*columns, strict=True))


def _signal(fields: Sequence[bytes], path: Path) -> Signal:
    label, _, unit, *limits, filters, count, _ = fields
    n_per_record = _number(count, "number of samples in a data record", path)
    physical = [_number(limit, "physical limit of a signal", path) for limit in limits[:2]]
    digital = [_number(limit, "digital limit of a signal", path) for limit in limits[2:]]
    if (
        not (n_per_record.is_integer() and n_per_record > 0 and all(limit.is_integer() for limit in digital))
        or not -_MOST_DIGITAL <= digital[0] < digital[1] < _MOST_DIGITAL
        or (physical[0] == physical[1] and _text(label) != ANNOTATIONS)
    ):
        raise FormatError(
            f"a signal in {path} has no amplitude or no samples",
            received=f"digital {digital[0]:g} to {digital[1]:g}, physical {physical[0]:g} to {physical[1]:g}, "
            f"{n_per_record:g} samples in a data record",
            action=COPY_AGAIN,
        )
    return Signal(
        _text(label),
        _text(unit),
        (physical[0], physical[1]),
        (int(digital[0]), int(digital[1])),
        _text(filters),
        int(n_per_record),
    )


def _count_records(content: bytes, signals: Sequence[Signal], n_file_bytes: int, path: Path) -> int:
    """Return the number of data records, which must be what the file has room for."""
    stated = _number(content[_N_RECORDS], "number of data records", path)
    n_record_bytes = BYTES_PER_SAMPLE * sum(signal.n_per_record for signal in signals)
    n_there, rest = divmod(n_file_bytes - START_BYTES - SIGNAL_BYTES * len(signals), n_record_bytes)
    n_records = n_there if stated == _UNKNOWN_COUNT else stated
    if n_records < 1 or n_records != n_there or rest:
        raise FormatError(
            f"the samples in {path} are {'more than it announces' if n_records < n_there else 'truncated'}",
            received=f"{n_there} data records and {rest} bytes",
            allowed=f"{stated:g} data records of {n_record_bytes} bytes",
            action=COPY_AGAIN,
        )
    return int(n_records)


def _number(field: bytes, meaning: str, path: Path) -> float:
    try:
        # Some writers have a comma where the standard asks for a point.
        number = float(field.decode("ascii").replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FormatError(f"the {meaning} in {path} is no number", action=COPY_AGAIN)
    return number


def _text(field: bytes) -> str:
    """Read a field; the standard allows ASCII alone, and devices write the micro sign in Latin-1."""
    return field.decode("latin-1").strip(" \0")
