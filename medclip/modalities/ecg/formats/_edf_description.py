"""What may be taken from an EDF+ file beside its samples: nothing that names or dates anybody."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from typing import Any

from medclip.core.demographics import device_of, sex_of, whole_years_between
from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats._description import report_of_lines
from medclip.modalities.ecg.formats._edf_header import Header, Signal

__all__ = ["attributes_of", "filters_of", "patient_id_of", "report_of"]

_UNKNOWN = "X"
_FILTER = re.compile(r"\b(HP|LP|N):\s*(\d+(?:\.\d+)?)\s*Hz", re.IGNORECASE)
_FILTER_NAMES = {"HP": "low_cutoff_hz", "LP": "high_cutoff_hz", "N": "notch_hz"}
_ONSET = re.compile(rb"([+-]\d+(?:\.\d*)?)(?:\x15(\d+(?:\.\d*)?))?")
_TEXT_MARK, _END_MARK = b"\x14", b"\x00"
_WORD = re.compile(r"[^\W\d_]{3,}")
_NO_STATEMENTS = ("recording starts", "recording ends", "record start", "record end")


def patient_id_of(header: Header) -> str | None:
    """Return the name under which a patient's recordings are kept together; plain EDF has no field of its own."""
    code = _subfields(header.patient, header)[0]
    return None if code == _UNKNOWN else private_id(code)


def attributes_of(header: Header) -> dict[str, Any]:
    """Return ``age`` in whole years, ``sex`` and ``device``, as far as an EDF+ header states them."""
    _, sex, born, *_ = _subfields(header.patient, header)
    _, recorded, _, _, equipment, *_ = _subfields(header.recording, header)
    found = {
        "age": whole_years_between(_date(born), _date(recorded)),
        "sex": sex_of(sex),
        "device": device_of("" if equipment == _UNKNOWN else equipment.replace("_", " ")),
    }
    return {key: value for key, value in found.items() if value is not None}


def filters_of(signals: Iterable[Signal]) -> dict[str, Any]:
    """Return the corner frequencies of the filters if all signals were filtered alike."""
    stated = {tuple(sorted((kind.upper(), float(hz)) for kind, hz in _FILTER.findall(s.filters))) for s in signals}
    return {_FILTER_NAMES[kind]: hz for kind, hz in stated.pop() if hz > 0} if len(stated) == 1 else {}


def report_of(records: Iterable[bytes]) -> str | None:
    """Return the statements among the annotations: sentences about the whole recording, set at its beginning.

    Marks of beats and events, which have a place of their own in the recording, are left out.
    """
    return report_of_lines(text for record in records for text in _statements(record))


def _statements(record: bytes) -> Iterator[str]:
    for entry in record.split(_END_MARK):
        onset, *texts = entry.split(_TEXT_MARK)
        found = _ONSET.fullmatch(onset)
        if found is None or float(found[1]) != 0 or found[2] is not None:
            continue
        for text in texts:
            for line in text.decode("utf-8", errors="replace").splitlines():
                if _WORD.search(line) and line.strip().lower() not in _NO_STATEMENTS:
                    yield line


def _subfields(text: str, header: Header) -> list[str]:
    """Split a field of EDF+ at its blanks; at least six, empty where there are none."""
    return [*(text.split() if header.is_plus else ()), *[""] * 6]


def _date(text: str) -> str:
    """Write a date such as 02-MAY-1951 as YYYYMMDD; an empty text if it is none.

    >>> _date("02-MAY-1951"), _date("X")
    ('19510502', '')
    """
    try:
        return datetime.datetime.strptime(text, "%d-%b-%Y").strftime("%Y%m%d")
    except ValueError:
        return ""
