"""The shipped glossaries, on telegrams composed for these tests."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medclip.core.errors import InputError
from medclip.modalities.report.glossary import Glossary
from medclip.modalities.report.translate import GlossaryTranslator, load_translator

NEGATIONS = re.compile(r"\b(?:no|not|cannot|without|excluded|unlikely|absent|neither|nor|never|rule[ds]? out)\b")
DOUBTS = re.compile(
    r"\b(?:possibl[ey]|probabl[ey]|consider|suspected|questionable|may|likely|suggest\w*|undetermined)\b"
)


@pytest.fixture(scope="module")
def translator(glossary_dir: str) -> GlossaryTranslator:
    return load_translator(glossary_dir)


GERMAN = [
    ("sinusrhythmus steiltyp normales ekg", "sinus rhythm. vertical axis. normal ecg."),
    (
        "sinusrhythmus steiltyp qrs(t) abnorm    anteroapikaler infarkt möglich",
        "sinus rhythm. vertical axis. abnormal qrs(t): possible anteroapical myocardial infarction.",
    ),
    ("linkstyp", "leftward axis."),
    ("überdrehter linkstyp", "left axis deviation."),
    ("ueberdrehter Linkstyp".lower(), "left axis deviation."),
    ("indifferenztyp", "normal axis."),
    ("kompl. lsb, ves", "complete left bundle branch block. premature ventricular contractions."),
    (
        "unvollständiger rechtsschenkelblock lahb",
        "incomplete right bundle branch block. left anterior fascicular block.",
    ),
    ("sves, bigeminus", "premature supraventricular contractions, bigeminy."),
    ("av-block 1. grades", "first degree av block."),
    ("a-v block i rechtstyp", "first degree av block. rightward axis."),
    ("p-mitrale", "left atrial enlargement."),
    ("verdacht auf p-sinistrocardiale", "suspected left atrial enlargement."),
    (
        "qrs(t) abnorm    septaler infarkt     alter unbest.    inferiorer infarkt     wahrscheinlich alt",
        "abnormal qrs(t): septal myocardial infarction, age undetermined."
        " inferior myocardial infarction, probably old.",
    ),
    (
        "st & t abnormal, wahrscheinlich    laterale ischämie oder linksbelastung",
        "st-t abnormality: probable lateral ischemia or left ventricular strain.",
    ),
    ("lateraler innenschichtschaden", "lateral subendocardial injury."),
    ("periphere niederspannung", "low voltage in limb leads."),
    ("posteriorer infarkt nicht auszuschliessen", "posterior myocardial infarction cannot be excluded."),
    ("kein anhalt für frische ischämie", "no evidence of recent ischemia."),
    (
        "chron. vorderwandinfarkt (dd: perikarditis)",
        "old anterior myocardial infarction (differential diagnosis: pericarditis).",
    ),
    ("neg. t in iii, avf, v4-6", "t wave inversion in iii, avf, v4-v6."),
    ("t flach in f, neg in v1", "flat t waves in avf, inverted in v1."),
    ("st-senkung v5,6 desc.", "downsloping st depression in v5, v6."),
    (
        "tachykardes vorhofflimmern sonst normales ekg",
        "atrial fibrillation with rapid ventricular response. otherwise normal ecg.",
    ),
    ("normokardes vorhofflimmern", "atrial fibrillation with controlled ventricular response."),
    ("keine r-progression über vorderwand", "absent r wave progression over anterior wall."),
    ("linkshypertrophie möglich", "possible left ventricular hypertrophy."),
    ("qt-verlängerung u-wellen", "prolonged qt interval. u waves."),
    (
        "sinusrhytmus mit vereinzelten ventrikulären extrasystolen",
        "sinus rhythm with isolated premature ventricular contractions.",
    ),
    ("hinterwandischämie", "inferior ischemia."),
]

SWEDISH = [
    ("sinustakykardi normalt ekg", "sinus tachycardia. normal ecg."),
    ("fÖrmaksfladder hÖger el-axel".lower(), "atrial flutter. rightward axis."),
    ("inkomplett högersidigt skänkelblock", "incomplete right bundle branch block."),
    (
        "avvikande qrs(t) förlopp    septal infarkt     ålder ej bestämmbar",
        "abnormal qrs(t): septal myocardial infarction, age undetermined.",
    ),
    (
        "st-t sänkning, såsom vid    septal ischemi eller vänster belastning",
        "st-t depression consistent with septal ischemia or left ventricular strain.",
    ),
    ("lateral myokardskada kan ej uteslutas", "lateral myocardial damage cannot be excluded."),
    ("posterior infarkt bör övervägas", "consider posterior myocardial infarction."),
    ("inga ischemitecken", "no signs of ischemia."),
    ("st-höjning i v1-v3", "st elevation in v1-v3."),
]

ENGLISH = [
    ("st segments are depressed in v3,4,5.", "st depression in v3-v5."),
    ("t waves are flat in i and inverted in avl.", "flat t waves in i and t wave inversion in avl."),
    ("lvh with lv strain.", "left ventricular hypertrophy with left ventricular strain."),
    ("sinus tachycardia abnormal ecg", "sinus tachycardia. abnormal ecg."),
    ("1st degree a-v block. rbbb.", "first degree av block. right bundle branch block."),
    ("no acute ischaemia.", "no acute ischemia."),
    ("not lvh.", "not left ventricular hypertrophy."),
    ("inferior infarct - age undetermined", "inferior myocardial infarction, age undetermined."),
    ("peri-infarction block", "peri-infarction block."),
    ("pr interval is prolonged. otherwise normal.", "prolonged pr interval. otherwise normal ecg."),
    ("the axis is otherwise normal.", "the axis is otherwise normal."),
]


@pytest.mark.parametrize(("source", "english"), GERMAN)
def test_german(translator: GlossaryTranslator, source: str, english: str) -> None:
    translation = translator.translate(source, "de")
    assert translation.text == english
    assert translation.unknown_words == ()


@pytest.mark.parametrize(("source", "english"), SWEDISH)
def test_swedish(translator: GlossaryTranslator, source: str, english: str) -> None:
    translation = translator.translate(source, "sv")
    assert translation.text == english
    assert translation.unknown_words == ()


@pytest.mark.parametrize(("source", "english"), ENGLISH)
def test_english_is_normalised(translator: GlossaryTranslator, source: str, english: str) -> None:
    assert translator.translate(source, "en").text == english


def test_the_three_languages_meet_in_the_same_words(translator: GlossaryTranslator) -> None:
    same = [
        ("de", "sinusrhythmus linksschenkelblock st-senkung in v5-6 linkshypertrophie"),
        ("sv", "sinusrytm vänstersidigt skänkelblock st-sänkning v5-6 vänster kammarhypertrofi"),
        ("en", "sinus rhythm. lbbb. st segment depression in v5,6. lvh."),
    ]
    assert len({translator.translate(text, language).text for language, text in same}) == 1


def test_unknown_words_pass_and_are_counted(translator: GlossaryTranslator) -> None:
    translation = translator.translate("linkstyp abrakadabra-simsala st-senkung & v1", "de")
    assert "abrakadabra-simsala" in translation.text
    assert translation.unknown_words == ("abrakadabra", "simsala")
    assert (translation.n_words, translation.n_words_covered) == (4, 3)


def test_a_language_without_glossary_is_refused(translator: GlossaryTranslator) -> None:
    with pytest.raises(InputError, match=r"received fi; allowed: de, en, sv.*fi\.tsv"):
        translator.translate("sinusrytmi", "fi")


def test_an_empty_folder_is_refused(tmp_path: object) -> None:
    with pytest.raises(InputError, match="no glossary"):
        load_translator(str(tmp_path))


def test_no_line_of_the_english_glossary_changes_a_negation_or_a_doubt(glossary_dir: str) -> None:
    same = {"can't": "cannot", "cant": "cannot", "can not": "cannot", "indeterminate": "undetermined"}
    same["uncertain age"] = "age undetermined"
    for entry in Glossary.load(f"{glossary_dir}/en.tsv").entries:
        for phrase in Glossary.phrases(entry):
            source, english = phrase, entry.english
            for written, meant in same.items():
                source, english = source.replace(written, meant), english.replace(written, meant)
            for pattern in (NEGATIONS, DOUBTS):
                assert sorted(pattern.findall(source)) == sorted(pattern.findall(english)), entry


def test_english_of_the_glossaries_is_already_normal(translator: GlossaryTranslator, glossary_dir: str) -> None:
    for language in ("de", "sv", "en"):
        for entry in Glossary.load(f"{glossary_dir}/{language}.tsv").entries:
            if entry.kind in ("name", "prefix", "drop", "link"):
                continue
            english = re.sub(r"[|\[\]]", "", entry.english.replace("{}", "xyz").replace("#", "v1"))
            assert translator.normalise(" ".join(english.split())) == (" ".join(english.split()),), entry


FINDINGS = [
    "left bundle branch block",
    "lvh",
    "acute infarct",
    "myocardial ischaemia",
    "st segment elevation",
    "pvcs",
]
FRAMES = [
    "no {}",
    "no evidence of {}",
    "{} cannot be excluded",
    "cannot rule out {}",
    "{} is not present",
    "without {}",
    "no {} or {}",
    "neither {} nor {}",
    "possible {}",
    "{} unlikely",
    "sinus rhythm without {}",
]


@given(frame=st.sampled_from(FRAMES), first=st.sampled_from(FINDINGS), second=st.sampled_from(FINDINGS))
def test_negations_and_doubts_of_english_stay(
    translator: GlossaryTranslator, frame: str, first: str, second: str
) -> None:
    source = frame.replace("{}", first, 1).replace("{}", second, 1)
    translation = translator.translate(source, "en")
    assert NEGATIONS.findall(translation.text) == NEGATIONS.findall(source)
    assert DOUBTS.findall(translation.text) == DOUBTS.findall(source)
    assert len(translation.statements) == 1


GERMAN_FINDINGS = [
    "infarkt",
    "ischämie",
    "linksschenkelblock",
    "linkshypertrophie",
    "vorhofflimmern",
    "st-hebung",
]


@given(
    before=st.sampled_from(GERMAN_FINDINGS),
    negated=st.sampled_from(GERMAN_FINDINGS),
    after=st.sampled_from(GERMAN_FINDINGS),
)
def test_a_german_negation_stays_with_its_finding(
    translator: GlossaryTranslator, before: str, negated: str, after: str
) -> None:
    translation = translator.translate(f"{before} kein {negated}, {after}", "de")
    assert [statement.startswith("no ") for statement in translation.statements] == [False, True, False]


@settings(max_examples=200)
@given(text=st.text(), language=st.sampled_from(["de", "en", "sv"]))
def test_any_text_is_translated(translator: GlossaryTranslator, text: str, language: str) -> None:
    translation = translator.translate(text, language)
    assert 0 <= translation.n_words_covered <= translation.n_words
    assert all(statement.strip() for statement in translation.statements)


PIECES = ["möglich", "kein", "(", ")", "v1-3", "in", "?", "wahrscheinlich", ",", ".", "  ", "xyz", "t neg"]
PIECES += ["qrs(t) abnorm", "frischer", "normal", "alter unbest.", *GERMAN_FINDINGS]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(PIECES)))
def test_any_telegram_is_translated(translator: GlossaryTranslator, parts: list[str]) -> None:
    translation = translator.translate(" ".join(parts), "de")
    assert not re.search(r"[{}|\[\]#]", translation.text)
    assert translation.text.count("(") - translation.text.count("(t)") == (
        translation.text.count(")") - translation.text.count("(t)")
    )
