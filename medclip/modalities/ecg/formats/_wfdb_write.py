"""Write a recording as a WFDB record of 16-bit integers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medclip.core.errors import OutputError
from medclip.core.files import write_whole
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats._written import waveform_of

__all__ = ["write"]

_NAME = re.compile(r"[\w.-]+", re.ASCII)
_LARGEST, _MISSING = 32767, -32768
_LARGEST_BASELINE = float(1 << 30)
# Steps per millivolt that devices have: 1, 1.25, 2.5, 4.88 and 5 microvolts, then finer ones.
_USUAL_GAINS = (200.0, 204.8, 400.0, 800.0, 1000.0)
_SEXES = {"male": "Male", "female": "Female"}


class _Stored(NamedTuple):
    gain: float
    baseline: int
    samples: np.ndarray


def write(sample: Sample, path: Path) -> None:
    """Write a waveform in millivolts as ``NAME.hea`` and ``NAME.dat`` (format 16).

    Each lead has a step of its own: one that devices have if it keeps every value, or else the finest that its range
    allows. Age, sex and report become comments; identifiers are not written.

    Args:
        sample: What is written; NaN is kept as missing.
        path: The header, which ends in ``.hea``.

    Raises:
        InputError: The sample is no waveform.
        OutputError: The name is none that WFDB allows, or a file cannot be written.
    """
    waveform = waveform_of(sample)
    name = path.stem
    if not _NAME.fullmatch(name) or path.suffix != ".hea":
        raise OutputError(
            "a WFDB record has no such name", received=path.name, allowed="letters, digits, _ . - and then .hea"
        )
    leads = [_stored(row) for row in waveform.array]
    samples = np.stack([lead.samples for lead in leads], axis=1).astype("<i2")
    lines = [f"{name} {len(leads)} {waveform.rate_hz!r} {len(samples)}"]
    for lead, label in zip(leads, waveform.names, strict=True):
        first, checksum = int(lead.samples[0]), int(lead.samples.sum(dtype=np.int64)) % 65536
        lines.append(f"{name}.dat 16 {lead.gain!r}({lead.baseline})/mV 16 0 {first} {checksum} 0 {label}")
    lines += [f"# {comment}" for comment in _comments(sample)]
    with write_whole(path.with_suffix(".dat")) as temporary:
        temporary.write_bytes(samples.tobytes())
    with write_whole(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _stored(row: np.ndarray) -> _Stored:
    """Choose the step of a lead, and store it; the lowest value stands for a missing sample."""
    known = row[np.isfinite(row)].astype(np.float64)
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    for gain in _USUAL_GAINS:
        if max(abs(low), abs(high)) * gain <= _LARGEST and _keeps(known, gain):
            return _with(row, gain, 0)
    middle = (high + low) / 2
    gain = min(2.0 * (_LARGEST - 1) / max(high - low, 1e-3), _LARGEST_BASELINE / max(abs(middle), 1e-3))
    return _with(row, gain, -round(middle * gain))


def _keeps(known: np.ndarray, gain: float) -> bool:
    # Readers round in different ways, so that a stored step may be off by the last digits of single precision.
    return np.allclose(np.rint(known * gain) / gain, known, rtol=3e-7, atol=1e-9)


def _with(row: np.ndarray, gain: float, baseline: int) -> _Stored:
    is_missing = ~np.isfinite(row)
    steps = np.rint(np.where(is_missing, 0.0, row).astype(np.float64) * gain) + baseline
    return _Stored(gain, baseline, np.where(is_missing, _MISSING, steps.clip(-_LARGEST, _LARGEST)).astype(np.int16))


def _comments(sample: Sample) -> Iterator[str]:
    age, sex = sample.attributes.get("age"), sample.attributes.get("sex")
    if age is not None:
        yield f"Age: {age:g}"
    if sex in _SEXES:
        yield f"Sex: {_SEXES[sex]}"
    if sample.report:
        yield f"Report: {' '.join(sample.report.split())}"
