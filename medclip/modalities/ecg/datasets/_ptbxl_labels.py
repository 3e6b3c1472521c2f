"""Labels of PTB-XL from its statements, as the PTB-XL benchmark derives them.

The rules are those of ``compute_label_aggregations`` and ``select_data`` in the code of Strodthoff et al., "Deep
learning for ECG analysis: benchmarks and insights from PTB-XL" (https://github.com/helme/ecg_ptbxl_benchmarking):

- A statement counts whatever its likelihood. 0 means "unknown", and most rhythm and form statements have it.
- superclass and subclass: each diagnostic statement stands for its ``diagnostic_class`` or ``diagnostic_subclass``.
- form, rhythm: the statements marked so. all: every statement.
- A record without any label of a set takes no part in it. The benchmark drops it; here its row is NaN (not assessed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medclip.core.dataset import LabelTable
from medclip.core.errors import DatasetError

__all__ = ["LABEL_SETS", "Statement", "label_table"]

LABEL_SETS = ("ptbxl-superclass", "ptbxl-subclass", "ptbxl-form", "ptbxl-rhythm", "ptbxl-all")


@dataclass(frozen=True)
class Statement:
    """One row of ``scp_statements.csv``; empty ``diagnostic_class`` and ``subclass`` for other statements."""

    code: str
    is_diagnostic: bool
    is_form: bool
    is_rhythm: bool
    superclass: str
    subclass: str

    def label(self, label_set: str) -> str:
        """Return the code that the statement stands for in a label set, or nothing."""
        if label_set == "ptbxl-superclass":
            return self.superclass if self.is_diagnostic else ""
        if label_set == "ptbxl-subclass":
            return self.subclass if self.is_diagnostic else ""
        is_member = {"ptbxl-form": self.is_form, "ptbxl-rhythm": self.is_rhythm, "ptbxl-all": True}[label_set]
        return self.code if is_member else ""


def label_table(
    likelihoods: Sequence[Mapping[str, float]],
    statements: Mapping[str, Statement],
    *,
    label_set: str,
    codes: Sequence[str],
    minimum_likelihood: float = 0.0,
) -> LabelTable:
    """Derive the labels of all records.

    Args:
        likelihoods: For each record its statements and their likelihoods in percent, 0 to 100.
        statements: All statements by code.
        label_set: One of ``LABEL_SETS``.
        codes: Columns of the table, all codes of the label set.
        minimum_likelihood: Diagnostic statements less likely than this, in percent, are neither present nor absent:
            their label is NaN unless another statement makes it present. 0 is the benchmark's way. Rhythm and form
            statements rarely carry one and always count.

    Raises:
        DatasetError: The statements do not lead to the codes of the label set.
    """
    labels = {code: statement.label(label_set) for code, statement in statements.items()}
    if {label for label in labels.values() if label} != set(codes):
        raise DatasetError(
            f"scp_statements.csv does not lead to the labels of {label_set}",
            received=sorted({label for label in labels.values() if label} ^ set(codes)),
            action="use the file of version 1.0.1 or later",
        )
    column = {code: position for position, code in enumerate(codes)}
    values = np.zeros((len(likelihoods), len(codes)), np.float32)
    for row, found in zip(values, likelihoods, strict=True):
        unsure = []
        for code, likelihood in found.items():
            label = labels[code]
            if not label:
                continue
            if statements[code].is_diagnostic and likelihood < minimum_likelihood:
                unsure.append(column[label])
            else:
                row[column[label]] = 1.0
        row[[position for position in unsure if row[position] == 0.0]] = np.nan
        if not (row == 1.0).any():
            row[:] = np.nan
    return LabelTable(tuple(codes), values)
