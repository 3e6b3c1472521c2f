"""Labels that rules read off reports: a baseline, and a source of weak labels that say that they are weak."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from medclip.core.files import write_whole
from medclip.core.label_set import LabelSet
from medclip.knowledge.lookup import CatalogueKnowledge
from medclip.knowledge.mentions.read import label_mentions
from medclip.modalities.report.extract import FindingExtractor, Uncertain, label_value

__all__ = ["LABEL_SOURCE", "report_extractor", "write_weak_labels"]

LABEL_SOURCE = "report-rules"
"""What stands beside labels that were read off reports by rules: nobody has looked at the recordings."""


def report_extractor(labels: LabelSet, *, sections: Sequence[str] = ("findings", "impression")) -> FindingExtractor:
    """Return what reads reports for the findings of a label set, in the words of the shipped catalogue.

    Args:
        labels: The findings.
        sections: Names of the sections to read.

    Raises:
        InputError: A section is unknown.
        KnowledgeError: A finding's concept is unknown.
    """
    by_polarity = {
        polarity: [finding.code for finding in labels.findings if finding.polarity == polarity]
        for polarity in ("normal", "neutral")
    }
    return FindingExtractor(
        label_mentions(labels, CatalogueKnowledge()),
        normal=by_polarity["normal"],
        neutral=by_polarity["neutral"],
        sections=sections,
    )


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
