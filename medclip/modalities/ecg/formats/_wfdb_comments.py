"""What may be taken from the comments of a WFDB header: only what is known to name nobody."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

__all__ = ["describe_comments"]

_KEYED_COMMENT = re.compile(r"<?(\w[\w ]*)>?\s*:\s*(.*)")
_BRACKETED_COMMENT = re.compile(r"<(\w[\w ]*)>:?([^<]*)")
_PERSONAL = re.compile(r"\b(name|patient|born|birth|dob|date|address|phone|physician|doctor|mrn|id)\b", re.IGNORECASE)
_REPORT_KEYS = ("diagnoses", "diagnosis", "interpretation", "report")


def describe_comments(comments: Sequence[str]) -> tuple[dict[str, Any], str | None]:
    """Take age in years, sex, diagnosis codes and the report from a header's comments.

    Only what is known to be harmless is taken: everything else, which may hold names and dates, is left out.

    >>> describe_comments(("Age: 56", "Sex: Female", "Dx: 426783006,164934002", "Seen by: Dr No"))
    ({'age': 56.0, 'sex': 'female', 'dx': ('426783006', '164934002')}, None)
    >>> describe_comments(("<age>: 51", "<sex>: F", "<diagnoses>:", "Rhythm: sinus.", "Axis: left."))
    ({'age': 51.0, 'sex': 'female'}, 'Rhythm: sinus. Axis: left.')
    """
    attributes: dict[str, Any] = {}
    report: list[str] = []
    in_report = False
    for comment in comments:
        bracketed = _BRACKETED_COMMENT.findall(comment)
        keyed = bracketed or _KEYED_COMMENT.findall(comment)[:1]
        if in_report and not bracketed:
            if not _PERSONAL.search(comment.partition(":")[0]):
                report.append(comment.strip())
            continue
        for key, value in keyed:
            key, value = key.strip().lower(), value.strip(" :")
            # Only a bracketed heading opens a block; a plain "Diagnosis:" without text may head anything.
            in_report = bool(bracketed) and key in _REPORT_KEYS
            if key in _REPORT_KEYS and value.lower() not in ("", "unknown"):
                report.append(value)
            attributes |= _attribute(key, value)
    return attributes, " ".join(line for line in report if line) or None


def _attribute(key: str, value: str) -> dict[str, Any]:
    if key == "age":
        age = _number(value)
        return {"age": age} if age is not None and 0 <= age <= 130 else {}
    if key in ("sex", "gender"):
        sex = {"m": "male", "male": "male", "f": "female", "female": "female"}.get(value.lower())
        return {"sex": sex} if sex else {}
    if key == "dx":
        codes = tuple(code for code in (part.strip() for part in value.split(",")) if re.fullmatch(r"[\w-]+", code))
        return {"dx": codes} if codes and value.lower() != "unknown" else {}
    return {}


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
