"""Labels as tables write them: a column for each finding, or a list of exact tokens in one cell."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from medclip.core.dataset import LabelTable
from medclip.core.errors import ConfigError, DatasetError
from medclip.core.label_set import LabelSet

__all__ = ["check_choice", "labels_from_columns", "labels_from_tokens"]

_VALUES = {"open": np.nan, "absent": 0.0, "present": 1.0}
_SPELLINGS = {"": "blank", "nan": "blank", "1": "1", "1.0": "1", "0": "0", "0.0": "0", "-1": "-1", "-1.0": "-1"}


def check_choice(option: str, value: str, allowed: Sequence[str]) -> str:
    """Return the value of an option, or raise ``ConfigError`` if it is none of those allowed."""
    if value not in allowed:
        raise ConfigError(f"{option} cannot be that", received=value, allowed=allowed)
    return value


def labels_from_columns(
    columns: Mapping[str, Sequence[str]],
    label_set: str,
    *,
    table: Path,
    uncertain: str = "open",
    unmentioned: str = "open",
    column_of: Mapping[str, str] | None = None,
) -> LabelTable:
    """Read columns that hold 1 (present), 0 (absent), -1 (uncertain) or nothing (not mentioned).

    Args:
        columns: Cells by the name of their column, one per record; a code without a column is not assessed.
        label_set: Name of the label set, whose codes are the columns' names.
        table: Where the columns come from, for error messages.
        uncertain: What -1 becomes: ``open`` (NaN), ``absent`` (0) or ``present`` (1).
        unmentioned: What an empty cell becomes: ``open`` or ``absent``.
        column_of: Names of the columns by code, where they differ.

    Raises:
        ConfigError: ``uncertain`` or ``unmentioned`` is none of these.
        DatasetError: A cell holds something else.
    """
    check_choice("uncertain", uncertain, ("open", "absent", "present"))
    check_choice("unmentioned", unmentioned, ("open", "absent"))
    meaning = {"1": 1.0, "0": 0.0, "-1": _VALUES[uncertain], "blank": _VALUES[unmentioned]}
    codes = LabelSet.load(label_set).codes
    n_records = len(next(iter(columns.values()), ()))
    values = np.full((n_records, len(codes)), np.nan, np.float32)
    for position, code in enumerate(codes):
        cells = columns.get((column_of or {}).get(code, code))
        if cells is None:
            continue
        known = {cell: _SPELLINGS.get(cell.strip().lower()) for cell in set(cells)}
        odd = [cell for cell, spelled in known.items() if spelled is None]
        if odd:
            raise DatasetError(
                f"column {code} of {table} holds another label than it may",
                received=sorted(odd)[:3],
                allowed="1, 0, -1 or nothing",
                action="copy the table again from its source",
            )
        value_of = {cell: meaning[str(spelled)] for cell, spelled in known.items()}
        values[:, position] = [value_of[cell] for cell in cells]
    return LabelTable(codes, values)


def labels_from_tokens(
    cells: Sequence[str | None],
    label_set: str,
    *,
    split: Callable[[str], Collection[str]],
    present: Mapping[str, Collection[str]] | None = None,
    unassessed_codes: Collection[str] = (),
    known: Collection[str] | None = None,
    table: Path | None = None,
) -> LabelTable:
    """Read cells that list findings as whole tokens; what a cell does not list is absent.

    Args:
        cells: One per record; None if nobody assessed the record.
        label_set: Name of the label set.
        split: Parts a cell into tokens.
        present: Codes that a token makes present; by default the code of the same spelling.
        unassessed_codes: Codes that are not assessed unless present.
        known: All tokens that the data set uses; None accepts any, of which those unknown say nothing.
        table: Where the cells come from, for error messages.

    Raises:
        DatasetError: A token is not known.
    """
    codes = LabelSet.load(label_set).codes
    meaning = {code: (code,) for code in codes} if present is None else present
    base = np.where(np.isin(codes, list(unassessed_codes)), np.nan, 0.0).astype(np.float32)
    rows: dict[str | None, np.ndarray] = {None: np.full(len(codes), np.nan, np.float32)}
    for cell in set(cells) - {None}:
        tokens = split(str(cell))
        odd = sorted(set(tokens) - set(known)) if known is not None else []
        if odd:
            raise DatasetError(
                f"{table} has a label that {label_set} does not know", received=odd, action="copy the table again"
            )
        found = {code for token in tokens for code in meaning.get(token, ())}
        rows[cell] = np.where(np.isin(codes, list(found)), np.float32(1.0), base)
    return LabelTable(codes, np.stack([rows[cell] for cell in cells]) if cells else np.zeros((0, len(codes))))
