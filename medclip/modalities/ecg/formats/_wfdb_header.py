"""The header of a WFDB record: a strict parser.

The layout is that of the WFDB Applications Guide, "header(5)" (https://physionet.org/physiotools/wag/header-5.htm).
"""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path
from typing import NamedTuple

from medclip.core.errors import FormatError

__all__ = ["MAXIMUM_VALUES", "Channel", "Header", "Signal", "is_header", "parse_header", "read_header"]

_COMMON_HEADER_BYTES = 1 << 13
_MAXIMUM_HEADER_BYTES = 1 << 20
_MAXIMUM_SIGNALS = 256
# One day of 12 leads at 500 Hz are 518 million values; anything above this is a mistake or an attack.
MAXIMUM_VALUES = 1 << 29
"""Largest number of samples of all leads together."""
_DEFAULT_FRAME_RATE_HZ = 250.0  # header(5): assumed if the sampling frequency is missing
_LARGEST_RATE_HZ = 1e5
_SMALLEST_GAIN = 1e-9  # a step of a gigavolt: less would not fit into float32
_LARGEST_BASELINE = 1 << 32  # no storage format has more than 32 bits
_DEFAULT_GAIN = 200.0  # header(5): DEFGAIN, for a gain that is missing or 0 (an uncalibrated signal)

_RECORD_NAME = re.compile(r"([\w.-]+)(?:/(\d+))?")
_RATE = re.compile(r"(\d+\.?\d*(?:[eE][-+]?\d+)?)(?:/.*)?")
_STORAGE = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?")
_GAIN = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?:\((-?\d+)\))?(?:/(\S+))?")
_FILE_NAME = re.compile(r"~|[\w-][\w.-]*")
_FORMATS = ("0", "8", "16", "24", "32", "61", "80", "160", "212", "310", "311", "508", "516", "524")


class Channel(NamedTuple):
    """How a signal is stored and what it is; the records of a data set share a few of them.

    Args:
        storage: Storage format, e.g. ``16`` or ``212``.
        samples_per_frame: Samples of this signal in each frame, >= 1.
        skew: Frames by which the signal lags in the file.
        byte_offset: Bytes before the first sample.
        gain: Steps of the converter per physical unit, never 0.
        is_calibrated: False if the header gives no gain and the default stands in for it.
        baseline: Stored value of 0 physical units.
        unit: As the header spells it.
        description: Name of the lead.
    """

    storage: str
    samples_per_frame: int
    skew: int
    byte_offset: int
    gain: float
    is_calibrated: bool
    baseline: int
    unit: str
    description: str


class Signal(NamedTuple):
    """One signal line.

    Args:
        file_name: Name of the signal file beside the header; ``~`` in a layout header.
        channel: How the signal is stored.
        initial_value: First sample, or None.
        checksum: Sum of all samples modulo 65536, or None.
    """

    file_name: str
    channel: Channel
    initial_value: int | None
    checksum: int | None


class Header(NamedTuple):
    """A parsed header; it has ``signals`` or ``segments`` (name and number of frames), never both.

    ``n_frames`` is None if the header leaves the length to the signal file.
    """

    record_name: str
    n_signals: int
    frame_rate_hz: float
    n_frames: int | None
    signals: tuple[Signal, ...]
    segments: tuple[tuple[str, int], ...]
    comments: tuple[str, ...]


