"""Recordings for the command line: simulated patients as WFDB files, whole and spoilt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medclip.data.access import open_dataset

STEPS_PER_MV = 1000


def simulated(rate_hz: float = 500, duration_s: float = 10, patient: int = 0) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return int16 ``(12, n_samples)`` in microvolts and the names of the leads."""
    dataset = open_dataset("simulated", n_patients=patient + 1, sampling_rate_hz=rate_hz, duration_s=duration_s)
    sample = dataset[patient]
    microvolts = np.clip(np.round(np.nan_to_num(sample.array) * STEPS_PER_MV), -32000, 32000)
    return microvolts.astype(np.int16), tuple(sample.channel_names or ())


def write(
    folder: Path,
    name: str,
    stored: np.ndarray,
    leads: Sequence[str],
    *,
    rate_hz: float = 500,
    unit: str = "mV",
    gain: str = str(STEPS_PER_MV),
    n_samples: int | None = None,
    checksum_error: int = 0,
) -> Path:
    """Write format 16; ``n_samples`` and ``checksum_error`` make the header lie. Return the header's path."""
    lines = [f"{name} {len(leads)} {rate_hz:g} {stored.shape[1] if n_samples is None else n_samples}"]
    for lead, samples in zip(leads, stored, strict=True):
        checksum = (int(samples.astype(np.int64).sum()) + checksum_error) % 65536
        lines.append(f"{name}.dat 16 {gain}(0)/{unit} 16 0 {samples[0]} {checksum} 0 {lead}")
    header = folder / f"{name}.hea"
    header.write_text("\n".join(lines) + "\n")
    (folder / f"{name}.dat").write_bytes(stored.T.astype("<i2").tobytes())
    return header
