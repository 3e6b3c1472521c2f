"""Numbers and units in DICOM items: there and usable, or one line that says what is not."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.errors import FormatError
from medclip.modalities.ecg.formats._units import MILLIVOLTS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["millivolts_per_unit", "number_of"]


def number_of(item: Dataset, keyword: str, path: Path, *, default: float | None = None) -> float:
    """Return one finite number of an item.

    Args:
        item: Where it is looked for.
        keyword: DICOM keyword of the element.
        path: The file, for the message.
        default: What an absent or empty element means; None if it must be there.

    Raises:
        FormatError: It is absent without a default, or is no finite number.
    """
    try:
        value = item.get(keyword)
        number = default if value is None or value == "" else float(value)
    except (TypeError, ValueError) as error:
        raise FormatError(f"the {_words(keyword)} in {path} is no number", action="copy the file again") from error
    if number is None:
        raise FormatError(f"{path} states no {_words(keyword)}", action="export the recording again from its device")
    if not math.isfinite(number):
        raise FormatError(
            f"the {_words(keyword)} in {path} is no usable number", received=number, action="copy the file again"
        )
    return number


def millivolts_per_unit(channel: Dataset, path: Path, *, lead: str) -> float:
    """Return how many millivolts the unit of a channel's sensitivity is.

    Raises:
        FormatError: There is no unit, it is no voltage, or its code and its text contradict each other. A sensitivity
            of 2.5 may be in microvolts or in millivolts: nothing but the unit tells.
    """
    unit = next(iter(channel.get("ChannelSensitivityUnitsSequence") or ()), None)
    texts = [] if unit is None else [str(unit.get(keyword) or "").strip() for keyword in ("CodeValue", "CodeMeaning")]
    factors = {MILLIVOLTS[text.lower()] for text in texts if text.lower() in MILLIVOLTS}
    if len(factors) == 1:
        return factors.pop()
    raise FormatError(
        f"the unit of lead {lead} in {path} is {'contradictory' if factors else 'missing or no voltage'}",
        received=", ".join(text for text in texts if text) or "no unit",
        allowed="V, mV, uV, nV",
        action="export the recording again with its units",
    )


def _words(keyword: str) -> str:
    """Write a DICOM keyword as words.

    >>> _words("NumberOfWaveformSamples")
    'Number Of Waveform Samples'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", keyword)
