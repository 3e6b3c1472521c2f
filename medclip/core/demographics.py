"""What may be told of a patient and a device, whatever the file: nothing that names or dates anybody."""

from __future__ import annotations

import datetime

__all__ = ["age_in_years", "device_of", "sex_of", "whole_years_between"]

_AGES_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425, "H": 24 * 365.2425}
_OLDEST_YEARS = 130
_SEXES = {"m": "male", "male": "male", "f": "female", "female": "female"}
_UNKNOWN = ("", "unknown", "none", "n/a")


def age_in_years(number: float, unit: str) -> float | None:
    """Return an age in years, or None if it is none that people reach.

    Args:
        number: The age, in ``unit``.
        unit: ``Y``, ``M``, ``W``, ``D`` or ``H`` for years, months, weeks, days or hours.

    >>> age_in_years(6, "M"), age_in_years(42, "Y"), age_in_years(999, "Y"), age_in_years(3, "?")
    (0.5, 42.0, None, None)
    """
    age_years = number / _AGES_PER_YEAR.get(unit, -1.0)
    return age_years if 0 <= age_years <= _OLDEST_YEARS else None


def whole_years_between(born: str, recorded: str) -> float | None:
    """Count whole years between two dates that begin with YYYYMMDD.

    >>> whole_years_between("19530508", "20021122091000"), whole_years_between("19530508", "20030507")
    (49.0, 49.0)
    >>> whole_years_between("", "2002") is None
    True
    """
    try:
        first, last = (datetime.datetime.strptime(text[:8], "%Y%m%d") for text in (born, recorded))
    except ValueError:
        return None
    age_years = last.year - first.year - ((last.month, last.day) < (first.month, first.day))
    return age_in_years(float(age_years), "Y")


def sex_of(text: str) -> str | None:
    """Return ``male`` or ``female`` if a text says so."""
    return _SEXES.get(text.strip().lower())


def device_of(*parts: str) -> str | None:
    """Put what is known of maker and model together."""
    return " ".join(part for part in parts if part.lower() not in _UNKNOWN) or None
