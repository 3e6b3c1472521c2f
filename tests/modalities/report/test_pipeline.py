from __future__ import annotations

import dataclasses
import pickle
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medclip.core.errors import InputError
from medclip.modalities.report import ReportPipeline
from medclip.modalities.report.cleaning import clean_report

SAFE_COVERAGE = 0.95


def test_a_report_from_end_to_end(pipeline: ReportPipeline) -> None:
    report = pipeline(
        "Sinusrhythmus ÜBERDREHTER Linkstyp  lsb möglich 1.23          unbestÄtigter Bericht Edit: ABC 100"
    )
    assert report.statements == ("sinus rhythm", "left axis deviation", "possible left bundle branch block")
    assert report.text == "sinus rhythm. left axis deviation. possible left bundle branch block."
    assert (report.language, report.n_words, report.n_words_covered) == ("de", 5, 5)


def test_every_step_can_be_switched_off(glossary_dir: str) -> None:
    text = "Linkstyp mit RSB. Edit: ABC 100"
    full = ReportPipeline(glossary_dir=glossary_dir)
    assert full(text).text == "leftward axis with right bundle branch block."
    assert "edit" in dataclasses.replace(full, clean=False)(text).text
    assert dataclasses.replace(full, translate_to=None)(text).text == "linkstyp mit rsb."
    bare = ReportPipeline(translate_to=None, normalise=False, lower_case=False)
    assert bare(text).text == "Linkstyp mit RSB."


def test_normalising_can_be_switched_off_for_english(glossary_dir: str) -> None:
    text = "sinus rhythm with lvh. possible old inferior infarct."
    raw = ReportPipeline(glossary_dir=glossary_dir, normalise=False)(text)
    assert raw.text == text
    assert raw.statements == ("sinus rhythm with lvh", "possible old inferior infarct")


def test_short_reports_become_empty(glossary_dir: str) -> None:
    pipeline = ReportPipeline(glossary_dir=glossary_dir, minimum_words=4)
    assert pipeline("sinusrhythmus").text == ""
    assert pipeline("sinusrhythmus steiltyp").text == "sinus rhythm. vertical axis."


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("VES", "premature ventricular contractions."),
        ("LVH?", "left ventricular hypertrophy?"),
        ("schwer lesbar xyz", "schwer lesbar xyz."),
    ],
)
def test_texts_too_short_to_have_a_language(pipeline: ReportPipeline, text: str, english: str) -> None:
    report = pipeline(text)
    assert (report.language, report.text) == ("und", english)


def test_a_language_without_glossary_passes_and_counts_as_unknown(tmp_path: object) -> None:
    path = f"{tmp_path}/de.tsv"
    with open(path, "w", encoding="utf-8") as file:
        file.write("sinusrhythmus\tsinus rhythm\tstatement\n")
    report = ReportPipeline(glossary_dir=str(tmp_path))("sinusrytm och normalt ekg")
    assert report.text == "sinusrytm och normalt ekg"
    assert (report.n_words, report.n_words_covered) == (4, 0)


def test_a_dotted_name_finds_the_glossary_in_the_package(glossary_dir: str) -> None:
    by_name = ReportPipeline(glossary_dir="medclip.modalities.ecg.glossary")
    assert by_name("steiltyp") == ReportPipeline(glossary_dir=glossary_dir)("steiltyp")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"translate_to": "fr", "glossary_dir": "x"}, "received fr"),
        ({}, "needs a glossary folder"),
        ({"translate_to": None, "normalise": False, "minimum_words": -1}, "minimum_words"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ReportPipeline(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["no/such/folder", "no.such.package", "medclip.no.such"])
def test_a_missing_glossary_folder_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no such glossary folder"):
        ReportPipeline(glossary_dir=name)("sinusrhythmus")


def test_the_pipeline_travels_to_other_processes(pipeline: ReportPipeline) -> None:
    copy = pickle.loads(pickle.dumps(pipeline))
    assert copy == pipeline
    assert copy("sinusrytm") == pipeline("sinusrytm")
    assert pickle.loads(pickle.dumps(pipeline("sinusrytm"))) == pipeline("sinusrytm")


def test_a_recipe_of_plain_values_builds_it(pipeline: ReportPipeline) -> None:
    assert ReportPipeline(**dataclasses.asdict(pipeline)) == pipeline


@settings(max_examples=200)
@given(st.text())
def test_any_text_is_processed(pipeline: ReportPipeline, text: str) -> None:
    report = pipeline(text)
    assert report.n_words_covered <= report.n_words
    assert (report.text == "") == (report.statements == ())


def test_coverage_counts_reports_words_and_empty_texts(pipeline: ReportPipeline) -> None:
    report = pipeline.coverage(["sinusrhythmus linkstyp abrakadabra", "trace only requested.", "sinus rhythm."])
    assert report.n_empty == 1
    german, english = report.languages
    assert (german.language, german.n_words, german.n_words_covered) == ("de", 3, 2)
    assert german.unknown_words == (("abrakadabra", 1),)
    assert (english.language, english.share) == ("en", 1.0)


def test_real_reports_are_covered(pipeline: ReportPipeline, real_reports: list[str]) -> None:
    report = pipeline.coverage(real_reports)
    assert {"de", "sv", "en"} <= {row.language for row in report.languages}
    for row in report.languages:
        assert row.share >= SAFE_COVERAGE, report.to_text()


def test_real_reports_end_in_plain_canonical_english(pipeline: ReportPipeline, real_reports: list[str]) -> None:
    for raw in real_reports:
        report = pipeline(raw)
        assert not re.search(r"\bedit\b|consensus|unbest|[{}|\[\]]|  ", report.text)
        assert pipeline(report.text).text == report.text
        assert bool(report.text) == bool(clean_report(raw))


def test_translated_reports_hold_the_doubts_of_their_source(pipeline: ReportPipeline, real_reports: list[str]) -> None:
    """Independent count: what the source doubts or denies, the translation doubts or denies as often."""
    pairs = [
        (r"nicht auszuschliessen|kan ej uteslutas", r"cannot be excluded"),
        (r"alter unbest|ålder ej bestämmbar", r"age undetermined"),
        (r"wahrscheinlich\s+alt\b|sannolikt\s+äldre", r"probably old"),
        (r"mögl\.\s+akut", r"possibly acute"),
        (
            r"infarkt\s+möglich|schaden\s+möglich|hypertrophie\s+möglich",
            r"possible [a-z -]*(?:infarc|damag|hypertr)",
        ),
    ]
    for raw in real_reports:
        cleaned, report = clean_report(raw), pipeline(raw)
        if report.language in ("de", "sv"):
            for source, english in pairs:
                assert len(re.findall(source, cleaned)) <= len(re.findall(english, report.text)), raw


def test_many_reports_a_second(pipeline: ReportPipeline) -> None:
    """Collections of 800,000 reports are mostly repetitions; the bound is far below what a machine does."""
    leads = [f"v{first}-{last}" for first in range(1, 6) for last in range(first + 1, 7)]
    reports = [f"sinusrhythmus linkstyp st-senkung in {lead} t neg in {lead}, avl" for lead in leads] * 200
    start = time.perf_counter()
    for report in reports:
        pipeline(report)
    assert len(reports) / (time.perf_counter() - start) > 5000
