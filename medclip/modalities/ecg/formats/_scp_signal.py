"""Sections 5 and 6 of an SCP-ECG file: the reference beat and the rhythm, decoded into nanovolts.

Numbers in brackets are clauses of EN 1064:2005+A1:2007.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.ecg.formats._leads_together import check_rate
from medclip.modalities.ecg.formats._recording import COPY_AGAIN, EXPORT_AGAIN
from medclip.modalities.ecg.formats._scp_container import unpack
from medclip.modalities.ecg.formats._scp_huffman import Table, decode, read_tables
from medclip.modalities.ecg.formats._scp_leads import Beats, Leads, read_beats

__all__ = ["Rhythm", "read_rhythm"]

_HEAD, _LENGTH = struct.Struct("<HHBB"), struct.Struct("<H")
_PLAIN_BYTES = 2
_LARGEST_FACTOR = 8


class Rhythm(NamedTuple):
    """The recording in a file.

    Args:
        array: float32 ``(n_leads, n_samples)`` in millivolts, NaN where a lead was not recorded.
        rate_hz: Samples per second.
        is_simplified: True if the file holds only every n-th sample outside the heart beats.
    """

    array: np.ndarray
    rate_hz: float
    is_simplified: bool


class _Coded(NamedTuple):
    """Section 5 or 6 before its samples are decoded."""

    step_nv: int
    interval_us: int
    n_differences: int
    is_bimodal: bool
    leads: tuple[bytes, ...]


def read_rhythm(sections: Mapping[int, bytes], leads: Leads, path: Path) -> Rhythm:
    """Decode the rhythm, undoing differences, decimation and the subtraction of the reference beat.

    Raises:
        FormatError: It is missing or damaged, or lacks what it takes to decode it faithfully.
    """
    tables = read_tables(sections.get(2), path)
    rhythm = _coded(sections, 6, leads, path)
    beats = read_beats(sections.get(4), leads, path)
    needs_reference = rhythm.is_bimodal or (leads.is_subtracted and bool(beats.subtracted))
    reference = _coded(sections, 5, leads, path) if needs_reference else rhythm
    factor = _factor(rhythm, reference, path)
    array = np.full((len(leads.names), leads.n_samples), np.nan)
    for row, ((first, last), content) in enumerate(zip(leads.spans, rhythm.leads, strict=True)):
        places = _places(first, last, beats, factor)
        stored = _decoded(content, int(places[-1]) + 1, rhythm.n_differences, tables, path)
        array[row, first - leads.first : last - leads.first + 1] = _spread(stored, places) * rhythm.step_nv
    if leads.is_subtracted and beats.subtracted:
        _add_reference(array, _reference_beat(reference, beats.reference_ms, tables, path), beats, leads, path)
    rate_hz = check_rate(1e6 / reference.interval_us, path)
    return Rhythm((array / 1e6).astype(np.float32), rate_hz, factor > 1)


def _coded(sections: Mapping[int, bytes], number: int, leads: Leads, path: Path) -> _Coded:
    """Split section 5 [5.8] or 6 [5.9] into the bytes of its leads."""
    section = sections.get(number)
    if section is None:
        what = "rhythm" if number == 6 else "reference beat, which its rhythm was compressed with"
        raise FormatError(f"{path} holds no {what} (section {number})", action=EXPORT_AGAIN)
    step_nv, interval_us, n_differences, is_bimodal = unpack(_HEAD, section, 0, path)
    if step_nv == 0 or interval_us == 0 or n_differences > 2 or (number == 6 and is_bimodal > 1):
        raise FormatError(
            f"the coding of section {number} in {path} is none that the standard knows",
            received=f"{step_nv} nV, {interval_us} us, {n_differences} differences, bimodal {is_bimodal}",
            allowed="more than 0 nV and us, up to 2 differences, bimodal 0 or 1",
            action=COPY_AGAIN,
        )
    sizes = [unpack(_LENGTH, section, _HEAD.size + _LENGTH.size * row, path)[0] for row in range(len(leads.names))]
    start, parts = _HEAD.size + _LENGTH.size * len(sizes), []
    for size in sizes:
        parts.append(section[start : start + size])
        start += size
    if start > len(section):
        raise FormatError(
            f"section {number} of {path} ends before its last lead",
            received=f"{len(section)} bytes",
            allowed=f"{start} bytes",
            action=COPY_AGAIN,
        )
    return _Coded(step_nv, interval_us, n_differences, number == 6 and is_bimodal == 1, tuple(parts))


def _factor(rhythm: _Coded, reference: _Coded, path: Path) -> int:
    """Return how many samples one stored sample stands for outside the protected stretches."""
    factor, rest = divmod(rhythm.interval_us, reference.interval_us)
    if rest or not 1 <= factor <= _LARGEST_FACTOR or (factor > 1 and not rhythm.is_bimodal):
        raise FormatError(
            f"the reference beat and the rhythm of {path} have rates that do not fit",
            received=f"a sample every {reference.interval_us} us and every {rhythm.interval_us} us",
            allowed=f"the same, or for a bimodal rhythm up to {_LARGEST_FACTOR} times the one of the reference beat",
            action=EXPORT_AGAIN,
        )
    return factor


def _places(first: int, last: int, beats: Beats, factor: int) -> np.ndarray:
    """Return for each sample of a lead the index of the stored sample that stands for it [annex C].

    A stretch outside the protected ones is cut from its beginning into groups of ``factor``; the last may be smaller.
    """
    n_samples = last - first + 1
    if factor == 1:
        return np.arange(n_samples)
    is_protected = beats.is_protected(first, last)
    starts_stretch = np.diff(is_protected, prepend=not is_protected[0])
    stretch_starts = np.flatnonzero(starts_stretch)
    since_start = np.arange(n_samples) - stretch_starts[np.cumsum(starts_stretch) - 1]
    return np.cumsum(is_protected | (since_start % factor == 0)) - 1


def _spread(stored: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Give every sample a value: its own, or one on the line between the middles of neighbouring groups."""
    if len(stored) == len(places):
        return stored
    sizes = np.bincount(places)
    middles = np.cumsum(sizes) - (sizes + 1) / 2
    spread: np.ndarray = np.interp(np.arange(len(places)), middles, stored)
    is_alone = sizes[places] == 1
    spread[is_alone] = stored[places[is_alone]]
    return spread


