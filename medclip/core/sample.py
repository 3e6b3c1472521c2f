"""One recording of one patient, in physical units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from medclip.core.modality import QualityIssue

__all__ = ["Sample"]

# Headers write direction cosines with five or six digits.
_ORTHOGONAL_WITHIN = 1e-3


@dataclass(frozen=True, eq=False)
class Sample:
    """One recording of one patient.

    A reader fills it with physical values or raises; it never guesses. A waveform needs ``sampling_rate_hz`` and
    ``channel_names``; a volume needs ``spacing_mm``, ``origin_mm`` and ``direction``; a radiograph may have
    ``spacing_mm``.

    Args:
        modality: Name of the modality folder that knows how to show and check this sample.
        array: float32. Waveform ``(n_channels, n_samples)`` in millivolts; volume ``(depth, height, width)`` in
            Hounsfield units; radiograph ``(height, width)`` in [0, 1] with dark air. NaN marks missing values.
        record_id: Identifier of the recording inside its source.
        patient_id: Identifier used only to keep one patient's recordings together; never shown or logged.
        sampling_rate_hz: Samples per second, > 0 (waveforms).
        channel_names: One standard name per row of ``array`` (waveforms), all different.
        spacing_mm: Distance between voxel centres along each array axis (images), each > 0.
        origin_mm: Position of the centre of the first voxel in patient coordinates: x to the patient's left, y to the
            back, z to the head, as in DICOM (volumes).
        direction: 9 numbers (volumes). Numbers ``3 * i`` to ``3 * i + 2`` are the unit vector in patient coordinates
            along which array axis ``i`` runs: ``position = origin + sum(index[i] * spacing[i] * direction[i])``.
        report: Free text written about this recording, or None.
        labels: ``{code: 1.0 | 0.0 | nan}``; nan means that nobody assessed the finding.
        attributes: Age, sex, device and whatever else the source states; no names, no dates of birth.
        source: Where the sample came from, for error messages; a file name or a data set name.
        regions: ``{code: bool array of the array's shape}``, True where an annotator saw the finding; empty where
            nobody drew any.

    Raises:
        InputError: The array and its description contradict each other.

    >>> sample = Sample("demo", np.zeros((2, 500), np.float32), "r1", sampling_rate_hz=500, channel_names=("I", "II"))
    >>> sample
    Sample(modality='demo', shape=(2, 500), sampling_rate_hz=500, duration_s=1.0)
    """

    modality: str
    array: np.ndarray
    record_id: str
    patient_id: str | None = None
    sampling_rate_hz: float | None = None
    channel_names: tuple[str, ...] | None = None
    spacing_mm: tuple[float, ...] | None = None
    origin_mm: tuple[float, float, float] | None = None
    direction: tuple[float, ...] | None = None
    report: str | None = None
    labels: Mapping[str, float] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    regions: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.array, np.ndarray) or self.array.dtype != np.float32:
            received = f"{type(self.array).__name__} of {getattr(self.array, 'dtype', 'unknown type')}"
            raise InputError("a sample's array must be a float32 NumPy array", received=received)
        if self.sampling_rate_hz is not None or self.channel_names is not None:
            self._check_waveform()
        if self.spacing_mm is not None:
            self._check_spacing()
        if self.direction is not None:
            self._check_direction()
        for code, region in self.regions.items():
            if region.dtype != np.bool_ or region.shape != self.array.shape:
                raise InputError(
                    f"region of {code} does not lie on the array",
                    received=f"{region.dtype} of shape {region.shape}",
                    allowed=f"bool of shape {self.array.shape}",
                )
        for code, value in self.labels.items():
            if not isinstance(value, Real) or not (value in (0.0, 1.0) or math.isnan(value)):
                raise InputError(f"label {code} has no allowed value", received=value, allowed="1.0, 0.0 or nan")

    def _check_waveform(self) -> None:
        rate, names = self.sampling_rate_hz, self.channel_names
        if not isinstance(rate, Real) or not (math.isfinite(rate) and rate > 0):
            raise InputError("a waveform needs a sampling rate", received=f"{rate} Hz", allowed="more than 0 Hz")
        if names is not None:
            names = tuple(names)
            object.__setattr__(self, "channel_names", names)
        if names is None or self.array.ndim != 2 or len(names) != self.array.shape[0]:
            received = f"{'no' if names is None else len(names)} channel names, array of shape {self.array.shape}"
            raise InputError(
                "a waveform needs one name per channel", received=received, allowed="an array (n_channels, n_samples)"
            )
        if len(set(names)) != len(names):
            doubled = sorted({name for name in names if names.count(name) > 1})
            raise InputError(
                "channels share a name", received=doubled, action="keep one recording of each channel in the file"
            )

    def _check_spacing(self) -> None:
        spacing = self.spacing_mm or ()
        if len(spacing) != self.array.ndim or not all(math.isfinite(step) and step > 0 for step in spacing):
            raise InputError(
                "spacing_mm must give one positive distance per array axis",
                received=f"{self.spacing_mm} for an array of shape {self.array.shape}",
            )

    def _check_direction(self) -> None:
        axes = np.asarray(self.direction, np.float64)
        is_known = axes.shape == (9,) and bool(np.isfinite(axes).all())
        gram = axes.reshape(3, 3) @ axes.reshape(3, 3).T if is_known else np.zeros((3, 3))
        if not np.allclose(gram, np.eye(3), atol=_ORTHOGONAL_WITHIN) or self.array.ndim != 3:
            raise InputError(
                "direction must give three unit vectors at right angles",
                received=f"{self.direction} for an array of shape {self.array.shape}",
            )

    @property
    def duration_s(self) -> float | None:
        """Length of a waveform in seconds; None for an image."""
        if self.sampling_rate_hz is None:
            return None
        return float(self.array.shape[-1] / self.sampling_rate_hz)

    def replace(self, **changes: Any) -> Sample:
        """Return a copy with some fields changed, checked again."""
        return replace(self, **changes)

    def plot(self, **options: Any) -> Figure:
        """Draw the recording the way its readers are used to; see the modality's ``plot`` for the options."""
        from medclip.core.modality import find_modality

        return find_modality(self.modality).plot(self, **options)

    def quality(self) -> tuple[QualityIssue, ...]:
        """List what is technically wrong with the recording; empty when nothing was found."""
        from medclip.core.modality import find_modality

        return find_modality(self.modality).quality(self)

    def __repr__(self) -> str:
        described = [f"modality={self.modality!r}", f"shape={self.array.shape}"]
        for name in ("sampling_rate_hz", "duration_s", "spacing_mm"):
            value = getattr(self, name)
            if value is not None:
                described.append(f"{name}={value!r}")
        return f"Sample({', '.join(described)})"
