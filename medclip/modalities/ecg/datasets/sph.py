"""SPH: 25,770 ECGs of 10 to 60 s with AHA statements, of Shandong Provincial Hospital (Liu et al., 2022)."""

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
from medclip.core.sample import Sample
from medclip.core.splits import fold_of
from medclip.modalities.ecg.datasets._recordings import Entry, Recordings, TokenReading, check_tokens
from medclip.modalities.ecg.formats import hdf5

__all__ = ["DATASET", "open_sph"]

_TABLE = "metadata.csv"
_STATEMENT = re.compile(r"(\d+)((?:\+\d+)*)")
_SEXES = {"M": "male", "F": "female"}


def open_sph(
    root: Path | str | None,
    *,
    unknown_codes: str = "error",
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> Recordings:
    """Open SPH in its own layout: ``metadata.csv`` and ``records/A00001.h5``.

    Its label set ``sph`` has the 44 primary statements. The modifiers behind a ``+`` are kept in the attribute
    ``aha_codes`` and change no label: the statement stands with or without them.

    Args:
        root: The folder with ``metadata.csv``, or one that holds a single such folder.
        unknown_codes: ``ignore`` accepts statements that the set is not known to use; ``error`` refuses them.
        split_seed: See ``patient_split``.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 % of the patients.

    Raises:
        ConfigError: An option is out of range.
        DatasetError: The folder, the table, a column or a value is missing, doubled or unknown.
    """
    from medclip.core.cards import load_card

    card = load_card("sph")
    folder = find_root(root, _TABLE, card)
    path = folder / _TABLE
    entries = []
    for line, row in read_rows(path, card, ("ECG_ID", "AHA_Code", "Patient_ID", "Age", "Sex")):
        record_id, codes, patient_id, age, sex = row
        record_id = check_relative(record_id.removesuffix(".h5"), path)
        if not patient_id:
            raise DatasetError(f"line {line} of {path} names no patient", action="copy it again from its source")
        attributes = _attributes(age, sex, line, path) | {"aha_codes": codes}
        fold = fold_of(patient_id, split_seed, split_fractions)
        info = RecordInfo(record_id, patient_id, None, fold, attributes)
        entries.append(Entry(info, _place(folder, record_id), _statements(codes, line, path)))
    check_unique((entry.info.record_id for entry in entries), card, path)
    reading = TokenReading({code: (code,) for code in LabelSet.load("sph").codes})
    check_tokens(entries, reading.present, card, unknown_codes)
    return Recordings(folder, card, entries, readings={"sph": reading}, read=_read)


DATASET = DatasetFactory(
    name="sph", description="SPH: 25,770 twelve-lead ECGs of 10 to 60 s with 44 AHA statements", open=open_sph
)


def _read(path: Path, _: Entry) -> Sample:
    return hdf5.read(path)


def _place(folder: Path, record_id: str) -> str:
    beside_table = f"{record_id}.h5"
    return beside_table if (folder / beside_table).is_file() else f"records/{beside_table}"


def _statements(codes: str, line: int, path: Path) -> frozenset[str]:
    """Return the primary statements of "22;23" or "60+310;147"."""
    parsed = [_STATEMENT.fullmatch(code.strip()) for code in codes.split(";") if code.strip()]
    if not parsed or None in parsed:
        raise DatasetError(
            f"line {line} of {path} has no usable AHA_Code",
            received=codes,
            allowed="numbers such as 22;60+310",
            action="copy it again from its source",
        )
    return frozenset(statement[1] for statement in parsed if statement)


def _attributes(age: str, sex: str, line: int, path: Path) -> dict[str, Any]:
    try:
        attributes: dict[str, Any] = {"age": float(age)} if age else {}
    except ValueError as error:
        raise DatasetError(f"line {line} of {path} has no usable Age", received=age, action="copy it again") from error
    return attributes | ({"sex": _SEXES[sex]} if sex in _SEXES else {})
