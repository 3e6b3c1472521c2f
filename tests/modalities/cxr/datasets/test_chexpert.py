"""CheXpert, CheXpert Plus and CXR-LT: paths, policies, splits of their own, labels published apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from image_folders import codes_of, labels_of, open_codes, picture, write_picture, write_table

from medclip.core.errors import DatasetError
from medclip.core.label_set import LabelSet
from medclip.modalities.cxr.datasets.chexpert import open_chexpert
from medclip.modalities.cxr.datasets.chexpert_plus import open_chexpert_plus
from medclip.modalities.cxr.datasets.cxr_lt import open_cxr_lt
from medclip.testing.dataset import check_dataset

CODES = LabelSet.load("chexpert").codes
ROW = {"Path": "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg", "Sex": "Female", "Age": 68}
ROW |= {"Frontal/Lateral": "Frontal", "AP/PA": "AP"} | dict.fromkeys(CODES, "")
LATERAL = {"Path": "CheXpert-v1.0-small/train/patient00001/study1/view2_lateral.jpg", "AP/PA": ""}


def write_chexpert(folder: Path) -> Path:
    """Write the three tables as they are published, and two images."""
    train = [
        ROW | {"Edema": "1.0", "Fracture": "-1.0", "Pneumonia": "0.0"},
        ROW | LATERAL | {"Age": 0, "Sex": "Unknown"},
    ]
    write_table(folder / "train.csv", train)
    valid = ROW | dict.fromkeys(CODES, "0.0") | {"Cardiomegaly": "1.0"}
    write_table(
        folder / "valid.csv", [valid | {"Path": ROW["Path"].replace("train/patient00001", "valid/patient64541")}]
    )
    test = {"Path": "test/patient64741/study1/view1_frontal.jpg"} | dict.fromkeys(CODES, "0")
    write_table(folder / "test_labels.csv", [test])
    for seed, path in enumerate((ROW["Path"], test["Path"])):
        write_picture(folder / str(path).removeprefix("CheXpert-v1.0-small/"), picture(seed))
    return folder


def test_chexpert(tmp_path: Path) -> None:
    write_chexpert(tmp_path / "CheXpert-v1.0-small")
    dataset = open_chexpert(tmp_path)
    assert [(info.record_id, info.patient_id, info.fold) for info in dataset.records] == [
        ("patient00001/study1/view1_frontal", "patient00001", "train"),
        ("patient00001/study1/view2_lateral", "patient00001", "train"),
        ("patient64541/study1/view1_frontal", "patient64541", "valid"),
        ("patient64741/study1/view1_frontal", "patient64741", "test"),
    ]
    assert dataset.records[0].attributes == {"view": "frontal", "projection": "AP", "age": 68.0, "sex": "female"}
    assert dataset.records[1].attributes == {"view": "lateral"}
    assert codes_of(dataset, "chexpert", 0) == {"Edema"}
    assert open_codes(dataset, "chexpert", 0) == set(CODES) - {"Edema", "Pneumonia"}
    assert labels_of(dataset, "chexpert", 2) == dict.fromkeys(CODES, 0.0) | {"Cardiomegaly": 1.0}
    ones = open_chexpert(tmp_path, uncertain="present", unmentioned="absent", views="frontal")
    assert len(ones) == 3
    assert codes_of(ones, "chexpert", 0) == {"Edema", "Fracture"}
    assert open_codes(ones, "chexpert", 0) == set()
    # A picture with loss; the mean of its difference is small.
    assert abs(float(dataset[3].array.mean()) - picture(1).mean() / 255) < 0.02
    with pytest.raises(DatasetError, match="is not there"):
        dataset[1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"Path": "../train/patient1/study1/a.jpg"}, "names a file outside its folder"),
        ({"Path": "CheXpert-v1.0/train/p1.jpg"}, "holds another path than it may: received CheXpert-v1.0/train/p1.jpg"),
        ({"Edema": "2"}, "column Edema of .* holds another label"),
    ],
)
def test_bad_rows_of_chexpert(tmp_path: Path, row: dict[str, str], message: str) -> None:
    write_table(tmp_path / "train.csv", [ROW | row])
    with pytest.raises(DatasetError, match=message):
        open_chexpert(tmp_path)


PLUS = {"path_to_image": "train/patient1/study1/view1_frontal.jpg", "frontal_lateral": "Frontal", "ap_pa": "PA"}
PLUS |= {
    "deid_patient_id": "patient1",
    "report": 'NARRATIVE:\nA line, with "quotes".\n\nIMPRESSION:\nSecond.',
    "age": 50,
}
PLUS |= {"sex": "Male", "split": "train", "section_findings": ""}


def write_plus(folder: Path, labels: list[dict[str, object]] | None = None) -> Path:
    """Write the table, one image, and labels unless there are none."""
    second = PLUS | {
        "path_to_image": "valid/patient2/study1/view1_lateral.jpg",
        "frontal_lateral": "Lateral",
        "ap_pa": "",
    }
    write_table(
        folder / "df_chexpert_plus_240401.csv",
        [PLUS, second | {"deid_patient_id": "patient2", "split": "valid", "report": " "}],
    )
    write_picture(folder / "PNG/train/patient1/study1/view1_frontal.png", picture(3))
    for row in labels or ():
        path = folder / "chexbert_labels/impression_fixed.json"
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
    return folder


def test_chexpert_plus(tmp_path: Path) -> None:
    found = [
        {"path_to_image": "valid/patient2/study1/view1_lateral.jpg"} | dict.fromkeys(CODES) | {"Edema": -1.0},
        {"path_to_image": PLUS["path_to_image"]} | dict.fromkeys(CODES) | {"Edema": 1.0, "Fracture": 0.0},
    ]
    write_plus(tmp_path, found)
    dataset = open_chexpert_plus(tmp_path, labels_from="impression")
    assert [info.fold for info in dataset.records] == ["train", "valid"]
    assert [info.report for info in dataset.records] == [PLUS["report"], None]
    assert codes_of(dataset, "chexpert", 0) == {"Edema"}
    assert labels_of(dataset, "chexpert", 0)["Fracture"] == 0
    assert open_codes(dataset, "chexpert", 1) == set(CODES)
    np.testing.assert_allclose(dataset[0].array, picture(3) / np.float32(255), rtol=1e-6)
    assert open_chexpert_plus(tmp_path).label_sets == ()
    (tmp_path / "chexbert_labels/impression_fixed.json").write_text(json.dumps(found[0]) + "\n")
    with pytest.raises(DatasetError, match="1 images without labels, the first train/patient1"):
        open_chexpert_plus(tmp_path, labels_from="impression")
    (tmp_path / "chexbert_labels/impression_fixed.json").write_text("{")
    with pytest.raises(DatasetError, match="cannot be read as labels"):
        open_chexpert_plus(tmp_path, labels_from="impression")


def test_cxr_lt(tmp_path: Path) -> None:
    codes = LabelSet.load("cxr-lt").codes
    row = {"dicom_id": "a", "subject_id": "10000032", "study_id": "50000001", "ViewPosition": "PA"}
    row |= {"path": "files/p10/p10000032/s50000001/a.jpg"} | dict.fromkeys(codes, "0") | {"Hernia": "1"}
    other = row | {"dicom_id": "b", "subject_id": "11000033", "path": "files/p11/p11000033/s50000002/b.jpg"}
    write_table(tmp_path / "lt/cxr-lt-2023/train.csv", [row])
    write_table(tmp_path / "lt/cxr-lt-2023/test.csv", [other | {"Hernia": "0", "No Finding": "1"}])
    write_picture(tmp_path / "jpg/files/p10/p10000032/s50000001/a.jpg", picture(0))
    dataset = open_cxr_lt(tmp_path / "lt", images=str(tmp_path / "jpg"))
    assert [info.fold for info in dataset.records] == ["train", "test"]
    assert (codes_of(dataset, "cxr-lt", 0), codes_of(dataset, "cxr-lt", 1)) == ({"Hernia"}, {"No Finding"})
    assert dataset[0].attributes["projection"] == "PA"
    later = {("fpath" if name == "path" else name.replace("No Finding", "Normal")): cell for name, cell in row.items()}
    write_table(tmp_path / "lt/cxr-lt-2024/train_labeled.csv", [later | {"Hernia": "0", "Normal": "1"}])
    later_set = open_cxr_lt(tmp_path / "lt", images=str(tmp_path / "jpg"), release="2024")
    assert codes_of(later_set, "cxr-lt", 0) == {"No Finding"}
    check_dataset(later_set)
    with pytest.raises(DatasetError, match=r"Give the folder that holds train.csv or development.csv or test.csv"):
        open_cxr_lt(tmp_path / "jpg")
