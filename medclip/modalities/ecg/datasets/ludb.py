"""LUDB: 200 ECGs of 200 people with diagnoses, and delineations beside them (https://doi.org/10.13026/eegm-h675)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medclip.core.dataset import RecordInfo
from medclip.core.dataset_files import check_relative, check_unique, find_root, read_rows
from medclip.core.errors import DatasetError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.core.splits import fold_of
from medclip.modalities.ecg.datasets._recordings import Entry, Recordings, TokenReading, check_tokens
from medclip.modalities.ecg.datasets._wfdb_folder import read_wfdb

__all__ = ["DATASET", "open_ludb"]

_TABLE = "ludb.csv"
_DIAGNOSES = (
    "Rhythms",
    "Electric axis of the heart",
    "Conduction abnormalities",
    "Extrasystolies",
    "Hypertrophies",
    "Cardiac pacing",
    "Ischemia",
    "Non-specific repolarization abnormalities",
    "Other states",
)
_SEXES = {"M": "male", "F": "female"}
_AGE = re.compile(r"(>?)\s*(\d{1,3})")
# What follows these signs says where or of which kind a finding is: "Stemi: apical".
_DETAIL = re.compile(r"[:,]")


def open_ludb(
    root: Path | str | None,
    *,
    unknown_codes: str = "error",
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> Recordings:
    """Open LUDB in its own layout: ``ludb.csv`` and ``data/1.hea``.

    Its label set ``ludb`` takes the statements of the table without their sites and kinds; the report of a record is
    all of its statements as they stand.

    Args:
        root: The folder with ``ludb.csv``, or one that holds a single such folder.
        unknown_codes: ``ignore`` accepts statements that are not known; ``error`` refuses them.
        split_seed: See ``patient_split``.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.

    Raises:
        ConfigError: An option is out of range.
        DatasetError: The folder, the table, a column or a value is missing, doubled or unknown.
    """
    from medclip.core.cards import load_card

    card = load_card("ludb")
    folder = find_root(root, _TABLE, card)
    path = folder / _TABLE
    present = {text: (finding.code,) for finding in LabelSet.load("ludb").findings for text in finding.text.split("|")}
    entries = []
    for line, (number, sex, age, *cells) in read_rows(path, card, ("ID", "Sex", "Age", *_DIAGNOSES)):
        record_id = check_relative(number.strip(), path)
        statements = [statement for cell in cells for statement in map(str.strip, cell.splitlines()) if statement]
        tokens = frozenset(_known(statement, present) for statement in statements)
        fold = fold_of(record_id, split_seed, split_fractions)
        attributes = _attributes(sex.strip(), age.strip(), line, path)
        info = RecordInfo(record_id, record_id, ". ".join(statements) or None, fold, attributes)
        entries.append(Entry(info, f"data/{record_id}.hea", tokens))
    check_unique((entry.info.record_id for entry in entries), card, path)
    check_tokens(entries, present, card, unknown_codes)
    return Recordings(folder, card, entries, readings={"ludb": TokenReading(present)}, read=read_wfdb)


DATASET = DatasetFactory(name="ludb", description="LUDB: 200 twelve-lead ECGs with diagnoses", open=open_ludb)


def _known(statement: str, present: Mapping[str, tuple[str, ...]]) -> str:
    """Return the statement that the label set knows: the whole one, or else the one before its site or kind."""
    return statement if statement in present else _DETAIL.split(statement)[0]


def _attributes(sex: str, age: str, line: int, path: Path) -> dict[str, Any]:
    attributes: dict[str, Any] = {"sex": _SEXES[sex]} if sex in _SEXES else {}
    matched = _AGE.fullmatch(age)
    if age and matched is None:
        raise DatasetError(f"line {line} of {path} has no usable Age", received=age, action="copy it again")
    if matched:
        attributes["age"] = float(matched[2])
        if matched[1]:
            attributes["age_is_lower_bound"] = True
    return attributes
