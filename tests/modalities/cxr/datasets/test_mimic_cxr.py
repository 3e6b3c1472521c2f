"""MIMIC-CXR and MIMIC-CXR-JPG: tables joined by identifier, the official split, policies for labels, reports."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_folders import codes_of, labels_of, open_codes, picture, write_picture, write_radiograph, write_table

from medclip.core.errors import ConfigError, DatasetError
from medclip.core.label_set import LabelSet
from medclip.modalities.cxr.datasets.mimic_cxr import open_mimic_cxr
from medclip.modalities.cxr.datasets.mimic_cxr_jpg import open_mimic_cxr_jpg
from medclip.testing.dataset import check_dataset

CODES = LabelSet.load("chexpert").codes
# dicom, study, subject, split, view
IMAGES = [
    ("aa", "50000001", "10000032", "train", "PA"),
    ("ab", "50000001", "10000032", "train", "LATERAL"),
    ("ba", "50000002", "11000033", "test", "AP"),
    ("ca", "50000003", "12000034", "validate", ""),
]
STATED = {
    "50000001": {"Edema": "1.0", "Pneumonia": "-1.0", "Pneumothorax": "0.0"},
    "50000002": {"No Finding": "1.0"},
}


def write_tables(folder: Path, images: list[tuple[str, ...]] = IMAGES, *, suffix: str = ".csv.gz") -> Path:
    """Write the four tables in different orders of rows."""
    ids = ("dicom_id", "study_id", "subject_id")
    split = [dict(zip((*ids, "split"), image[:4], strict=True)) for image in images]
    write_table(folder / f"mimic-cxr-2.0.0-split{suffix}", split)
    metadata = [{"dicom_id": image[0], "subject_id": image[2], "ViewPosition": image[4]} for image in images]
    write_table(folder / f"mimic-cxr-2.0.0-metadata{suffix}", reversed(metadata))
    subject_of = {image[1]: image[2] for image in images}
    rows = [
        {"subject_id": subject_of[study], "study_id": study} | {code: stated.get(code, "") for code in CODES}
        for study, stated in reversed(STATED.items())
        if study in subject_of
    ]
    for labeler in ("chexpert", "negbio"):
        write_table(folder / f"mimic-cxr-2.0.0-{labeler}{suffix}", rows)
    return folder


def image_path(folder: Path, row: int, suffix: str) -> Path:
    """Return the published path of an image."""
    dicom, study, subject = IMAGES[row][:3]
    return folder / f"files/p{subject[:2]}/p{subject}/s{study}/{dicom}{suffix}"


def report_name(row: int) -> str:
    """Return the published name of a report."""
    return f"files/p{IMAGES[row][2][:2]}/p{IMAGES[row][2]}/s{IMAGES[row][1]}.txt"


def write_archive(folder: Path) -> Path:
    """Write the archive of reports, without that of the last study."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "mimic-cxr-reports.zip", "w") as archive:
        for row in (0, 2):
            archive.writestr(report_name(row), f"FINDINGS: text of study {row}.\n")
    return folder


def test_images_views_splits_and_labels(tmp_path: Path) -> None:
    write_tables(tmp_path)
    for row in range(4):
        write_picture(image_path(tmp_path, row, ".jpg"), picture(row))
    dataset = open_mimic_cxr_jpg(tmp_path)
    check_dataset(dataset)
    assert [(info.record_id, info.patient_id, info.fold) for info in dataset.records] == [
        (image[0], image[2], image[3]) for image in IMAGES
    ]
    assert [info.attributes.get("view") for info in dataset.records] == ["frontal", "lateral", "frontal", "unknown"]
    assert [info.attributes.get("projection") for info in dataset.records] == ["PA", None, "AP", None]
    # Both images of a study have its labels; what is uncertain or not mentioned is open; a study without a row too.
    for row in (0, 1):
        assert codes_of(dataset, "chexpert", row) == {"Edema"}
        assert open_codes(dataset, "chexpert", row) == set(CODES) - {"Edema", "Pneumothorax"}
    assert codes_of(dataset, "chexpert", 2) == {"No Finding"}
    assert open_codes(dataset, "chexpert", 3) == set(CODES)
    assert labels_of(dataset, "chexpert-5", 0)["Edema"] == 1
    sample = dataset[2]
    assert (sample.record_id, sample.patient_id, sample.report) == ("ba", "11000033", None)
    assert sample.attributes["view"] == "frontal"
    assert sample.labels["No Finding"] == 1.0


