"""Labels that rules read off reports: a baseline, and a source of weak labels that say that they are weak."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from medclip.core.files import write_whole
from medclip.core.label_set import LabelSet
from medclip.data.named_findings import report_extractor
from medclip.modalities.report.extract import Uncertain, label_value

__all__ = ["LABEL_SOURCE", "write_weak_labels"]

LABEL_SOURCE = "report-rules"
"""What stands beside labels that were read off reports by rules: nobody has looked at the recordings."""


def write_weak_labels(
    reports: Iterable[tuple[str, str]], labels: LabelSet, target: Path, *, uncertain: Uncertain = "blank"
) -> dict[str, Counter[str]]:
    """Write a CSV file with one row a report: its identifier, where the labels come from, and a cell per finding.

    A cell is ``1`` (asserted), ``0`` (denied) or empty: not mentioned, of the past or, unless ``uncertain`` says
    otherwise, doubted. Nothing of a report's text is written.

    Args:
        reports: Identifier and text of each.
        labels: The findings.
        target: The file.
        uncertain: What becomes of a finding that is doubted.

    Returns:
        For each finding, how many reports say what of it; "not mentioned" counts the rest.

    Raises:
        OutputError: The file cannot be written.
    """
    extract = report_extractor(labels)
    counts: dict[str, Counter[str]] = {code: Counter() for code in labels.codes}
    with write_whole(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "label_source", *labels.codes])
        for id, text in reports:
            said = extract(text)
            values = (label_value(said[code], uncertain=uncertain) for code in labels.codes)
            writer.writerow([id, LABEL_SOURCE, *("" if value is None else int(value) for value in values)])
            for code in labels.codes:
                counts[code][said[code] or "not mentioned"] += 1
    return counts
