"""SCP-ECG: a real file against its DICOM twin, and the rest against an encoder written from the standard."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import scp_files as scp

import medclip
from medclip.core.privacy import private_id
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats.scp import FORMAT, read

SPAN = {"I": (1, 400), "II": (1, 400), "V2": (1, 400)}
DEFAULT_TABLE = struct.pack("<H", 19999)


def written(folder: Path, sections: Mapping[int, bytes]) -> Sample:
    path = folder / "a.scp"
    path.write_bytes(scp.record(sections))
    assert FORMAT.sniff(path, path.read_bytes()[:4096])
    return read(path)


@pytest.mark.skipif("MEDCLIP_TEST_DATA" not in os.environ, reason="MEDCLIP_TEST_DATA names no folder")
def test_a_real_file_holds_the_same_samples_as_its_dicom_twin() -> None:
    folder = Path(os.environ["MEDCLIP_TEST_DATA"], "ecg_formats")
    dicom = medclip.read(folder / "dicom/ECGToolkit_Example.dcm")
    sample = medclip.read(folder / "scp/ECGToolkit_Example.scp")
    assert sample.array.shape == dicom.array.shape == (12, 5000)
    assert sample.sampling_rate_hz == dicom.sampling_rate_hz == 500
    order = [sample.channel_names.index(name) for name in dicom.channel_names]
    np.testing.assert_array_equal(sample.array[order], dicom.array)
    assert sample.patient_id == dicom.patient_id
    assert {"age", "sex"} <= dict(sample.attributes).keys()
    assert {key: sample.attributes[key] for key in ("age", "sex")} == {
        key: dicom.attributes[key] for key in ("age", "sex")
    }


@pytest.mark.parametrize("n_differences", [0, 1, 2])
@pytest.mark.parametrize("plain", [False, True])
def test_differences_and_the_default_table(tmp_path: Path, n_differences: int, plain: bool) -> None:
    stored = scp.walk(n_differences, 3, 400)
    sections = {2: DEFAULT_TABLE, 3: scp.leads(SPAN), 6: scp.coded(stored, n_differences=n_differences, plain=plain)}
    if plain:
        del sections[2]
    sample = written(tmp_path, sections)
    np.testing.assert_allclose(sample.array, stored * 0.0025, atol=1e-6)
    assert sample.channel_names == ("I", "II", "V2")
    assert sample.sampling_rate_hz == 500
    assert not sample.attributes


def test_every_code_of_the_default_table(tmp_path: Path) -> None:
    values = [*range(-12, 13), 127, -128, 128, -129, 32767, -32768, 0]
    sections = {
        2: DEFAULT_TABLE,
        3: scp.leads({"I": (1, len(values))}),
        6: scp.coded([values], n_differences=0, step_nv=1000),
    }
    np.testing.assert_allclose(written(tmp_path, sections).array[0], np.array(values) / 1000, rtol=1e-6)


def test_tables_of_the_maker_and_the_change_between_them(tmp_path: Path) -> None:
    """Table 1: 0 -> 5, 10 -> -7, 110 -> table 2, 111 -> six bits follow. Table 2: 0 -> 9, 1 -> table 1."""
    first = [(1, 1, 1, 5, 0b0), (2, 2, 1, -7, 0b01), (3, 3, 0, 2, 0b011), (3, 9, 1, 0, 0b111)]
    second = [(1, 1, 1, 9, 0b0), (1, 1, 0, 1, 0b1)]
    tables = b"".join(
        struct.pack("<H", len(rows)) + b"".join(struct.pack("<BBBhI", *row) for row in rows) for rows in (first, second)
    )
    bits = "0" + "10" + "111" + "100001" + "110" + "0" + "0" + "1" + "10" + "111" + "011111"
    expected = [5, -7, -31, 9, 9, -7, 31]
    content = scp.packed(bits)
    rhythm = struct.pack("<HHBBH", 1000, 2000, 0, 0, len(content)) + content
    sections = {2: struct.pack("<H", 2) + tables, 3: scp.leads({"I": (1, len(expected))}), 6: rhythm}
    np.testing.assert_allclose(written(tmp_path, sections).array[0], np.array(expected) / 1000, rtol=1e-6)


def test_a_table_without_prefix_means_no_compression(tmp_path: Path) -> None:
    stored = scp.walk(5, 3, 400)
    table = struct.pack("<HHBBBhI", 1, 1, 0, 16, 1, 0, 0)
    sections = {2: table, 3: scp.leads(SPAN), 6: scp.coded(stored, n_differences=1, plain=True)}
    np.testing.assert_allclose(written(tmp_path, sections).array, stored * 0.0025, atol=1e-6)


@pytest.mark.parametrize("length_ms", [200, 198])
def test_the_reference_beat_is_added_where_it_was_subtracted(tmp_path: Path, length_ms: int) -> None:
    whole, reference = scp.walk(6, 3, 400), scp.walk(7, 3, 100)
    # Fiducials at samples 80 and 310; the third beat is of another type, from which nothing was subtracted.
    rows = [(0, 51, 80, 130), (1, 180, 200, 230), (0, 281, 310, 380)]
    residual = whole * 2
    for kind, first, fiducial, last in rows:
        for place in range(first, last + 1):
            if kind == 0:
                residual[:, place - 1] -= reference[:, 30 + place - fiducial - 1]
    sections = {
        2: DEFAULT_TABLE,
        3: scp.leads(SPAN, flags=5),
        4: scp.beats(length_ms, 30, rows),
        5: scp.coded(reference, step_nv=2500),
        6: scp.coded(residual, step_nv=2500),
    }
    np.testing.assert_allclose(written(tmp_path, sections).array, whole * 0.005, atol=1e-6)
    # Without the flag of section 3 the rhythm is what section 6 holds.
    sections[3] = scp.leads(SPAN, flags=4)
    np.testing.assert_allclose(written(tmp_path, sections).array, residual * 0.0025, atol=1e-6)


def test_reference_beat_and_rhythm_may_have_different_steps(tmp_path: Path) -> None:
    reference = scp.walk(8, 1, 50)
    sections = {
        2: DEFAULT_TABLE,
        3: scp.leads({"I": (1, 60)}, flags=5),
        4: scp.beats(100, 10, [(0, 11, 15, 40)]),
        5: scp.coded(reference, step_nv=5000),
        6: scp.coded(np.zeros((1, 60), int), step_nv=1000),
    }
    expected = np.zeros(60)
    expected[10:40] = reference[0, 5:35] * 0.005
    np.testing.assert_allclose(written(tmp_path, sections).array[0], expected, atol=1e-6)


@pytest.mark.parametrize("is_subtracted", [False, True])
def test_bimodal_compression_keeps_beats_whole_and_the_rest_within_a_line(tmp_path: Path, is_subtracted: bool) -> None:
    n_samples, factor, protected = 402, 4, [(41, 90), (241, 300)]
    time = np.arange(n_samples)
    whole = np.round(np.stack([500 * np.sin(time / 50), 3.0 * time, 100 * np.cos(time / 30)])).astype(int)
    for start, stop in protected:
        whole[:, start - 1 : stop] += scp.walk(9, 3, stop - start + 1)
    reference = scp.walk(10, 3, 60)
    rows = [(0, 45, 60, 85), (0, 245, 270, 295)]
    residual = whole.copy()
    if is_subtracted:
        for _, first, fiducial, last in rows:
            residual[:, first - 1 : last] -= reference[:, first - fiducial + 30 - 1 : last - fiducial + 30]
    kept, place = [], 0
    while place < n_samples:
        if any(start <= place + 1 <= stop for start, stop in protected):
            kept.append(residual[:, place])
            place += 1
            continue
        borders = [start - 1 for start, _ in protected if start - 1 > place] + [n_samples]
        stop = min(place + factor, borders[0])
        kept.append(np.round(residual[:, place:stop].mean(axis=1)).astype(int))
        place = stop
    sections = {
        2: DEFAULT_TABLE,
        3: scp.leads(dict.fromkeys(SPAN, (1, n_samples)), flags=5 if is_subtracted else 4),
        4: scp.beats(120, 30, rows, protected),
        5: scp.coded(reference),
        6: scp.coded(np.stack(kept, axis=1), interval_us=8000, bimodal=1),
    }
    sample = written(tmp_path, sections)
    assert sample.sampling_rate_hz == 500
    assert sample.attributes["is_decimated_between_beats"] is True
    is_kept = np.zeros(n_samples, bool)
    for start, stop in protected:
        is_kept[start - 1 : stop] = True
    np.testing.assert_allclose(sample.array[:, is_kept], whole[:, is_kept] * 0.0025, atol=1e-6)
    # Far enough from the edges the only loss is that of rounding and of a curve drawn as lines.
    inner = np.convolve(is_kept, np.ones(13), "same") == 0
    assert np.abs(sample.array - whole * 0.0025)[:, inner][:, 4:-4].max() < 0.005


def test_leads_recorded_one_after_the_other_keep_their_time(tmp_path: Path) -> None:
    stored = scp.walk(11, 2, 50)
    sections = {2: DEFAULT_TABLE, 3: scp.leads({"I": (11, 60), "V1": (41, 90)}, flags=0), 6: scp.coded(stored)}
    array = written(tmp_path, sections).array
    assert array.shape == (2, 80)
    np.testing.assert_allclose(array[0, :50], stored[0] * 0.0025, atol=1e-6)
    np.testing.assert_allclose(array[1, 30:], stored[1] * 0.0025, atol=1e-6)
    assert np.isnan(array[0, 50:]).all()
    assert np.isnan(array[1, :30]).all()


def described(folder: Path, fields: Mapping[int, bytes], **more: bytes) -> Sample:
    sections = {1: scp.tags(fields), 3: scp.leads({"I": (1, 50)}), 6: scp.coded(scp.walk(0, 1, 50), plain=True)}
    return written(folder, sections | {int(key[1:]): value for key, value in more.items()})


def test_what_is_said_of_patient_and_device(tmp_path: Path) -> None:
    fields = {
        0: scp.NAME.encode() + b"\0",
        2: b"ID-1\0",
        4: struct.pack("<HB", 18, 2),
        5: struct.pack("<HBB", 1950, 1, 1),
        8: b"\x02",
        14: scp.device(),
        20: b"Dr Secret\0",
        27: struct.pack("<H", 5),
        28: struct.pack("<H", 150),
        29: b"\x02",
    }
    sample = described(tmp_path, fields)
    assert sample.patient_id == private_id("ID-1") != "ID-1"
    assert sample.attributes == {
        "age": 1.5,
        "sex": "female",
        "device": "Mortara ELI250",
        "low_cutoff_hz": 0.05,
        "high_cutoff_hz": 150.0,
        "notch_hz": 50.0,
    }
    assert "Secret" not in repr(sample) + str(sample.attributes)


def test_the_age_follows_from_the_dates_if_it_is_not_stated(tmp_path: Path) -> None:
    dates = {5: struct.pack("<HBB", 1950, 6, 2), 25: struct.pack("<HBB", 2000, 6, 1)}
    assert described(tmp_path, dates).attributes == {"age": 49.0}
    assert described(tmp_path, {4: struct.pack("<HB", 0, 0)} | dates).attributes == {"age": 49.0}
    assert described(tmp_path, {4: struct.pack("<HB", 0, 4)} | dates).attributes == {"age": 0.0}


def statements(*texts: bytes) -> bytes:
    rows = b"".join(struct.pack("<BH", n, len(text) + 1) + text + b"\0" for n, text in enumerate(texts, start=1))
    return struct.pack("<B7sB", 1, b"\xd2\x07\x0b\x16\x01\x02\x03", len(texts)) + rows


def test_statements_become_the_report(tmp_path: Path) -> None:
    texts = statements(b"Sinus rhythm", b"Confirmed by: Dr SECRET", b"Normal ECG")
    assert described(tmp_path, {14: scp.device()}, s8=texts).report == "Sinus rhythm\nNormal ECG"


def test_statements_in_another_encoding(tmp_path: Path) -> None:
    cyrillic = "Синусовый ритм"
    texts = statements(cyrillic.encode("iso8859-5"))
    assert described(tmp_path, {14: scp.device(language=0x13)}, s8=texts).report == cyrillic
    # Not ASCII as stated, or a code page that is not known: a word may be lost, and it may be a "no".
    assert described(tmp_path, {14: scp.device(language=0)}, s8=texts).report is None
    assert described(tmp_path, {14: scp.device(language=0x2F)}, s8=texts).report is None


def test_measurements(tmp_path: Path) -> None:
    whole = struct.pack("<BBHH", 1, 0, 800, 29999) + struct.pack("<5H3h", 100, 200, 250, 340, 640, 30, -40, 999)
    assert described(tmp_path, {}, s7=whole).attributes == {
        "rr_interval_ms": 800.0,
        "p_duration_ms": 100.0,
        "pr_interval_ms": 150.0,
        "qrs_duration_ms": 90.0,
        "qt_interval_ms": 390.0,
        "p_axis_deg": 30.0,
        "qrs_axis_deg": -40.0,
    }
    none = struct.pack("<BBHH", 1, 0, 29999, 29999) + struct.pack("<5H3h", *[29999] * 8)
    assert described(tmp_path, {}, s7=none).attributes == {}
