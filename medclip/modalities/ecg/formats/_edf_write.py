"""Write a recording as EDF+ without gaps, anonymous as the standard recommends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medclip.core.errors import InputError
from medclip.core.files import write_whole
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats._edf_header import ANNOTATIONS, SIGNAL_BYTES, START_BYTES
from medclip.modalities.ecg.formats._written import Waveform, waveform_of

__all__ = ["write"]

_LARGEST = 32767
_NUMBER_WIDTH, _LABEL_WIDTH = 8, 16
_MOST_RECORD_BYTES = 61440  # recommended by the standard
_SEXES = {"male": "M", "female": "F"}
# "If the date is not known": the standard's clipping date, and X for a subfield.
_DATE, _TIME = "01.01.85", "00.00.00"


class _Lead(NamedTuple):
    label: str
    low_uv: str
    high_uv: str
    samples: np.ndarray


def write(sample: Sample, path: Path) -> None:
    """Write a waveform in millivolts as EDF+C.

    Each lead is laid on all 65,535 steps between its lowest and highest value, in microvolts. Sex and report are
    kept; identifiers and dates are not written, and an age has no place in EDF+.

    Raises:
        InputError: The sample is no waveform, has missing samples, or a rate or lead that EDF cannot state.
        OutputError: The file cannot be written.
    """
    waveform = waveform_of(sample)
    if np.isnan(waveform.array).any():
        raise InputError("EDF has no mark for missing samples", action="write WFDB, CSV or NPZ instead")
    leads = [_lead(name, row) for name, row in zip(waveform.names, waveform.array, strict=True)]
    n_per_record, duration = _record_size(waveform)
    n_records = waveform.array.shape[1] // n_per_record
    texts = _annotations(sample.report, n_records, float(duration))
    n_text_bytes = len(texts[0])
    with write_whole(path) as temporary, temporary.open("wb") as file:
        file.write(_header(leads, n_records, duration, n_per_record, n_text_bytes // 2, _sex(sample)))
        for record, text in enumerate(texts):
            span = slice(record * n_per_record, (record + 1) * n_per_record)
            file.write(b"".join(lead.samples[span].tobytes() for lead in leads) + text)


def _lead(name: str, row: np.ndarray) -> _Lead:
    """Choose the limits of a lead, which are written in eight characters, outside of its values."""
    values = row.astype(np.float64) * 1e3
    label = f"ECG {name}"
    if not label.isascii() or len(label) > _LABEL_WIDTH:
        raise InputError("EDF cannot state the name of a lead", received=name, allowed="12 ASCII characters")
    low, high = _limit(float(values.min()), -1), _limit(float(values.max()), 1)
    if float(low) == float(high):
        high = _limit(float(low) + 1.0, 1)
    step = (float(high) - float(low)) / (2 * _LARGEST)
    return _Lead(label, low, high, (np.rint((values - float(low)) / step) - _LARGEST).astype("<i2"))


def _limit(value: float, direction: int) -> str:
    """Write a number in eight characters, rounded down or up.

    >>> _limit(-1234.56789, -1), _limit(0.0, 1)
    ('-1234.57', '0.00000')
    """
    decimals = 5
    while decimals >= 0:
        factor = 10.0**decimals
        text = f"{(math.floor if direction < 0 else math.ceil)(value * factor) / factor:.{decimals}f}"
        if len(text) <= _NUMBER_WIDTH:
            return text
        decimals -= 1
    raise InputError("EDF cannot state so high a voltage", received=f"{value:g} uV")


def _record_size(waveform: Waveform) -> tuple[int, str]:
    """Return samples in a data record and its seconds as text, so that records are whole and the text is exact."""
    n_samples = waveform.array.shape[1]
    n_most = max(1, _MOST_RECORD_BYTES // (2 * len(waveform.names)))
    small = [size for size in range(1, math.isqrt(n_samples) + 1) if n_samples % size == 0]
    divisors = small + [n_samples // size for size in small]
    for size in sorted(divisors, key=lambda size: (size > n_most, abs(size - n_most))):
        text = f"{size / waveform.rate_hz:.10g}"[:_NUMBER_WIDTH]
        if "e" not in text and float(text) > 0 and math.isclose(size / float(text), waveform.rate_hz, rel_tol=1e-9):
            return size, text
    raise InputError(
        "EDF cannot state this sampling rate exactly",
        received=f"{waveform.rate_hz:g} Hz and {n_samples} samples",
        action="write WFDB, CSV or NPZ instead",
    )


def _annotations(report: str | None, n_records: int, duration_s: float) -> list[bytes]:
    """Return the texts of each data record, of one size: when it begins, and in the first one the report."""
    entries = [f"+{record * duration_s:.10g}\x14\x14\x00".encode() for record in range(n_records)]
    lines = [" ".join(line.split()) for line in (report or "").splitlines() if line.strip()]
    entries[0] += b"".join(f"+0\x14{line}\x14\x00".encode() for line in lines)
    size = max(len(entry) for entry in entries)
    return [entry.ljust(size + size % 2, b"\0") for entry in entries]


def _header(leads: Sequence[_Lead], n_records: int, duration: str, n_per_record: int, n_text: int, sex: str) -> bytes:
    n_signals = len(leads) + 1
    start = [
        ("0", 8),
        (f"X {sex} X X", 80),
        ("Startdate X X X X", 80),
        (_DATE, 8),
        (_TIME, 8),
        (str(START_BYTES + SIGNAL_BYTES * n_signals), 8),
        ("EDF+C", 44),
        (str(n_records), 8),
        (duration, 8),
        (str(n_signals), 4),
    ]
    columns: list[tuple[list[str], int]] = [
        ([*(lead.label for lead in leads), ANNOTATIONS], _LABEL_WIDTH),
        ([""] * n_signals, 80),
        ([*("uV" for _ in leads), ""], 8),
        ([*(lead.low_uv for lead in leads), "-1"], 8),
        ([*(lead.high_uv for lead in leads), "1"], 8),
        ([*(str(-_LARGEST) for _ in leads), "-32768"], 8),
        ([str(_LARGEST)] * n_signals, 8),
        ([""] * n_signals, 80),
        ([*(str(n_per_record) for _ in leads), str(n_text)], 8),
        ([""] * n_signals, 32),
    ]
    fields = start + [(text, width) for texts, width in columns for text in texts]
    return "".join(text.ljust(width) for text, width in fields).encode("ascii")


def _sex(sample: Sample) -> str:
    return _SEXES.get(str(sample.attributes.get("sex")), "X")
