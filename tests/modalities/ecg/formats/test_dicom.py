"""The DICOM ECG reader: on files of devices beside pydicom and another format, and which files it takes for its own."""

from __future__ import annotations

import os
import re
import sys
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pydicom
import pytest
from dicom_files import CT_IMAGE, TWELVE_LEAD, group, item, write

import medclip
from medclip.core.errors import MissingDependencyError
from medclip.modalities.ecg.formats.dicom import FORMAT, read
from medclip.modalities.ecg.leads import DERIVED_LEADS, STANDARD_LEADS

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files" / "waveform_ecg.dcm"
DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset")) / "ecg_formats"
CONVERTED = DATA / "dicom" / "ECGToolkit_Example.dcm"
DEVICE_FILES = [
    pytest.param(SHIPPED, marks=pytest.mark.skipif(not SHIPPED.is_file(), reason="pydicom ships without its ECG")),
    pytest.param(
        CONVERTED, marks=pytest.mark.skipif(not CONVERTED.is_file(), reason="MEDCLIP_TEST_DATA names no folder")
    ),
]


def reference(path: Path, index: int = 0) -> np.ndarray:
    """Return the millivolts that pydicom reads, ``(n_leads, n_samples)``; the files' unit is uV."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(pydicom.dcmread(path).waveform_array(index)).T / 1000.0


@pytest.mark.parametrize("path", DEVICE_FILES)
def test_files_of_devices_are_what_pydicom_reads(path: Path) -> None:
    sample = medclip.read(path)
    np.testing.assert_allclose(sample.array, reference(path), rtol=1e-6, atol=1e-9)
    assert sample.channel_names == STANDARD_LEADS
    assert sample.sampling_rate_hz == {SHIPPED: 1000, CONVERTED: 500}[path]
    assert sample.duration_s == 10
    assert sample.attributes["other_waveforms"] == ("derived, 12 leads, 1.2 s",)
    assert sample.quality() == ()


@pytest.mark.parametrize("path", DEVICE_FILES)
def test_einthoven_and_goldberger_hold(path: Path) -> None:
    sample = read(path)
    leads = dict(zip(sample.channel_names or (), sample.array.astype(np.float64), strict=True))
    for name, recipe in DERIVED_LEADS.items():
        # The devices round each lead to 2.5 uV at the coarsest.
        expected = sum(weight * leads[part] for part, weight in recipe.items())
        np.testing.assert_allclose(leads[name], expected, atol=0.0026)


@pytest.mark.parametrize("path", DEVICE_FILES[:1])
def test_the_device_measured_the_same_heart_rate(path: Path) -> None:
    annotations = pydicom.dcmread(path).WaveformAnnotationSequence
    rr_ms = next(
        float(entry.NumericValue)
        for entry in annotations
        if "NumericValue" in entry and entry.ConceptNameCodeSequence[0].CodeMeaning == "RR Interval"
    )
    sample = read(path)
    slope = np.abs(np.diff(sample.array[1]))
    peaks = [0]
    for index in np.flatnonzero(slope > 0.5 * slope.max()):
        if index - peaks[-1] > 300:  # ms: no second beat within this
            peaks.append(int(index))
    measured_per_minute = 60e3 / np.median(np.diff(peaks[1:]))
    assert abs(measured_per_minute - 60e3 / rr_ms) < 3


@pytest.mark.parametrize("path", DEVICE_FILES[:1])
def test_statements_and_attributes_of_the_shipped_file_and_nobody_s_name(path: Path) -> None:
    sample = read(path)
    stated = [entry for entry in pydicom.dcmread(path).WaveformAnnotationSequence if "UnformattedTextValue" in entry]
    assert sample.report == "\n".join(entry.UnformattedTextValue for entry in stated)
    assert sample.attributes["age"] == 42
    assert sample.attributes["sex"] == "female"
    assert sample.attributes["device"] == "Mortara Instrument, Inc. el250"
    assert (sample.attributes["low_cutoff_hz"], sample.attributes["high_cutoff_hz"]) == (0.05, 300)
    assert sample.record_id == "waveform_ecg"
    shown = repr(sample) + repr(sample.attributes)
    assert not re.search("Anonymous|642341|1971|2013|Galliera", shown)


@pytest.mark.parametrize("path", DEVICE_FILES[1:])
def test_the_same_recording_in_another_format(path: Path) -> None:
    root = ElementTree.parse(DATA / "hl7_aecg" / "ECGToolkit_Example.xml").getroot()
    name = {f"MDC_ECG_LEAD_{lead.upper()}": lead for lead in STANDARD_LEADS}
    sample = read(path)
    ours = dict(zip(sample.channel_names or (), sample.array, strict=True))
    compared = set()
    for sequence in root.iterfind(".//{*}series/{*}component/{*}sequenceSet/{*}component/{*}sequence"):
        lead = name.get(sequence.find("{*}code").get("code"))
        digits = np.array((sequence.findtext(".//{*}digits") or "").split(), float)
        # The median beat has the same names and is shorter.
        if lead and lead not in compared and len(digits) == 5000:
            np.testing.assert_allclose(ours[lead], digits * 2.5e-3, rtol=1e-6, atol=1e-9)
            compared.add(lead)
    assert {"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"} <= compared


@pytest.mark.parametrize("path", DEVICE_FILES[1:])
def test_a_declared_padding_value_of_zero_does_not_eat_the_zero_line(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert pydicom.dcmread(path).WaveformSequence[0].WaveformPaddingValue == b"\0\0"
    assert (read(path).array == 0).sum() > 1000
    assert not np.isnan(read(path).array).any()


@pytest.mark.parametrize("kind", ["1", "2", "3", "4"])
def test_sniffed_by_the_class_of_object(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "recording", [group(np.array([[1, 2]]), ["I"])], sop_class=TWELVE_LEAD[:-1] + kind)
    assert FORMAT.sniff(path, path.read_bytes()[:4096])
    assert read(path).array.shape == (1, 2)


def test_other_dicom_files_are_left_to_others(tmp_path: Path) -> None:
    for sop_class in (CT_IMAGE, "1.2.840.10008.5.1.4.1.1.9.2.1", "1.2.840.10008.5.1.4.1.1.9.1.11"):
        # An image may refer to the ECG that was recorded beside it.
        beside = {"ReferencedInstanceSequence": [item(ReferencedSOPClassUID=TWELVE_LEAD, SOPClassUID=TWELVE_LEAD)]}
        path = write(tmp_path / "a.dcm", None, sop_class=sop_class, **beside)
        assert TWELVE_LEAD.encode() in path.read_bytes()[:4096]
        assert not FORMAT.sniff(path, path.read_bytes()[:4096])
    for content in (b"", b"DICM", bytes(128) + b"DICM", TWELVE_LEAD.encode(), b"\x89PNG" + bytes(200)):
        assert not FORMAT.sniff(tmp_path / "x", content)


def test_without_pydicom_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.dcm", [group(np.array([[1, 2]]), ["I"])])
    for name in [name for name in sys.modules if name.split(".")[0] == "pydicom"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert FORMAT.sniff(path, path.read_bytes()[:4096])
    with pytest.raises(MissingDependencyError, match="Run pip install pydicom"):
        read(path)
