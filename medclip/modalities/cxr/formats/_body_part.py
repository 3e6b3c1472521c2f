"""Whether a header says that a picture is of the chest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medclip.modalities.imaging.body_part import is_chest_named, other_part_named
from medclip.modalities.imaging.header_values import items_of, text_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["is_chest", "other_body_part"]


def is_chest(header: Dataset, path: Path) -> bool:
    """Tell whether the header says that the chest was X-rayed.

    Raises:
        FormatError: The elements that tell cannot be decoded.
    """
    return any(is_chest_named(text) for text in _stated(header, path))


def other_body_part(header: Dataset, path: Path) -> str | None:
    """Return the part of the body that was X-rayed if it is known to be another than the chest, in our own words.

    Raises:
        FormatError: The elements that tell cannot be decoded.
    """
    if is_chest(header, path):
        return None
    return other_part_named(" ".join(_stated(header, path)))


def _stated(header: Dataset, path: Path) -> list[str]:
    regions = items_of(header, "AnatomicRegionSequence", path)
    texts = [text_of(header, "BodyPartExamined", path), *(text_of(item, "CodeMeaning", path) for item in regions)]
    return [text for text in texts if text]
