"""Files of devices against what does not come from this code: other readers, other formats, the files' own words."""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import sierraecg
from xml_files import beats_per_minute

import medclip
from medclip.core.errors import FormatError
from medclip.core.sniff import sniff
from medclip.modalities.ecg.leads import DERIVED_LEADS, STANDARD_LEADS

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset")) / "ecg_formats"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")

MUSE = ["ge_muse_xml/example1.xml", "ge_muse_xml/example2.xml"]
PHILIPS = [
    "philips_xml/129DYPRG.XML",
    "philips_xml/3191723_ZZDEMOPTONLY_1-04_orig.xml",
    "philips_xml/Philips103Example01.xml",
]
AECG, SCHILLER = "hl7_aecg/ECGToolkit_Example.xml", "schiller_xml/schiller.xml"
# Where a file states its heart rate, and how far rounding takes its leads from Einthoven's and Goldberger's relations.
STATED_RATE = {
    **dict.fromkeys(MUSE, "RestingECGMeasurements/VentricularRate"),
    **dict.fromkeys(PHILIPS, ".//{*}interpretation//{*}heartrate"),
    SCHILLER: ".//annotation_global[name='HR']/value",
}
LIMB_ERROR_MV = {
    **dict.fromkeys(MUSE, 1e-6),
    PHILIPS[0]: 0.0101,  # each lead is rounded to 5 uV on its own: two steps
    PHILIPS[1]: 0.0026,  # half a step of 5 uV
    PHILIPS[2]: 0.0051,
    AECG: 0.0013,
    SCHILLER: 0.0006,
}


def leads_of(name: str) -> dict[str, np.ndarray]:
    sample = medclip.read(DATA / name)
    return dict(zip(sample.channel_names or (), sample.array.astype(np.float64), strict=True))


@pytest.mark.parametrize("name", sorted(STATED_RATE))
def test_the_heart_rate_is_the_one_that_the_file_states(name: str) -> None:
    stated = float(ElementTree.parse(DATA / name).getroot().findtext(STATED_RATE[name]) or "nan")
    assert abs(beats_per_minute(medclip.read(DATA / name)) - stated) < 3


@pytest.mark.parametrize("name", sorted(LIMB_ERROR_MV))
def test_einthoven_and_goldberger_hold(name: str) -> None:
    leads = leads_of(name)
    assert tuple(leads) == STANDARD_LEADS
    for lead, recipe in DERIVED_LEADS.items():
        expected = sum(weight * leads[part] for part, weight in recipe.items())
        np.testing.assert_allclose(leads[lead], expected, atol=LIMB_ERROR_MV[name])


@pytest.mark.parametrize("name", [*MUSE, *PHILIPS, AECG, SCHILLER])
def test_twelve_leads_of_ten_seconds_that_look_like_a_heart(name: str) -> None:
    sample = medclip.read(DATA / name)
    assert sample.sampling_rate_hz == 500
    assert 9.9 < sample.duration_s < 11
    assert 0.3 < np.ptp(sample.array[1]) < 4
    assert np.isfinite(sample.array).all()
    assert not [issue for issue in sample.quality() if issue.kind in ("inconsistent", "implausible", "flat")]
    shown = f"{sample!r}{sample.attributes}{sample.report}"
    assert not re.search("Clark|Brown|River City|ZZDEMO|ADULT|Klinikum|NFS|Secret|19[5-8]\\d-|SBJ|2241428", shown)


def test_the_same_recording_as_dicom_and_as_aecg() -> None:
    other = medclip.read(DATA / "dicom" / "ECGToolkit_Example.dcm")
    sample = medclip.read(DATA / AECG)
    assert sample.channel_names == other.channel_names
    assert sample.sampling_rate_hz == other.sampling_rate_hz
    np.testing.assert_allclose(sample.array, other.array, atol=0.0025)
    # The DICOM file was converted from this one and has lost nothing of it.
    np.testing.assert_allclose(sample.array, other.array, atol=1e-6)


