"""Tables of retrieval and of localisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medclip.results.tables import RESEARCH_USE_ONLY, format_interval, format_number, format_table

if TYPE_CHECKING:
    from medclip.evaluation.localisation import Localisation, PointingResult
    from medclip.evaluation.report_retrieval import ReportRetrieval

__all__ = ["localisation_table", "retrieval_table"]


def retrieval_table(evaluation: ReportRetrieval, *, markdown: bool = False) -> str:
    """Show both directions of retrieval beside chance.

    Returns:
        Text that ends with a line break.
    """
    result = evaluation.result
    directions = {"record to report": result.record_to_text, "report to record": result.text_to_record}
    rows = [
        (
            f"{name}, R@{k}",
            format_number(found.recall[k]),
            format_interval(found.recall_ci[k]),
            format_number(found.chance[k]),
            found.n_queries,
            found.n_candidates,
        )
        for name, found in directions.items()
        for k in found.recall
    ]
    columns = ("direction", "share", "95 % interval", "chance", "queries", "candidates")
    ranks = ", ".join(f"{name} {found.median_rank:g}" for name, found in directions.items())
    left_out = f"{evaluation.n_without_report} records without a report, {evaluation.n_unreadable} that cannot be used"
    blocks = [
        f"{evaluation.model} on {evaluation.dataset} {evaluation.dataset_version}, folds "
        f"{', '.join(evaluation.folds) or 'all'}: {evaluation.n_records} records of {result.n_patients} patients",
        format_table(rows, columns, alignment="lrlrrr", markdown=markdown),
        f"Reports that say the same are one candidate. Median rank: {ranks}. Left out: {left_out}. Intervals: "
        f"{evaluation.n_resamples} resamples of patients, seed {evaluation.seed}.",
        RESEARCH_USE_ONLY,
    ]
    return "\n\n".join(blocks) + "\n"


def localisation_table(evaluation: Localisation, *, markdown: bool = False) -> str:
    """Show how often maps point into regions, beside chance.

    Returns:
        Text that ends with a line break.
    """
    rows = [_pointing_row(found) for found in (*evaluation.findings, evaluation.overall)]
    columns = ("finding", "regions", "hits", "true positives", "hits of these", "95 % interval", "chance")
    blocks = [
        f"{evaluation.model} on {evaluation.dataset}, folds {', '.join(evaluation.folds) or 'all'}: maps of "
        f"{evaluation.overall.n_regions} regions in {evaluation.n_records} records of {evaluation.n_patients} patients",
        format_table(rows, columns, alignment="lrrrrlr", markdown=markdown),
        "A hit: the map is highest inside the region. A true positive: a score of at least 0.5. Chance: the share of "
        f"what the model saw that the region fills. Intervals: {evaluation.n_resamples} resamples of patients, seed "
        f"{evaluation.seed}.",
        RESEARCH_USE_ONLY,
    ]
    return "\n\n".join(blocks) + "\n"


def _pointing_row(found: PointingResult) -> tuple[object, ...]:
    return (
        found.code or "all",
        found.n_regions,
        format_number(found.hits),
        found.n_called,
        format_number(found.hits_called),
        format_interval(found.hits_called_ci),
        format_number(found.chance),
    )
