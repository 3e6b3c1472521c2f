"""Which findings cannot be judged without which channels: a table that a modality may have."""

from __future__ import annotations

import csv
import functools
from collections.abc import Collection, Mapping
from pathlib import Path

from medclip.core.errors import LabelError

__all__ = ["Needs", "lacking", "read_needed_channels"]

Needs = tuple[tuple[str, ...], ...]
"""Groups of channels; of each group at least one is needed."""

_COLUMNS = ("concept", "needs", "reason")


@functools.lru_cache(maxsize=16)
def read_needed_channels(path: Path) -> Mapping[str, Needs]:
    """Read a CSV file with the columns concept, needs and reason.

    Args:
        path: In ``needs``, a blank stands for "and" and ``|`` for "or": ``II V2|V3`` asks for II and one of V2 and V3.

    Returns:
        The needs by concept id.

    Raises:
        LabelError: The file cannot be read, lacks a column or a cell, or names a concept twice.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"table of needed channels {path} cannot be read ({error})", action="check it") from error
    needs: dict[str, Needs] = {}
    for number, row in enumerate(rows, start=1):
        if set(row) != set(_COLUMNS) or not all(row.values()):
            raise LabelError(f"row {number} of {path} is incomplete", allowed=f"the columns {', '.join(_COLUMNS)}")
        if row["concept"] in needs:
            raise LabelError(f"row {number} of {path} names a concept again", received=row["concept"])
        needs[row["concept"]] = tuple(tuple(group.split("|")) for group in row["needs"].split())
    return needs


def lacking(needs: Needs, absent: Collection[str]) -> tuple[str, ...]:
    """Describe each group of which every channel is absent.

    >>> lacking((("II",), ("V2", "V3"), ("V5", "V6")), {"V2", "V3", "V6"})
    ('V2 or V3',)
    """
    return tuple(" or ".join(group) for group in needs if set(group) <= set(absent))
