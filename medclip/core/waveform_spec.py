"""The input specification of waveforms: rate, duration, channels by name, scaling."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from medclip.core.errors import ConfigError, SignalError
from medclip.core.input_spec import PreparedBatch, PreparedInput
from medclip.core.resample import resample
from medclip.core.sample import Sample
from medclip.core.waveform_steps import SCALINGS, Notes, Scaling, repair, scale, select_channels

__all__ = ["WaveformSpec"]


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
        for name in ("modality", "unit"):
            if not isinstance(getattr(self, name), str):
                raise ConfigError(f"{name} of an input specification is no text", received=getattr(self, name))
        names: Any = self.channel_names
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            raise ConfigError("channel_names is no list of names", received=names)
        object.__setattr__(self, "channel_names", tuple(self.channel_names))
        if not self.channel_names or len(set(self.channel_names)) != len(self.channel_names):
            raise ConfigError("an input specification needs different channel names", received=self.channel_names)
        object.__setattr__(self, "derived_channels", _checked_recipes(self.derived_channels))
        self._check_numbers()
        if self.scaling not in SCALINGS:
            raise ConfigError("unknown scaling", received=self.scaling, allowed=SCALINGS)

    def _check_numbers(self) -> None:
        rate, duration, least = self.sampling_rate_hz, self.duration_s, self.minimum_duration_s
        if not all(isinstance(number, Real) and not isinstance(number, bool) for number in (rate, duration, least)):
            raise ConfigError(
                "an input specification needs numbers", received=f"{rate!r} Hz, {duration!r} s, {least!r} s"
            )
        if not (0 < rate <= 100_000 and 0 < duration <= 3600 and rate * duration >= 1):
            raise ConfigError(
                "an input specification needs a rate and a duration",
                received=f"{rate} Hz, {duration} s",
                allowed="up to 100000 Hz and 3600 s, both above 0, and at least one sample",
            )
        if not 0 <= least <= 3600:
            raise ConfigError("minimum_duration_s is out of range", received=least, allowed="0 to 3600 s")
        n_needed = self.minimum_channels
        if n_needed is not None and (not isinstance(n_needed, int) or not 1 <= n_needed <= self.n_channels):
            raise ConfigError("minimum_channels is out of range", received=n_needed, allowed=f"1 to {self.n_channels}")

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
        described: dict[str, Any] = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        recipes = {name: dict(parts) for name, parts in self.derived_channels.items()}
        return described | {
            "kind": self.kind,
            "channel_names": list(self.channel_names),
            "derived_channels": recipes,
        }

    def prepare(self, sample: Sample) -> PreparedInput:
        """Reorder by name, repair, resample, crop or pad, and scale one recording.

        Raises:
            SignalError: The recording is too short or lacks channels.
        """
        batch = self.prepare_batch([sample])
        return PreparedInput(batch.values[0], batch.mask[0], batch.notes[0])

    def prepare_batch(self, samples: Iterable[Sample]) -> PreparedBatch:
        """Prepare recordings; those of one layout that follow each other are worked on together.

        Raises:
            SignalError: One of the recordings is too short or lacks channels.
        """
        samples = list(samples)
        for sample in samples:
            self._check(sample)
        parts = [PreparedBatch(np.empty((0, *self.shape), np.float32), np.empty((0, self.n_samples), np.bool_), ())]
        for _, alike in groupby(samples, _layout):
            members = list(alike)
            rate, names = members[0].sampling_rate_hz, members[0].channel_names
            values = np.stack([sample.array for sample in members])
            parts.append(self.prepare_arrays(values, float(rate or 0), names or ()))
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
        notes: Notes = [[] for _ in range(len(values))]
        self._check_duration(values.shape[-1], sampling_rate_hz)
        # Channels first: a gap in one that the model does not take is no matter, and one that is computed from a
        # channel with a gap must have that gap.
        values = self._reorder(values, channel_names, notes)
        if has_missing:
            repair(values, self.channel_names, notes)
        resampled = resample(values, sampling_rate_hz, self.sampling_rate_hz)
        if resampled is not values:
            _note(notes, f"resampled from {sampling_rate_hz:g} Hz to {self.sampling_rate_hz:g} Hz")
        values = scale(self._crop(resampled, notes), self.scaling)
        values, mask = self._pad(values, notes)
        return PreparedBatch(values, mask, tuple(tuple(lines) for lines in notes))

    def _check(self, sample: Sample) -> None:
        if sample.modality != self.modality:
            raise SignalError("the model takes another kind of data", received=sample.modality, allowed=self.modality)
        if sample.channel_names is None or sample.sampling_rate_hz is None:
            raise SignalError("the sample is not a waveform", received=f"array of shape {sample.array.shape}")

    def _check_duration(self, n_samples: int, sampling_rate_hz: float) -> None:
        # One sample of tolerance: 4999 samples at 500 Hz are 10 s to everybody but a computer.
        shortest = max(1.0, self.minimum_duration_s * sampling_rate_hz - 1.0)
        if n_samples < shortest * (1.0 - 1e-9):
            raise SignalError(
                "the recording is too short",
                received=f"{n_samples / sampling_rate_hz:g} s",
                allowed=f"at least {max(self.minimum_duration_s, 1 / sampling_rate_hz):g} s",
                action="record again, or use a model trained on shorter recordings",
            )

    def _reorder(self, values: np.ndarray, channel_names: Sequence[str], notes: Notes) -> np.ndarray:
        if tuple(channel_names) == self.channel_names:
            return values
        ordered, derived, absent = select_channels(values, channel_names, self.channel_names, self.derived_channels)
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

    def _crop(self, values: np.ndarray, notes: Notes) -> np.ndarray:
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

    def _pad(self, values: np.ndarray, notes: Notes) -> tuple[np.ndarray, np.ndarray]:
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


def _note(notes: Notes, line: str) -> None:
    for lines in notes:
        lines.append(line)


def _checked_recipes(recipes: Any) -> dict[str, dict[str, float]]:
    """Return plain copies, which compare and pickle; what a bundle from elsewhere states may be anything."""
    try:
        checked = {
            str(name): {str(part): float(weight) for part, weight in dict(parts).items()}
            for name, parts in dict(recipes).items()
        }
    except (TypeError, ValueError) as error:
        raise ConfigError(
            "derived_channels is malformed", received=recipes, allowed="{name: {name: weight}}"
        ) from error
    if not all(math.isfinite(weight) for parts in checked.values() for weight in parts.values()):
        raise ConfigError("derived_channels holds a weight that is no number", received=recipes)
    return checked
