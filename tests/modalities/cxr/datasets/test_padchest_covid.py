"""PadChest and the COVID-19 collection: exact tokens, what is not assessed, people; the real sample of the latter."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from image_folders import codes_of, labels_of, open_codes, picture, write_picture, write_table

from medclip.core.errors import DatasetError
from medclip.core.label_set import LabelSet
from medclip.modalities.cxr.datasets.covid_chestxray import open_covid_chestxray
from medclip.modalities.cxr.datasets.padchest import open_padchest
from medclip.testing.dataset import check_dataset

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
ROW = {"": 0, "ImageID": "1_a.png", "ImageDir": "0", "StudyDate_DICOM": "20140915", "StudyID": "1", "PatientID": "p1"}
ROW |= {"PatientBirth": "1930.0", "PatientSex_DICOM": "F", "Projection": "PA", "Report": "sin hallazgos"}
ROW |= {"MethodLabel": "Physician", "Labels": "['pleural effusion', 'loc right', ' costophrenic angle blunting ']"}


def write_padchest(folder: Path, *further: dict[str, str]) -> Path:
    """Write the table and its images, every second one beside it."""
    rows = [ROW, *({**ROW, "ImageID": f"{number}_b.png"} | row for number, row in enumerate(further))]
    write_table(folder / TABLE, rows)
    for number, row in enumerate(rows):
        write_picture(folder / ("0" if number % 2 == 0 else ".") / str(row["ImageID"]), picture(number))
    return folder


def test_padchest(tmp_path: Path) -> None:
    write_padchest(
        tmp_path,
        {"Labels": "['normal']", "Projection": "L", "MethodLabel": "RNN_model", "PatientBirth": ""},
        {"Labels": "['pleural effusions', \"kerley's lines\"]", "Projection": "COSTAL"},
        {"Labels": "['exclude', 'nodule']"},
        {"Labels": ""},
    )
    dataset = open_padchest(tmp_path)
    check_dataset(dataset)
    assert codes_of(dataset, "padchest", 0) == {"pleural effusion", "costophrenic angle blunting"}
    assert codes_of(dataset, "padchest", 1) == {"normal"}
    assert codes_of(dataset, "padchest", 2) == open_codes(dataset, "padchest", 2) == set()
    for row in (3, 4):
        assert open_codes(dataset, "padchest", row) == set(LabelSet.load("padchest").codes)
    assert dataset.records[0].attributes == {
        **{"view": "frontal", "projection": "PA", "age": 84.0, "sex": "female"},
        "study_id": "1",
    }
    assert [info.attributes["view"] for info in dataset.records][:3] == ["frontal", "lateral", "unknown"]
    assert "age" not in dataset.records[1].attributes
    assert dataset.records[0].report == "sin hallazgos"
    assert len(open_padchest(tmp_path, labelled_by="physicians")) == 4
    assert len({info.fold for info in dataset.records}) == 1


def test_sixteen_bits(tmp_path: Path) -> None:
    write_padchest(tmp_path)
    pixels = picture(0).astype(np.uint16) * 257
    write_picture(tmp_path / "0/1_a.png", pixels)
    np.testing.assert_allclose(open_padchest(tmp_path)[0].array, pixels / 65535, atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"ImageID": "1_a.png"}], "a record more than once: received 1_a.png"),
        ([{"ImageID": "../b.png"}], "names a file outside its folder"),
    ],
)
def test_bad_tables(tmp_path: Path, rows: list[dict[str, str]], message: str) -> None:
    write_table(tmp_path / TABLE, [ROW, *({**ROW, **row} for row in rows)])
    with pytest.raises(DatasetError, match=message):
        open_padchest(tmp_path)


COVID = {"patientid": "7", "sex": "M", "age": "54", "finding": "Pneumonia/Viral/COVID-19", "view": "AP Supine"}
COVID |= {"modality": "X-ray", "folder": "images", "filename": "a.png", "license": "CC0", "clinical_notes": "A note."}


def test_covid_findings(tmp_path: Path) -> None:
    findings = ["Pneumonia/Viral/COVID-19", "COVID-19, ARDS", "No Finding", "Streptococcus", "todo", "Pneumonia/Lipoid"]
    rows = [COVID | {"filename": f"{n}.png", "finding": finding} for n, finding in enumerate(findings)]
    write_table(tmp_path / "metadata.csv", [*rows, COVID | {"modality": "CT"}])
    write_picture(tmp_path / "images/0.png", picture(0))
    dataset = open_covid_chestxray(tmp_path)
    assert len(dataset) == 6
    assert [codes_of(dataset, "covid-chestxray", row) for row in range(6)] == [
        {"Pneumonia", "Viral", "COVID-19"},
        {"Pneumonia", "Viral", "COVID-19", "ARDS"},
        {"No Finding"},
        {"Pneumonia", "Bacterial"},
        set(),
        {"Pneumonia"},
    ]
    assert len(open_codes(dataset, "covid-chestxray", 4)) == 8
    sample = dataset[0]
    assert sample.attributes == {
        **{"view": "frontal", "projection": "AP", "age": 54.0, "sex": "male"},
        "licence": "CC0",
    }
    assert sample.report == "A note."
    write_table(tmp_path / "metadata.csv", [COVID, COVID])
    with pytest.raises(DatasetError, match=r"a record more than once: received a.png"):
        open_covid_chestxray(tmp_path)


@needs_data
def test_the_real_covid_sample() -> None:
    folder = DATA / "cxr/covid_chestxray"
    dataset = open_covid_chestxray(folder)
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["modality"] == "X-ray"]
    assert [info.record_id for info in dataset.records] == [row["filename"] for row in rows]
    table = dataset.labels("covid-chestxray")
    column = table.select(["COVID-19"]).values[:, 0]
    assert column.sum() == sum("COVID-19" in row["finding"] for row in rows)
    assert not np.isnan(table.values).any()
    assert not any(
        labels_of(dataset, "covid-chestxray", row)["Pneumonia"] == 0 and "Pneum" in rows[row]["finding"]
        for row in range(len(rows))
    )
    folds = {info.patient_id: info.fold for info in dataset.records}
    assert all(folds[info.patient_id] == info.fold for info in dataset.records)
    for index in range(0, len(dataset), 30):
        sample = dataset[index]
        assert 0 <= np.nanmin(sample.array) <= np.nanmax(sample.array) <= 1