def _decoded(
    content: bytes, n_values: int, n_differences: int, tables: Sequence[Table] | None, path: Path
) -> np.ndarray:
    """Return stored samples without their differences: float64 ``(n_values,)``."""
    if tables is not None:
        values = decode(content, n_values, tables, path)
    elif len(content) == _PLAIN_BYTES * n_values:
        values = np.frombuffer(content, "<i2").astype(np.int64)
    else:
        raise FormatError(
            f"a lead of {path} is not as long as it should be",
            received=f"{len(content)} bytes",
            allowed=f"{_PLAIN_BYTES * n_values} bytes for {n_values} samples",
            action=COPY_AGAIN,
        )
    undone: np.ndarray = _UNDO[n_differences](values).astype(np.float64)
    return undone


def _undo_second(values: np.ndarray) -> np.ndarray:
    """The first two samples are stored as they are; then x[n] = d[n] + 2 x[n-1] - x[n-2] [annex C]."""
    if len(values) < 3:
        return values
    steps = np.cumsum(np.concatenate([[values[1] - values[0]], values[2:]]))
    return np.cumsum(np.concatenate([values[:1], steps]))


_UNDO: Mapping[int, Callable[[np.ndarray], np.ndarray]] = {0: np.asarray, 1: np.cumsum, 2: _undo_second}


def _reference_beat(coded: _Coded, reference_ms: int, tables: Sequence[Table] | None, path: Path) -> np.ndarray:
    """Decode section 5: float64 ``(n_leads, n_samples)`` in nanovolts.

    Some writers mean by its length the time from the first sample to the last one, others that to the one after it.
    """
    n_samples = round(reference_ms * 1000 / coded.interval_us)
    rows = []
    for content in coded.leads:
        try:
            rows.append(_decoded(content, n_samples + 1, coded.n_differences, tables, path))
        except FormatError:
            rows.append(_decoded(content, n_samples, coded.n_differences, tables, path))
    n_common = min(len(row) for row in rows)
    return np.stack([row[:n_common] for row in rows]) * coded.step_nv


def _add_reference(array: np.ndarray, reference: np.ndarray, beats: Beats, leads: Leads, path: Path) -> None:
    """Add the reference beat where it was subtracted, fiducial on fiducial [annex C]."""
    for first, fiducial, last in beats.subtracted:
        start = first - fiducial + beats.reference_fiducial - 1
        stop = start + last - first + 1
        if start < 0 or stop > reference.shape[1]:
            raise FormatError(
                f"the reference beat of {path} is shorter than what was subtracted",
                received=f"samples {start + 1} to {stop}",
                allowed=f"1 to {reference.shape[1]}",
                action=COPY_AGAIN,
            )
        array[:, first - leads.first : last - leads.first + 1] += reference[:, start:stop]
