"""One multiplex group of a DICOM waveform: what it says it holds, and its samples in millivolts.

Numbers in brackets are sections of DICOM PS3.3, the module "Waveform" [C.10.9].
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.ecg.formats._dicom_leads import Lead, lead_of
from medclip.modalities.ecg.formats._dicom_numbers import millivolts_per_unit, number_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["MAXIMUM_VALUES", "Group", "describe_group", "millivolts_of", "statuses_of"]

# One day of 12 leads at 500 Hz are 518 million values; anything above this is a mistake or an attack.
MAXIMUM_VALUES = 1 << 29
"""Largest number of samples of all leads together."""
_MAXIMUM_CHANNELS = 256
_MAXIMUM_RATE_HZ = 100_000
_PADDING_RUN_S = 0.2
_TYPES: Mapping[tuple[int, str], str] = {
    (8, "SB"): "i1",
    (8, "UB"): "u1",
    (16, "SS"): "i2",
    (16, "US"): "u2",
    (32, "SL"): "i4",
    (32, "UL"): "u4",
}
_COPY_AGAIN = "copy the file again from its source"


class Group(NamedTuple):
    """A multiplex group before its samples are decoded.

    Args:
        item: Item of the Waveform Sequence.
        leads: What its channels show.
        rate_hz: Samples per second and channel, > 0.
        n_samples: Samples per channel, >= 1.
        offset_s: When it begins, or None if the file does not say.
    """

    item: Dataset
    leads: tuple[Lead, ...]
    rate_hz: float
    n_samples: int
    offset_s: float | None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the leads."""
        return tuple(lead.name for lead in self.leads)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.rate_hz