@pytest.mark.parametrize("name", PHILIPS)
def test_philips_files_are_what_sierraecg_reads(name: str) -> None:
    reference = {lead.label: lead.samples.astype(int) for lead in sierraecg.read_file(str(DATA / name)).leads}
    leads = leads_of(name)
    n_samples = len(leads["I"])
    assert tuple(reference) == tuple(leads)
    for lead, samples in leads.items():
        difference = np.rint(samples * 200).astype(int) - reference[lead][:n_samples]
        # Its halves round down, which takes augmented leads one step away; the test of Goldberger's relations decides.
        assert np.abs(difference).max() <= (1 if lead.startswith("aV") else 0)
    # What is left out behind is the calibration mark: nothing, 1 mV, nothing, the same in all leads.
    for lead in STANDARD_LEADS:
        assert set(np.unique(reference[lead][n_samples:])) == {0, 200}


@pytest.mark.parametrize("name", PHILIPS)
def test_philips_measured_waves_of_the_same_height(name: str) -> None:
    root, leads = ElementTree.parse(DATA / name).getroot(), leads_of(name)
    n_beat = round(500 * 60 / float(root.findtext(STATED_RATE[name]) or "nan"))
    for item in root.iterfind(".//{*}leadmeasurement"):
        waves = [item.findtext(f"{{*}}{wave}amp") or "" for wave in ("q", "r", "s", "rp", "sp", "t")]
        heights_uv = [int(wave) for wave in waves if wave.lstrip("-").isdigit()]
        samples = leads[item.get("leadname") or ""]
        beats = samples[: len(samples) // n_beat * n_beat].reshape(-1, n_beat)
        measured_mv = float(np.median(np.ptp(beats, axis=1)))
        # The device measured an average beat, in which noise has gone.
        stated_mv = (max(heights_uv) - min(heights_uv)) / 1000
        assert abs(measured_mv - stated_mv) < 0.05 * stated_mv + 0.12, item.get("leadname")


@pytest.mark.parametrize(
    ("name", "lines", "first"),
    [
        (PHILIPS[0], 5, "Sinus bradycardia"),
        (PHILIPS[1], 4, "SINUS RHYTHM"),
        (AECG, 1, "Sinus Rhythm"),
        (MUSE[0], 0, ""),
    ],
)
def test_statements(name: str, lines: int, first: str) -> None:
    report = medclip.read(DATA / name).report or ""
    assert len(report.splitlines()) == lines
    assert report.startswith(first)


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        (MUSE[0], {"low_cutoff_hz": 0.16, "notch_hz": 60.0, "other_waveforms": ("median, 8 leads",)}),
        (PHILIPS[0], {"age": 50.0, "sex": "male", "device": "HeartstartMRx"}),
        (PHILIPS[1], {"age": 60.0, "sex": "male", "device": "PageWriter Touch", "high_cutoff_hz": 150.0}),
        (AECG, {"age": 46.0, "sex": "male", "device": "Mortara Instrument, Inc. ELI250", "notch_hz": 60.0}),
        (SCHILLER, {"sex": "male", "device": "Schiller AT-110", "has_pacemaker": False, "low_cutoff_hz": 0.05}),
    ],
)
def test_attributes(name: str, attributes: dict[str, object]) -> None:
    found = medclip.read(DATA / name).attributes
    assert {key: found.get(key) for key in attributes} == attributes


def test_an_annotated_ecg_without_a_recording_is_one_clear_line() -> None:
    with pytest.raises(
        FormatError, match=r"holds no recording, only the beginning of one: received 0\.026 s"
    ) as caught:
        medclip.read(DATA / "hl7_aecg" / "minimum_aecg.xml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [MUSE[0], *PHILIPS[:2], AECG, SCHILLER])
def test_a_real_file_cut_in_the_middle_is_one_clear_line(name: str, tmp_path: Path) -> None:
    content = (DATA / name).read_bytes()
    (tmp_path / "cut.xml").write_bytes(content[: len(content) // 2])
    with pytest.raises(FormatError, match="truncated or damaged XML"):
        sniff(tmp_path / "cut.xml").read(tmp_path / "cut.xml")