def is_header(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is a WFDB header: its record line and the line after it parse.

    >>> is_header(b"100 2 360 650000" + bytes([10]) + b"100.dat 212 200 11 1024 995 -22131 0 MLII")
    True
    >>> is_header(bytes([137]) + b"PNG")
    False
    """
    try:
        lines, _ = _split_lines(_decode(head))
        name, n_segments, n_signals = _parse_record_line(lines[0])[:3]
        if n_signals == 0 or len(lines) == 1:
            return n_signals == 0 and len(lines) == 1 and bool(name)
        if n_segments is not None:
            return _parse_segment(lines[1]) is not None
        return bool(_parse_storage(lines[1].split()[1]))
    except (ValueError, IndexError):
        return False


def read_header(path: Path) -> Header:
    """Read and parse a header file.

    Raises:
        FormatError: It is missing, unreadable, empty, too long or malformed.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            # Asking for the limit at once would allocate all of it for every small header.
            content = file.read(_COMMON_HEADER_BYTES)
            if len(content) == _COMMON_HEADER_BYTES:
                content += file.read(_MAXIMUM_HEADER_BYTES)
    except FileNotFoundError as error:
        raise FormatError(
            f"there is no WFDB header {path}", action="copy the .hea file and its signal file together"
        ) from error
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read ({error.strerror})", action="check the path and its rights"
        ) from error
    if not content.strip():
        raise FormatError(f"the WFDB header {path} is empty", action="copy the file again from its source")
    if len(content) > _MAXIMUM_HEADER_BYTES:
        raise FormatError(f"the WFDB header {path} is too long", allowed=f"at most {_MAXIMUM_HEADER_BYTES} bytes")
    return parse_header(_decode(content), source=str(path))


def parse_header(text: str, *, source: str) -> Header:
    """Parse the text of a header; ``source`` names it in errors.

    Raises:
        FormatError: A line is malformed, a file name leaves the folder, or a number is out of range.
    """
    lines, comments = _split_lines(text)
    try:
        if not lines:
            raise ValueError("it has no record line")
        name, n_segments, n_signals, rate_hz, n_frames = _parse_record_line(lines[0])
        if not 0 < rate_hz <= _LARGEST_RATE_HZ:
            raise ValueError(f"the sampling rate is {rate_hz:g} Hz, more than 0 to {_LARGEST_RATE_HZ:g} Hz are allowed")
        n_lines = n_signals if n_segments is None else n_segments
        if len(lines) - 1 != n_lines:
            raise ValueError(f"its first line announces {n_lines} further lines, {len(lines) - 1} follow")
        _check_size(n_signals, n_frames)
        if n_segments is not None:
            segments = tuple(map(_parse_segment, lines[1:]))
            _check_size(n_signals, sum(length for _, length in segments))
            return Header(name, n_signals, rate_hz, n_frames, (), segments, comments)
        signals = tuple([_parse_signal(line, index) for index, line in enumerate(lines[1:])])
        _check_size(sum([signal.channel.samples_per_frame for signal in signals]), n_frames, n_most=MAXIMUM_VALUES)
    except ValueError as error:
        raise FormatError(
            f"{source} is not a usable WFDB header ({error})", action="export or copy the record again"
        ) from error
    return Header(name, n_signals, rate_hz, n_frames, signals, (), comments)


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        # Older devices write the micro sign and accents in Latin-1; every byte has a meaning there.
        return content.decode("latin-1")


def _split_lines(text: str) -> tuple[list[str], tuple[str, ...]]:
    stripped = [line.strip() for line in text.splitlines()]
    comments = tuple(line.lstrip("# \t") for line in stripped if line.startswith("#"))
    return [line for line in stripped if line and not line.startswith("#")], comments


def _parse_record_line(line: str) -> tuple[str, int | None, int, float, int | None]:
    fields = line.split()
    name = _RECORD_NAME.fullmatch(fields[0])
    if name is None or len(fields) < 2:
        raise ValueError("its first line does not name a record and the number of its signals")
    rate = _RATE.fullmatch(fields[2]) if len(fields) > 2 else None
    if len(fields) > 2 and rate is None:
        raise ValueError(f"the sampling rate {fields[2][:40]!r} is not a number")
    rate_hz = float(rate[1]) if rate else _DEFAULT_FRAME_RATE_HZ
    n_frames = _integer(fields[3], "number of samples") if len(fields) > 3 else 0
    n_segments = None if name[2] is None else int(name[2])
    return name[1], n_segments, _integer(fields[1], "number of signals"), rate_hz, n_frames or None


