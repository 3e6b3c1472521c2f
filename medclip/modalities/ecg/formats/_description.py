"""What may be told of a device's report, whatever the format: nothing that names or dates anybody."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["report_of_lines"]

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
