"""The Schiller reader on files written by hand: exact values, descriptions, and broken twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from wfdb_files import random_walk
from xml_files import SECRET, message_of, replaced, schiller

import medclip
from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats.schiller_xml import FORMAT, read
from medclip.modalities.ecg.leads import STANDARD_LEADS

STORED = dict(zip(STANDARD_LEADS, random_walk(5, 12, 300), strict=True))


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    return tmp_path / "a.xml"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_values_leads_and_description(tmp_path: Path, encoding: str) -> None:
    sample = medclip.read(write(tmp_path, schiller(STORED), encoding))
    assert sample.channel_names == STANDARD_LEADS
    np.testing.assert_allclose(sample.array, np.stack(list(STORED.values())) * 0.001, rtol=1e-6)
    assert sample.sampling_rate_hz == 500
    assert sample.patient_id == private_id("4711") != "4711"
    assert sample.report == "Sinus rhythm"
    assert sample.attributes == {
        "age": 49.0,
        "sex": "female",
        "device": "Schiller AT-110",
        "has_pacemaker": True,
        "low_cutoff_hz": 0.05,
        "notch_hz": 50.0,
        "other_waveforms": ("average beat, 2 leads",),
    }
    assert not SECRET.search(f"{sample!r}{sample.attributes}{sample.report}")


def test_leads_that_are_not_stored_are_derived(tmp_path: Path) -> None:
    sample = read(write(tmp_path, schiller({name: STORED[name] for name in ("V1", "II", "I")})))
    assert sample.channel_names == ("I", "II", "III", "aVR", "aVL", "aVF", "V1")
    np.testing.assert_allclose(sample.array[2], (STORED["II"] - STORED["I"].astype(float)) / 1000, atol=1e-6)
    assert sample.attributes["derived_leads"] == ("III", "aVR", "aVL", "aVF")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<exponent>1", "<exponent>3", "whose meaning is not published: received exponent 3"),
        ("</exponent><value>500", "</exponent><value>-1", "impossible sampling rate"),
        ("</exponent><value>500", "</exponent><value>Anna", "the sampling rate in"),
        ("<unitperbit>1.0", "<unitperbit>0", "have no amplitude"),
        ("<units>UV", "<units>Anna 4711", "missing or no voltage: received another unit"),
        ("<units>UV", "<units>", "received no unit"),
        ("<name>II<", "<name>I<", "holds a lead more than once"),
        ("<name>II<", "<name><", "names not all of its leads"),
        ("COMMASEPARATE", "BASE64", "written in an unknown way"),
        ("<samplecount>300", "<samplecount>301", "another length than it announces: received 300 samples"),
        ("<samplecount>300", "<samplecount>1e9", "another length than it announces"),
        ("<samplecount>300", "<samplecount>", "states no number of samples"),
        ("<data>", "<data>1,", "received 301 samples"),
        ("<data>", "<data>Anna,", "holds something that is no number"),
        ("<data>", "<data>,,", "holds something that is no number"),
        ("<data>", "<data>inf,", "impossible numbers"),
        ("ECG_RHYTHMS", "ECG_AVERAGES", "not exactly one rhythm: received 0 among 2"),
        ("ECG_AVERAGES", "ECG_RHYTHMS", "received 2 among 2"),
        ("</com.xiriuz.sema.xml.schillerEDI.SchillerEDI>", "", "truncated or damaged XML"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert words in message_of(FORMAT, write(tmp_path, replaced(schiller(STORED), (old, new))))


def test_leads_of_different_lengths_or_none_are_refused(tmp_path: Path) -> None:
    text = schiller(dict(STORED) | {"V6": STORED["V6"][:299]})
    assert "of different lengths: received 299 to 300 samples" in message_of(FORMAT, write(tmp_path, text))
    assert "lead V6 in" in message_of(FORMAT, write(tmp_path, schiller(dict(STORED) | {"V6": np.empty(0, int)})))
    assert "holds no leads" in message_of(FORMAT, write(tmp_path, schiller({})))


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    text = replaced(schiller(STORED), ("Sinus rhythm", "Sinusrhythmus, R\u00fcckgang"))
    assert "is not in the encoding" in message_of(FORMAT, write(tmp_path, text, "latin-1"))
