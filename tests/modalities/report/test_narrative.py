"""From a report in prose to statements, alone and as a step of the pipeline of a recipe."""

from __future__ import annotations

import pytest

from medclip.core.errors import InputError
from medclip.modalities.report.narrative import statements_of
from medclip.modalities.report.pipeline import ReportPipeline

REPORT = """INDICATION: Known effusion.

FINDINGS: Dr. ___ was called. Stable cardiomegaly. There is a 1.5 cm nodule.

IMPRESSION: 1. Stable cardiomegaly. 2. No new effusion."""

BOTH = ("findings", "impression")


def test_sentences_of_the_sections_asked_for_each_once() -> None:
    found = statements_of(REPORT, BOTH)
    assert found == ("Dr. was called.", "Stable cardiomegaly.", "There is a 1.5 cm nodule.", "No new effusion.")
    assert statements_of(REPORT, ("indication",)) == ("Known effusion.",)


def test_without_priors() -> None:
    assert statements_of(REPORT, ("impression",), remove_priors=True) == ("Cardiomegaly.",)


def test_the_pipeline_gives_them_as_statements() -> None:
    pipeline = ReportPipeline(translate_to=None, normalise=False, sections=BOTH, remove_priors=True)
    found = pipeline(REPORT)
    assert found.statements == ("dr. was called", "cardiomegaly", "there is a 1.5 cm nodule")
    assert found.text == "dr. was called. cardiomegaly. there is a 1.5 cm nodule."
    assert (found.language, found.n_words) == ("en", 10)


def test_the_pipeline_keeps_case_if_asked() -> None:
    pipeline = ReportPipeline(translate_to=None, normalise=False, lower_case=False, sections=["impression"])  # type: ignore[arg-type]
    assert pipeline(REPORT).statements == ("Stable cardiomegaly", "No new effusion")


def test_short_reports_are_left_out() -> None:
    pipeline = ReportPipeline(translate_to=None, normalise=False, sections=BOTH, minimum_words=3)
    assert pipeline("FINDINGS: Clear lungs.").text == ""
    assert pipeline("FINDINGS: Clear lungs. Heart.").text == "clear lungs. heart."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sections": ("finding",)}, "unknown section of a report: received finding"),
        ({"sections": BOTH, "translate_to": "en", "glossary_dir": "."}, "neither translated nor normalised"),
        ({"remove_priors": True}, "remove_priors needs the sections"),
    ],
)
def test_settings_that_contradict_each_other(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ReportPipeline(**({"translate_to": None, "normalise": False} | options))  # type: ignore[arg-type]


def test_equal_and_nearly_equal_reports_share_a_number() -> None:
    from medclip.data.texts import TextTable

    pipeline = ReportPipeline(translate_to=None, normalise=False, sections=BOTH, remove_priors=True)
    reports = [
        "FINDINGS: Cardiomegaly. Clear lungs.",
        "FINDINGS:  Cardiomegaly is unchanged. Clear lungs!",
        "FINDINGS: Clear lungs.\nIMPRESSION: Cardiomegaly.",
        "FINDINGS: Clear lungs.",
    ]
    exact = TextTable.build(reports, pipeline).pair_ids
    near = TextTable.build(reports, pipeline, near_duplicates=True).pair_ids
    assert exact[0] == exact[1] != exact[2]
    assert near[0] == near[1] == near[2] != near[3]


def test_single_sentences_are_written_alike_and_never_dropped() -> None:
    pipeline = ReportPipeline(
        translate_to=None, normalise=False, sections=BOTH, remove_priors=True, minimum_words=4
    ).for_sentences()
    for sentence in ("Prolonged PR interval.", "Cardiomegaly.", "FINDINGS of edema."):
        assert pipeline(sentence).statements == (sentence.lower().rstrip("."),)