def test_policies(tmp_path: Path) -> None:
    write_tables(tmp_path, suffix=".csv")
    dataset = open_mimic_cxr_jpg(tmp_path, uncertain="present", unmentioned="absent", labeler="negbio")
    assert codes_of(dataset, "chexpert", 0) == {"Edema", "Pneumonia"}
    assert open_codes(dataset, "chexpert", 0) == set()
    assert codes_of(open_mimic_cxr_jpg(tmp_path, uncertain="absent"), "chexpert", 0) == {"Edema"}
    assert labels_of(open_mimic_cxr_jpg(tmp_path, uncertain="absent"), "chexpert", 0)["Pneumonia"] == 0
    frontal = open_mimic_cxr_jpg(tmp_path, views="frontal")
    assert [info.record_id for info in frontal.records] == ["aa", "ba"]
    assert codes_of(frontal, "chexpert", 1) == {"No Finding"}


def test_dicom_with_reports_in_an_archive_or_a_tree(tmp_path: Path) -> None:
    tables = write_tables(tmp_path / "jpg")
    folder = write_archive(tmp_path / "dicom")
    pixels = picture(0)
    write_radiograph(image_path(folder, 0, ".dcm"), pixels)
    dataset = open_mimic_cxr(folder, tables=str(tables))
    assert [info.report for info in dataset.records] == [
        *["FINDINGS: text of study 0.\n"] * 2,
        "FINDINGS: text of study 2.\n",
        None,
    ]
    sample = dataset[0]
    np.testing.assert_allclose(sample.array, pixels / 255, atol=3e-3)
    assert sample.report == "FINDINGS: text of study 0.\n"
    with zipfile.ZipFile(folder / "mimic-cxr-reports.zip") as archive:
        archive.extractall(folder)
    (folder / "mimic-cxr-reports.zip").unlink()
    unpacked = open_mimic_cxr(folder, tables=str(tables))
    assert [info.report for info in unpacked.records] == [info.report for info in dataset.records]
    with_reports = open_mimic_cxr_jpg(tables, reports=str(folder))
    assert with_reports.records[2].report == "FINDINGS: text of study 2.\n"


def test_bad_input(tmp_path: Path) -> None:
    write_tables(tmp_path)
    with pytest.raises(DatasetError, match=r"file of record aa of MIMIC-CXR-JPG is not there"):
        open_mimic_cxr_jpg(tmp_path)[0]
    with pytest.raises(ConfigError, match="uncertain cannot be that: received 0; allowed: open, absent, present"):
        open_mimic_cxr_jpg(tmp_path, uncertain="0")
    with pytest.raises(ConfigError, match="labeler cannot be that"):
        open_mimic_cxr_jpg(tmp_path, labeler="chexbert")
    with pytest.raises(DatasetError, match="holds no report of MIMIC-CXR"):
        open_mimic_cxr_jpg(tmp_path, reports=str(tmp_path))
    (tmp_path / "files").mkdir()
    with pytest.raises(DatasetError, match="lacks the official split of MIMIC-CXR"):
        open_mimic_cxr(tmp_path, tables=str(tmp_path / "files"))
    (tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz").unlink()
    with pytest.raises(DatasetError, match=r"lacks mimic-cxr-2.0.0-chexpert.csv.gz or mimic-cxr-2.0.0-chexpert.csv"):
        open_mimic_cxr_jpg(tmp_path)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([("../../../../aa", *IMAGES[0][1:])], "names a file outside its folder"),
        ([*IMAGES, IMAGES[0]], "hold a record more than once: received aa"),
        ([(*IMAGES[0][:3], "val", "PA")], "has no such split: received val; allowed: train, validate, test"),
        ([IMAGES[0], ("ab", "50000001", "999", "train", "PA")], "give the same study to different patients"),
    ],
)
def test_contradictions(tmp_path: Path, images: list[tuple[str, ...]], message: str) -> None:
    write_tables(tmp_path, images)
    with pytest.raises(DatasetError, match=message) as error:
        open_mimic_cxr_jpg(tmp_path)
    assert "\n" not in str(error.value)


def test_damaged_tables(tmp_path: Path) -> None:
    write_tables(tmp_path, suffix=".csv")
    path = tmp_path / "mimic-cxr-2.0.0-chexpert.csv"
    whole = path.read_text()
    path.write_text(whole.replace("-1.0", "maybe"))
    with pytest.raises(DatasetError, match=r"column Pneumonia of .* holds another label than it may: received maybe"):
        open_mimic_cxr_jpg(tmp_path)
    path.write_text(whole.replace("Pneumonia", "Pneumony"))
    with pytest.raises(DatasetError, match="lacks columns that its data card declares: Pneumonia"):
        open_mimic_cxr_jpg(tmp_path)
    path.write_text(whole.rstrip()[:-20])
    with pytest.raises(DatasetError, match="cannot be read as a table"):
        open_mimic_cxr_jpg(tmp_path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="cannot be read as a table"):
        open_mimic_cxr_jpg(tmp_path)
