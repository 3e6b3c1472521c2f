"""Texts, numbers and samples in the XML of devices: there and usable, or one line that says what is not."""

from __future__ import annotations

import base64
import math
import re
import warnings
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from medclip.core.errors import FormatError
from medclip.core.xml import COPY_AGAIN
from medclip.modalities.ecg.formats._units import MILLIVOLTS

__all__ = ["bytes_of", "millivolts_per_unit", "number_of", "numbers_of", "text_of", "whole_number_of"]

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_LARGEST = 1e9


def text_of(element: Element | None, where: str = ".") -> str:
    """Return the text of an element below another one, with single blanks; empty if there is none."""
    return "" if element is None else " ".join((element.findtext(where) or "").split())


def number_of(text: str, what: str, path: Path, *, default: float | None = None) -> float:
    """Return a finite number.

    Args:
        text: What the file says.
        what: What the number is, for the message.
        path: The file, for the message.
        default: What an empty text means; None if there must be a number.

    Raises:
        FormatError: It is absent without a default, or no number of a size that occurs.
    """
    if not text and default is not None:
        return default
    if not text:
        raise FormatError(f"{path} states no {what}", action="export the recording again from its device")
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not abs(number) <= _LARGEST:
        raise FormatError(f"the {what} in {path} is no usable number", action=COPY_AGAIN)
    return number


def whole_number_of(text: str, what: str, path: Path, *, default: int | None = None) -> int:
    """Return a whole number, or raise ``FormatError``."""
    number = number_of(text, what, path, default=default)
    if number != int(number):
        raise FormatError(f"the {what} in {path} is no whole number", received=number, action=COPY_AGAIN)
    return int(number)


def millivolts_per_unit(unit: str, path: Path, *, lead: str) -> float:
    """Return how many millivolts a unit is, or raise ``FormatError`` if it is missing or no voltage."""
    if unit.lower() in MILLIVOLTS:
        return MILLIVOLTS[unit.lower()]
    raise FormatError(
        f"the unit of lead {lead} in {path} is missing or no voltage",
        received="another unit" if unit else "no unit",
        allowed="V, mV, uV, nV",
        action="export the recording again with its units",
    )


def bytes_of(text: str, what: str, path: Path) -> bytes:
    """Decode base64, in which only blanks and line breaks may stand between the signs.

    Raises:
        FormatError: It is empty or no base64.
    """
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise FormatError(f"{what} in {path} is no base64 and cannot be decoded", action=COPY_AGAIN) from error
    if not content:
        raise FormatError(f"{what} in {path} is empty", received="0 bytes", action=COPY_AGAIN)
    return content


def numbers_of(text: str, what: str, path: Path, *, separator: str = " ") -> np.ndarray:
    """Decode samples that are written out as decimal numbers.

    Args:
        text: The numbers.
        what: What they are, for the message.
        path: The file, for the message.
        separator: What stands between them; a blank stands for blanks and line breaks.

    Returns:
        float64 ``(n,)``, of a size that occurs.

    Raises:
        FormatError: There is none, or something is no number.
    """
    try:
        with warnings.catch_warnings():
            # NumPy only warns of a text that it could not read to its end.
            warnings.simplefilter("error")
            values = np.fromstring(text.strip(), np.float64, sep=separator)
    except (ValueError, DeprecationWarning) as error:
        raise FormatError(f"{what} in {path} holds something that is no number", action=COPY_AGAIN) from error
    if not text.strip() or not (np.abs(values) <= _LARGEST).all():
        raise FormatError(f"{what} in {path} is empty or holds impossible numbers", action=COPY_AGAIN)
    return values
