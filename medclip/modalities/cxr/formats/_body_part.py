"""Whether a header says that a picture is of the chest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.modalities.imaging.header_values import items_of, text_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["is_chest", "other_body_part"]

_CHEST = re.compile(r"CHEST|THORA|TORAX|LUNG|PULM|\bRIBS?\b|HEART|STERNUM|\bCXR\b", re.IGNORECASE)
# From DICOM PS3.16 Annex L and what devices write.
_OTHERS = """
ABDOMEN ANKLE ARM BLADDER BRAIN BREAST CALCANEUS CALF CLAVICLE COCCYX CSPINE ELBOW EXTREMITY EYE FACE FEMUR FINGER FOOT
FOREARM HAND HEAD HIP HUMERUS JAW KNEE KUB LEG LSPINE MAMMA MANDIBLE MAXILLA NASAL NECK ORBIT PATELLA PELVIS RADIUS
SCAPULA SHOULDER SINUS SKULL SPINE STOMACH TEETH TEMPORAL THIGH THUMB TIBIA TOE TOOTH TSPINE ULNA WRIST
"""
_OTHER = re.compile("|".join(sorted(_OTHERS.split(), key=len, reverse=True)))


def is_chest(header: Dataset, path: Path) -> bool:
    """Tell whether the header says that the chest was X-rayed.

    Raises:
        FormatError: The elements that tell cannot be decoded.
    """
    return any(_CHEST.search(text) for text in _stated(header, path))


def other_body_part(header: Dataset, path: Path) -> str | None:
    """Return the part of the body that was X-rayed if it is known to be another than the chest, in our own words.

    Raises:
        FormatError: The elements that tell cannot be decoded.
    """
    if is_chest(header, path):
        return None
    found = _OTHER.search(" ".join(_stated(header, path)).upper())
    return found[0].lower() if found else None


def _stated(header: Dataset, path: Path) -> list[str]:
    regions = items_of(header, "AnatomicRegionSequence", path)
    texts = [text_of(header, "BodyPartExamined", path), *(text_of(item, "CodeMeaning", path) for item in regions)]
    return [text for text in texts if text]
