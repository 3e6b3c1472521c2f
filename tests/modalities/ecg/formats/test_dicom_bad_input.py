"""Damaged, contradictory and hostile DICOM ECGs: one clear line each, without a word about the patient."""

from __future__ import annotations

import contextlib
import re
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import CT_IMAGE, channel, code, group, write
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit
from wfdb_files import random_walk

from medclip.core.errors import FormatError, MedclipError
from medclip.modalities.ecg.formats.dicom import FORMAT, read

LEADS = ["I", "II", "V1"]
STORED = random_walk(0, 3, 100)


def message_of(path: Path) -> str:
    """Return the message of the refusal, which is one line and names nobody."""
    with pytest.raises(FormatError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    assert not re.search("Secret|4711", message)
    return message


def refusal(tmp_path: Path, *, channels: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return the message for a file with one thing wrong in its only group."""
    return message_of(write(tmp_path / "a.dcm", [group(STORED, LEADS, channels=channels, **changes)]))


def test_missing_empty_and_foreign_files(tmp_path: Path) -> None:
    assert "cannot be read" in message_of(tmp_path / "none.dcm")
    assert "cannot be read" in message_of(tmp_path)
    for content in (b"", b"\x89PNG\r\n\x1a\n" + bytes(500), b"DICM"):
        (tmp_path / "a.dcm").write_bytes(content)
        assert "is no DICOM file" in message_of(tmp_path / "a.dcm")
    (tmp_path / "a.dcm").write_bytes(bytes(128) + b"DICM")
    assert "is a DICOM file, but no ECG waveform: received nothing stated" in message_of(tmp_path / "a.dcm")


@pytest.mark.parametrize("without_meta", [False, True])
def test_a_file_without_preamble_is_recognised_and_refused(tmp_path: Path, without_meta: bool) -> None:
    path = write(tmp_path / "a.dcm", [group(STORED, LEADS)])
    content = path.read_bytes()[132:]
    path.write_bytes(content[content.index(b"\x08\x00\x16\x00UI") :] if without_meta else content)
    assert FORMAT.sniff(path, path.read_bytes()[:4096])
    assert "is DICOM without its preamble" in message_of(path)


def test_an_image_is_refused_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", None, sop_class=CT_IMAGE)
    assert "no ECG waveform: received CT Image Storage" in message_of(path)


@pytest.mark.parametrize("transfer_syntax", [DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit])
def test_compressed_files_are_refused_before_they_are_unpacked(tmp_path: Path, transfer_syntax: str) -> None:
    path = write(tmp_path / "a.dcm", [group(STORED, LEADS)])
    plain, stated = b"1.2.840.10008.1.2.1\0", transfer_syntax.encode() + b"\0" * (len(transfer_syntax) % 2)
    content = path.read_bytes().replace(
        b"UI" + len(plain).to_bytes(2, "little") + plain, b"UI" + len(stated).to_bytes(2, "little") + stated
    )
    path.write_bytes(content)
    message = message_of(path)
    assert "is compressed or coded" in message
    assert ("Deflated" if "99" in transfer_syntax else "JPEG") in message


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", [group(STORED, LEADS)], PatientAge="042Y")
    content = path.read_bytes()
    whole = read(path).array
    assert whole.shape == (3, 100)
    for n_bytes in [*range(1, len(content), 13), *range(len(content) - 20, len(content))]:
        path.write_bytes(content[:n_bytes])
        message_of(path)


def test_a_file_of_undefined_lengths_cut_anywhere_is_refused_or_whole(tmp_path: Path) -> None:
    def leave_lengths_open(dataset: Any) -> None:
        dataset["WaveformSequence"].is_undefined_length = True
        dataset.WaveformSequence[0].is_undefined_length_sequence_item = True

    path = write(tmp_path / "a.dcm", [group(STORED, LEADS)], change=leave_lengths_open)
    content = path.read_bytes()
    assert content.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0")
    whole = read(path).array
    n_refused = 0
    for n_bytes in [*range(140, len(content), 13), *range(len(content) - 40, len(content))]:
        path.write_bytes(content[:n_bytes])
        try:
            np.testing.assert_array_equal(read(path).array, whole)
        except FormatError:
            n_refused += 1
    # Only the marks that end the sequence may be missing.
    assert n_refused >= len(range(140, len(content), 13)) + 20


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"WaveformData": bytes(598)}, "are truncated: received 598 bytes; allowed: 600 bytes for 3 leads of 100"),
        ({"WaveformData": bytes(602)}, "are more than it announces"),
        ({"WaveformData": None}, "are truncated: received 0 bytes"),
        ({"WaveformData": b""}, "are truncated: received 0 bytes"),
        ({"NumberOfWaveformSamples": 101}, "are truncated"),
        ({"NumberOfWaveformSamples": 99}, "are more than it announces"),
        ({"NumberOfWaveformSamples": 0}, "unusable size"),
        ({"NumberOfWaveformSamples": 2**32 - 1}, "unusable size"),
        ({"NumberOfWaveformSamples": None}, "states no Number Of Waveform Samples"),
        ({"NumberOfWaveformChannels": 4}, "does not describe its channels one by one"),
        ({"NumberOfWaveformChannels": 65535}, "unusable size"),
        ({"ChannelDefinitionSequence": None}, "does not describe its channels one by one"),
        ({"SamplingFrequency": "0"}, "impossible sampling frequency: received 0 Hz"),
        ({"SamplingFrequency": "-500"}, "impossible sampling frequency"),
        ({"SamplingFrequency": "1e9"}, "impossible sampling frequency"),
        ({"SamplingFrequency": "nan"}, "Sampling Frequency in"),
        ({"SamplingFrequency": "fast"}, "is no number"),
        ({"SamplingFrequency": ["500", "250"]}, "is no number"),
        ({"SamplingFrequency": None}, "states no Sampling Frequency"),
        ({"bits": 8, "dtype": "i1", "coding": "MB"}, "8 bits MB (logarithmic"),
        ({"bits": 8, "dtype": "i1", "coding": "AB"}, "8 bits AB (logarithmic"),
        ({"bits": 8, "dtype": "i1"}, "received 8 bits SS"),
        ({"WaveformBitsAllocated": 12}, "received 12 bits SS"),
        ({"WaveformSampleInterpretation": None}, "received 16 bits None"),
    ],
)
def test_groups_that_make_no_sense(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    tracemalloc.start()
    message = refusal(tmp_path, **changes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert words in message
    assert peak < 50e6


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ChannelSensitivity": None}, "states no Channel Sensitivity"),
        ({"ChannelSensitivity": ""}, "states no Channel Sensitivity"),
        ({"ChannelSensitivity": "0"}, "has no amplitude"),
        ({"ChannelSensitivity": "inf"}, "no usable number"),
        ({"ChannelSensitivityCorrectionFactor": "0"}, "has no amplitude"),
        ({"ChannelBaseline": "low"}, "the Channel Baseline in"),
        ({"ChannelSensitivityUnitsSequence": None}, "the unit of lead I in"),
        ({"ChannelSensitivityUnitsSequence": []}, "is missing or no voltage: received no unit"),
        ({"ChannelSensitivityUnitsSequence": [code("mm[Hg]", "UCUM")]}, "is missing or no voltage: received mm[Hg]"),
        ({"ChannelSensitivityUnitsSequence": [code("uV", "UCUM", "millivolt")]}, "contradictory: received uV, milli"),
        ({"ChannelSampleSkew": "100"}, "begins when the others have ended"),
        ({"ChannelStatus": "TEST DATA"}, "holds test data"),
        ({"ChannelSourceSequence": None}, "channel 1 of"),
        ({"ChannelSourceSequence": [code("2:1", "MDC")]}, "holds a lead more than once: received I"),
        ({"ChannelSourceSequence": [code("2:3", "MDC", "Lead III")]}, "received V1 by its code, III by its text"),
    ],
)
def test_channels_that_make_no_sense(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in refusal(tmp_path, channels=changes)


def test_files_without_a_recording(tmp_path: Path) -> None:
    assert "holds no waveform" in message_of(write(tmp_path / "a.dcm", None))
    assert "holds no waveform" in message_of(write(tmp_path / "a.dcm", []))
    median = group(random_walk(1, 2, 600), ["I", "II"], WaveformOriginality="DERIVED")
    assert "holds no recording" in message_of(write(tmp_path / "a.dcm", [median]))


def test_leads_in_groups_that_cannot_be_put_together(tmp_path: Path) -> None:
    limb, chest = group(STORED[:2], ["I", "II"]), group(STORED[2:], ["V1"])
    assert "several groups of waveforms that cannot be put together" in message_of(
        write(tmp_path / "a.dcm", [limb, chest])
    )
    limb.MultiplexGroupTimeOffset = chest.MultiplexGroupTimeOffset = "0"
    assert read(write(tmp_path / "a.dcm", [limb, chest])).channel_names == ("I", "II", "V1")
    chest.SamplingFrequency = "250"
    assert "received 2 groups at 250, 500 Hz" in message_of(write(tmp_path / "a.dcm", [limb, chest]))
    chest.SamplingFrequency, chest.MultiplexGroupTimeOffset = "500", "1e15"
    assert "lie too far apart" in message_of(write(tmp_path / "a.dcm", [limb, chest]))


def test_a_skewed_channel_beside_sound_ones_is_enough(tmp_path: Path) -> None:
    made = group(STORED, LEADS)
    made.ChannelDefinitionSequence[2] = channel("V1", ChannelSensitivityUnitsSequence=None)
    assert "the unit of lead V1 in" in message_of(write(tmp_path / "a.dcm", [made]))


@settings(max_examples=300, deadline=None)
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8))
def test_no_damage_leads_to_anything_but_a_sample_or_an_error_of_medclip(changes: list[tuple[float, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = write(Path(name) / "a.dcm", [group(STORED[:, :10], LEADS)], PatientAge="042Y")
        content = bytearray(path.read_bytes())
        for position, byte in changes:
            content[132 + int(position * (len(content) - 132))] = byte
        path.write_bytes(bytes(content))
        FORMAT.sniff(path, bytes(content[:4096]))
        # Any other exception than medclip's own fails the test.
        with contextlib.suppress(MedclipError):
            sample = read(path)
            assert sample.array.dtype == np.float32
            assert sample.array.size > 0
