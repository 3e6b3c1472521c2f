"""From which side the chest was X-rayed, and how the picture lies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.modalities.imaging.header_values import items_of, text_of, texts_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["turned_upright", "view_attributes", "view_of_text"]

_PROJECTIONS = {
    "PA": "frontal",
    "AP": "frontal",
    "LL": "lateral",
    "RL": "lateral",
    "LAT": "lateral",
    "LATERAL": "lateral",
}
_WORDS = (
    (re.compile(r"\bPA\b|\bP\.A\.|POSTERO[- ]?ANTERIOR", re.IGNORECASE), "PA"),
    (re.compile(r"\bAP\b|\bA\.P\.|ANTERO[- ]?POSTERIOR", re.IGNORECASE), "AP"),
    (re.compile(r"\bLEFT LAT(ERAL)?\b|\bL LAT\b", re.IGNORECASE), "LL"),
    (re.compile(r"\bRIGHT LAT(ERAL)?\b|\bR LAT\b", re.IGNORECASE), "RL"),
    (re.compile(r"\bLAT(ERAL)?\b|\bLATERAL|\bSEITLICH|\bPROFIL", re.IGNORECASE), "LAT"),
)
# Lying on the side or turned by half: neither of the two views.
_OTHER = re.compile(r"OBL|DECUB|\bRLD\b|\bLLD\b|\bRLO\b|\bLLO\b|LORDOTIC", re.IGNORECASE)


def view_attributes(header: Dataset, path: Path) -> dict[str, Any]:
    """Return ``view`` (frontal, lateral or unknown) and, if stated, ``projection`` (PA, AP, LL, RL or LAT).

    The first that says something counts: the view position, the view code, the description of the series.

    Raises:
        FormatError: One of them cannot be decoded.
    """
    codes = items_of(header, "ViewCodeSequence", path)
    stated = [text_of(header, "ViewPosition", path), *(text_of(code, "CodeMeaning", path) for code in codes)]
    for text in (*stated, text_of(header, "SeriesDescription", path)):
        found = view_of_text(text)
        if found:
            return found
    return {"view": "unknown"}


def view_of_text(text: str) -> dict[str, Any] | None:
    """Read a view position, the meaning of a view code or a description; None if it says nothing of a view.

    >>> view_of_text("PA"), view_of_text("left lateral"), view_of_text("LLD"), view_of_text("portable")
    ({'view': 'frontal', 'projection': 'PA'}, {'view': 'lateral', 'projection': 'LL'}, {'view': 'unknown'}, None)
    >>> view_of_text("PA and lateral")
    {'view': 'unknown'}
    """
    if _OTHER.search(text):
        return {"view": "unknown"}
    if text.strip().upper() in ("LL", "RL"):
        return {"view": "lateral", "projection": text.strip().upper()}
    found = [projection for pattern, projection in _WORDS if pattern.search(text)]
    views = {_PROJECTIONS[projection] for projection in found}
    if len(views) != 1 or {"PA", "AP"} <= set(found):
        return {"view": "unknown"} if found else None
    return {"view": views.pop(), "projection": found[0]}


def turned_upright(
    array: np.ndarray, header: Dataset, path: Path, *, view: str
) -> tuple[np.ndarray, bool, tuple[str, ...]]:
    """Turn a picture whose header says that it lies or is mirrored, by flips and quarter turns alone.

    A frontal picture is turned so that the patient's right is on its left, as it is read; a lateral one is only set
    upright, for either side may come first.

    Returns:
        The picture, whether rows and columns were exchanged, and what was done.

    Raises:
        FormatError: The orientation cannot be decoded.
    """
    stated = texts_of(header, "PatientOrientation", path)
    # Of a direction such as "LF" the first letter is the main one (DICOM PS3.3 C.7.6.1.1.1).
    along_row, along_column = (direction[:1] for direction in stated) if len(stated) == 2 else ("", "")
    is_exchanged = along_row in ("H", "F") and along_column in ("L", "R", "A", "P")
    if is_exchanged:
        array, along_row, along_column = array.T, along_column, along_row
    is_mirrored = view == "frontal" and along_row == "R"
    is_upside_down = along_column == "H"
    array = array[:, ::-1] if is_mirrored else array
    array = array[::-1] if is_upside_down else array
    done = [
        words
        for was_done, words in (
            (is_exchanged, "laid on its side"),
            (is_mirrored, "mirrored"),
            (is_upside_down, "upside down"),
        )
        if was_done
    ]
    notes = (f"the header says that the picture is {' and '.join(done)}; it was turned upright",) if done else ()
    return np.ascontiguousarray(array), is_exchanged, notes
