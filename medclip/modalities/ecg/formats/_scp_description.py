"""What may be taken from an SCP-ECG file beside its samples: nothing that names or dates anybody.

Numbers in brackets are clauses of EN 1064:2005+A1:2007.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medclip.core.demographics import age_in_years, device_of, whole_years_between
from medclip.core.errors import FormatError
from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats._description import report_of_lines
from medclip.modalities.ecg.formats._recording import COPY_AGAIN
from medclip.modalities.ecg.formats._scp_container import unpack

__all__ = ["attributes_of", "measurements_of", "patient_id_of", "report_of", "tags_of"]

_TAG, _NUMBER, _DATE = struct.Struct("<BH"), struct.Struct("<H"), struct.Struct("<HBB")
_AGE, _STATEMENTS, _STATEMENT = struct.Struct("<HB"), struct.Struct("<B7sB"), struct.Struct("<BH")
_PATIENT_ID, _AGE_TAG, _BORN, _SEX, _DEVICE, _RECORDED = 2, 4, 5, 8, 14, 25
_HIGH_PASS, _LOW_PASS, _FILTERS, _LAST_TAG = 27, 28, 29, 255
_AGE_UNITS = {1: "Y", 2: "M", 3: "W", 4: "D", 5: "H"}
_SEXES = {1: "male", 2: "female"}
# [5.4.5, tag 14]: the fixed part of the device's identification, and where its texts begin.
_MAKER_BYTE, _MODEL, _LANGUAGE_BYTE, _TEXTS_START, _MAKER_TEXT = 7, slice(8, 14), 16, 36, 4
_MAKER_IS_TEXT = 255
_MAKERS = (
    "",
    "Burdick",
    "Cambridge",
    "Compumed",
    "Datamed",
    "Fukuda",
    "Hewlett-Packard",
    "Marquette",
    "Mortara",
    "Nihon Kohden",
    "Okin",
    "Quinton",
    "Siemens",
    "Spacelabs",
    "Telemed",
    "Hellige",
    "Esaote",
    "Schiller",
    "Picker-Schwarzer",
    "Elettronica Trentina",
    "Zwoenitz",
)
# [annex A]: the language code selects a part of ISO 8859; the others need escape sequences that no device is known for.
_ENCODINGS = {
    0x00: "ascii",
    0x01: "iso8859-1",
    0x03: "iso8859-2",
    0x0B: "iso8859-4",
    0x13: "iso8859-5",
    0x1B: "iso8859-6",
    0x23: "iso8859-7",
    0x2B: "iso8859-8",
    0x33: "iso8859-11",
    0x3B: "iso8859-15",
}
# [5.10]: onsets and ends of waves in the reference beat in milliseconds, then axes in degrees.
_GLOBAL, _BEAT = struct.Struct("<BBHH"), struct.Struct("<5H3h")
_LONGEST_MS, _WIDEST_DEG = 9999, 180


def tags_of(section: bytes, path: Path) -> Mapping[int, bytes]:
    """Return the fields of section 1 by tag [5.4.3].

    Raises:
        FormatError: A field is longer than the section.
    """
    tags: dict[int, bytes] = {}
    start = 0
    while start < len(section) and section[start] != _LAST_TAG:
        tag, length = unpack(_TAG, section, start, path)
        start += _TAG.size
        if start + length > len(section):
            raise FormatError(f"{path} ends in the middle of a section", action=COPY_AGAIN)
        tags.setdefault(tag, section[start : start + length])
        start += length
    return tags


def patient_id_of(tags: Mapping[int, bytes]) -> str | None:
    """Return the name under which a patient's recordings are kept together, see ``medclip.core.privacy``."""
    return private_id(_text(tags.get(_PATIENT_ID, b""), "iso8859-1"))


def attributes_of(tags: Mapping[int, bytes]) -> dict[str, Any]:
    """Return ``age`` in years, ``sex``, ``device`` and the corner frequencies of its filters, as far as stated.

    Where no age is stated, it is the time from the date of birth to the recording, in whole years; neither is kept.
    """
    stated = {
        "age": _age(tags),
        "sex": _SEXES.get(next(iter(tags.get(_SEX, b"")), 0)),
        "device": _device(tags.get(_DEVICE, b"")),
        "low_cutoff_hz": _number(tags, _HIGH_PASS) / 100,
        "high_cutoff_hz": float(_number(tags, _LOW_PASS)),
        "notch_hz": {1: 60.0, 2: 50.0}.get(next(iter(tags.get(_FILTERS, b"")), 0) & 3),
    }
    # A filter of 0 Hz is how devices say that there is none; an age of 0 is one.
    return {name: value for name, value in stated.items() if value is not None and (value or name == "age")}


