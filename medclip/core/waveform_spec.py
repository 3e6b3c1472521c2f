"""The input specification of waveforms: rate, duration, channels by name, scaling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from medclip.core.errors import ConfigError, SignalError
from medclip.core.input_spec import PreparedBatch, PreparedInput
from medclip.core.resample import resample
from medclip.core.sample import Sample

__all__ = ["WaveformSpec"]

Scaling = Literal["none", "minmax", "zscore"]
_SCALINGS = ("none", "minmax", "zscore")
_MAXIMUM_MISSING_SHARE = 0.2


@dataclass(frozen=True)
class WaveformSpec:
    """What an encoder of waveforms expects.

    Args:
        modality: Name of the modality folder.
        sampling_rate_hz: Rate after resampling, > 0.
        duration_s: Length after cropping or padding, > 0.
        channel_names: Standard names in the order the encoder was trained on.
        scaling: ``none`` keeps millivolts; ``minmax`` maps each record, all channels together, to [0, 1] as MERL's
            released code does (it removes amplitude); ``zscore`` gives each channel mean 0 and deviation 1.
        minimum_duration_s: Shorter recordings are refused rather than padded.
        minimum_channels: Recordings with fewer of ``channel_names``, counting derivable ones, are refused;
            None asks for all of them.
        derived_channels: ``{name: {other name: weight}}`` linear combinations that may stand in for an absent
            channel when all others it needs are recorded.
        unit: Unit of a sample's array; stated, never converted.

    Raises:
        ConfigError: A value is out of range.
    """

    modality: str
    sampling_rate_hz: float
    duration_s: float
    channel_names: tuple[str, ...]
    scaling: Scaling = "none"
    minimum_duration_s: float = 5.0
    minimum_channels: int | None = None
    derived_channels: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unit: str = "mV"

    kind: ClassVar[str] = "waveform"

    def __post_init__(self) -> None:
        object.__setattr__(self, "channel_names", tuple(self.channel_names))
        if not (0 < self.sampling_rate_hz <= 100_000 and 0 < self.duration_s <= 3600):
            raise ConfigError(
                "an input specification needs a rate and a duration",
                received=f"{self.sampling_rate_hz} Hz, {self.duration_s} s",
                allowed="up to 100000 Hz and 3600 s, both above 0",
            )
        if not self.channel_names or len(set(self.channel_names)) != len(self.channel_names):
            raise ConfigError("an input specification needs different channel names", received=self.channel_names)
        if self.scaling not in _SCALINGS:
            raise ConfigError("unknown scaling", received=self.scaling, allowed=_SCALINGS)

    @property
    def n_channels(self) -> int:
        """Number of channels the encoder takes."""
        return len(self.channel_names)

    @property
    def n_samples(self) -> int:
        """Number of samples per channel the encoder takes."""
        return round(self.sampling_rate_hz * self.duration_s)

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n_channels, n_samples)``."""
        return (self.n_channels, self.n_samples)

    def to_dict(self) -> dict[str, Any]:
        """Plain types for ``bundle.json``."""
        described = asdict(self) | {"kind": self.kind, "channel_names": list(self.channel_names)}
        described["derived_channels"] = {name: dict(parts) for name, parts in self.derived_channels.items()}
        return described

    def prepare(self, sample: Sample) -> PreparedInput:
        """Reorder by name, repair, resample, crop or pad, and scale one recording.

        Raises:
            SignalError: The recording is too short or lacks channels.
        """
        batch = self.prepare_batch([sample])
        return PreparedInput(batch.values[0], batch.mask[0], batch.notes[0])

    def prepare_batch(self, samples: Sequence[Sample]) -> PreparedBatch:
        """Prepare recordings; those of one layout that follow each other are worked on together."""
        for sample in samples:
            self._check(sample)
        parts: list[PreparedBatch] = []
        start = 0
        while start < len(samples):
            stop = start + 1
            while stop < len(samples) and _layout(samples[stop]) == _layout(samples[start]):
                stop += 1
            first = samples[start]
            values = np.stack([sample.array for sample in samples[start:stop]])
            parts.append(self.prepare_arrays(values, float(first.sampling_rate_hz or 0), first.channel_names or ()))
            start = stop
        return PreparedBatch(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.mask for part in parts]),
            tuple(notes for part in parts for notes in part.notes),
        )

    def prepare_arrays(
        self, values: np.ndarray, sampling_rate_hz: float, channel_names: Sequence[str], *, has_missing: bool = True
    ) -> PreparedBatch:
        """Prepare arrays that share a layout; the array form of ``prepare_batch``.

        Args:
            values: float32 ``(n_records, n_channels, n_samples)`` in ``unit``; it may be overwritten.
            sampling_rate_hz: Rate of ``values``.
            channel_names: Names of its channels.
            has_missing: False if the caller knows that ``values`` holds neither NaN nor infinity.

        Raises:
            SignalError: The recordings are too short or lack channels.
        """
        notes: list[list[str]] = [[] for _ in range(len(values))]
        self._check_duration(values.shape[-1] / sampling_rate_hz)
        if has_missing and not np.isfinite(values).all():
            values = _repair(values, channel_names, notes)
        values = self._reorder(values, channel_names, notes)
        if sampling_rate_hz != self.sampling_rate_hz:
            values = resample(values, sampling_rate_hz, self.sampling_rate_hz)
            _note(notes, f"resampled from {sampling_rate_hz:g} Hz to {self.sampling_rate_hz:g} Hz")
        values = self._crop(values, notes)
        values = _scale(values, self.scaling)
        values, mask = self._pad(values, notes)
        return PreparedBatch(values, mask, tuple(tuple(lines) for lines in notes))

    def _check(self, sample: Sample) -> None:
        if sample.modality != self.modality:
            raise SignalError("the model takes another kind of data", received=sample.modality, allowed=self.modality)
        if sample.channel_names is None or sample.sampling_rate_hz is None:
            raise SignalError("the sample is not a waveform", received=f"array of shape {sample.array.shape}")

    def _check_duration(self, duration_s: float) -> None:
        # Half a sample of tolerance: 4999 samples at 500 Hz are 10 s to everybody but a computer.
        if duration_s + 0.5 / self.sampling_rate_hz < self.minimum_duration_s:
            raise SignalError(
                "the recording is too short",
                received=f"{duration_s:g} s",
                allowed=f"at least {self.minimum_duration_s:g} s",
                action="record again, or use a model trained on shorter recordings",
            )

    def _reorder(self, values: np.ndarray, channel_names: Sequence[str], notes: list[list[str]]) -> np.ndarray:
        if tuple(channel_names) == self.channel_names:
            return values
        position = {name: index for index, name in enumerate(channel_names)}
        ordered = np.zeros((len(values), self.n_channels, values.shape[-1]), np.float32)
        absent, derived = [], []
        for row, name in enumerate(self.channel_names):
            recipe = self.derived_channels.get(name, {})
            if name in position:
                ordered[:, row] = values[:, position[name]]
            elif recipe and all(part in position for part in recipe):
                for part, weight in recipe.items():
                    ordered[:, row] += np.float32(weight) * values[:, position[part]]
                derived.append(name)
            else:
                absent.append(name)
        self._check_channels(absent, channel_names)
        if derived:
            _note(notes, f"computed {', '.join(derived)} from the recorded channels")
        if absent:
            _note(notes, f"{', '.join(absent)} not recorded: left empty")
        return ordered

    def _check_channels(self, absent: list[str], channel_names: Sequence[str]) -> None:
        needed = self.n_channels if self.minimum_channels is None else self.minimum_channels
        if self.n_channels - len(absent) < needed:
            raise SignalError(
                f"the recording lacks {', '.join(absent)}",
                received=list(channel_names),
                allowed=f"at least {needed} of {', '.join(self.channel_names)}",
                action="record the missing channels, or use a model trained on fewer",
            )

    def _crop(self, values: np.ndarray, notes: list[list[str]]) -> np.ndarray:
        surplus = values.shape[-1] - self.n_samples
        if surplus <= 0:
            return values
        start = surplus // 2
        # A few samples too many (PTB-XL's 5000 against 4999 elsewhere) are not worth a note.
        if surplus > 0.05 * self.n_samples:
            begin_s = start / self.sampling_rate_hz
            length_s = values.shape[-1] / self.sampling_rate_hz
            _note(notes, f"used {begin_s:.1f} to {begin_s + self.duration_s:.1f} s of {length_s:.1f} s")
        return values[..., start : start + self.n_samples]

    def _pad(self, values: np.ndarray, notes: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
        n_valid = values.shape[-1]
        mask = np.zeros((len(values), self.n_samples), np.bool_)
        mask[:, :n_valid] = True
        if n_valid == self.n_samples:
            return np.ascontiguousarray(values, np.float32), mask
        padded = np.zeros((*values.shape[:-1], self.n_samples), np.float32)
        padded[..., :n_valid] = values
        if self.n_samples - n_valid > 0.05 * self.n_samples:
            _note(notes, f"{n_valid / self.sampling_rate_hz:.1f} s recorded: the rest is masked")
        return padded, mask


def _layout(sample: Sample) -> tuple[object, ...]:
    return (sample.array.shape, sample.sampling_rate_hz, sample.channel_names)


def _note(notes: list[list[str]], line: str) -> None:
    for lines in notes:
        lines.append(line)


def _repair(values: np.ndarray, channel_names: Sequence[str], notes: list[list[str]]) -> np.ndarray:
    """Fill short gaps by straight lines; empty channels in which more than a fifth is missing."""
    values = values.copy()
    finite = np.isfinite(values)
    times = np.arange(values.shape[-1])
    for record, channel in zip(*np.nonzero(~finite.all(axis=-1)), strict=True):
        known = finite[record, channel]
        missing_share = 1.0 - known.mean()
        row = values[record, channel]
        if missing_share > _MAXIMUM_MISSING_SHARE:
            row[:] = 0.0
            notes[record].append(f"{channel_names[channel]}: {missing_share:.0%} of the samples missing, left empty")
        else:
            row[~known] = np.interp(times[~known], times[known], row[known])
            notes[record].append(f"{channel_names[channel]}: {missing_share:.1%} of the samples missing, interpolated")
    if not values.any(axis=(1, 2)).all():
        raise SignalError("the recording holds no usable samples", action="record again")
    return values


def _scale(values: np.ndarray, scaling: Scaling) -> np.ndarray:
    if scaling == "minmax":
        low = values.min(axis=(1, 2), keepdims=True)
        span = values.max(axis=(1, 2), keepdims=True) - low
        values = (values - low) / np.where(span > 0, span, 1.0)
    elif scaling == "zscore":
        deviation = values.std(axis=-1, keepdims=True)
        values = (values - values.mean(axis=-1, keepdims=True)) / np.where(deviation > 0, deviation, 1.0)
    return values
