"""Pictures in colour: grey in disguise, grey with coloured marks, or no radiograph at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medclip.core.errors import FormatError

__all__ = ["grey_of"]

# Of the full range: what lossy compression leaves between the three values of a grey pixel.
_GREY_WITHIN = 0.04
_MARKS_UP_TO = 0.05


def grey_of(picture: np.ndarray, white: int, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the grey values of a picture whose three colours are the same nearly everywhere.

    Args:
        picture: Whole numbers ``(rows, columns, 3)`` from 0 to ``white``.
        white: The largest value.
        path: The file, for error messages.

    Returns:
        float32 ``(rows, columns)`` in [0, 1] and a note if there are coloured marks.

    Raises:
        FormatError: It is a picture in colour.
    """
    red, green, blue = (picture[..., number] for number in range(3))
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return red / np.float32(white), ()
    brightest, darkest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    coloured = float((brightest - darkest > _GREY_WITHIN * white).mean())
    if coloured > _MARKS_UP_TO:
        raise FormatError(
            f"{path} is a picture in colour, and no radiograph is",
            received=f"{100 * coloured:.0f} % of its pixels in colour",
            action="export the radiograph itself, not a photograph or a screen of it",
        )
    notes = ("coloured marks on a grey picture were made grey",) if coloured else ()
    # The luminance of ITU-R BT.601, which is the value itself where all three are the same.
    weights = np.array([0.299, 0.587, 0.114], np.float32) / np.float32(white)
    return np.clip(picture @ weights, 0.0, 1.0), notes
