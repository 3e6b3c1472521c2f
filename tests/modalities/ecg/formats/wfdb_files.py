"""Write WFDB records by hand, in layouts that the wfdb package cannot write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write_record(
    folder: Path,
    name: str,
    stored: np.ndarray,
    leads: Sequence[str],
    *,
    gain: str = "1000(0)/mV",
    rate_hz: float = 500,
    storage: str = "16",
    suffix: str = ".dat",
    comments: Sequence[str] = (),
    encoding: str = "utf-8",
) -> Path:
    """Write int16 ``(n_leads, n_samples)`` as one format 16 file with first values and checksums in the header."""
    lines = [f"{name} {len(leads)} {rate_hz:g} {stored.shape[1]}"]
    for lead, samples in zip(leads, stored, strict=True):
        checksum = int(samples.astype(np.int64).sum()) % 65536
        lines.append(f"{name}{suffix} {storage} {gain} 16 0 {samples[0]} {checksum} 0 {lead}")
    lines += [f"# {comment}" for comment in comments]
    header = folder / f"{name}.hea"
    header.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    (folder / f"{name}{suffix}").write_bytes(stored.T.astype("<i2").tobytes())
    return header


def random_walk(seed: int, n_leads: int, n_samples: int) -> np.ndarray:
    """Return int16 ``(n_leads, n_samples)`` that wander the way a recording does."""
    steps = np.random.default_rng(seed).integers(-20, 21, (n_leads, n_samples))
    return np.clip(np.cumsum(steps, axis=1), -32767, 32767).astype(np.int16)
