"""How the stored integers of a record's leads become millivolts; worked out once for records that store them alike."""

from __future__ import annotations

import functools

import numpy as np

from medclip.modalities.ecg.formats._wfdb_header import Channel
from medclip.modalities.ecg.formats._wfdb_signal import missing_value
from medclip.modalities.ecg.leads import standard_lead_name

__all__ = ["Conversion", "conversion_of"]

_MILLIVOLTS = {
    **dict.fromkeys(("v", "volt", "volts"), 1e3),
    **dict.fromkeys(("mv", "millivolt", "millivolts"), 1.0),
    **dict.fromkeys(("uv", "\N{MICRO SIGN}v", "\N{GREEK SMALL LETTER MU}v", "microvolt", "microvolts"), 1e-3),
    **dict.fromkeys(("nv", "nanovolt", "nanovolts"), 1e-6),
}
# Integers up to here are exact in single precision.
_LARGEST_EXACT_FLOAT32 = 1 << 24


class Conversion:
    """Names of a record's leads, and the conversion of their stored integers to correctly rounded float32 millivolts.

    Single precision is used where it rounds exactly as a detour over double precision would: both operands of the
    division are then exact, and 53 bits are more than twice 24 bits + 2 (Figueroa, ACM SIGNUM 30(3), 1995).

    Args:
        channels: How the leads are stored, in order.
    """

    def __init__(self, channels: tuple[Channel, ...]) -> None:
        self.names = tuple(standard_lead_name(channel.description) for channel in channels)
        self.doubled = sorted({name for name in self.names if self.names.count(name) > 1})
        self.other_units = {c.description: c.unit for c in channels if c.unit.lower() not in _MILLIVOLTS}
        self.is_calibrated = all(channel.is_calibrated for channel in channels)
        factors = [_MILLIVOLTS.get(channel.unit.lower(), np.nan) for channel in channels]
        columns = np.array([[c.baseline for c in channels], [c.gain for c in channels], factors], np.float64)[
            :, :, None
        ]
        self._baselines, self._gains, self._factors = columns
        self._missing = np.array([[missing_value(channel.storage)] for channel in channels])
        self._largest_missing = int(self._missing.max())
        self._is_single = (
            all(channel.storage in ("16", "61") for channel in channels)
            and np.abs(self._baselines).max() < _LARGEST_EXACT_FLOAT32 - (1 << 15)
            and bool((columns == columns.astype(np.float32)).all() and (self._factors == 1.0).all())
        )
        if self._is_single:
            self._baselines, self._gains, self._factors = columns.astype(np.float32)

    def __call__(self, stored: np.ndarray, millivolts: np.ndarray) -> None:
        """Write the millivolts of integers ``(n_leads, n_samples)`` to a float32 array; missing samples become NaN."""
        if self._is_single:
            np.subtract(stored, self._baselines, out=millivolts, dtype=np.float32)
            np.divide(millivolts, self._gains, out=millivolts)
        else:
            millivolts[:] = (stored - self._baselines) / self._gains * self._factors
        if stored.min() <= self._largest_missing:
            millivolts[stored == self._missing] = np.nan

    def apply(self, stored: np.ndarray) -> np.ndarray:
        """Return the millivolts of integers ``(n_leads, n_samples)``."""
        millivolts = np.empty(stored.shape, np.float32)
        self(stored, millivolts)
        return millivolts


@functools.lru_cache(maxsize=256)
def conversion_of(channels: tuple[Channel, ...]) -> Conversion:
    """Return the conversion for leads that are stored like this; it holds nothing of any record."""
    return Conversion(channels)
