"""DICOM radiographs of the chest, and what is handed in as one by mistake."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from image_dicom_files import SECONDARY_CAPTURE, image, ramp, write
from pydicom import Dataset
from refusals import check_mutations, message_of, mutations

import medclip
from medclip.core.privacy import private_id
from medclip.core.sample import Sample
from medclip.core.sniff import sniff
from medclip.modalities.cxr.formats.dicom import FORMAT
from medclip.testing.format import check_format

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
STORAGE = "1.2.840.10008.5.1.4.1.1."


def read(dataset: Dataset, folder: Path) -> Sample:
    return medclip.read(write(folder / "chest.dcm", dataset))


def refusal(dataset: Dataset, folder: Path) -> str:
    return message_of(FORMAT, write(folder / "chest.dcm", dataset))


def test_it_keeps_the_contract_of_formats(tmp_path: Path) -> None:
    check_format(FORMAT, examples=[write(tmp_path / "chest.dcm", image(ramp()))])


def test_a_radiograph(tmp_path: Path) -> None:
    dataset = image(
        ramp(),
        ViewPosition="PA",
        PatientAge="061Y",
        PatientSex="F",
        Manufacturer="Maker",
        ManufacturerModelName="Model 1",
        PixelSpacing=["0.2", "0.1"],
        WindowCenter="2048",
        WindowWidth="4096",
    )
    sample = read(dataset, tmp_path)
    assert sample.modality == "cxr"
    assert sample.spacing_mm == (0.2, 0.1)
    assert sample.attributes == {
        "view": "frontal",
        "projection": "PA",
        "age": 61.0,
        "sex": "female",
        "device": "Maker Model 1",
    }
    assert (sample.record_id, sample.source, sample.patient_id) == ("chest", "chest.dcm", private_id("4711"))
    np.testing.assert_allclose(sample.array, ramp() / 4095, atol=2e-4)


def test_the_identifier_is_kept_if_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "chest.dcm", image(ramp(), IssuerOfPatientID="A"))
    assert medclip.read(path, keep_identifiers=True).patient_id == "4711"
    assert medclip.read(path).patient_id == private_id("4711", issuer="A")


@pytest.mark.parametrize(
    ("changes", "view", "projection"),
    [
        ({"ViewPosition": "AP"}, "frontal", "AP"),
        ({"ViewPosition": "LL"}, "lateral", "LL"),
        ({"ViewPosition": "LATERAL"}, "lateral", "LAT"),
        ({"ViewPosition": "RLD"}, "unknown", None),
        ({"ViewPosition": "LLO"}, "unknown", None),
        ({"SeriesDescription": "W Chest P.A."}, "frontal", "PA"),
        ({"SeriesDescription": "Chest PA & Lateral"}, "unknown", None),
        ({"SeriesDescription": "Thorax seitlich"}, "lateral", "LAT"),
        ({"SeriesDescription": "MAPLE HOSPITAL"}, "unknown", None),
        ({}, "unknown", None),
        # What is stated first counts.
        ({"ViewPosition": "AP", "SeriesDescription": "Chest PA"}, "frontal", "AP"),
    ],
)
def test_views(changes: dict[str, str], view: str, projection: str | None, tmp_path: Path) -> None:
    sample = read(image(ramp(), **changes), tmp_path)
    assert (sample.attributes["view"], sample.attributes.get("projection")) == (view, projection)


def test_a_view_code_is_understood(tmp_path: Path) -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "R-10214", "SRT", "postero-anterior"
    assert read(image(ramp(), ViewCodeSequence=[code]), tmp_path).attributes["projection"] == "PA"


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (["L", "F"], lambda array: array),
        (["R", "F"], lambda array: array[:, ::-1]),
        (["L", "H"], lambda array: array[::-1]),
        (["R", "H"], lambda array: array[::-1, ::-1]),
        (["F", "L"], lambda array: array.T),
        (["H", "L"], lambda array: array.T[::-1]),
        (["LF", "F"], lambda array: array),
        ([], lambda array: array),
    ],
)
def test_a_frontal_picture_is_turned_as_its_header_says(orientation: list[str], turn: object, tmp_path: Path) -> None:
    dataset = image(ramp(), ViewPosition="PA", PixelSpacing=["0.2", "0.1"], PatientOrientation=orientation)
    plain = read(image(ramp(), ViewPosition="PA"), tmp_path)
    sample = read(dataset, tmp_path)
    np.testing.assert_array_equal(sample.array, turn(plain.array))  # type: ignore[operator]
    is_exchanged = sample.array.shape == (48, 64)
    assert sample.spacing_mm == ((0.1, 0.2) if is_exchanged else (0.2, 0.1))
    is_turned = not np.array_equal(sample.array, plain.array)
    assert any("turned upright" in note for note in sample.attributes.get("notes", ())) is is_turned


def test_a_lateral_picture_is_never_mirrored(tmp_path: Path) -> None:
    plain = read(image(ramp(), ViewPosition="LL"), tmp_path)
    for orientation in (["A", "F"], ["P", "F"]):
        sample = read(image(ramp(), ViewPosition="LL", PatientOrientation=orientation), tmp_path)
        np.testing.assert_array_equal(sample.array, plain.array)


def test_spacing_is_what_is_stated_with_a_word_on_where(tmp_path: Path) -> None:
    assert read(image(ramp()), tmp_path).spacing_mm is None
    assert read(image(ramp(), PixelSpacing=["0", "0"]), tmp_path).spacing_mm is None
    sample = read(image(ramp(), ImagerPixelSpacing=["0.14", "0.14"]), tmp_path)
    assert sample.spacing_mm == (0.14, 0.14)
    assert any("at the detector" in note for note in sample.attributes["notes"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SOPClassUID": STORAGE + "1.2", "Modality": "MG"}, "a mammogram, and no chest radiograph"),
        ({"SOPClassUID": STORAGE + "6.1", "Modality": "US"}, "an ultrasound picture, and"),
        ({"SOPClassUID": STORAGE + "3.1", "Modality": "US", "NumberOfFrames": 9, "Rows": 7}, "an ultrasound clip, and"),
        ({"SOPClassUID": STORAGE + "12.1", "Modality": "XA"}, "an angiography, and"),
        ({"SOPClassUID": STORAGE + "77.1.4", "Modality": "XC"}, "a photograph, and"),
        ({"SOPClassUID": STORAGE + "2", "Modality": "CT"}, "a CT, and no chest radiograph"),
        ({"SOPClassUID": STORAGE + "481.2", "Modality": "RTDOSE"}, "a radiotherapy dose, and no chest radiograph"),
        ({"SOPClassUID": STORAGE + "88.33", "Modality": "SR"}, "a structured report, and no chest radiograph"),
        (
            {"SOPClassUID": SECONDARY_CAPTURE, "Modality": "OT", "BodyPartExamined": ""},
            "a secondary capture .* that does not say to be of the chest",
        ),
        ({"Modality": "RF", "NumberOfFrames": 2, "Rows": 32}, "a fluoroscopy|a digital X-ray|clip"),
        ({"BodyPartExamined": "HAND"}, "another part of the body: received hand; allowed: the chest"),
        ({"BodyPartExamined": "KNEE"}, "received knee"),
        ({"BodyPartExamined": "BREAST"}, "received breast"),
        ({"BodyPartExamined": "LSPINE"}, "received lspine"),
    ],
)
def test_what_is_no_chest_radiograph_is_refused_by_its_name(
    changes: dict[str, object], words: str, tmp_path: Path
) -> None:
    message = refusal(image(ramp(), **changes), tmp_path)
    import re

    assert re.search(words, message), message


@pytest.mark.parametrize("part", ["CHEST", "Thorax", "PORT CHEST", "LUNG", "CHEST_TO_PELVIS", "RIBS"])
def test_the_chest_has_many_names(part: str, tmp_path: Path) -> None:
    assert "notes" not in read(image(ramp(kind="u1", top=255), BodyPartExamined=part), tmp_path).attributes


@pytest.mark.parametrize("part", ["", "Bild 1", "UNKNOWN"])
def test_an_unstated_part_of_the_body_is_taken_for_the_chest_with_a_note(part: str, tmp_path: Path) -> None:
    notes = read(image(ramp(), BodyPartExamined=part), tmp_path).attributes["notes"]
    assert "the file does not say which part of the body it shows; it was taken for a chest" in notes


def test_a_capture_that_says_chest_is_read_with_a_warning_of_text(tmp_path: Path) -> None:
    sample = read(image(ramp(), SOPClassUID=SECONDARY_CAPTURE, Modality="OT"), tmp_path)
    assert [issue.severity for issue in sample.quality() if issue.kind == "text"] == ["warning"]
    sample = read(image(ramp(), BurnedInAnnotation="YES"), tmp_path)
    assert any("burned into" in note for note in sample.attributes["notes"])
    sample = read(image(ramp(), BurnedInAnnotation="NO"), tmp_path)
    assert not any("burned into" in note for note in sample.attributes["notes"])


def test_raw_values_of_a_detector_are_pointed_out(tmp_path: Path) -> None:
    sample = read(image(ramp(), PresentationIntentType="FOR PROCESSING"), tmp_path)
    assert any("raw values" in note for note in sample.attributes["notes"])


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (31, 400)])
def test_small_pictures_are_refused(size: tuple[int, int], tmp_path: Path) -> None:
    message = refusal(image(ramp(*size)), tmp_path)
    assert f"too small to be a radiograph: received {size[0]} x {size[1]} pixels" in message


def test_pixels_that_are_not_there(tmp_path: Path) -> None:
    assert "fewer pixels" in refusal(image(ramp(), Rows=100), tmp_path)
    assert "no picture" in refusal(image(ramp(), PixelData=None), tmp_path)


def test_age_from_dates_that_are_not_kept(tmp_path: Path) -> None:
    sample = read(image(ramp(), PatientBirthDate="19530508", StudyDate="20021122"), tmp_path)
    assert sample.attributes["age"] == 49.0
    assert "1953" not in f"{sample.attributes}{sample.record_id}{sample.source}"


def test_broken_files_end_in_one_line(tmp_path: Path) -> None:
    dataset = image(ramp(), PatientName="Secret^Anna")
    content = write(tmp_path / "whole.dcm", dataset).read_bytes()
    assert check_mutations(FORMAT, tmp_path / "broken.dcm", mutations(content, count=90)) > 20


@needs_data
def test_real_radiographs() -> None:
    found = {}
    for path in sorted((DATA / "cxr").rglob("*.dcm")):
        sample = medclip.read(path)
        found[path.name] = sample
        assert sniff(path) is not None
        assert sample.modality == "cxr"
        assert sample.attributes["view"] == "frontal"
        assert sample.attributes["projection"] == "PA"
        assert 0 <= np.nanmin(sample.array) < 0.1
        assert 0.95 < np.nanmax(sample.array) <= 1
    assert len(found) == 4
    inverted = {name for name, sample in found.items() if "inverted" in {issue.kind for issue in sample.quality()}}
    # One was made by writing MONOCHROME1 into a file whose low values are dark.
    assert inverted == {"Fake_MONOHR1.dcm"}
