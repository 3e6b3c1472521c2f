"""EDF and EDF+: values against two other readers, and everything that is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import edf_files as edf
import edfio
import numpy as np
import pyedflib
import pytest
from refusals import check_mutations, message_of, mutations
from wfdb_files import random_walk

from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats.edf import FORMAT, read

STORED = random_walk(3, 3, 400).reshape(3, 4, 100)
LEADS = ["ECG I", "ECG II", "ECG V1"]
SIGNALS = [edf.signal(values, label=label) for values, label in zip(STORED, LEADS, strict=True)]
PLUS = {
    "kind": "EDF+C",
    "patient": "MCH-4711 F 02-MAY-1951 Secretsson_Anna",
    "recording": "Startdate 02-MAR-2002 PSG-4711 Secret_Technician Telemed_A110",
}


def test_a_file_of_another_program_is_read_alike_by_three_readers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    physical = {"ECG I": rng.normal(0, 1, 2500), "ECG aVF": rng.normal(0, 400, 2500), "Resp": rng.normal(0, 1, 1000)}
    made = [
        edfio.EdfSignal(physical["ECG I"], 250, label="ECG I", physical_dimension="mV"),
        edfio.EdfSignal(physical["ECG aVF"], 250, label="ECG aVF", physical_dimension="uV"),
        edfio.EdfSignal(physical["Resp"], 100, label="Resp", physical_dimension="l"),
    ]
    path = tmp_path / "a.edf"
    edfio.Edf(made).write(path)
    assert FORMAT.sniff(path, path.read_bytes()[:4096])
    sample = read(path)
    assert sample.channel_names == ("I", "aVF")
    assert sample.sampling_rate_hz == 250
    assert sample.attributes["other_signals"] == 1
    with pyedflib.EdfReader(str(path)) as other:
        np.testing.assert_allclose(sample.array[0], other.readSignal(0), atol=1e-6)
        np.testing.assert_allclose(sample.array[1], other.readSignal(1) / 1e3, atol=1e-6)
    again = edfio.read_edf(path)
    np.testing.assert_allclose(sample.array[0], again.signals[0].data, atol=1e-6)
    np.testing.assert_allclose(sample.array[0], physical["ECG I"], atol=2e-4)


def test_units_limits_and_records(tmp_path: Path) -> None:
    signals = [
        edf.signal(STORED[0], label="ECG I"),
        edf.signal(STORED[1], label="EKG II", unit="mV", low="-5", high="5", digital_low="-2048", digital_high="2047"),
        edf.signal(STORED[2], label="ECG V1", unit="\N{MICRO SIGN}V", low="100", high="-100"),
    ]
    sample = read(edf.write(tmp_path / "a.edf", signals, duration="0.2"))
    assert sample.sampling_rate_hz == 500
    assert sample.channel_names == ("I", "EKG II", "V1")
    flat = STORED.reshape(3, 400).astype(float)
    np.testing.assert_allclose(sample.array[0], flat[0] * 1e-4, atol=1e-6)
    np.testing.assert_allclose(sample.array[1], (flat[1] + 2048) * 10 / 4095 - 5, atol=1e-5)
    np.testing.assert_allclose(sample.array[2], ((flat[2] + 32768) * -200 / 65535 + 100) / 1e3, atol=1e-6)


def test_leads_are_known_by_their_names_alone(tmp_path: Path) -> None:
    labels = ["ii", "EEG Fpz-Cz", "V1"]
    signals = [edf.signal(values, label=label) for values, label in zip(STORED, labels, strict=True)]
    sample = read(edf.write(tmp_path / "a.edf", signals))
    assert sample.channel_names == ("II", "V1")
    np.testing.assert_allclose(sample.array[1], STORED[2].reshape(-1) * 1e-4, atol=1e-6)


def test_what_is_said_of_patient_device_and_filters(tmp_path: Path) -> None:
    signals = [
        edf.signal(values[:1], label=f"ECG V{n}", filters="HP:0.05Hz LP:150Hz N:50Hz")
        for n, values in enumerate(STORED, start=1)
    ]
    sample = read(edf.write(tmp_path / "a.edf", signals, **PLUS))
    assert sample.patient_id == private_id("MCH-4711") != "MCH-4711"
    assert sample.attributes == {
        "age": 50.0,
        "sex": "female",
        "device": "Telemed A110",
        "low_cutoff_hz": 0.05,
        "high_cutoff_hz": 150.0,
        "notch_hz": 50.0,
    }
    assert "Secret" not in repr(sample) + str(sample.attributes)
    plain = read(edf.write(tmp_path / "a.edf", signals[:2], patient=PLUS["patient"], recording=PLUS["recording"]))
    assert plain.patient_id is None
    assert "age" not in plain.attributes


def test_statements_are_annotations_about_the_whole_recording(tmp_path: Path) -> None:
    first = "+0\x14\x14\x00+0\x14Sinusrhythmus, Rate über 60\x14\x00+0.5\x14QRS\x14\x00+0\x14N\x14\x00".encode()
    first += b"+0\x151\x14Noise here\x14\x00+0\x14Confirmed by: Dr Secret\x14\x00"
    later = [f"+{record}\x14\x14\x00+0\x14Late text\x14\x00".encode() for record in range(1, 4)]
    signals = [*SIGNALS, edf.annotations([first, *later], size=200)]
    sample = read(edf.write(tmp_path / "a.edf", signals, kind="EDF+C"))
    assert sample.report == "Sinusrhythmus, Rate über 60"
    assert "other_signals" not in sample.attributes


def test_statements_in_another_encoding_are_left_out(tmp_path: Path) -> None:
    texts = ["+0\x14Kein Infarkt, \N{LATIN SMALL LETTER U WITH DIAERESIS}ber 60\x14\x00".encode("latin-1")] * 4
    assert read(edf.write(tmp_path / "a.edf", [*SIGNALS, edf.annotations(texts)], kind="EDF+C")).report is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "EDF+D"}, "has gaps (EDF+D)"),
        ({"n_records": 5}, "are truncated: received 4 data records"),
        ({"n_records": 3}, "are more than it announces"),
        ({"n_records": "many"}, "number of data records"),
        ({"tail": b"x"}, "truncated"),
        ({"duration": "0"}, "holds no recording"),
        ({"duration": "-1"}, "holds no recording"),
        ({"duration": "nan"}, "is no number"),
        ({"duration": "0.00001"}, "impossible sampling rate"),
    ],
)
def test_headers_that_make_no_sense(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in message_of(FORMAT, edf.write(tmp_path / "a.edf", SIGNALS, **PLUS | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unit": ""}, "missing or no voltage: received no unit"),
        ({"unit": "mmHg"}, "missing or no voltage: received mmHg"),
        ({"high": "-3276.8"}, "has no amplitude"),
        ({"digital_high": "-32768"}, "has no amplitude"),
        ({"digital_high": "40000"}, "has no amplitude"),
        ({"low": "Secret"}, "the physical limit of a signal in"),
        ({"count": "-100"}, "has no amplitude or no samples"),
        ({"count": "99999999"}, "truncated"),
        ({"label": "ECG II"}, "holds a lead more than once: received II"),
    ],
)
def test_signals_that_make_no_sense(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    signals = [edf.signal(STORED[0], **{"label": "ECG I"} | changes), *SIGNALS[1:]]
    assert words in message_of(FORMAT, edf.write(tmp_path / "a.edf", signals))


def test_leads_of_different_rates_and_files_without_an_ecg(tmp_path: Path) -> None:
    signals = [SIGNALS[0], edf.signal(STORED[1, :, :50], label="ECG II")]
    assert "different sampling rates: received 50, 100 Hz" in message_of(FORMAT, edf.write(tmp_path / "a.edf", signals))
    eeg = [edf.signal(STORED[0], label="EEG Fpz-Cz")]
    assert "no signal that is an ECG by its label" in message_of(FORMAT, edf.write(tmp_path / "a.edf", eeg))


def test_missing_empty_cut_and_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "a.edf"
    assert "cannot be read" in message_of(FORMAT, path)
    for content, words in ((b"", "is empty"), (b"\xff\xd8\xff\xe0" + bytes(900), "is no EDF file")):
        path.write_bytes(content)
        assert words in message_of(FORMAT, path)
        assert not FORMAT.sniff(path, content)
    content = edf.write(path, SIGNALS, **PLUS).read_bytes()
    for n_bytes in [*range(1, len(content), 41), len(content) - 1]:
        path.write_bytes(content[:n_bytes])
        message_of(FORMAT, path)


def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    content = edf.write(tmp_path / "a.edf", SIGNALS, **PLUS).read_bytes()
    assert check_mutations(FORMAT, tmp_path / "a.edf", mutations(content[:1024] + content[1024:], count=150)) > 50
    header = [head + content[1024:] for head in mutations(content[:1024], count=150, seed=1)]
    check_mutations(FORMAT, tmp_path / "a.edf", header)
