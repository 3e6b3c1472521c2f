"""Parts of the body as headers name them."""

from __future__ import annotations

import re

__all__ = ["is_chest_named", "other_part_named"]

_CHEST = re.compile(r"CHEST|THORA|TORAX|LUNG|PULM|\bRIBS?\b|HEART|STERNUM|\bCXR\b", re.IGNORECASE)
# From DICOM PS3.16 Annex L and what devices write.
_OTHERS = """
ABDOMEN ANKLE ARM BLADDER BRAIN BREAST CALCANEUS CALF CLAVICLE COCCYX CSPINE ELBOW EXTREMITY EYE FACE FEMUR FINGER FOOT
FOREARM HAND HEAD HIP HUMERUS JAW KNEE KUB LEG LSPINE MAMMA MANDIBLE MAXILLA NASAL NECK ORBIT PATELLA PELVIS RADIUS
SCAPULA SHOULDER SINUS SKULL SPINE STOMACH TEETH TEMPORAL THIGH THUMB TIBIA TOE TOOTH TSPINE ULNA WRIST
"""
_OTHER = re.compile("|".join(sorted(_OTHERS.split(), key=len, reverse=True)))


def is_chest_named(text: str) -> bool:
    """Tell whether a text names the chest.

    >>> is_chest_named("Thorax p.a."), is_chest_named("KNEE")
    (True, False)
    """
    return _CHEST.search(text) is not None


def other_part_named(text: str) -> str | None:
    """Return the part of the body that a text names, in our own words, if it names another than the chest.

    >>> other_part_named("KNEE LEFT"), other_part_named("CHEST ABDOMEN")
    ('knee', None)
    """
    found = None if is_chest_named(text) else _OTHER.search(text.upper())
    return found[0].lower() if found else None
