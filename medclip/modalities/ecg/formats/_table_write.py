"""Write a recording as a table with its layout beside it: CSV or a NumPy archive."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np

from medclip.core.errors import InputError
from medclip.core.files import write_json, write_whole
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats._layout import CHANNELS_FIRST, SAMPLES_FIRST, layout_path
from medclip.modalities.ecg.formats._written import waveform_of

__all__ = ["write_csv", "write_npz"]

_KEPT = ("age", "sex", "device")


def write_csv(sample: Sample, path: Path) -> None:
    """Write a waveform as CSV, a row for each moment under a line of names, and ``NAME.json`` beside it.

    Every float32 is written so that the same one is read back; missing samples are empty fields. Identifiers are not
    written.

    Raises:
        InputError: The sample is no waveform.
        OutputError: A file cannot be written.
    """
    array, names = _checked(sample)
    write_json(layout_path(path), _layout(sample, SAMPLES_FIRST))
    with write_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        # Nine digits tell any two float32 apart.
        writer.writerows([["" if math.isnan(value) else f"{value:.9g}" for value in row] for row in array.T.tolist()])


def write_npz(sample: Sample, path: Path) -> None:
    """Write a waveform as a compressed NumPy archive with one array ``ecg``, and ``NAME.json`` beside it.

    Raises:
        InputError: The sample is no waveform.
        OutputError: A file cannot be written.
    """
    array, _ = _checked(sample)
    write_json(layout_path(path), _layout(sample, CHANNELS_FIRST) | {"array": "ecg"})
    with write_whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, ecg=array)


def _checked(sample: Sample) -> tuple[np.ndarray, tuple[str, ...]]:
    attributes = {key: value for key, value in sample.attributes.items() if key != "amplitude_is_calibrated"}
    waveform = waveform_of(sample.replace(attributes=attributes))
    if any(sign in name for name in waveform.names for sign in ",;\t"):
        raise InputError("a lead has a name that cannot be written", received=waveform.names)
    return waveform.array, waveform.names


def _layout(sample: Sample, orientation: str) -> dict[str, Any]:
    is_calibrated = sample.attributes.get("amplitude_is_calibrated") is not False
    stated: dict[str, Any] = {
        "sampling_rate_hz": sample.sampling_rate_hz,
        "unit": "mV" if is_calibrated else "uncalibrated",
        "channel_names": list(sample.channel_names or ()),
        "orientation": orientation,
    }
    stated |= {key: sample.attributes[key] for key in _KEPT if key in sample.attributes}
    return stated | ({"report": sample.report} if sample.report else {})
