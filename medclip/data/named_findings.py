"""The plain names of the findings that a report asserts, as statements of their own.

A nodule of 24 mm, a round opacity and a solitary lesion are three classes to a contrastive loss that compares words,
while a prompt says "nodule". Beside the sentences of a report, the names of what they assert make one class of them.
Rules find them (``modalities.report.extract``); nobody labels anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from medclip.core.label_set import LabelSet
from medclip.knowledge.lookup import CatalogueKnowledge
from medclip.knowledge.mentions.read import label_mentions
from medclip.modalities.report.extract import FindingExtractor
from medclip.modalities.report.pipeline import ReportPipeline

__all__ = ["NamedFindings", "report_extractor"]


class NamedFindings:
    """Reads a report and names what it asserts; what it doubts or denies is not named.

    Args:
        labels: The findings.
        pipeline: The names are written as it writes sentences.

    Raises:
        KnowledgeError: A finding's concept is unknown.
    """

    def __init__(self, labels: LabelSet, pipeline: ReportPipeline) -> None:
        self._extract = report_extractor(labels)
        write = pipeline.for_sentences()
        self._names = {finding.code: write(finding.text or finding.name).statements for finding in labels.findings}

    def __call__(self, report: str) -> tuple[str, ...]:
        """Return the names in the order of the label set."""
        said = self._extract(report)
        return tuple(name for code, names in self._names.items() if said[code] == "present" for name in names)


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
