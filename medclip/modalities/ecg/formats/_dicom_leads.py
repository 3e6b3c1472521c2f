"""Which lead a channel of a DICOM ECG is, by its code and its text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from medclip.core.errors import FormatError
from medclip.modalities.ecg.leads import STANDARD_LEADS, standard_lead_name

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["Lead", "lead_by_number", "lead_of"]

# DICOM PS3.16, CID 3001 "ECG Lead": ISO/IEEE 11073-10101 numbers a lead N within partition 2, "2:N" under the scheme
# MDC. The scheme SCPECG of older files has the same numbers (EN 1064, table of lead identifications, 5.6.3).
_MEASURED: Mapping[int, str] = {
    **dict(enumerate(("I", "II", "V1", "V2", "V3", "V4", "V5", "V6", "V7"), start=1)),
    **dict(enumerate(("V2R", "V3R", "V4R", "V5R", "V6R", "V7R", "X", "Y", "Z", "CC5", "CM5"), start=10)),
    **dict(enumerate(("LA", "RA", "LL"), start=21)),
    **dict(enumerate(("III", "aVR", "aVL", "aVF", "-aVR", "V8", "V9", "V8R", "V9R"), start=61)),
}
_DERIVED: Mapping[int, str] = {
    **dict(enumerate(("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"), start=31)),
    **dict(enumerate(("III", "aVR", "aVL", "aVF"), start=111)),
}
_NAMES = frozenset(_MEASURED.values())
_CODE = re.compile(r"(?:5\.6\.3-9-|2:)(\d{1,3})")
_LONG_CODE = re.compile(r"(131\d{3})")  # the same as one number: partition 2 x 65536 + N
_REFERENCE = re.compile(r"MDC_ECG_LEAD_(\w+)")
_TEXT = re.compile(
    r"(derived )?(?:ecg )?(?:lead )?(\w+)(?: \((?:einthoven|goldberger|wilson)\)|, augmented voltage.*)?",
    re.IGNORECASE,
)


class Lead(NamedTuple):
    """What a channel shows.

    Args:
        name: Standard spelling if it is a known lead.
        is_derived: True if the device computed it from other leads rather than recording it.
    """

    name: str
    is_derived: bool = False


def lead_of(channel: Dataset, path: Path, *, number: int) -> Lead:
    """Return the lead of an item of the Channel Definition Sequence; its code counts more than its text.

    Raises:
        FormatError: Neither code nor text says which lead it is, or they name different leads of the standard twelve.
    """
    source = next(iter(channel.get("ChannelSourceSequence") or ()), None)
    code = "" if source is None else str(source.get("CodeValue") or "").strip()
    meaning = "" if source is None else str(source.get("CodeMeaning") or "").strip()
    label = str(channel.get("ChannelLabel") or "").strip()
    by_code, by_text = _by_code(code), _by_text(meaning)
    if by_code and by_text and by_code.name != by_text.name and {by_code.name, by_text.name} <= set(STANDARD_LEADS):
        raise FormatError(
            f"channel {number} of {path} is two leads at once",
            received=f"{by_code.name} by its code, {by_text.name} by its text",
            action="ask the maker of the device which one it is; until then nothing of this recording can be trusted",
        )
    found = by_code or by_text or _by_text(label)
    if found:
        return found
    if not (meaning or label):
        raise FormatError(
            f"channel {number} of {path} names no lead",
            allowed="a code or text in its Channel Source Sequence",
            action="export the recording again with the names of its leads",
        )
    return Lead(meaning or label)


def lead_by_number(number: int) -> Lead:
    """Return the lead that ISO/IEEE 11073-10101 and EN 1064 give a number.

    >>> lead_by_number(61).name, lead_by_number(32), lead_by_number(200).name
    ('III', Lead(name='II', is_derived=True), 'MDC 2:200')
    """
    if number in _DERIVED:
        return Lead(_DERIVED[number], is_derived=True)
    return Lead(_MEASURED.get(number, f"MDC 2:{number}"))


def _by_code(code: str) -> Lead | None:
    """Read a code of a lead.

    >>> _by_code("5.6.3-9-61"), _by_code("2:62").name, _by_code("131104"), _by_code("MDC_ECG_LEAD_V2").name
    (Lead(name='III', is_derived=False), 'aVR', Lead(name='II', is_derived=True), 'V2')
    """
    reference = _REFERENCE.fullmatch(code)
    if reference:
        return _by_text(reference[1])
    short, long = _CODE.fullmatch(code), _LONG_CODE.fullmatch(code)
    if not (short or long):
        return None
    return lead_by_number(int(short[1]) if short else int(code) - 2 * 65536)


def _by_text(text: str) -> Lead | None:
    """Read a text that names one lead and says nothing else.

    >>> _by_text("Lead I (Einthoven)").name, _by_text("aVF, augmented voltage, foot").name, _by_text("Derived Lead V1")
    ('I', 'aVF', Lead(name='V1', is_derived=True))
    >>> _by_text("-aVR"), _by_text("Lead II (inverted)"), _by_text("V1 - V2")
    (None, None, None)
    """
    found = _TEXT.fullmatch(text)
    name = standard_lead_name(found[2]) if found else ""
    return Lead(name, is_derived=bool(found and found[1])) if name in _NAMES else None
