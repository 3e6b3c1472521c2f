"""Which multiplex groups of a DICOM ECG make up the recording, and the recording they make up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.ecg.formats._dicom_signal import (
    MAXIMUM_VALUES,
    Group,
    describe_group,
    millivolts_of,
    statuses_of,
)
from medclip.modalities.ecg.formats._leads_together import Rhythm
from medclip.modalities.ecg.leads import STANDARD_LEADS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["read_rhythm"]

# A median beat takes one second or a little more; no rhythm can be read from less than this.
_SHORTEST_DERIVED_S = 2.0
_FILTERS = {
    "FilterLowFrequency": "low_cutoff_hz",
    "FilterHighFrequency": "high_cutoff_hz",
    "NotchFilterFrequency": "notch_hz",
}


def read_rhythm(dataset: Dataset, path: Path, *, is_little_endian: bool) -> Rhythm:
    """Decode the recording of a data set, leaving out what was derived from it, such as median beats.

    Of several groups the longest that has all standard leads is taken. If none has, they are put together by lead and
    time, as DICOM PS3.3 A.34.3.4 has it for three leads at a time beside a rhythm strip: what was not recorded is NaN,
    and of a lead that was recorded twice the longer one is kept.

    Raises:
        FormatError: There is no recording, or it cannot be decoded faithfully.
    """
    items = list(dataset.get("WaveformSequence") or ())
    if not items:
        raise FormatError(f"{path} holds no waveform", action="export the recording again from its device")
    groups = _candidates(items, path)
    standard = {name for group in groups for name in group.names if name in STANDARD_LEADS}
    whole = [group for group in groups if standard <= set(group.names)]
    chosen = [max(whole, key=lambda group: group.duration_s)] if whole else groups
    names, array = _put_together(chosen, path, is_little_endian=is_little_endian)
    attributes = _attributes(chosen, names)
    others = [item for item in items if not any(item is group.item for group in chosen)]
    if others:
        attributes["other_waveforms"] = tuple(_mention(item) for item in others)
    return Rhythm(names, array, chosen[0].rate_hz, attributes)


def _candidates(items: Sequence[Dataset], path: Path) -> list[Group]:
    """Return the groups recorded from the patient; failing these, derived ones too long to be a median beat."""
    original = [item for item in items if _originality(item) == "ORIGINAL"]
    if original:
        return [describe_group(item, path) for item in original]
    long = [group for item in items if (group := describe_group(item, path)).duration_s > _SHORTEST_DERIVED_S]
    if not long:
        raise FormatError(
            f"{path} holds no recording but only what was derived from one, such as median beats",
            action="export the rhythm from the device as well",
        )
    return long


def _put_together(groups: list[Group], path: Path, *, is_little_endian: bool) -> tuple[tuple[str, ...], np.ndarray]:
    if len(groups) == 1:
        return groups[0].names, millivolts_of(groups[0], path, is_little_endian=is_little_endian)
    starts = _starts(groups, path)
    names = tuple(dict.fromkeys(name for group in groups for name in group.names))
    n_samples = max(start + group.n_samples for start, group in zip(starts, groups, strict=True))
    if len(names) * n_samples > MAXIMUM_VALUES:
        raise FormatError(
            f"the groups of waveforms in {path} lie too far apart", received=f"{n_samples} samples from first to last"
        )
    array = np.full((len(names), n_samples), np.nan, np.float32)
    done: set[str] = set()
    for start, group in sorted(zip(starts, groups, strict=True), key=lambda pair: -pair[1].n_samples):
        values = millivolts_of(group, path, is_little_endian=is_little_endian)
        for name, row in zip(group.names, values, strict=True):
            if name not in done:
                array[names.index(name), start : start + group.n_samples] = row
        done.update(group.names)
    return names, array


def _starts(groups: list[Group], path: Path) -> list[int]:
    """Return the first sample of each group on a common scale."""
    offsets_s = [group.offset_s for group in groups if group.offset_s is not None]
    rates_hz = {group.rate_hz for group in groups}
    if len(offsets_s) < len(groups) or len(rates_hz) > 1:
        raise FormatError(
            f"the leads of {path} lie in several groups of waveforms that cannot be put together",
            received=f"{len(groups)} groups at {', '.join(f'{rate_hz:g}' for rate_hz in sorted(rates_hz))} Hz",
            allowed="one sampling frequency, and a Multiplex Group Time Offset in each group",
            action="export the recording with all leads in one group",
        )
    first_s = min(offsets_s)
    return [round((offset_s - first_s) * groups[0].rate_hz) for offset_s in offsets_s]


def _attributes(groups: Iterable[Group], names: Sequence[str]) -> dict[str, Any]:
    leads = [
        (lead, channel, statuses_of(channel))
        for group in groups
        for lead, channel in zip(group.leads, group.item.ChannelDefinitionSequence, strict=True)
    ]
    attributes: dict[str, Any] = {}
    for keyword, name in _FILTERS.items():
        stated = {str(channel.get(keyword) or "") for _, channel, _ in leads}
        # A filter of 0 Hz is how some devices say that there is none.
        if len(stated) == 1 and (text := stated.pop()) and float(text) > 0:
            attributes[name] = float(text)
    derived = {lead.name for lead, _, _ in leads if lead.is_derived}
    questionable = {lead.name for lead, _, status in leads if status & {"QUESTIONABLE", "DISCONNECTED", "INVALID"}}
    for key, found in (("derived_leads", derived), ("questionable_leads", questionable)):
        if found:
            attributes[key] = tuple(name for name in names if name in found)
    if any("UNCALIBRATED" in status for _, _, status in leads):
        attributes["amplitude_is_calibrated"] = False
    if any(_originality(group.item) != "ORIGINAL" for group in groups):
        attributes["is_derived"] = True
    return attributes


def _mention(item: Dataset) -> str:
    """Describe a group that is left out by its size; its label is free text and might name somebody."""
    try:
        duration_s = int(item.NumberOfWaveformSamples) / float(item.SamplingFrequency)
        return f"{_originality(item).lower()}, {int(item.NumberOfWaveformChannels)} leads, {duration_s:.1f} s"
    except (AttributeError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return "not readable"


def _originality(item: Dataset) -> str:
    return str(item.get("WaveformOriginality") or "unspecified").strip()
