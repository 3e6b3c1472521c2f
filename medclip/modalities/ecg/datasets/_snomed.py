"""SNOMED CT codes as the PhysioNet/CinC challenges use them: what they lead to, and which source uses which.

``cinc_sources.csv`` holds what the challenge of 2021 published about its 133 diagnoses: the code, an abbreviation, and
how many records of each source carry it (https://github.com/physionetchallenges/evaluation-2021, BSD-2-Clause). A
source in which a diagnosis never occurs was not labelled for it: there its absence is unknown and not a finding.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from medclip.core.errors import ConfigError, LabelError
from medclip.core.named_files import find_label_set_file
from medclip.modalities.ecg.datasets._recordings import TokenReading

__all__ = ["ABSENCE_RULES", "SOURCES", "challenge_codes", "ids_of_codes", "scored_reading"]

SOURCES = ("cpsc2018", "cpsc2018_extra", "incart", "ptb", "ptbxl", "georgia", "chapman_shaoxing", "ningbo")
ABSENCE_RULES = ("source", "challenge")


@functools.cache
def challenge_codes() -> Mapping[str, Mapping[str, int]]:
    """Number of records of each source that carry a diagnosis, by SNOMED CT code and source."""
    table = Path(str(files("medclip.modalities.ecg.datasets"))) / "cinc_sources.csv"
    with table.open(newline="", encoding="utf-8") as file:
        return {row["snomed"]: {source: int(row[source]) for source in SOURCES} for row in csv.DictReader(file)}


@functools.cache
def ids_of_codes(label_set: str) -> Mapping[str, tuple[str, ...]]:
    """SNOMED CT codes of each finding of a label set, from the column ``snomed`` of its file.

    Raises:
        LabelError: The file has no such column.
    """
    path = find_label_set_file(label_set)[1]
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if "snomed" not in rows[0]:
        raise LabelError(f"label set file {path} lacks the column snomed", received=list(rows[0]))
    return {row["code"]: tuple(row["snomed"].split("|")) for row in rows}


def scored_reading(label_set: str, *, absence: str = "source") -> TokenReading:
    """Return how SNOMED CT codes are read in a label set of the challenges.

    Args:
        label_set: ``cinc2021`` or ``cinc2020``; codes that the challenge scores as one diagnosis are one finding.
        absence: ``source``: a finding that no record of a source carries is not assessed (NaN) in that source.
            ``challenge``: it is absent (0), as the challenge scores it.

    Raises:
        ConfigError: ``absence`` is neither.
    """
    if absence not in ABSENCE_RULES:
        raise ConfigError("absence cannot be read in that way", received=absence, allowed=ABSENCE_RULES)
    codes = ids_of_codes(label_set)
    present = {snomed: (code,) for code, ids in codes.items() for snomed in ids}
    counts = challenge_codes()
    unassessed = {
        source: tuple(code for code, ids in codes.items() if not any(counts[snomed][source] for snomed in ids))
        for source in (SOURCES if absence == "source" else ())
    }
    return TokenReading(present, unassessed=unassessed)
