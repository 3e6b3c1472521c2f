"""Samples of DICOM ECGs, against closed forms: codings, units, padding, skew, several groups of waveforms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import NAME, TWELVE_LEAD, channel, code, group, write
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian
from wfdb_files import random_walk

import medclip
from medclip.modalities.ecg.formats.dicom import read
from medclip.modalities.ecg.leads import STANDARD_LEADS


def test_leads_in_any_order_are_named_by_their_codes(tmp_path: Path) -> None:
    leads = ("V6", "aVF", "I", "V1", "aVR", "III", "II")
    stored = random_walk(1, 7, 100)
    sample = read(write(tmp_path / "a.dcm", [group(stored, leads)]))
    assert sample.channel_names == leads
    np.testing.assert_allclose(sample.array, stored * 0.0025, rtol=1e-6)
    assert medclip.read(tmp_path / "a.dcm").array.shape == (7, 100)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        (code("uV", "UCUM", "microvolt"), 1e-3),
        (code("mV", "UCUM", "millivolt"), 1.0),
        (code("V", "UCUM", "volt"), 1e3),
        (code("nV", "UCUM"), 1e-6),
        (code("\N{MICRO SIGN}V", "UCUM"), 1e-3),
        (code("0103", "99DEVICE", "millivolts"), 1.0),
        (code(None, None, "uV"), 1e-3),
    ],
)
def test_units_factor_and_baseline(tmp_path: Path, unit: Any, factor: float) -> None:
    stored = random_walk(2, 2, 50)
    changes = {"ChannelSensitivity": "0.5", "ChannelSensitivityCorrectionFactor": "1.1", "ChannelBaseline": "-3"}
    groups = [group(stored, ["I", "II"], channels=changes | {"ChannelSensitivityUnitsSequence": [unit]})]
    sample = read(write(tmp_path / "a.dcm", groups, SpecificCharacterSet="ISO_IR 100"))
    np.testing.assert_allclose(sample.array, (stored * 0.5 * 1.1 - 3) * factor, rtol=1e-5)


def test_factor_and_baseline_may_be_absent(tmp_path: Path) -> None:
    absent = {"ChannelSensitivityCorrectionFactor": None, "ChannelBaseline": None, "ChannelSampleSkew": None}
    sample = read(write(tmp_path / "a.dcm", [group(np.array([[100, -100]]), ["II"], channels=absent)]))
    np.testing.assert_allclose(sample.array, [[0.25, -0.25]], rtol=1e-6)


@pytest.mark.parametrize(
    ("bits", "coding", "dtype", "values"),
    [
        (8, "SB", "i1", [-128, -1, 0, 1, 127]),
        (8, "UB", "u1", [0, 1, 127, 128, 255]),
        (16, "SS", "<i2", [-32767, -1, 0, 1, 32767]),
        (16, "US", "<u2", [0, 1, 32767, 32768, 65535]),
        (32, "SL", "<i4", [-(2**31) + 1, -1, 0, 1, 2**31 - 1]),
        (32, "UL", "<u4", [0, 1, 2**31 - 1, 2**31, 2**32 - 1]),
    ],
)
@pytest.mark.parametrize("transfer_syntax", [None, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_sample_codings(
    tmp_path: Path, bits: int, coding: str, dtype: str, values: list[int], transfer_syntax: str | None
) -> None:
    stored = np.array([values, values[::-1], values[2:] + values[:2]], np.int64)
    if transfer_syntax == ExplicitVRBigEndian:
        dtype = dtype.replace("<", ">")
    made = group(stored, ["I", "II", "V1"], bits=bits, coding=coding, dtype=dtype)
    options = {"transfer_syntax": transfer_syntax} if transfer_syntax else {}
    sample = read(write(tmp_path / "a.dcm", [made], sop_class=TWELVE_LEAD[:-1] + "3", **options))
    np.testing.assert_allclose(sample.array, stored * 0.0025, rtol=1e-6)


def test_bytes_in_big_endian_words_are_exchanged(tmp_path: Path) -> None:
    stored = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    made = group(stored, ["I", "II", "V1"], bits=8, coding="SB", dtype="i1")
    made.WaveformData = np.frombuffer(made.WaveformData, "<u2").byteswap().tobytes()
    made["WaveformData"].VR = "OW"
    sample = read(write(tmp_path / "a.dcm", [made], transfer_syntax=ExplicitVRBigEndian))
    np.testing.assert_allclose(sample.array, stored * 0.0025, rtol=1e-6)


def test_the_rhythm_is_taken_and_the_median_beat_mentioned(tmp_path: Path) -> None:
    rhythm, median = random_walk(3, 2, 1000), random_walk(4, 2, 4000)
    groups = [
        group(median, ["I", "II"], WaveformOriginality="DERIVED", MultiplexGroupLabel=NAME),
        group(rhythm[:, :900], ["I", "II"]),
        group(rhythm, ["I", "II"]),
        group(rhythm[:1], ["V1"], rate_hz="x", WaveformOriginality="DERIVED"),
    ]
    sample = read(write(tmp_path / "a.dcm", groups))
    np.testing.assert_allclose(sample.array, rhythm * 0.0025, rtol=1e-6)
    mentioned = ("derived, 2 leads, 8.0 s", "original, 2 leads, 1.8 s", "not readable")
    assert sample.attributes["other_waveforms"] == mentioned


def test_a_derived_rhythm_is_read_if_there_is_no_other(tmp_path: Path) -> None:
    stored = random_walk(5, 2, 1001)
    groups = [group(stored[:, :600], ["I", "II"], WaveformOriginality="DERIVED")]
    groups += [group(stored, ["I", "II"], WaveformOriginality="DERIVED")]
    sample = read(write(tmp_path / "a.dcm", groups))
    assert sample.array.shape == (2, 1001)
    assert sample.attributes["is_derived"] is True


def test_three_leads_at_a_time_beside_a_rhythm_strip(tmp_path: Path) -> None:
    strip = random_walk(6, 1, 4000)
    parts = random_walk(7, 12, 1000)
    groups = [
        group(parts[3 * n : 3 * n + 3], STANDARD_LEADS[3 * n : 3 * n + 3], MultiplexGroupTimeOffset=str(1e3 + 2e3 * n))
        for n in range(4)
    ]
    groups.append(group(strip, ["II"], MultiplexGroupTimeOffset="1000"))
    sample = read(write(tmp_path / "a.dcm", groups))
    assert sample.channel_names == STANDARD_LEADS
    expected = np.full((12, 4000), np.nan)
    for row in range(12):
        expected[row, row // 3 * 1000 : row // 3 * 1000 + 1000] = parts[row]
    expected[1] = strip[0]
    np.testing.assert_allclose(sample.array, expected * 0.0025, rtol=1e-6)
    assert "other_waveforms" not in sample.attributes


@pytest.mark.parametrize(
    ("padding", "missing"), [(128, [range(5, 8), (), ()]), (0, [(), range(300, 400), ()]), (None, [(), (), ()])]
)
def test_padding_becomes_nan_where_the_signal_does_not_pass(tmp_path: Path, padding: int | None, missing: Any) -> None:
    stored = np.tile(np.arange(-50, 50), (3, 20))  # every lead passes 0, and 128 nowhere
    stored[0, 5:8] = 128
    stored[1, 300:400] = 0  # 0.2 s
    stored[2, 300:399] = 0  # less than that
    value = None if padding is None else np.int16(padding).tobytes()
    array = read(write(tmp_path / "a.dcm", [group(stored, ["I", "II", "V1"], WaveformPaddingValue=value)])).array
    assert [np.flatnonzero(np.isnan(row)).tolist() for row in array] == [list(expected) for expected in missing]


def test_the_lowest_value_of_16_bits_is_no_measurement(tmp_path: Path) -> None:
    array = read(write(tmp_path / "a.dcm", [group(np.array([[1, -32768, -32767]]), ["I"])])).array
    assert np.isnan(array).tolist() == [[False, True, False]]


def test_padding_in_big_endian(tmp_path: Path) -> None:
    stored = np.array([[1, 2, 300, 4]])
    made = group(stored, ["I"], dtype=">i2", WaveformPaddingValue=np.array([300], ">i2").tobytes())
    array = read(write(tmp_path / "a.dcm", [made], transfer_syntax=ExplicitVRBigEndian)).array
    assert np.isnan(array).tolist() == [[False, False, True, False]]


@pytest.mark.parametrize(
    ("skew", "n_later"),
    [
        ({"ChannelSampleSkew": "3"}, 3),
        ({"ChannelSampleSkew": "0.4"}, 0),
        ({"ChannelSampleSkew": "-2"}, -2),
        ({"ChannelSampleSkew": None, "ChannelTimeSkew": "0.004"}, 2),
        ({"ChannelSampleSkew": "", "ChannelTimeSkew": "0.004"}, 2),
    ],
)
def test_skewed_channels_are_aligned(tmp_path: Path, skew: dict[str, str | None], n_later: int) -> None:
    stored = random_walk(8, 2, 60)
    made = group(stored, ["I", "II"])
    made.ChannelDefinitionSequence[1] = channel("II", **skew)
    array = read(write(tmp_path / "a.dcm", [made])).array
    expected = stored * 0.0025
    for index in range(60):
        expected[1, index] = stored[1, index - n_later] * 0.0025 if 0 <= index - n_later < 60 else np.nan
    np.testing.assert_allclose(array, expected, rtol=1e-6)


def test_what_a_channel_s_status_says(tmp_path: Path) -> None:
    made = group(random_walk(9, 4, 40), ["I", "II", "V1", "V2"])
    for row, status in enumerate(("OK", "DISCONNECTED", ["OK", "INVALID"], ["QUESTIONABLE", "UNCALIBRATED"])):
        made.ChannelDefinitionSequence[row].ChannelStatus = status
    sample = read(write(tmp_path / "a.dcm", [made]))
    assert np.isnan(sample.array).all(axis=1).tolist() == [False, True, False, False]
    assert np.isnan(sample.array).any(axis=1).tolist() == [False, True, False, False]
    assert sample.attributes["questionable_leads"] == ("II", "V1", "V2")
    assert sample.attributes["amplitude_is_calibrated"] is False
