"""Nothing that identifies a patient leaves a reader: identifiers are planted everywhere and looked for everywhere."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import dicom_files
import numpy as np
import pydicom
import pytest
from image_dicom_files import image, ramp, write
from matplotlib.text import Text
from pydicom import Dataset
from pydicom.datadict import dictionary_VR

import medclip
from medclip.cli.__main__ import main
from medclip.core.errors import MedclipError
from medclip.core.sample import Sample
from medclip.data.pack import pack
from medclip.modalities.ecg.leads import STANDARD_LEADS
from medclip.modalities.ecg.simulate import simulate_ecg

sys.path.append(str(Path(__file__).parents[2] / "data"))
from memory_dataset import MemoryDataset

# DICOM PS3.15 annex E, table E.1-1: attributes of text that images have and that the basic profile removes or replaces.
_IDENTIFYING = """
AccessionNumber AcquisitionComments AcquisitionProtocolDescription AdditionalPatientHistory AdmissionID Allergies
BranchOfService CassetteID CommentsOnThePerformedProcedureStep ConfidentialityConstraintOnPatientDataDescription
ContrastBolusAgent CountryOfResidence CurrentPatientLocation DerivationDescription DetectorID DeviceSerialNumber
DischargeDiagnosisDescription EthnicGroup FrameComments GantryID GeneratorID IdentifyingComments ImageComments
ImagePresentationComments InstitutionAddress InstitutionName InstitutionalDepartmentName IssuerOfPatientID
MedicalAlerts MedicalRecordLocator MilitaryRank NameOfPhysiciansReadingStudy Occupation OperatorsName
OtherPatientIDs OtherPatientNames PatientAddress PatientBirthName PatientComments PatientID
PatientInstitutionResidence PatientMotherBirthName PatientName PatientReligiousPreference PatientState
PatientTelephoneNumbers PerformedLocation PerformedProcedureStepDescription PerformedProcedureStepID
PerformedStationName PerformingPhysicianName PhysiciansOfRecord PlateID ProtocolName ReasonForTheRequestedProcedure
ReferringPhysicianName RegionOfResidence RequestedProcedureComments RequestedProcedureDescription
RequestedProcedureID RequestingPhysician RequestingService ScheduledStudyLocation SeriesDescription
ServiceEpisodeDescription ServiceEpisodeID SpecialNeeds StationName StudyComments StudyDescription StudyID
VisitComments
"""
IDENTIFYING = _IDENTIFYING.split()
DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate", "AdmittingDate")
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID", "DeviceUID")
BORN, TAKEN, ROOT = "19410207", "20190517", "1.2.826.0.1.31337"


def planted(**changes: object) -> tuple[Dataset, list[str]]:
    """A radiograph with an identifier of its own in every element that may hold one, and the identifiers."""
    dataset = image(ramp(), ViewPosition="PA", PatientBirthDate=BORN, **changes)
    secrets = [BORN, TAKEN, ROOT]
    for number, keyword in enumerate(IDENTIFYING):
        secrets.append(f"Zxq{number:03d}")
        dataset.add_new(keyword, dictionary_VR(keyword), secrets[-1])
    for keyword in DATES:
        setattr(dataset, keyword, TAKEN)
    for number, keyword in enumerate(UIDS):
        setattr(dataset, keyword, f"{ROOT}.{number}")
    inner = Dataset()
    inner.PatientID, inner.RequestedProcedureDescription = "Zxqinner", "Zxqinner"
    dataset.OtherPatientIDsSequence = [inner]
    dataset.RequestAttributesSequence = [inner]
    block = dataset.private_block(0x0009, "Zxqmaker", create=True)
    block.add_new(0x01, "LO", "Zxqprivate")
    secrets += ["Zxqinner", "Zxqmaker", "Zxqprivate"]
    return dataset, secrets


def planted_ecg(folder: Path) -> tuple[Path, list[str]]:
    """An ECG with the same identifiers."""
    secrets = planted()[1]
    texts = {name: secrets[3 + number] for number, name in enumerate(IDENTIFYING)}
    rhythm = simulate_ecg(["SR"], seed=1).array * 400
    group = dicom_files.group(rhythm.astype(np.int16), STANDARD_LEADS)
    return dicom_files.write(folder / "ecg.dcm", [group], **texts, PatientBirthDate=BORN, StudyDate=TAKEN), secrets


def check_clean(text: str, secrets: list[str]) -> None:
    """One that fails must name the identifier, not the text."""
    assert text
    assert [secret for secret in secrets if secret.lower() in text.lower()] == []


def told(sample: Sample) -> str:
    """Everything that a sample tells and shows."""
    fields = [sample.record_id, sample.patient_id, sample.report, dict(sample.attributes), sample.source, repr(sample)]
    figure = sample.plot(findings=[("Effusion", 0.5)])
    fields += [item.get_text() for item in figure.findobj(Text)]
    fields += [issue.message for issue in sample.quality()]
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return "\n".join(map(str, fields)) + buffer.getvalue().decode("latin-1")


def test_planting_works_and_identifiers_are_there_if_asked_for(tmp_path: Path) -> None:
    dataset, secrets = planted()
    path = write(tmp_path / "chest.dcm", dataset)
    content = path.read_bytes().decode("latin-1")
    assert [secret for secret in secrets if secret not in content] == []
    identifier = secrets[3 + IDENTIFYING.index("PatientID")]
    assert medclip.read(path, keep_identifiers=True).patient_id == identifier


def test_a_sample_tells_and_shows_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset, secrets = planted()
    path = write(tmp_path / "chest.dcm", dataset)
    with warnings.catch_warnings(record=True) as seen, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        sample = medclip.read(path)
        text = told(sample)
    assert sample.attributes["age"] == 78.0
    check_clean(text, secrets)
    check_clean("heard:" + caplog.text + "".join(str(warning.message) for warning in seen), secrets)


def broken(dataset: Dataset) -> Iterator[bytes]:
    """Twins of a file with something wrong in each of its parts."""
    changes = [
        {"Rows": 10_000},
        {"Rows": 0},
        {"BitsAllocated": 12},
        {"PhotometricInterpretation": "Zxq"},
        {"Modality": "MG"},
        {"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"},
        {"Modality": "SR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33"},
        {"BodyPartExamined": "HAND Zxq000"},
        {"VOILUTFunction": "Zxq001", "WindowCenter": 1, "WindowWidth": 2},
        {"NumberOfFrames": 2},
    ]
    for change in changes:
        twin = pydicom.Dataset(dataset)
        twin.file_meta = dataset.file_meta
        with pydicom.config.disable_value_validation():
            for keyword, value in change.items():
                setattr(twin, keyword, value)
            buffer = io.BytesIO()
            twin.save_as(buffer, enforce_file_format=True)
        yield buffer.getvalue()
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    content = buffer.getvalue()
    for n_bytes in range(0, len(content), 131):
        yield content[:n_bytes]
    rng = np.random.default_rng(0)
    for _ in range(60):
        changed = bytearray(content)
        for place in rng.integers(0, len(content) - 6200, 6):
            changed[place] ^= 1 << int(rng.integers(8))
        yield bytes(changed)


def test_errors_about_broken_twins_say_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset, secrets = planted()
    path, errors, twins = tmp_path / "chest.dcm", [], list(broken(dataset))
    caplog.clear()
    with warnings.catch_warnings(record=True) as seen, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        for content in twins:
            path.write_bytes(content)
            try:
                check_clean(told(medclip.read(path)), secrets)
            except MedclipError as error:
                errors.append(str(error))
    assert len(errors) > 40
    check_clean("\n".join(errors), secrets)
    check_clean("heard:" + caplog.text + "".join(str(warning.message) for warning in seen), secrets)


def test_a_packed_store_holds_nothing(tmp_path: Path) -> None:
    """Of an ECG, whose reader follows the same rule."""
    path, secrets = planted_ecg(tmp_path)
    sample = medclip.read(path)
    pack(MemoryDataset([sample], np.zeros((1, 2), np.float32)), tmp_path / "store")
    content = "".join(path.read_bytes().decode("latin-1") for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert str(sample.patient_id) in content
    check_clean(content, secrets)


def test_the_command_line_prints_and_writes_nothing(
    smoke_bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A radiograph that the model of ECGs refuses, and an ECG that it answers and draws."""
    dataset, secrets = planted()
    chest = write(tmp_path / "chest.dcm", dataset)
    ecg, _ = planted_ecg(tmp_path)
    pictures = tmp_path / "pictures"
    arguments = ["zeroshot", str(chest), str(ecg), "--model", str(smoke_bundle), "--labels", "ptbxl-superclass"]
    for more in (["--json"], ["--plot", str(pictures)]):
        code = main([*arguments, *more])
        out, err = capfd.readouterr()
        assert code == 2
        assert "ecg.dcm" in out
        assert "chest.dcm" in err
        check_clean(out + err, secrets)
    check_clean("".join(path.read_bytes().decode("latin-1") for path in pictures.iterdir()), secrets)