def _check_size(n_signals: int, n_frames: int | None, *, n_most: int = _MAXIMUM_SIGNALS) -> None:
    if not 0 < n_signals <= n_most:
        raise ValueError(f"it announces {n_signals} signals, 1 to {n_most} are allowed")
    if n_frames is not None and not 0 < n_frames * n_signals <= MAXIMUM_VALUES:
        raise ValueError(f"it announces {n_frames} samples of {n_signals} signals, {MAXIMUM_VALUES} values are allowed")


def _parse_segment(line: str) -> tuple[str, int]:
    fields = line.split()
    if len(fields) != 2 or not _FILE_NAME.fullmatch(fields[0]):
        raise ValueError(f"the segment line {line[:40]!r} is not a name in the same folder and a length")
    length = _integer(fields[1], "length of a segment")
    if length < 0:
        raise ValueError(f"a segment has {length} samples")
    return fields[0], length


def _parse_signal(line: str, index: int) -> Signal:
    fields = line.split(None, 8)
    n_fields = len(fields)
    if n_fields < 2:
        raise ValueError(f"the line of signal {index} has no storage format")
    if not _is_file_name(fields[0]):
        raise ValueError(f"signal {index} names the file {fields[0][:80]!r}; only a file beside the header is allowed")
    channel = _parse_channel(
        fields[1],
        fields[2] if n_fields > 2 else "0",
        fields[4] if n_fields > 4 else "0",
        # header(5): a signal without a description is called by its number.
        fields[8].strip() if n_fields > 8 else f"signal {index}",
    )
    try:
        initial_value = int(fields[5]) if n_fields > 5 else None
        checksum = int(fields[6]) if n_fields > 6 else None
    except ValueError:
        raise ValueError(f"the initial value or checksum of signal {index} is not a whole number") from None
    return Signal(fields[0], channel, initial_value, checksum)


@functools.lru_cache(maxsize=64)
def _is_file_name(text: str) -> bool:
    return _FILE_NAME.fullmatch(text) is not None


@functools.lru_cache(maxsize=4096)
def _parse_channel(storage: str, gain: str, zero: str, description: str) -> Channel:
    steps, is_calibrated, baseline, unit = _parse_gain(gain)
    # header(5): without a baseline, the converter's zero is taken for it.
    baseline = _integer(zero, "ADC zero") if baseline is None else baseline
    if abs(baseline) > _LARGEST_BASELINE:
        raise ValueError(f"the baseline {str(baseline)[:40]} is out of range")
    return Channel(*_parse_storage(storage), steps, is_calibrated, baseline, unit, description)


def _parse_storage(text: str) -> tuple[str, int, int, int]:
    matched = _STORAGE.fullmatch(text)
    if matched is None:
        raise ValueError(f"the storage format {text[:40]!r} is not FORMAT[xSAMPLES][:SKEW][+OFFSET]")
    if matched[1] not in _FORMATS:
        raise ValueError(f"the storage format {matched[1][:40]} is none of {', '.join(_FORMATS)}")
    samples_per_frame = int(matched[2] or 1)
    if samples_per_frame < 1:
        raise ValueError("a signal has no sample in its frames")
    return matched[1], samples_per_frame, int(matched[3] or 0), int(matched[4] or 0)


def _parse_gain(text: str) -> tuple[float, bool, int | None, str]:
    matched = _GAIN.fullmatch(text)
    if matched is None:
        raise ValueError(f"the gain {text[:40]!r} is not GAIN[(BASELINE)][/UNIT]")
    gain = float(matched[1])
    if not math.isfinite(gain) or 0 < abs(gain) < _SMALLEST_GAIN:
        raise ValueError(f"the gain {text[:40]!r} is out of range")
    baseline = None if matched[2] is None else int(matched[2])
    return gain or _DEFAULT_GAIN, gain != 0, baseline, matched[3] or "mV"


def _integer(text: str, meaning: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"the {meaning} {text[:40]!r} is not a whole number") from None
