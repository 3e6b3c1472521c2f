"""Technical faults of a chest radiograph, in words for the person who exports it.

Thresholds are stated with their reason. Those without another source were set on the frontal radiographs of NIH, RSNA
and TBX11K samples and of covid-chestxray, so that few of them are flagged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from medclip.core.errors import InputError
from medclip.core.modality import QualityIssue
from medclip.core.sample import Sample

__all__ = ["assess_quality"]

_GRID = 64
_BLANK = 0.02  # of the range, between the 1st and the 99th hundredth: no window shows a chest in so little
_SATURATED_SHARE = 0.25  # of the middle, where lungs and mediastinum are: none of them is pure black or white
_SATURATED_LEVELS = (0.004, 0.996)  # one of 256 levels from the ends
_MISSING_SHARE = (0.2, 0.5)  # from the second on an input specification refuses
_TINY_PX = 224  # the size of most models' input: smaller ones are enlarged
_STRIP_RATIO = 2.0  # films are at most 43 x 35 cm
_LUNG_ROWS, _MIDDLE, _LEFT, _RIGHT = slice(19, 42), slice(28, 36), slice(13, 23), slice(41, 51)  # of the grid
_INVERTED_BY = 0.02
_TURNED_BY = 0.35


def assess_quality(sample: Sample) -> tuple[QualityIssue, ...]:
    """List the technical faults of a radiograph; empty when nothing was found.

    Kinds: ``missing``, ``blank``, ``saturated``, ``inverted``, ``turned``, ``tiny``, ``cut``, ``view``, ``text`` and
    ``note``.

    Raises:
        InputError: The sample is not a picture.

    >>> assess_quality(Sample("cxr", np.zeros((512, 512), np.float32), "black"))[0].kind
    'blank'
    """
    if sample.array.ndim != 2 or sample.sampling_rate_hz is not None or not sample.array.size:
        raise InputError("the sample is not a radiograph", received=f"array of shape {sample.array.shape}")
    stated = [*_missing(sample.array), *_size(sample.array.shape), *_view(sample), *_remarks(sample)]
    known = sample.array[np.isfinite(sample.array)]
    if not known.size or float(np.ptp(np.quantile(known[:: max(1, known.size // 100_000)], (0.01, 0.99)))) < _BLANK:
        message = "The picture is blank: export it again, or check its window."
        return (QualityIssue("blank", (), message, "unusable"), *stated)
    small = _small(sample.array)
    seen = [issue for check in _CHECKS for issue in check(sample.array, small)]
    return (*stated, *seen)


def _missing(array: np.ndarray) -> list[QualityIssue]:
    share = 1.0 - float(np.isfinite(array).mean())
    if share < _MISSING_SHARE[0]:
        return []
    severity = "unusable" if share >= _MISSING_SHARE[1] else "warning"
    return [QualityIssue("missing", (), f"{100 * share:.0f} % of the picture is missing.", severity)]


def _size(shape: Sequence[int]) -> list[QualityIssue]:
    issues = []
    if min(shape) < _TINY_PX:
        message = f"Only {shape[0]} x {shape[1]} pixels: small findings cannot be seen; use the original picture."
        issues.append(QualityIssue("tiny", (), message))
    if max(shape) > _STRIP_RATIO * min(shape):
        issues.append(QualityIssue("cut", (), "A strip rather than a whole chest: use the original picture."))
    return issues


def _view(sample: Sample) -> list[QualityIssue]:
    if sample.attributes.get("view") != "lateral":
        return []
    message = "A lateral view: models of frontal radiographs say nothing about it."
    return [QualityIssue("view", (), message)]


def _remarks(sample: Sample) -> list[QualityIssue]:
    """What the reader noted, and a warning of text in the picture."""
    issues = []
    for note in sample.attributes.get("notes", ()):
        is_text = "burned into" in note
        issues.append(
            QualityIssue("text" if is_text else "note", (), _sentence(note), "warning" if is_text else "note")
        )
    return issues


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}."


def _saturated(array: np.ndarray, small: np.ndarray) -> list[QualityIssue]:
    """Look at the middle alone, for around it collimated black is as it should be."""
    rows, columns = array.shape
    middle = array[rows // 4 : -(rows // 4) or None, columns // 4 : -(columns // 4) or None]
    known = middle[np.isfinite(middle)]
    if not known.size:
        return []
    dark, bright = float((known <= _SATURATED_LEVELS[0]).mean()), float((known >= _SATURATED_LEVELS[1]).mean())
    if max(dark, bright) < _SATURATED_SHARE:
        return []
    colour, share = ("black", dark) if dark > bright else ("white", bright)
    message = f"{100 * share:.0f} % of the middle is pure {colour}: export it with another window."
    return [QualityIssue("saturated", (), message)]


def _inverted(array: np.ndarray, small: np.ndarray) -> list[QualityIssue]:
    """Lungs, left and right of the middle, are darker than what lies between them."""
    middle, left, right = (_mean(small[_LUNG_ROWS, columns]) for columns in (_MIDDLE, _LEFT, _RIGHT))
    lungs = 0.5 * (left + right)
    if not lungs - middle > _INVERTED_BY:
        return []
    message = "Air may be bright and bone dark: check the polarity (MONOCHROME1) of the export."
    return [QualityIssue("inverted", (), message)]


def _turned(array: np.ndarray, small: np.ndarray) -> list[QualityIssue]:
    """A chest is much alike left and right, and unlike above and below."""
    filled = np.where(np.isfinite(small), small, np.nanmean(small))
    across, along = _likeness(filled, filled[:, ::-1]), _likeness(filled, filled[::-1])
    if not along - across > _TURNED_BY:
        return []
    message = "The chest may lie on its side: check the orientation of the export."
    return [QualityIssue("turned", (), message)]


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) if one.std() > 0 else 0.0


def _small(array: np.ndarray) -> np.ndarray:
    """Average over a grid of 64 x 64 cells; NaN where nothing is known."""
    known = np.isfinite(array)
    edges = [np.linspace(0, n, _GRID + 1).astype(int)[:-1] for n in array.shape]
    sums, counts = (
        np.add.reduceat(np.add.reduceat(values, edges[0], axis=0), edges[1], axis=1)
        for values in (np.where(known, array, 0).astype(np.float64), known.astype(np.float64))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums / counts, np.float64)


_CHECKS: tuple[Callable[[np.ndarray, np.ndarray], list[QualityIssue]], ...] = (_saturated, _inverted, _turned)
