"""WFDB records (PhysioNet): a text header ``.hea`` with one or more signal files, ``.dat`` or ``.mat``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats._wfdb_comments import describe_comments
from medclip.modalities.ecg.formats._wfdb_header import Channel, Header, is_header, read_header
from medclip.modalities.ecg.formats._wfdb_millivolts import Conversion, conversion_of
from medclip.modalities.ecg.formats._wfdb_signal import is_plain, read_plain, read_unusual

__all__ = ["FORMAT", "read", "sniff"]


class _Leads(NamedTuple):
    rate_hz: float
    names: tuple[str, ...]
    array: np.ndarray
    is_calibrated: bool


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether ``path`` is a WFDB header, or a signal file that the header beside it names."""
    if is_header(head):
        return True
    try:
        header = read_header(path.with_suffix(".hea"))
    except (FormatError, ValueError):
        return False
    return any(signal.file_name == path.name for signal in header.signals)


def read(path: Path) -> Sample:
    """Read a record into millivolts.

    A missing gain or unit means what the WFDB standard says: 200 steps per millivolt; the sample's attribute
    ``amplitude_is_calibrated`` is then False. Leads stored with several samples per frame are read at their full
    rate; if the leads differ in it, they are averaged to the frame rate.

    Args:
        path: The header, one of its signal files, or the record's path without suffix.

    Returns:
        float32 ``(n_leads, n_samples)`` in mV with standard lead names, NaN where the file marks a sample as missing
        and in gaps between segments; ``age`` in years, ``sex`` and ``dx`` (diagnosis codes) as attributes if the
        header states them.

    Raises:
        FormatError: The record is incomplete, damaged, not a voltage, or contradicts its header.
        MissingDependencyError: Its layout needs the ``wfdb`` package, which is not installed.
    """
    header_path = _find_header(Path(path))
    header = read_header(header_path)
    leads = (_read_segments if header.segments else _read_signals)(header, header_path)
    attributes, report = describe_comments(header.comments)
    if not leads.is_calibrated:
        attributes["amplitude_is_calibrated"] = False
    return Sample(
        modality="ecg",
        array=leads.array,
        record_id=header.record_name,
        sampling_rate_hz=leads.rate_hz,
        channel_names=leads.names,
        report=report,
        attributes=attributes,
        source=header_path.name,
    )


FORMAT = Format(name="wfdb", description="WFDB record (.hea with .dat or .mat)", sniff=sniff, read=read)


def _find_header(path: Path) -> Path:
    if path.suffix == ".hea":
        return path
    if path.is_dir():
        raise FormatError(f"{path} is a folder", action="name one record in it")
    # A record's name may contain dots, so that "a.1" may stand for "a.1.hea".
    appended = path.with_name(path.name + ".hea")
    if appended.exists():
        return appended
    if path.is_file():
        with path.open("rb") as file:
            if is_header(file.read(4096)):
                return path
    return path.with_suffix(".hea")


def _read_signals(header: Header, header_path: Path) -> _Leads:
    channels = tuple([signal.channel for signal in header.signals])
    conversion = _checked_conversion(channels, header_path)
    rate_hz = header.frame_rate_hz
    if is_plain(header.signals):
        array = read_plain(header, header_path, conversion)
        return _Leads(rate_hz, conversion.names, array, conversion.is_calibrated)
    stored = read_unusual(header, header_path)
    counts = [channel.samples_per_frame for channel in channels]
    if len(set(counts)) == 1:
        array = conversion.apply(np.stack(stored))
        rate_hz *= counts[0]
    else:
        rows = [conversion_of((channel,)).apply(lead[None]) for lead, channel in zip(stored, channels, strict=True)]
        array = np.stack([row.reshape(-1, n).mean(axis=1) for row, n in zip(rows, counts, strict=True)])
    return _Leads(rate_hz, conversion.names, array, conversion.is_calibrated)


def _checked_conversion(channels: tuple[Channel, ...], header_path: Path) -> Conversion:
    conversion = conversion_of(channels)
    if conversion.doubled:
        raise FormatError(
            f"{header_path} holds a lead more than once",
            received=conversion.doubled,
            action="keep one recording of each lead in the file",
        )
    if conversion.other_units:
        raise FormatError(
            f"not all signals of {header_path} are voltages",
            received=", ".join(f"{name} in {unit}" for name, unit in conversion.other_units.items()),
            allowed="V, mV, uV, nV",
            action="export the leads of the electrocardiogram alone",
        )
    return conversion


def _read_segments(header: Header, header_path: Path) -> _Leads:
    """Put the segments of a record one after the other, leads by name; what a segment lacks is NaN."""
    parts = [(length, _read_segment(name, length, header, header_path)) for name, length in header.segments]
    known = [part for _, part in parts if part is not None]
    names = tuple(dict.fromkeys(name for part in known for name in part.names))
    if len(names) != header.n_signals:
        raise _contradiction(header_path, f"{len(names)} leads in all segments", f"{header.n_signals} leads")
    rates = {part.rate_hz for part in known}
    if len(rates) != 1:
        raise _contradiction(header_path, f"{sorted(rates)} Hz", "one sampling rate")
    rate_hz = rates.pop()
    n_per_frame = round(rate_hz / header.frame_rate_hz)
    array = np.full((len(names), n_per_frame * sum(length for length, _ in parts)), np.nan, np.float32)
    start = 0
    for length, part in parts:
        stop = start + n_per_frame * length
        if part is not None:
            array[[names.index(name) for name in part.names], start:stop] = part.array
        start = stop
    return _Leads(rate_hz, names, array, all(part.is_calibrated for part in known))


def _read_segment(name: str, length: int, whole: Header, header_path: Path) -> _Leads | None:
    """Read one segment; None for a gap, no samples for a layout header, which only lists the leads."""
    if name == "~":
        return None
    segment_path = header_path.parent / f"{name}.hea"
    header = read_header(segment_path)
    if header.segments or header.frame_rate_hz != whole.frame_rate_hz or (header.n_frames or 0) != length:
        received = f"{header.n_frames or 0} frames at {header.frame_rate_hz:g} Hz"
        raise _contradiction(segment_path, received, f"{length} frames at {whole.frame_rate_hz:g} Hz")
    if length > 0:
        return _read_signals(header, segment_path)
    channels = tuple(signal.channel for signal in header.signals)
    names = _checked_conversion(channels, segment_path).names
    count = max(channel.samples_per_frame for channel in channels)
    return _Leads(header.frame_rate_hz * count, names, np.empty((len(names), 0), np.float32), True)


def _contradiction(path: Path, received: str, allowed: str) -> FormatError:
    return FormatError(
        f"the segments of the WFDB record {path} contradict its header",
        received=received,
        allowed=allowed,
        action="copy all files of the record together",
    )
