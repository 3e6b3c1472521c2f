"""The electrical heart vector as a sum of Gaussian waves, and its projection on the leads.

The model is the single moving dipole of Sameni et al. (Multichannel ECG and noise modeling, EURASIP Journal on Advances
in Signal Processing 2007:43407), the vector form of McSharry et al. (A dynamical model for generating synthetic
electrocardiogram signals, IEEE Transactions on Biomedical Engineering 50:289-294, 2003). Axes are those of Frank's
vectorcardiogram: x to the patient's left, y to the feet, z to the back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medclip.modalities.ecg.leads import DERIVED_LEADS, INDEPENDENT_LEADS, STANDARD_LEADS

__all__ = ["Waves", "lead_vectors", "project", "rotation", "superpose", "twelve_leads"]

_REACH = 4.0  # standard deviations, beyond which a wave of 3 mV is below 1 uV

_DOWER = (
    (0.632, -0.235, 0.059),
    (0.235, 1.066, -0.132),
    (-0.515, 0.157, -0.917),
    (0.044, 0.164, -1.387),
    (0.882, 0.098, -1.277),
    (1.213, 0.127, -0.601),
    (1.125, 0.127, -0.086),
    (0.831, 0.076, 0.230),
)


@dataclass(frozen=True, eq=False)
class Waves:
    """Gaussian waves of the heart vector, all relative to one instant.

    Args:
        centre_s: ``(n_waves,)`` in seconds.
        width_s: ``(n_waves,)`` standard deviations in seconds, > 0.
        vector_mv: ``(n_waves, 3)`` in millivolts.
    """

    centre_s: np.ndarray
    width_s: np.ndarray
    vector_mv: np.ndarray

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[float]], duration_s: float) -> Waves:
        """Build waves from rows of centre and width, in parts of a duration, and x, y, z in millivolts."""
        table = np.asarray(rows, np.float64).reshape(-1, 5)
        return cls(table[:, 0] * duration_s, table[:, 1] * duration_s, table[:, 2:])

    def __add__(self, other: Waves) -> Waves:
        """Put two groups of waves together."""
        return Waves(
            np.concatenate([self.centre_s, other.centre_s]),
            np.concatenate([self.width_s, other.width_s]),
            np.concatenate([self.vector_mv, other.vector_mv]),
        )

    def scaled(self, factor: float | np.ndarray) -> Waves:
        """Multiply the vectors by one factor, or by one factor per axis or per component."""
        return Waves(self.centre_s, self.width_s, self.vector_mv * factor)

    def turned(self, matrix: np.ndarray) -> Waves:
        """Rotate the vectors."""
        return Waves(self.centre_s, self.width_s, self.vector_mv @ matrix.T)

    def at(self, time_s: np.ndarray) -> np.ndarray:
        """Return the heart vector ``(3, n_times)`` in millivolts at the given times.

        >>> Waves.from_rows([(0.5, 0.1, 1.0, 2.0, 3.0)], duration_s=0.1).at(np.array([0.05])).ravel().tolist()
        [1.0, 2.0, 3.0]
        """
        phase = (time_s - self.centre_s[:, None]) / self.width_s[:, None]
        return np.asarray(self.vector_mv.T @ np.exp(-0.5 * phase**2))


def lead_vectors() -> np.ndarray:
    """Return Dower's lead vectors ``(8, 3)`` of I, II, V1 to V6, without unit.

    Source: Dower, Machado, Osborne. On deriving the electrocardiogram from vectorcardiographic leads. Clinical
    Cardiology 3:87-95, 1980.

    >>> lead_vectors().shape == (len(INDEPENDENT_LEADS), 3)
    True
    """
    return np.array(_DOWER)


def rotation(frontal_deg: float, horizontal_deg: float, sagittal_deg: float) -> np.ndarray:
    """Return the matrix ``(3, 3)`` that turns a heart vector.

    Args:
        frontal_deg: Left towards feet, as the electrical axis is counted.
        horizontal_deg: Left towards back (counter-clockwise rotation of the heart seen from the feet).
        sagittal_deg: Back towards feet.

    >>> bool(np.allclose(rotation(90, 0, 0) @ [1, 0, 0], [0, 1, 0]))
    True
    """
    cosines = np.cos(np.radians([frontal_deg, horizontal_deg, sagittal_deg]))
    sines = np.sin(np.radians([frontal_deg, horizontal_deg, sagittal_deg]))
    frontal = np.array([[cosines[0], -sines[0], 0.0], [sines[0], cosines[0], 0.0], [0.0, 0.0, 1.0]])
    horizontal = np.array([[cosines[1], 0.0, -sines[1]], [0.0, 1.0, 0.0], [sines[1], 0.0, cosines[1]]])
    sagittal = np.array([[1.0, 0.0, 0.0], [0.0, cosines[2], sines[2]], [0.0, -sines[2], cosines[2]]])
    return np.asarray(frontal @ horizontal @ sagittal)


def project(dipole_mv: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Project the heart vector ``(3, n_samples)`` on lead vectors ``(8, 3)``: ``(8, n_samples)`` in millivolts."""
    return np.asarray(vectors @ dipole_mv)


def twelve_leads(independent_mv: np.ndarray) -> np.ndarray:
    """Complete the eight independent leads ``(8, n_samples)`` to the twelve of ``STANDARD_LEADS``.

    III, aVR, aVL and aVF are computed from I and II, so Einthoven's and Goldberger's relations hold exactly.
    """
    rows = dict(zip(INDEPENDENT_LEADS, independent_mv, strict=True))
    for name, recipe in DERIVED_LEADS.items():
        rows[name] = sum(weight * rows[part] for part, weight in recipe.items())
    return np.array([rows[name] for name in STANDARD_LEADS])


def superpose(
    waves: Waves, starts_s: np.ndarray, *, stretch: np.ndarray, sampling_rate_hz: float, n_samples: int
) -> np.ndarray:
    """Add up copies of the waves that begin at several instants.

    Args:
        waves: Waves relative to the start of a copy.
        starts_s: ``(n_copies,)`` in seconds; those far outside of the recording are left out.
        stretch: ``(n_copies,)`` factors on the time axis of each copy.
        sampling_rate_hz: Samples per second.
        n_samples: Length of the recording, which begins at 0 s.

    Returns:
        Heart vector ``(3, n_samples)`` in millivolts.
    """
    before_s = min(0.0, float((waves.centre_s - _REACH * waves.width_s).min())) * float(stretch.max(initial=1.0))
    after_s = float((waves.centre_s + _REACH * waves.width_s).max()) * float(stretch.max(initial=1.0))
    n_window = int(np.ceil((after_s - before_s) * sampling_rate_hz)) + 2
    first = np.floor((starts_s + before_s) * sampling_rate_hz).astype(np.int64)
    inside = (first > -n_window) & (first < n_samples)
    first, starts_s, stretch = first[inside], starts_s[inside], stretch[inside]
    time_s = (first[:, None] + np.arange(n_window)) / sampling_rate_hz - starts_s[:, None]
    phase = (time_s / stretch[:, None])[:, None, :] - waves.centre_s[:, None]
    phase /= waves.width_s[:, None]
    copies = waves.vector_mv.T @ np.exp(-0.5 * phase * phase)
    total = np.zeros((3, n_samples + 2 * n_window))
    for begin, copy in zip(first + n_window, copies, strict=True):
        total[:, begin : begin + n_window] += copy
    return total[:, n_window : n_window + n_samples]
