"""Names of ECG leads: the standard spelling, the ones met in files, and the leads that follow from others."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["DERIVED_LEADS", "INDEPENDENT_LEADS", "STANDARD_LEADS", "standard_lead_name"]

STANDARD_LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The twelve leads in the order of a printed ECG."""

INDEPENDENT_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
"""The leads that are measured; the other four follow from I and II."""

DERIVED_LEADS: Mapping[str, Mapping[str, float]] = {
    "III": {"II": 1.0, "I": -1.0},
    "aVR": {"I": -0.5, "II": -0.5},
    "aVL": {"I": 1.0, "II": -0.5},
    "aVF": {"II": 1.0, "I": -0.5},
}
"""Einthoven's and Goldberger's relations (e.g. Malmivuo and Plonsey, Bioelectromagnetism, chapter 15)."""

_SPELLINGS = {name.lower(): name for name in (*STANDARD_LEADS, "V3R", "V4R", "V5R", "V7", "V8", "V9")} | {
    "d1": "I",
    "d2": "II",
    "d3": "III",
    "di": "I",
    "dii": "II",
    "diii": "III",
    "vx": "X",
    "vy": "Y",
    "vz": "Z",
    "x": "X",
    "y": "Y",
    "z": "Z",
}


def standard_lead_name(name: str) -> str:
    """Return the standard spelling of a lead's name, or the name itself if it is not one of the known ones.

    Case, blanks and a leading "Lead" or "ECG" do not matter.

    >>> standard_lead_name("AVR"), standard_lead_name("lead ii"), standard_lead_name("MLII")
    ('aVR', 'II', 'MLII')
    """
    stripped = name.strip()
    key = stripped.lower().replace(" ", "").replace("_", "").removeprefix("lead").removeprefix("ecg").strip("-")
    return _SPELLINGS.get(key, stripped)
