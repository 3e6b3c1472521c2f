"""Labels that rules read off reports: a baseline, and a source of weak labels that say that they are weak."""

from __future__ import annotations

from collections.abc import Sequence

from medclip.core.label_set import LabelSet
from medclip.knowledge.lookup import CatalogueKnowledge
from medclip.knowledge.mentions.read import label_mentions
from medclip.modalities.report.extract import FindingExtractor

__all__ = ["LABEL_SOURCE", "report_extractor"]

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
