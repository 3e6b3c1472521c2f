"""MATLAB files: CPSC2018's structure ``ECG``, CODE-15's ``feats``, and any matrix with a declared layout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from medclip.core._heads import read_head
from medclip.core.demographics import age_in_years, sex_of
from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats import wfdb
from medclip.modalities.ecg.formats._layout import layout_path, read_layout, sample_of
from medclip.modalities.ecg.formats._leads_together import check_rate
from medclip.modalities.ecg.formats._mat_content import (
    Structure,
    Variable,
    has_mat_4_head,
    has_mat_5_head,
    has_mat_73_head,
    variables_of,
)
from medclip.modalities.ecg.formats._recording import COPY_AGAIN, as_voltages, check_readable, check_size
from medclip.modalities.ecg.leads import STANDARD_LEADS

__all__ = ["FORMAT", "read", "sniff"]

# The rules of the China Physiological Signal Challenge 2018: 500 Hz, millivolts, leads in the order of a printed ECG.
_CPSC_VARIABLE, _CPSC_RATE_HZ = "ECG", 500.0
_CODE_VARIABLE, _CODE_RATE = "feats", "curr_sample_rate"


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is MATLAB's; one that a WFDB header beside it names belongs to that record."""
    return (has_mat_5_head(head) or has_mat_73_head(head) or has_mat_4_head(head)) and not wfdb.sniff(path, head)


def read(path: Path) -> Sample:
    """Read a MATLAB file into millivolts.

    A ``.mat`` with a WFDB header ``.hea`` beside it is read as that record. CPSC2018's structure ``ECG`` is in
    millivolts at 500 Hz by the rules of that challenge. The matrix ``feats`` of CODE-15 states its rate; its amplitude
    is not calibrated, which the attribute ``amplitude_is_calibrated`` then says. Any other matrix is read as the JSON
    file beside it says.

    Returns:
        float32 ``(n_leads, n_samples)``; ``age`` in years and ``sex`` as attributes if the file states them.

    Raises:
        FormatError: The file is damaged, of MATLAB 4 without header or of MATLAB 7.3, or does not say what it holds.
    """
    path = Path(path)
    check_readable(path)
    head = read_head(path)
    if wfdb.sniff(path, head):
        return wfdb.read(path)
    if has_mat_4_head(head):
        raise FormatError(
            f"{path} is the signal file of a WFDB record, whose header is missing",
            received=f"no {path.with_suffix('.hea').name} that names it",
            action="copy the .hea file and its signal file together",
        )
    if has_mat_73_head(head):
        raise FormatError(
            f"{path} is a MATLAB 7.3 file", allowed="MATLAB 5 files", action="save it again with save -v7"
        )
    variables = variables_of(path)
    if _CPSC_VARIABLE in variables:
        return _read_cpsc(variables[_CPSC_VARIABLE], path)
    if {_CODE_VARIABLE, _CODE_RATE} <= variables.keys():
        return _read_code(variables, path)
    return _read_declared(variables, path)


FORMAT = Format(
    name="mat", description="MATLAB 5 file (.mat) of CPSC2018, CODE-15 or a declared layout", sniff=sniff, read=read
)


def _read_cpsc(structure: Variable | Structure, path: Path) -> Sample:
    if not isinstance(structure, Mapping) or "data" not in structure:
        raise FormatError(
            f"{path} holds no structure as CPSC2018 has it",
            received=f"the fields {', '.join(structure) or 'none'}"
            if isinstance(structure, Mapping)
            else "no structure",
            allowed="sex, age, data",
            action=COPY_AGAIN,
        )
    attributes: dict[str, Any] = {}
    age, sex = _number(structure.get("age", "")), structure.get("sex", "")
    age_years = None if age is None else age_in_years(age, "Y")
    if age_years is not None:
        attributes["age"] = age_years
    if isinstance(sex, str) and sex_of(sex):
        attributes["sex"] = sex_of(sex)
    return _twelve_leads(structure["data"], _CPSC_RATE_HZ, attributes, path)


def _read_code(variables: Mapping[str, Variable | Structure], path: Path) -> Sample:
    rate_hz = _number(variables[_CODE_RATE])
    attributes = {"amplitude_is_calibrated": False}
    return _twelve_leads(variables[_CODE_VARIABLE], check_rate(rate_hz or 0.0, path), attributes, path)


def _twelve_leads(values: Variable | Structure, rate_hz: float, attributes: dict[str, Any], path: Path) -> Sample:
    if not isinstance(values, np.ndarray) or values.ndim != 2 or len(values) != len(STANDARD_LEADS):
        shape = " x ".join(map(str, values.shape)) if isinstance(values, np.ndarray) else None
        raise FormatError(
            f"{path} does not hold the twelve leads in rows",
            received=f"an array of {shape}" if shape else "no numbers",
            allowed="12 rows of numbers",
            action=COPY_AGAIN,
        )
    check_size(values.shape[0], values.shape[1], path)
    return Sample(
        modality="ecg",
        array=as_voltages(values, path),
        record_id=path.stem,
        sampling_rate_hz=rate_hz,
        channel_names=STANDARD_LEADS,
        attributes=attributes,
        source=path.name,
    )


def _read_declared(variables: Mapping[str, Variable | Structure], path: Path) -> Sample:
    layout = read_layout(path)
    arrays = {name: values for name, values in variables.items() if isinstance(values, np.ndarray)}
    name = layout.array or (next(iter(arrays)) if len(arrays) == 1 else None)
    if name is None or name not in arrays:
        raise FormatError(
            f"{path} holds {'not exactly one matrix' if name is None else 'no such matrix'}",
            received=name,
            allowed=list(arrays),
            action=f"name one of them as array in {layout_path(path).name}",
        )
    return sample_of(arrays[name], layout, path)


def _number(value: Variable | Structure) -> float | None:
    if not isinstance(value, np.ndarray) or value.size != 1 or not np.isfinite(value).all():
        return None
    return float(value.reshape(-1)[0])
