"""What a table of numbers holds: said in a JSON file beside it, never guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from medclip.core.demographics import age_in_years, device_of, sex_of
from medclip.core.errors import FormatError
from medclip.core.files import read_json
from medclip.core.privacy import private_id
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats._description import report_of_lines
from medclip.modalities.ecg.formats._leads_together import check_rate, named_once
from medclip.modalities.ecg.formats._recording import as_voltages, check_size
from medclip.modalities.ecg.formats._units import MILLIVOLTS

__all__ = ["CHANNELS_FIRST", "SAMPLES_FIRST", "Layout", "layout_path", "read_layout", "sample_of"]

CHANNELS_FIRST, SAMPLES_FIRST = "channels_by_samples", "samples_by_channels"
_NEEDED = ("sampling_rate_hz", "unit", "channel_names", "orientation")
_OPTIONAL = ("array", "age", "sex", "device", "report", "patient_id")
_UNCALIBRATED = "uncalibrated"
_UNITS = ("V", "mV", "uV", "nV", _UNCALIBRATED)
_MOST_BYTES = 1 << 20
_EXAMPLE = {
    "sampling_rate_hz": 500,
    "unit": "mV",
    "channel_names": ["I", "II", "V1"],
    "orientation": SAMPLES_FIRST,
}


class Layout(NamedTuple):
    """What the file beside a table says.

    Args:
        rate_hz: Samples per second.
        millivolts: Millivolts of a stored 1, or None if the amplitude is not calibrated.
        names: Standard names of the leads.
        labels: The same as they are written.
        is_channels_first: True if each row is a lead, False if each row is a moment.
        array: Name of the array in a file of several, or None.
        patient_id: Identifier by which a patient's recordings are kept together, or None.
        report: Text about the recording, or None.
        attributes: Age in years, sex and device as far as stated.
    """

    rate_hz: float
    millivolts: float | None
    names: tuple[str, ...]
    labels: tuple[str, ...]
    is_channels_first: bool
    array: str | None
    patient_id: str | None
    report: str | None
    attributes: Mapping[str, Any]


def layout_path(path: Path) -> Path:
    """Return the file that says what a table holds."""
    return path.with_suffix(".json")


def read_layout(path: Path) -> Layout:
    """Read what the file beside the table ``path`` says.

    Raises:
        FormatError: There is none, or it lacks something, says something unknown or is no JSON.
    """
    beside = layout_path(path)
    try:
        stated = read_json(beside, maximum_bytes=_MOST_BYTES)
    except FileNotFoundError as error:
        raise FormatError(
            f"{path} is a table of numbers that does not say what they are",
            action=f"write {beside.name} beside it, for example {json.dumps(_EXAMPLE)}",
        ) from error
    except (OSError, ValueError) as error:
        raise FormatError(f"{beside} is no usable JSON ({type(error).__name__})", action=_advice()) from error
    if not isinstance(stated, dict):
        raise FormatError(f"{beside} holds no JSON object", received=type(stated).__name__, action=_advice())
    missing = [key for key in _NEEDED if key not in stated]
    unknown = [str(key) for key in stated if key not in (*_NEEDED, *_OPTIONAL)]
    if missing or unknown:
        received = f"no {', '.join(missing)}" if missing else unknown
        raise FormatError(
            f"{beside} {'lacks something' if missing else 'says something that is not known'}",
            received=received,
            allowed=(*_NEEDED, *(f"{key} (optional)" for key in _OPTIONAL)),
            action=_advice(),
        )
    return _checked(stated, beside)


def sample_of(values: np.ndarray, layout: Layout, path: Path) -> Sample:
    """Make a recording of a table of numbers.

    Args:
        values: Numbers, ``(n_leads, n_samples)`` or ``(n_samples, n_leads)`` as the layout says, or ``(n_samples,)``.
        layout: What they are.
        path: The file, for names and messages.

    Raises:
        FormatError: They are not numbers, or not as many leads as the layout names.
    """
    if values.dtype.kind not in "iuf":
        raise FormatError(f"{path} holds something else than numbers", received=values.dtype)
    if values.ndim == 1:
        values = values[None] if layout.is_channels_first else values[:, None]
    rows = values if layout.is_channels_first or values.ndim != 2 else values.T
    if rows.ndim != 2 or len(rows) != len(layout.names):
        raise FormatError(
            f"{path} and {layout_path(path).name} contradict each other",
            received=f"an array of {' x '.join(map(str, values.shape))}",
            allowed=f"{len(layout.names)} leads, {CHANNELS_FIRST if layout.is_channels_first else SAMPLES_FIRST}",
            action="mend channel_names or orientation there",
        )
    check_size(rows.shape[0], rows.shape[1], path)
    attributes = dict(layout.attributes)
    if layout.millivolts is None:
        attributes["amplitude_is_calibrated"] = False
    # A factor of 1 must not cost a digit.
    array = as_voltages(rows if layout.millivolts in (None, 1.0) else rows * layout.millivolts, path)
    return Sample(
        modality="ecg",
        array=array,
        record_id=path.stem,
        patient_id=private_id(layout.patient_id),
        sampling_rate_hz=layout.rate_hz,
        channel_names=layout.names,
        report=layout.report,
        attributes=attributes,
        source=path.name,
    )


def _checked(stated: Mapping[str, Any], beside: Path) -> Layout:
    rate, unit, labels, orientation = (stated[key] for key in _NEEDED)
    if not isinstance(rate, (int, float)) or isinstance(rate, bool):
        raise _unusable(beside, "sampling_rate_hz", rate, "a number")
    if unit not in _UNITS:
        raise _unusable(beside, "unit", unit, _UNITS)
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        raise _unusable(beside, "channel_names", labels, "a list of names")
    if orientation not in (CHANNELS_FIRST, SAMPLES_FIRST):
        raise _unusable(beside, "orientation", orientation, (CHANNELS_FIRST, SAMPLES_FIRST))
    texts = {key: stated.get(key) for key in _OPTIONAL if key != "age"}
    for key, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise _unusable(beside, key, type(text).__name__, "a text")
    return Layout(
        check_rate(float(rate), beside),
        None if unit == _UNCALIBRATED else MILLIVOLTS[unit.lower()],
        named_once(labels, beside),
        tuple(labels),
        orientation == CHANNELS_FIRST,
        texts["array"],
        texts["patient_id"],
        report_of_lines((texts["report"] or "").splitlines()),
        _attributes(stated, beside),
    )


def _attributes(stated: Mapping[str, Any], beside: Path) -> dict[str, Any]:
    age = stated.get("age")
    if age is not None and (not isinstance(age, (int, float)) or isinstance(age, bool)):
        raise _unusable(beside, "age", type(age).__name__, "years as a number")
    found = {
        "age": None if age is None else age_in_years(float(age), "Y"),
        "sex": sex_of(stated.get("sex") or ""),
        "device": device_of(stated.get("device") or ""),
    }
    return {key: value for key, value in found.items() if value is not None}


def _unusable(beside: Path, key: str, received: object, allowed: object) -> FormatError:
    return FormatError(f"{key} in {beside} is not usable", received=received, allowed=allowed, action=_advice())


def _advice() -> str:
    return f"an example of such a file: {json.dumps(_EXAMPLE)}"
