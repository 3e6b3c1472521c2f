"""The GE MUSE reader on files written by hand: exact values, descriptions, and broken twins."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import numpy as np
import pytest
from wfdb_files import random_walk
from xml_files import SECRET, message_of, muse, replaced

import medclip
from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats.muse_xml import FORMAT, read
from medclip.modalities.ecg.leads import INDEPENDENT_LEADS, STANDARD_LEADS

STORED = dict(zip(INDEPENDENT_LEADS, random_walk(1, 8, 700), strict=True))


def write(tmp_path: Path, text: str, encoding: str = "iso-8859-1") -> Path:
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    return tmp_path / "a.xml"


def diagnosis(name: str, *statements: str) -> str:
    """Write statements; one that ends in a stroke ends its line."""
    items = "".join(
        "<DiagnosisStatement>"
        + ("<StmtFlag>ENDSLINE</StmtFlag><StmtFlag>USERINSERT</StmtFlag>" if text.endswith("/") else "")
        + f"<StmtText>{text.rstrip('/')}</StmtText></DiagnosisStatement>"
        for text in statements
    )
    return f"<{name}><Modality>RESTING</Modality>{items}</{name}>"


def test_values_leads_and_description(tmp_path: Path) -> None:
    sample = medclip.read(write(tmp_path, muse(STORED)))
    leads = dict(zip(sample.channel_names or (), sample.array.astype(np.float64), strict=True))
    assert sample.channel_names == STANDARD_LEADS
    for name, stored in STORED.items():
        np.testing.assert_allclose(leads[name], stored * 0.00488, rtol=1e-6)
    i, ii = STORED["I"] * 0.00488, STORED["II"] * 0.00488
    for name, expected in {"III": ii - i, "aVR": -(i + ii) / 2, "aVL": i - ii / 2, "aVF": ii - i / 2}.items():
        np.testing.assert_allclose(leads[name], expected, atol=1e-6)
    assert sample.sampling_rate_hz == 500
    assert sample.patient_id == private_id("4711") != "4711"
    assert sample.attributes == {
        "age": 67.0,
        "sex": "female",
        "device": "MAC55",
        "low_cutoff_hz": 0.16,
        "high_cutoff_hz": 150.0,
        "derived_leads": ("III", "aVR", "aVL", "aVF"),
        "other_waveforms": ("median, 2 leads",),
    }
    assert not SECRET.search(f"{sample!r}{sample.attributes}{sample.report}")


def test_age_from_the_date_of_birth_and_in_months(tmp_path: Path) -> None:
    stated = "<PatientAge>67</PatientAge><AgeUnits>YEARS</AgeUnits>"
    assert read(write(tmp_path, replaced(muse(STORED), (stated, "")))).attributes["age"] == 49
    months = stated.replace("67", "6").replace("YEARS", "MONTHS")
    assert read(write(tmp_path, replaced(muse(STORED), (stated, months)))).attributes["age"] == 0.5
    odd = stated.replace("67", "\u00b2").replace("YEARS", "PARSECS")
    assert read(write(tmp_path, replaced(muse(STORED), (stated, odd)))).attributes["age"] == 49


def test_stored_limb_leads_are_kept_and_others_come_last(tmp_path: Path) -> None:
    names = ("V4R", "III", "I", "II")
    stored = dict(zip(names, random_walk(2, 4, 600), strict=True))
    sample = read(write(tmp_path, muse(stored)))
    assert sample.channel_names == ("I", "II", "III", "aVR", "aVL", "aVF", "V4R")
    np.testing.assert_allclose(sample.array[2], stored["III"] * 0.00488, rtol=1e-6)
    assert sample.attributes["derived_leads"] == ("aVR", "aVL", "aVF")


def test_statements_share_lines_until_one_ends(tmp_path: Path) -> None:
    text = diagnosis("Diagnosis", "Sinus rhythm", "with short PR/", "Normal ECG/", "Confirmed by DOKTORSSON, EVA/")
    assert read(write(tmp_path, muse(STORED, extra=text))).report == "Sinus rhythm with short PR\nNormal ECG"
    compared = diagnosis("Diagnosis", "When compared with ECG of 12-MAR-2009 08:15,/", "no change")
    assert read(write(tmp_path, muse(STORED, extra=compared))).report == "When compared with ECG of ___ ___,\nno change"


def test_the_device_s_own_diagnosis_is_kept_beside_an_edited_one(tmp_path: Path) -> None:
    edited, original = diagnosis("Diagnosis", "Atrial flutter/"), diagnosis("OriginalDiagnosis", "Sinus rhythm/")
    sample = read(write(tmp_path, muse(STORED, extra=edited + original)))
    assert (sample.report, sample.attributes["device_report"]) == ("Atrial flutter", "Sinus rhythm")
    sample = read(write(tmp_path, muse(STORED, extra=original)))
    assert (sample.report, sample.attributes.get("device_report")) == ("Sinus rhythm", None)
    sample = read(write(tmp_path, muse(STORED, extra=edited + edited.replace("Diagnosis>", "OriginalDiagnosis>"))))
    assert "device_report" not in sample.attributes


def test_a_statement_with_umlauts_in_the_declared_encoding(tmp_path: Path) -> None:
    text = muse(STORED, extra=diagnosis("Diagnosis", "R\u00fcckgang der T-Welle/"))
    assert read(write(tmp_path, text)).report == "R\u00fcckgang der T-Welle"
    utf8 = muse(STORED, extra=diagnosis("Diagnosis", "R\u00fcckgang der T-Welle/"), declared="utf-8")
    assert "is not in the encoding that it declares" in message_of(FORMAT, write(tmp_path, utf8))


def test_a_lead_that_was_off_makes_those_from_it_questionable(tmp_path: Path) -> None:
    text = replaced(muse(STORED), ("<LeadOff>FALSE", "<LeadOff>TRUE"))
    assert read(write(tmp_path, text)).attributes["questionable_leads"] == ("I", "III", "aVR", "aVL", "aVF")


def test_pacing_is_noted(tmp_path: Path) -> None:
    text = replaced(muse(STORED), ("<ACFilter>NONE", "<PaceSpikes><PaceType>V</PaceType></PaceSpikes><ACFilter>60"))
    attributes = read(write(tmp_path, text)).attributes
    assert attributes["has_pace_spikes"] is True
    assert attributes["notch_hz"] == 60


def test_a_lead_that_ends_early_is_missing_from_there_on_and_nothing_measured_is_missing(tmp_path: Path) -> None:
    stored = dict(STORED) | {"V6": STORED["V6"][:400].copy(), "I": STORED["I"].copy()}
    stored["I"][5] = -32768
    sample = read(write(tmp_path, muse(stored)))
    missing = np.isnan(sample.array)
    assert missing[STANDARD_LEADS.index("V6")].tolist() == [False] * 400 + [True] * 300
    assert np.flatnonzero(missing[:, 5]).tolist() == [0, 2, 3, 4, 5]
    assert missing.sum() == 305


def test_rates_with_an_exponent_and_a_signed_crc(tmp_path: Path) -> None:
    crcs = [str(zlib.crc32(samples.astype("<i2").tobytes())) for samples in STORED.values()]
    signed = [(f"CRC32>{crc}<", f"CRC32>{int(crc) - (1 << 32)}<") for crc in crcs]
    text = replaced(muse(STORED), ("<SampleBase>500", "<SampleBase>25"), ("Exponent>0", "Exponent>1"), *signed)
    assert read(write(tmp_path, text)).sampling_rate_hz == 250


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<LeadDataCRC32>", "<LeadDataCRC32>1", "lead I in"),
        ("<LeadDataCRC32>", "<LeadDataCRC32>Anna", "fails its check (CRC-32)"),
        ("<NumberofLeads>8", "<NumberofLeads>12", "leads are missing in"),
        ("<NumberofLeads>8", "<NumberofLeads>1e99", "is no usable number"),
        ("<SampleBase>500", "<SampleBase>0", "impossible sampling rate: received 0 Hz"),
        ("<SampleBase>500", "<SampleBase>-500", "impossible sampling rate"),
        ("<SampleBase>500", "<SampleBase>", "states no sample base"),
        ("<SampleBase>500", "<SampleBase>Anna 4711", "the sample base in"),
        ("<SampleExponent>0", "<SampleExponent>9", "impossible sampling rate"),
        ("<SampleExponent>0", "<SampleExponent>5", "impossible sampling rate"),
        ("MICROVOLTS", "Anna Secretsson", "missing or no voltage: received another unit"),
        ("MICROVOLTS", "MMHG", "received another unit"),
        ("MICROVOLTS", "", "received no unit"),
        ("PerBit>4.88", "PerBit>0", "has no amplitude"),
        ("PerBit>4.88", "PerBit>nan", "amplitude of a step"),
        ("<LeadSampleSize>2", "<LeadSampleSize>4", "unusual size: received 4 bytes"),
        ("<LeadSampleCountTotal>700", "<LeadSampleCountTotal>701", "another length than it announces"),
        ("<LeadSampleCountTotal>700", "<LeadSampleCountTotal>500000000", "another length than it announces"),
        ("<LeadByteCountTotal>1400", "<LeadByteCountTotal>1398", "another length than it announces"),
        ("<WaveFormData>", "<WaveFormData>*", "no base64"),
        ("<WaveFormData>", "<WaveFormData>AAAA", "another length than it announces"),
        ("<WaveFormData>", "<WaveFormData/><Other>", "XML"),
        ("<LeadID>II<", "<LeadID>I<", "holds a lead more than once: received I"),
        ("<LeadID>II<", "<LeadID><", "names not all of its leads"),
        ("<LeadTimeOffset>0", "<LeadTimeOffset>4", "start later than others"),
        ("<FirstSampleBaseline>0", "<FirstSampleBaseline>3", "baseline whose meaning is not published"),
        ("<WaveformType>Rhythm", "<WaveformType>Anna", "not exactly one rhythm waveform: received 0 among 2"),
        ("<WaveformType>Median", "<WaveformType>Rhythm", "received 2 among 2 waveforms"),
        ("</RestingECG>", "", "truncated or damaged XML"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert words in message_of(FORMAT, write(tmp_path, replaced(muse(STORED), (old, new))))


def test_an_empty_lead_is_refused(tmp_path: Path) -> None:
    text = muse(dict(STORED) | {"I": np.empty(0, np.int16)})
    assert "lead I in" in message_of(FORMAT, write(tmp_path, text))


def test_one_changed_sample_fails_the_check(tmp_path: Path) -> None:
    text = muse(STORED)
    start = text.index("<WaveFormData>") + 40
    changed = text[:start] + ("B" if text[start] == "A" else "A") + text[start + 1 :]
    assert base64.b64decode(changed[start - 10 : start + 2]) != base64.b64decode(text[start - 10 : start + 2])
    assert "lead I in" in message_of(FORMAT, write(tmp_path, changed))


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    content = muse(STORED).rstrip().encode()
    for n_bytes in [*range(0, len(content), 997), len(content) - 1]:
        (tmp_path / "a.xml").write_bytes(content[:n_bytes])
        message_of(FORMAT, tmp_path / "a.xml")
