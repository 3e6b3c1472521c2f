"""The HL7 aECG reader on files written by hand: exact values, choice of series, descriptions, and broken twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from wfdb_files import random_walk
from xml_files import SECRET, aecg, aecg_series, message_of, replaced, sequence_set

import medclip
from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats.aecg_xml import FORMAT, read
from medclip.modalities.ecg.leads import INDEPENDENT_LEADS, STANDARD_LEADS

STORED = dict(zip(INDEPENDENT_LEADS, random_walk(4, 8, 600), strict=True))


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    return tmp_path / "a.xml"


def annotation(code: str, value: str, inner: str = "") -> str:
    return f'<component><annotation><code code="{code}"/>{value}{inner}</annotation></component>'


def test_values_leads_and_description(tmp_path: Path) -> None:
    sample = medclip.read(write(tmp_path, aecg(STORED)))
    leads = dict(zip(sample.channel_names or (), sample.array, strict=True))
    assert sample.channel_names == STANDARD_LEADS
    for name, stored in STORED.items():
        np.testing.assert_allclose(leads[name], stored * 0.0025, rtol=1e-6)
    assert sample.sampling_rate_hz == 500
    assert sample.patient_id == private_id("4711") != "4711"
    assert sample.report is None
    assert sample.attributes == {
        "age": 49.0,
        "sex": "female",
        "device": "Mortara ELI250",
        "derived_leads": ("III", "aVR", "aVL", "aVF"),
    }
    assert not SECRET.search(f"{sample!r}{sample.attributes}")


def test_origin_scale_and_units(tmp_path: Path) -> None:
    changes = ('<origin value="0" unit="uV"/><scale value="2.5" unit="uV"/>', '<origin value="1" unit="mV"/>')
    text = replaced(aecg(STORED), (changes[0], changes[1] + '<scale value="0.01" unit="mV"/>'))
    np.testing.assert_allclose(read(write(tmp_path, text)).array[0], 1 + STORED["I"] * 0.01, rtol=1e-5)


@pytest.mark.parametrize(("value", "unit", "rate_hz"), [("4", "ms", 250), ("0.001", "s", 1000), ("2500", "us", 400)])
def test_rates(tmp_path: Path, value: str, unit: str, rate_hz: float) -> None:
    text = aecg({name: np.tile(samples, 3) for name, samples in STORED.items()})
    changed = replaced(text, ('increment value="0.002" unit="s"', f'increment value="{value}" unit="{unit}"'))
    assert read(write(tmp_path, changed)).sampling_rate_hz == rate_hz


def test_prefixed_namespace_and_utf_16(tmp_path: Path) -> None:
    text = aecg(STORED).replace("<", "<h:").replace("<h:/", "</h:").replace("<h:?", "<?").replace("xmlns=", "xmlns:h=")
    path = write(tmp_path, replaced(text, ("UTF-8", "UTF-16")), "utf-16")
    assert medclip.read(path).array.shape == (12, 600)


def test_statements_of_rhythm_and_interpretation(tmp_path: Path) -> None:
    rhythm = annotation("MDC_ECG_RHY", '<value code="MDC_ECG_RHY_SINUS_RHY" displayName="Sinus Rhythm"/>')
    statements = annotation("MDC_ECG_INTERPRETATION_STATEMENT", "<value>Left axis\n deviation</value>")
    statements += annotation("MDC_ECG_INTERPRETATION_STATEMENT", "<value>Confirmed by: Doktorsson</value>")
    statements += annotation("MDC_ECG_INTERPRETATION_COMMENT", "<value>Anna felt dizzy</value>")
    beats = annotation("MDC_ECG_BEAT", '<value displayName="Normal beat"/>')
    text = aecg(STORED, annotations=rhythm + beats + annotation("MDC_ECG_INTERPRETATION", "<value/>", statements))
    assert read(write(tmp_path, text)).report == "Sinus Rhythm\nLeft axis deviation"


def test_reported_age_and_filters(tmp_path: Path) -> None:
    age = '<controlVariable><relatedObservation><code code="21612-7"/><value value="6" unit="mo"/>'
    age += "</relatedObservation></controlVariable>"

    def filter_of(kind: str, what: str, value: str) -> str:
        return (
            f'<controlVariable><controlVariable><code code="MDC_ECG_CTL_VBL_ATTR_FILTER_{kind}"/><component>'
            f'<controlVariable><code code="MDC_ECG_CTL_VBL_ATTR_FILTER_{what}"/><value value="{value}" unit="Hz"/>'
            "</controlVariable></component></controlVariable></controlVariable>"
        )

    filters = filter_of("HIGH_PASS", "CUTOFF_FREQ", "0.05") + filter_of("LOW_PASS", "CUTOFF_FREQ", "Anna")
    filters += filter_of("NOTCH", "NOTCH_FREQ", "0")
    attributes = read(
        write(
            tmp_path, replaced(aecg(STORED), ("<component>", age + "<component>"), ("<author>", filters + "<author>"))
        )
    ).attributes
    assert attributes["age"] == 0.5
    assert attributes["low_cutoff_hz"] == 0.05
    assert not {"high_cutoff_hz", "notch_hz"} & set(attributes)


def test_the_fullest_rhythm_is_chosen_and_others_are_named(tmp_path: Path) -> None:
    beat = sequence_set({"I": STORED["I"][:300]})
    longer = aecg_series(sequence_set({"II": np.tile(STORED["II"], 5)}))
    derived = aecg_series(beat, kind="REPRESENTATIVE_BEAT").replace("series>", "derivedSeries>")
    more = f"<component>{longer}</component><component>{aecg_series(beat, kind='ANNA')}</component>"
    text = replaced(aecg(STORED, more=more), ("</series>", f"<derivation>{derived}</derivation></series>"))
    sample = read(write(tmp_path, text))
    assert sample.array.shape == (12, 600)
    assert sample.attributes["other_waveforms"] == ("rhythm, 1 leads", "other, 1 leads", "representative beat, 1 leads")


def test_leads_recorded_one_after_the_other_are_put_together(tmp_path: Path) -> None:
    parts = [
        sequence_set({"I": STORED["I"][:300], "II": STORED["II"][:300]}, head="20021122235959.800"),
        sequence_set({"V1": STORED["V1"][:250]}, head="20021123000000.400+0100"),
    ]
    text = aecg(STORED).replace(sequence_set(STORED), "".join(parts))
    sample = read(write(tmp_path, text))
    leads = dict(zip(sample.channel_names or (), sample.array, strict=True))
    assert sample.array.shape == (7, 550)
    np.testing.assert_allclose(leads["V1"][300:], STORED["V1"][:250] * 0.0025, rtol=1e-6)
    assert np.isnan(leads["V1"][:300]).all()
    assert np.isnan(leads["III"][300:]).all()
    without_time = text.replace('head value="20021123000000.400+0100"', 'head value="Anna"')
    assert "cannot be put together" in message_of(FORMAT, write(tmp_path, without_time))


def test_sets_years_apart_are_refused(tmp_path: Path) -> None:
    parts = [sequence_set({"I": STORED["I"]}), sequence_set({"V1": STORED["V1"]}, head="20191122091000")]
    text = aecg(STORED).replace(sequence_set(STORED), "".join(parts))
    assert "unusable size" in message_of(FORMAT, write(tmp_path, text))


def test_less_than_a_second_is_no_recording(tmp_path: Path) -> None:
    short = {name: samples[:13] for name, samples in STORED.items()}
    assert "holds no recording, only the beginning of one: received 0.026 s (13 samples)" in message_of(
        FORMAT, write(tmp_path, aecg(short))
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('code="RHYTHM"', 'code="ANNA"', "holds no rhythm: received 1 series of other kinds"),
        ('unit="uV"/><scale value="2.5"', 'unit="uV"/><scale value="0"', "has no amplitude"),
        ('<scale value="2.5" unit="uV"', '<scale value="2.5" unit="Anna"', "missing or no voltage"),
        ('<scale value="2.5" unit="uV"', '<scale value="2.5"', "received no unit"),
        ('<scale value="2.5"', '<scale value=""', "states no scale of lead I"),
        ('<origin value="0"', '<origin value="x"', "the origin of lead I in"),
        ('increment value="0.002"', 'increment value="0"', "no usable time between samples"),
        ('increment value="0.002"', 'increment value="1e-9"', "impossible sampling rate"),
        ('increment value="0.002" unit="s"', 'increment value="2" unit="Anna"', "received 2 of another unit"),
        ("TIME_ABSOLUTE", "TIME_OTHER", "not exactly one time axis"),
        ("<digits>", "<digits>Anna ", "lead I in"),
        ("<digits>", "<digits>1e400 ", "impossible numbers"),
        ("<digits>", "<digits>5 ", "of different lengths: received 600 to 601 samples"),
        ("<digits>", "<digit>", "damaged XML"),
        ("MDC_ECG_LEAD_II", "MDC_ECG_LEAD_I", "holds a lead more than once"),
        ("</AnnotatedECG>", "", "truncated or damaged XML"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert words in message_of(FORMAT, write(tmp_path, replaced(aecg(STORED), (old, new))))


def test_a_set_without_leads_is_no_waveform(tmp_path: Path) -> None:
    text = aecg(STORED).replace("MDC_ECG_LEAD_", "MDC_PRESS_")
    assert "holds no waveform: received 1 sequence sets without leads" in message_of(FORMAT, write(tmp_path, text))
    empty = aecg(STORED).replace(sequence_set(STORED), sequence_set({"I": np.empty(0, int)}))
    assert "lead I in" in message_of(FORMAT, write(tmp_path, empty))


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    text = aecg(STORED, annotations=annotation("MDC_ECG_RHY", "<value>R\u00fcckgang</value>"))
    assert "is not in the encoding" in message_of(FORMAT, write(tmp_path, text, "latin-1"))
