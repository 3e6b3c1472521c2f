"""What may be told of a patient and a device, whatever the format: nothing that names or dates anybody."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

__all__ = ["age_in_years", "device_of", "report_of_lines", "sex_of", "whole_years_between"]

_AGES_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425, "H": 24 * 365.2425}
_OLDEST_YEARS = 130
_SEXES = {"m": "male", "male": "male", "f": "female", "female": "female"}
_UNKNOWN = ("", "unknown", "none", "n/a")
# Lines in which devices name the people who ordered, recorded and read an ECG.
_PERSONAL = re.compile(
    r"\b(confirmed|reviewed|interpreted|read|signed|verified|validated|approved|edited|ordered|referred|performed) by\b"
    r"|\b(name|patient|born|birth|dob|address|phone|physician|doctor|technician|operator|mrn|id|md)\b[^:=]{0,20}[:=]"
    r"|\b(dr|dott|prof)\b|\bm\.?d\.?$",
    re.IGNORECASE,
)
# "When compared with ECG of 12-MAR-2009 08:15"; ratios such as 2:1 and ranges such as 51-69 are no dates.
_DATE = re.compile(
    r"\b\d{1,2}([-/. ])(?:\d{1,2}|[A-Za-z]{3,9})\1\d{2,4}\b|\b\d{4}([-/.])\d{1,2}\2\d{1,2}\b|\b\d{1,2}:\d\d(?::\d\d)?\b"
)


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


def report_of_lines(lines: Iterable[str]) -> str | None:
    """Return the statements of a device or its reader, one per line, without lines that name people and without dates.

    A report with characters that its character set does not hold is left out as a whole, for a lost word may be a "no".

    >>> report_of_lines(["Sinus  rhythm", "", "Confirmed by: NOBODY", "Sinus rhythm", "Normal ECG"])
    'Sinus rhythm\\nNormal ECG'
    >>> report_of_lines(["When compared with ECG of 12-MAR-2009 08:15, rate 51-69, 2:1 block"])
    'When compared with ECG of ___ ___, rate 51-69, 2:1 block'
    """
    stripped = [_DATE.sub("___", " ".join(line.split())) for line in lines]
    kept = [line for line in dict.fromkeys(stripped) if line and not _PERSONAL.search(line)]
    if any("\N{REPLACEMENT CHARACTER}" in line for line in kept):
        return None
    return "\n".join(kept) or None
