"""Reports as text: which language they are in, what in them is no report, and what they say in plain English.

    from medclip.modalities.report import ReportPipeline

    pipeline = ReportPipeline(glossary_dir="folder with de.tsv, en.tsv, sv.tsv")
    pipeline("Sinusrhythmus Linkstyp").text

The package knows no kind of recording: what phrases mean is said by the glossaries of a modality.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medclip.modalities.report.cleaning import clean_report
    from medclip.modalities.report.coverage import CoverageReport, LanguageCoverage
    from medclip.modalities.report.deduplicate import pair_ids, report_id
    from medclip.modalities.report.extract import FindingExtractor
    from medclip.modalities.report.glossary import Glossary
    from medclip.modalities.report.language import detect_language
    from medclip.modalities.report.narrative import statements_of
    from medclip.modalities.report.pipeline import ProcessedReport, ReportPipeline
    from medclip.modalities.report.sections import ReportSections, sections_of
    from medclip.modalities.report.translate import GlossaryTranslator, Translation

__all__ = [
    "CoverageReport",
    "FindingExtractor",
    "Glossary",
    "GlossaryTranslator",
    "LanguageCoverage",
    "ProcessedReport",
    "ReportPipeline",
    "ReportSections",
    "Translation",
    "clean_report",
    "detect_language",
    "pair_ids",
    "report_id",
    "sections_of",
    "statements_of",
]

_MODULE_OF = {
    "CoverageReport": "coverage",
    "FindingExtractor": "extract",
    "Glossary": "glossary",
    "GlossaryTranslator": "translate",
    "LanguageCoverage": "coverage",
    "ProcessedReport": "pipeline",
    "ReportPipeline": "pipeline",
    "ReportSections": "sections",
    "Translation": "translate",
    "clean_report": "cleaning",
    "detect_language": "language",
    "pair_ids": "deduplicate",
    "report_id": "deduplicate",
    "sections_of": "sections",
    "statements_of": "narrative",
}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
