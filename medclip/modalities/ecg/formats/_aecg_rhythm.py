"""Which series of an HL7 annotated ECG is the recording, and its samples in millivolts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.ecg.formats._aecg_description import attribute_of
from medclip.modalities.ecg.formats._aecg_sequences import SequenceSet, describe_set, millivolts_of
from medclip.modalities.ecg.formats._leads_together import Rhythm, check_size, together
from medclip.modalities.ecg.leads import STANDARD_LEADS

__all__ = ["choose_series", "read_rhythm"]

_EXPORT_AGAIN = "export the recording again from its device"
_SHORTEST_S = 1.0
_BEAT = "REPRESENTATIVE_BEAT"


class _Size(NamedTuple):
    n_standard: int
    duration_s: float


def choose_series(root: Element, path: Path) -> Element:
    """Return the rhythm series with the most standard leads, then the longest.

    Raises:
        FormatError: There is none.
    """
    found = [series for series in root.iterfind("component/series") if _kind_of(series) == "RHYTHM"]
    if not found:
        n_others = len(root.findall("component/series"))
        raise FormatError(f"{path} holds no rhythm", received=f"{n_others} series of other kinds", action=_EXPORT_AGAIN)
    return found[0] if len(found) == 1 else max(found, key=lambda series: _size_of(series, path))


def read_rhythm(series: Element, root: Element, path: Path) -> Rhythm:
    """Decode a series.

    The longest of its sets of sequences that has all standard leads is taken. If none has, they are put together by
    lead and time, as when three leads at a time were recorded: what was not recorded is NaN, and of a lead that was
    recorded twice the longer one is kept.

    Raises:
        FormatError: There is less than a second, or it cannot be decoded faithfully.
    """
    sets = _sets_of(series, path)
    standard = {name for found in sets for name in found.names if name in STANDARD_LEADS}
    whole = [found for found in sets if standard <= set(found.names)]
    chosen = [max(whole, key=lambda found: found.n_samples)] if whole else sets
    leads = _put_together(chosen, path)
    n_samples = len(next(iter(leads.values())))
    rate_hz = chosen[0].rate_hz
    if n_samples < _SHORTEST_S * rate_hz:
        raise FormatError(
            f"{path} holds no recording, only the beginning of one",
            received=f"{n_samples / rate_hz:.3f} s ({n_samples} samples)",
            allowed=f"at least {_SHORTEST_S:g} s",
            action=_EXPORT_AGAIN,
        )
    names, array, derived = together(leads)
    attributes: dict[str, object] = {"derived_leads": derived} if derived else {}
    others = _others(root, series)
    if others:
        attributes["other_waveforms"] = others
    return Rhythm(names, array, rate_hz, attributes)


def _sets_of(series: Element, path: Path) -> list[SequenceSet]:
    items = series.findall("component/sequenceSet")
    sets = [found for item in items if (found := describe_set(item, path)) is not None]
    if not sets:
        raise FormatError(
            f"{path} holds no waveform", received=f"{len(items)} sequence sets without leads", action=_EXPORT_AGAIN
        )
    return sets


def _put_together(sets: Sequence[SequenceSet], path: Path) -> dict[str, np.ndarray]:
    starts = _starts(sets, path)
    names = tuple(dict.fromkeys(name for found in sets for name in found.names))
    n_samples = max(start + found.n_samples for start, found in zip(starts, sets, strict=True))
    check_size(len(names), n_samples, path)
    leads = {name: np.full(n_samples, np.nan) for name in names}
    done: set[str] = set()
    for start, found in sorted(zip(starts, sets, strict=True), key=lambda pair: -pair[1].n_samples):
        for name, values in millivolts_of(found, path).items():
            if name not in done:
                leads[name][start : start + found.n_samples] = values
        done.update(found.names)
    return leads


def _starts(sets: Sequence[SequenceSet], path: Path) -> list[int]:
    """Return the first sample of each set on a common scale."""
    rates_hz = {found.rate_hz for found in sets}
    begins = [found.begin_s for found in sets if found.begin_s is not None]
    if len(sets) == 1:
        return [0]
    if len(rates_hz) > 1 or len(begins) < len(sets):
        raise FormatError(
            f"the leads of {path} lie in several sets of sequences that cannot be put together",
            received=f"{len(sets)} sets at {', '.join(f'{rate_hz:g}' for rate_hz in sorted(rates_hz))} Hz",
            allowed="one sampling rate, and the time of the first sample in each set",
            action="export the recording with all leads in one set",
        )
    return [round((begin - min(begins)) * sets[0].rate_hz) for begin in begins]


def _kind_of(series: Element) -> str:
    return attribute_of(series, "code", "code").upper()


def _size_of(series: Element, path: Path) -> _Size:
    sets = _sets_of(series, path)
    standard = {name for found in sets for name in found.names if name in STANDARD_LEADS}
    return _Size(len(standard), max(found.n_samples / found.rate_hz for found in sets))


def _others(root: Element, chosen: Element) -> tuple[str, ...]:
    """Describe the series that are left out by their size; their codes are free text."""
    others = [series for series in root.iterfind("component/series") if series is not chosen]
    others += root.findall("component/series/derivation/derivedSeries")
    return tuple(_mention(series) for series in others)


def _mention(series: Element) -> str:
    kinds = {"RHYTHM": "rhythm", _BEAT: "representative beat"}
    n_sequences = len(series.findall("component/sequenceSet/component/sequence/value/digits"))
    return f"{kinds.get(_kind_of(series), 'other')}, {n_sequences} leads"
