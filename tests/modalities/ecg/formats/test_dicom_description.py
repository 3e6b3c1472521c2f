"""What a DICOM ECG says beside its samples: leads, age, device, statements; and nobody's name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import MDC, SCP, channel, code, group, item, write
from wfdb_files import random_walk

from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats.dicom import read


@pytest.mark.parametrize(
    ("source", "name"),
    [
        *((code(value, "MDC"), lead) for lead, value in MDC.items()),
        *((code(value, "SCPECG", f"Lead {lead}"), lead) for lead, value in SCP.items()),
        (code("2:65", "MDC", "aVR"), "-aVR"),
        (code("2:11", "MDC"), "V3R"),
        (code("2:66", "MDC"), "V8"),
        (code("2:16", "MDC"), "X"),
        (code("131074", "MDC"), "II"),
        (code("MDC_ECG_LEAD_AVF", "MDC"), "aVF"),
        (code("2:133", "MDC", "EASI Lead AI"), "MDC 2:133"),
        (code("7", "99DEVICE", "Lead V5"), "V5"),
        (code(None, None, "Lead I (Einthoven)"), "I"),
        (code(None, None, "aVL, augmented voltage, left"), "aVL"),
        (code(None, None, "LEAD AVR"), "aVR"),
        (code(None, None, "Lead II (inverted)"), "Lead II (inverted)"),
        (code("99", "99DEVICE", "Chest belt"), "Chest belt"),
    ],
)
def test_lead_names(tmp_path: Path, source: Any, name: str) -> None:
    made = group(np.array([[1, 2]]), ["I"], channels={"ChannelSourceSequence": [source]})
    assert read(write(tmp_path / "a.dcm", [made])).channel_names == (name,)


def test_a_label_is_the_last_resort_and_derived_leads_are_marked(tmp_path: Path) -> None:
    made = group(random_walk(10, 3, 20), ["I", "II", "V1"])
    made.ChannelDefinitionSequence[0] = channel("I", ChannelSourceSequence=None, ChannelLabel="Lead I")
    made.ChannelDefinitionSequence[1] = channel("II", ChannelSourceSequence=[code("2:32", "MDC", "Derived Lead II")])
    sample = read(write(tmp_path / "a.dcm", [made]))
    assert sample.channel_names == ("I", "II", "V1")
    assert sample.attributes["derived_leads"] == ("II",)


@pytest.mark.parametrize(
    ("stated", "age_years"),
    [
        ({"PatientAge": "042Y"}, 42),
        ({"PatientAge": "18M"}, 1.5),
        ({"PatientAge": "026W"}, 26 / 52.1775),
        ({"PatientAge": "", "PatientBirthDate": "19530508", "StudyDate": "20021122"}, 49),
        ({"PatientBirthDate": "19530508", "AcquisitionDateTime": "20030507235959"}, 49),
        ({"PatientBirthDate": "20030508", "StudyDate": "20021122"}, None),
        ({"PatientAge": "200Y"}, None),
        ({"PatientBirthDate": "1953"}, None),
    ],
)
def test_ages(tmp_path: Path, stated: dict[str, str], age_years: float | None) -> None:
    attributes = read(write(tmp_path / "a.dcm", [group(np.array([[1, 2]]), ["I"])], **stated)).attributes
    assert attributes.get("age") == (None if age_years is None else pytest.approx(age_years))
    assert not re.search(r"195\d|200\d", repr(attributes))


def test_the_patient_s_id_is_kept_apart_and_sex_and_device_are_given(tmp_path: Path) -> None:
    stated = {"PatientSex": "M", "Manufacturer": "Unknown", "ManufacturerModelName": "Recorder 7", "StationName": "B2"}
    sample = read(write(tmp_path / "a.dcm", [group(np.array([[1, 2]]), ["I"])], **stated))
    assert sample.patient_id == private_id("ID-4711") != "ID-4711"
    assert sample.attributes == {"sex": "male", "device": "Recorder 7"}
    shown = repr(sample) + repr(sample.attributes)
    assert not re.search("Secret|4711|B2", shown)


def annotation(**elements: Any) -> Any:
    return item(ReferencedWaveformChannels=[1, 0], **elements)


def test_statements_become_the_report(tmp_path: Path) -> None:
    statements = [
        annotation(UnformattedTextValue="Sinusrhythmus, überdrehter Linkstyp\r\nKein Infarkt"),
        annotation(UnformattedTextValue="Kein Infarkt"),
        annotation(UnformattedTextValue="Unconfirmed diagnosis"),
        annotation(UnformattedTextValue="Confirmed by: Secretsson"),
        annotation(UnformattedTextValue="Physician: A. Secretsson"),
        annotation(UnformattedTextValue="Dr. Secretsson"),
        annotation(UnformattedTextValue="PVC", TemporalRangeType="POINT", ReferencedSamplePositions=7),
        annotation(ConceptNameCodeSequence=[code("1", "99X", "QT")], NumericValue="400"),
        annotation(
            ConceptNameCodeSequence=[code("2", "99X", "Statement")],
            ConceptCodeSequence=[code("3", "99X", "Left bundle branch block")],
        ),
    ]
    groups = [group(np.array([[1, 2]]), ["I"])]
    for character_set in ("ISO_IR 100", "ISO_IR 192"):
        options = {"SpecificCharacterSet": character_set, "WaveformAnnotationSequence": statements}
        sample = read(write(tmp_path / "a.dcm", groups, **options))
        assert (sample.report or "").splitlines() == [
            "Sinusrhythmus, überdrehter Linkstyp",
            "Kein Infarkt",
            "Unconfirmed diagnosis",
            "Left bundle branch block",
        ]


def test_a_report_that_its_character_set_does_not_hold_is_left_out(tmp_path: Path) -> None:
    statement = annotation(UnformattedTextValue="Überleitung: kein Block")
    options: dict[str, Any] = {"SpecificCharacterSet": "ISO_IR 100", "WaveformAnnotationSequence": [statement]}
    path = write(tmp_path / "a.dcm", [group(np.array([[1, 2]]), ["I"])], **options)
    assert read(path).report == "Überleitung: kein Block"
    path.write_bytes(path.read_bytes().replace(b"ISO_IR 100", b"ISO_IR 192"))
    assert read(path).report is None
