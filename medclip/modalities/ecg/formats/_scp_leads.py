"""Sections 3 and 4 of an SCP-ECG file: its leads, and which parts of them were compressed in which way.

Numbers in brackets are clauses of EN 1064:2005+A1:2007.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.ecg.formats._dicom_leads import lead_by_number
from medclip.modalities.ecg.formats._leads_together import named_once
from medclip.modalities.ecg.formats._recording import COPY_AGAIN, check_size
from medclip.modalities.ecg.formats._scp_container import unpack

__all__ = ["Beats", "Leads", "read_beats", "read_leads"]

_LEADS, _LEAD = struct.Struct("<BB"), struct.Struct("<IIB")
_BEATS, _SUBTRACTED, _PROTECTED = struct.Struct("<HHH"), struct.Struct("<HIII"), struct.Struct("<II")
_HAS_SUBTRACTION = 1
# The length of a lead is stated in two bytes, so that 12 leads hold at most 6.3 million samples of one bit.
_MAXIMUM_VALUES = 1 << 24


class Leads(NamedTuple):
    """What section 3 says [5.6].

    Args:
        names: Standard names.
        derived: Names of those that the device computed.
        spans: First and last sample of each on one scale, counted from 1.
        is_subtracted: True if the reference beat was subtracted from the rhythm.
    """

    names: tuple[str, ...]
    derived: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    is_subtracted: bool

    @property
    def first(self) -> int:
        """First sample of any lead."""
        return min(first for first, _ in self.spans)

    @property
    def n_samples(self) -> int:
        """Samples from the first to the last one of any lead."""
        return max(last for _, last in self.spans) - self.first + 1


class Beats(NamedTuple):
    """What section 4 says [5.7]; samples are counted from 1.

    Args:
        reference_ms: Length of the reference beat in milliseconds.
        reference_fiducial: Sample of the reference beat that is laid on the fiducial of each beat.
        subtracted: First sample, fiducial and last sample of each beat that the reference beat was subtracted from.
        protected: First and last sample of each stretch that was kept at the full rate, in order.
    """

    reference_ms: int
    reference_fiducial: int
    subtracted: tuple[tuple[int, int, int], ...]
    protected: tuple[tuple[int, int], ...]

    def is_protected(self, first: int, last: int) -> np.ndarray:
        """Tell which samples from ``first`` to ``last`` are in a protected stretch."""
        protected = np.zeros(last - first + 1, np.bool_)
        for start, stop in self.protected:
            protected[max(0, start - first) : max(0, stop - first + 1)] = True
        return protected


def read_leads(section: bytes | None, path: Path) -> Leads:
    """Read section 3.

    Raises:
        FormatError: It is missing or cut, names a lead twice, or announces more than any ECG.
    """
    if section is None:
        raise FormatError(f"{path} holds no definition of its leads (section 3)", action=COPY_AGAIN)
    n_leads, flags = unpack(_LEADS, section, 0, path)
    rows = [unpack(_LEAD, section, _LEADS.size + _LEAD.size * row, path) for row in range(n_leads)]
    if not rows or any(not 0 < first <= last for first, last, _ in rows):
        raise FormatError(
            f"{path} holds no samples of one of its leads", received=f"{n_leads} leads", action=COPY_AGAIN
        )
    n_samples = max(last for _, last, _ in rows) - min(first for first, _, _ in rows) + 1
    check_size(n_leads, n_samples, path, maximum_values=_MAXIMUM_VALUES)
    known = [lead_by_number(number) for _, _, number in rows]
    names = named_once([lead.name for lead in known], path)
    return Leads(
        names,
        tuple(lead.name for lead in known if lead.is_derived),
        tuple((first, last) for first, last, _ in rows),
        bool(flags & _HAS_SUBTRACTION),
    )


def read_beats(section: bytes | None, leads: Leads, path: Path) -> Beats:
    """Read section 4; without it nothing was subtracted and nothing protected.

    Raises:
        FormatError: It is cut, or its beats lie outside the recording, overlap or are out of order.
    """
    if section is None:
        return Beats(0, 0, (), ())
    reference_ms, fiducial, n_beats = unpack(_BEATS, section, 0, path)
    rows, start = [], _BEATS.size
    for _ in range(n_beats):
        rows.append(unpack(_SUBTRACTED, section, start, path))
        start += _SUBTRACTED.size
    # [5.7.4]: only the reference beat, type 0, is ever subtracted.
    subtracted = tuple((first, middle, last) for kind, first, middle, last in rows if kind == 0 and last)
    protected = []
    if len(section) >= start + _PROTECTED.size * n_beats:
        pairs = [unpack(_PROTECTED, section, start + _PROTECTED.size * beat, path) for beat in range(n_beats)]
        protected = [(first, last) for first, last in pairs if last]
    _check_order([(first, last) for first, _, last in subtracted], leads, path)
    _check_order(protected, leads, path)
    return Beats(reference_ms, fiducial, subtracted, tuple(protected))


def _check_order(spans: Sequence[tuple[int, int]], leads: Leads, path: Path) -> None:
    end = leads.first + leads.n_samples
    before = leads.first - 1
    for first, last in spans:
        if not before < first <= last < end:
            raise FormatError(
                f"the beats of {path} do not follow one another inside the recording",
                received=f"samples {first} to {last} after {before}",
                action=COPY_AGAIN,
            )
        before = last
