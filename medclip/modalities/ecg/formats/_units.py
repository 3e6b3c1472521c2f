"""Spellings of the units in which devices state voltages."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MILLIVOLTS"]

# UCUM writes mV and uV; some devices write the words, or leave the code to a scheme of their own.
MILLIVOLTS: Mapping[str, float] = {
    **dict.fromkeys(("v", "volt", "volts"), 1e3),
    **dict.fromkeys(("mv", "millivolt", "millivolts"), 1.0),
    **dict.fromkeys(("uv", "\N{MICRO SIGN}v", "\N{GREEK SMALL LETTER MU}v", "microvolt", "microvolts"), 1e-3),
    **dict.fromkeys(("nv", "nanovolt", "nanovolts"), 1e-6),
}
"""Millivolts in one of a unit, by its name in small letters."""