def measurements_of(section: bytes | None, path: Path) -> dict[str, float]:
    """Return the device's global measurements in milliseconds and degrees, as far as it computed them [5.10]."""
    if section is None or len(section) < _GLOBAL.size:
        return {}
    n_beats, _, rr_ms, _ = unpack(_GLOBAL, section, 0, path)
    found = {"rr_interval_ms": float(rr_ms)} if 0 < rr_ms <= _LONGEST_MS else {}
    if n_beats == 0 or len(section) < _GLOBAL.size + _BEAT.size:
        return found
    p_on, p_off, qrs_on, qrs_off, t_off, *axes = unpack(_BEAT, section, _GLOBAL.size, path)
    spans = {
        "p_duration_ms": (p_on, p_off),
        "pr_interval_ms": (p_on, qrs_on),
        "qrs_duration_ms": (qrs_on, qrs_off),
        "qt_interval_ms": (qrs_on, t_off),
    }
    found |= {name: float(stop - start) for name, (start, stop) in spans.items() if 0 <= start < stop <= _LONGEST_MS}
    names = ("p_axis_deg", "qrs_axis_deg", "t_axis_deg")
    return found | {name: float(axis) for name, axis in zip(names, axes, strict=True) if abs(axis) <= _WIDEST_DEG}


def report_of(section: bytes | None, tags: Mapping[int, bytes], path: Path) -> str | None:
    """Return the statements of section 8, one per line, without those that name people [5.11].

    A report in characters that its language code does not hold is left out as a whole.

    Raises:
        FormatError: A statement is longer than the section.
    """
    if section is None:
        return None
    encoding = _ENCODINGS.get(next(iter(tags.get(_DEVICE, b"")[_LANGUAGE_BYTE:]), 0))
    return None if encoding is None else report_of_lines(_statements(section, encoding, path))


def _statements(section: bytes, encoding: str, path: Path) -> Iterator[str]:
    n_statements, start = unpack(_STATEMENTS, section, 0, path)[2], _STATEMENTS.size
    for _ in range(n_statements):
        length = unpack(_STATEMENT, section, start, path)[1]
        start += _STATEMENT.size
        if start + length > len(section):
            raise FormatError(f"{path} ends in the middle of a section", action=COPY_AGAIN)
        yield from _text(section[start : start + length], encoding).splitlines()
        start += length


def _age(tags: Mapping[int, bytes]) -> float | None:
    stated = tags.get(_AGE_TAG, b"")
    if len(stated) == _AGE.size:
        number, unit = _AGE.unpack(stated)
        # 0 without a unit is how devices say that it was not entered.
        if unit in _AGE_UNITS:
            return age_in_years(number, _AGE_UNITS[unit])
    return whole_years_between(_date(tags, _BORN), _date(tags, _RECORDED))


def _date(tags: Mapping[int, bytes], tag: int) -> str:
    content = tags.get(tag, b"")
    return "{:04d}{:02d}{:02d}".format(*_DATE.unpack(content)) if len(content) == _DATE.size else ""


def _device(content: bytes) -> str | None:
    if len(content) < _MODEL.stop:
        return None
    code, model = content[_MAKER_BYTE], _text(content[_MODEL], "iso8859-1")
    maker = _MAKERS[code] if code < len(_MAKERS) else ""
    texts = content[_TEXTS_START:].split(b"\0")
    if code == _MAKER_IS_TEXT and len(texts) > _MAKER_TEXT:
        maker = _text(texts[_MAKER_TEXT], "iso8859-1")
    return device_of(maker, model)


def _number(tags: Mapping[int, bytes], tag: int) -> int:
    content = tags.get(tag, b"")
    return int(_NUMBER.unpack(content)[0]) if len(content) == _NUMBER.size else 0


def _text(content: bytes, encoding: str) -> str:
    return content.partition(b"\0")[0].decode(encoding, errors="replace").strip()