def describe_group(item: Dataset, path: Path) -> Group:
    """Read what a multiplex group says about itself; nothing is allocated.

    Raises:
        FormatError: It states too little, contradicts itself, or is larger than any ECG.
    """
    n_channels = int(number_of(item, "NumberOfWaveformChannels", path))
    n_samples = int(number_of(item, "NumberOfWaveformSamples", path))
    rate_hz = number_of(item, "SamplingFrequency", path)
    if not (0 < n_channels <= _MAXIMUM_CHANNELS and 0 < n_samples <= MAXIMUM_VALUES // n_channels):
        raise FormatError(
            f"{path} announces a waveform of an unusable size",
            received=f"{n_channels} channels of {n_samples} samples",
            allowed=f"1 to {_MAXIMUM_CHANNELS} channels, 1 to {MAXIMUM_VALUES} samples of all together",
            action=_COPY_AGAIN,
        )
    if not 0 < rate_hz <= _MAXIMUM_RATE_HZ:
        raise FormatError(
            f"{path} states an impossible sampling frequency",
            received=f"{rate_hz:g} Hz",
            allowed=f"above 0, up to {_MAXIMUM_RATE_HZ} Hz",
            action=_COPY_AGAIN,
        )
    leads = _leads_of(item, n_channels, path)
    has_offset = item.get("MultiplexGroupTimeOffset") not in (None, "")
    offset_s = number_of(item, "MultiplexGroupTimeOffset", path) / 1e3 if has_offset else None
    return Group(item, leads, rate_hz, n_samples, offset_s)


def _leads_of(item: Dataset, n_channels: int, path: Path) -> tuple[Lead, ...]:
    channels = item.get("ChannelDefinitionSequence") or ()
    if len(channels) != n_channels:
        raise FormatError(
            f"{path} does not describe its channels one by one",
            received=f"{len(channels)} descriptions",
            allowed=f"{n_channels}, one for each channel",
            action=_COPY_AGAIN,
        )
    leads = tuple(lead_of(channel, path, number=number) for number, channel in enumerate(channels, start=1))
    names = [lead.name for lead in leads]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise FormatError(
            f"{path} holds a lead more than once",
            received=doubled,
            action="keep one recording of each lead in the file",
        )
    return leads


def statuses_of(channel: Any) -> frozenset[str]:
    """Return the terms of a channel's status, such as ``OK`` or ``DISCONNECTED``; none if it states none."""
    stated = channel.get("ChannelStatus") or ()
    return frozenset(str(term).strip().upper() for term in ((stated,) if isinstance(stated, str) else stated))


def millivolts_of(group: Group, path: Path, *, is_little_endian: bool) -> np.ndarray:
    """Decode the samples of a group.

    A sample x of a channel is x * sensitivity * correction factor + baseline, in the unit of the sensitivity
    [C.10.9.1.4]. NaN are channels that were disconnected or invalid throughout, samples at the padding value, and
    samples at the lowest value of 16 or 32 bits, where a converter has measured nothing. Channels that were sampled
    later than the first one are moved by the whole samples nearest to their skew.

    Returns:
        float32 ``(n_leads, n_samples)``.

    Raises:
        FormatError: The samples are of another length or coding, or their amplitude is unknown.
    """
    stored = _stored_samples(group, path, is_little_endian=is_little_endian)
    padding = _padding_value(group.item, stored.dtype)
    n_run = max(2, round(_PADDING_RUN_S * group.rate_hz))
    array = np.empty((len(group.leads), group.n_samples), np.float32)
    for row, channel in enumerate(group.item.ChannelDefinitionSequence):
        samples = np.ascontiguousarray(stored[:, row])
        scale_mv, offset_mv = _conversion(channel, path, lead=group.names[row])
        values = samples * scale_mv + offset_mv
        values[_is_missing(samples, padding, n_run)] = np.nan
        if _is_dead(channel, path):
            values[:] = np.nan
        array[row] = _moved(values, _skew_samples(channel, group, path))
    return array


def _stored_samples(group: Group, path: Path, *, is_little_endian: bool) -> np.ndarray:
    """Return integers ``(n_samples, n_channels)`` as a view of the file's bytes."""
    item, n_values = group.item, group.n_samples * len(group.leads)
    bits, coding = int(number_of(item, "WaveformBitsAllocated", path)), str(item.get("WaveformSampleInterpretation"))
    if (bits, coding) not in _TYPES:
        raise FormatError(
            f"the samples of {path} are coded in a way that ECGs are not",
            received=f"{bits} bits {coding}" + (" (logarithmic, for voices)" if coding in ("MB", "AB") else ""),
            allowed=[f"{known_bits} bits {known}" for known_bits, known in _TYPES],
            action="export the recording again with linear samples",
        )
    content = item.get("WaveformData") or b""
    n_bytes = n_values * bits // 8
    # Values in DICOM have an even length.
    if len(content) not in (n_bytes, n_bytes + n_bytes % 2):
        raise FormatError(
            f"the samples in {path} are {'truncated' if len(content) < n_bytes else 'more than it announces'}",
            received=f"{len(content)} bytes",
            allowed=f"{n_bytes} bytes for {len(group.leads)} leads of {group.n_samples} samples",
            action=_COPY_AGAIN,
        )
    if bits == 8 and not is_little_endian and item["WaveformData"].VR == "OW":
        content = np.frombuffer(content, "<u2").byteswap().tobytes()  # pairs of bytes are stored as one word
    order = "<" if is_little_endian else ">"
    return np.frombuffer(content, order + _TYPES[bits, coding], n_values).reshape(-1, len(group.leads))


def _padding_value(item: Dataset, dtype: np.dtype[Any]) -> int | None:
    content = item.get("WaveformPaddingValue") or b""
    return int(np.frombuffer(content, dtype, 1)[0]) if len(content) >= dtype.itemsize else None


def _is_missing(samples: np.ndarray, padding: int | None, n_run: int) -> np.ndarray:
    """Tell which samples stand for nothing.

    Devices declare padding values that their signals pass through: 0, or -32768 with its bytes exchanged. Such a value
    counts from a run of 0.2 s on; a shorter one is the trace crossing it, or near enough to be filled by a line.
    """
    # 8 bits are so few that a strong signal may well reach the lowest value.
    has_lowest = samples.dtype.kind == "i" and samples.dtype.itemsize > 1
    missing: np.ndarray = samples == np.iinfo(samples.dtype).min if has_lowest else np.zeros(len(samples), np.bool_)
    if padding is None:
        return missing
    is_padding: np.ndarray = samples == padding
    rest = samples[~(is_padding | missing)]
    if rest.size and rest.min() < padding < rest.max():
        is_padding = _long_runs(is_padding, n_run)
    missing |= is_padding
    return missing


def _long_runs(is_true: np.ndarray, n_run: int) -> np.ndarray:
    """Keep runs of True of at least a length.

    >>> _long_runs(np.array([True, False, True, True, False, True]), 2).astype(int).tolist()
    [0, 0, 1, 1, 0, 0]
    """
    changes = np.flatnonzero(np.diff(np.concatenate([[False], is_true, [False]])))
    starts, stops = changes[::2], changes[1::2]
    kept = np.zeros(len(is_true), np.bool_)
    for run in np.flatnonzero(stops - starts >= n_run):
        kept[starts[run] : stops[run]] = True
    return kept


def _conversion(channel: Dataset, path: Path, *, lead: str) -> tuple[float, float]:
    """Return millivolts per step and the millivolts of a stored 0."""
    sensitivity = number_of(channel, "ChannelSensitivity", path)
    factor = number_of(channel, "ChannelSensitivityCorrectionFactor", path, default=1.0)
    baseline = number_of(channel, "ChannelBaseline", path, default=0.0)
    unit_mv = millivolts_per_unit(channel, path, lead=lead)
    if sensitivity * factor == 0:
        raise FormatError(
            f"lead {lead} in {path} has no amplitude",
            received=f"sensitivity {sensitivity:g}, correction factor {factor:g}",
            allowed="numbers other than 0",
            action="export the recording again from its device",
        )
    return sensitivity * factor * unit_mv, baseline * unit_mv


def _is_dead(channel: Dataset, path: Path) -> bool:
    statuses = statuses_of(channel)
    if "TEST DATA" in statuses:
        raise FormatError(f"{path} holds test data of the device, no patient", action="choose another recording")
    # Together with OK a term describes a part of the recording only.
    return bool(statuses & {"DISCONNECTED", "INVALID"}) and "OK" not in statuses


def _skew_samples(channel: Dataset, group: Group, path: Path) -> int:
    in_samples = channel.get("ChannelSampleSkew") not in (None, "")
    skew = number_of(channel, "ChannelSampleSkew" if in_samples else "ChannelTimeSkew", path, default=0.0)
    n_samples = round(skew if in_samples else skew * group.rate_hz)
    if abs(n_samples) >= group.n_samples:
        raise FormatError(
            f"a channel of {path} begins when the others have ended",
            received=f"a skew of {n_samples} samples",
            allowed=f"less than {group.n_samples}",
            action=_COPY_AGAIN,
        )
    return n_samples


def _moved(values: np.ndarray, n_later: int) -> np.ndarray:
    """Move samples to the right, or to the left if negative; what is left free becomes NaN."""
    if n_later == 0:
        return values
    moved = np.full_like(values, np.nan)
    if n_later > 0:
        moved[n_later:] = values[:-n_later]
    else:
        moved[:n_later] = values[-n_later:]
    return moved
