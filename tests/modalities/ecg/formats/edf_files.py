"""Write EDF files by hand, sound and odd ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

FIELDS = {
    "label": (16, "ECG I"),
    "transducer": (80, "electrode"),
    "unit": (8, "uV"),
    "low": (8, "-3276.8"),
    "high": (8, "3276.7"),
    "digital_low": (8, "-32768"),
    "digital_high": (8, "32767"),
    "filters": (80, ""),
    "count": (8, ""),
    "reserved": (32, ""),
}


def signal(values: np.ndarray, **changes: Any) -> tuple[np.ndarray, dict[str, Any]]:
    """Describe a signal of int16 ``(n_records, n_per_record)``."""
    described = {name: default for name, (_, default) in FIELDS.items()}
    return values, described | {"count": values.shape[1]} | changes


def annotations(texts: Sequence[bytes], *, size: int = 120) -> tuple[np.ndarray, dict[str, Any]]:
    """Make a signal of texts, one for each record."""
    values = np.stack([np.frombuffer(text.ljust(size, b"\0"), "<i2") for text in texts])
    return signal(values, label="EDF Annotations", unit="", low="-1", high="1")


def write(
    path: Path,
    signals: Sequence[tuple[np.ndarray, dict[str, Any]]],
    *,
    patient: str = "",
    recording: str = "",
    kind: str = "",
    n_records: int | str | None = None,
    duration: str = "1",
    tail: bytes = b"",
) -> Path:
    """Write the header and the data records."""
    count = len(signals[0][0]) if signals else 0
    start = [("0", 8), (patient, 80), (recording, 80), ("01.01.85", 8), ("00.00.00", 8)]
    start += [(str(256 * (len(signals) + 1)), 8), (kind, 44), (str(count if n_records is None else n_records), 8)]
    start += [(duration, 8), (str(len(signals)), 4)]
    fields = start + [(str(described[name]), width) for name, (width, _) in FIELDS.items() for _, described in signals]
    header = "".join(text.ljust(width)[:width] for text, width in fields).encode("latin-1")
    records = [b"".join(values[record].astype("<i2").tobytes() for values, _ in signals) for record in range(count)]
    path.write_bytes(header + b"".join(records) + tail)
    return path
