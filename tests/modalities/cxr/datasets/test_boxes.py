"""Sets with boxes and masks: NIH, VinDr-CXR, RSNA, SIIM; where regions lie, splits, what is refused."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from image_folders import codes_of, labels_of, open_codes, picture, write_picture, write_radiograph, write_table
from PIL import Image

from medclip.core.errors import ConfigError, DatasetError
from medclip.core.label_set import LabelSet
from medclip.modalities.cxr.datasets.nih_chestxray14 import open_nih_chestxray14
from medclip.modalities.cxr.datasets.rsna import open_rsna
from medclip.modalities.cxr.datasets.siim import open_siim
from medclip.modalities.cxr.datasets.vindr_cxr import open_vindr_cxr
from medclip.testing.dataset import check_dataset

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
NIH_HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position\n"
NIH_ROWS = [
    "00000001_000.png,Cardiomegaly|Pleural_Thickening,0,1,57,M,PA",
    "00000001_001.png,No Finding,1,1,58,M,AP",
    "00000002_000.png,Infiltration,0,2,414,F,PA",
]
NIH_BOXES = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000002_000.png,Infiltrate,10,5,4,20\n"


def write_nih(
    folder: Path, rows: list[str] = NIH_ROWS, boxes: str = NIH_BOXES, tested: str = "00000002_000.png"
) -> Path:
    """Write tables and images as in the later release."""
    (folder / "images_001/images").mkdir(parents=True)
    (folder / "Data_Entry_2017.csv").write_text(NIH_HEADER + "\n".join(rows) + "\n")
    (folder / "BBox_List_2017.csv").write_text(boxes)
    (folder / "test_list.txt").write_text(tested + "\n")
    for seed, row in enumerate(NIH_ROWS):
        write_picture(folder / "images_001/images" / row.split(",")[0], picture(seed))
    return folder


def test_nih(tmp_path: Path) -> None:
    dataset = open_nih_chestxray14(write_nih(tmp_path), validation_share=0.0)
    check_dataset(dataset)
    assert [info.fold for info in dataset.records] == ["train", "train", "test"]
    assert [info.attributes.get("age") for info in dataset.records] == [57.0, 58.0, None]
    assert codes_of(dataset, "nih-chestxray14", 0) == {"Cardiomegaly", "Pleural_Thickening"}
    assert [codes_of(dataset, "nih-chestxray14", 1), open_codes(dataset, "nih-chestxray14", 1)] == [set(), set()]
    assert dataset[0].regions == {}
    sample = dataset[2]
    expected = np.zeros((40, 48), bool)
    expected[5:25, 10:14] = True
    np.testing.assert_array_equal(sample.regions["Infiltration"], expected)
    validation = open_nih_chestxray14(tmp_path, validation_share=0.999)
    assert [info.fold for info in validation.records] == ["validation", "validation", "test"]
    # A list that tears a patient apart tests the whole patient.
    (tmp_path / "test_list.txt").write_text("00000001_001.png\n")
    torn = open_nih_chestxray14(tmp_path, validation_share=0.0)
    assert [info.fold for info in torn.records] == ["test", "test", "train"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": [*NIH_ROWS, NIH_ROWS[0]]}, "a record more than once: received 00000001_000.png"),
        (
            {"rows": [NIH_ROWS[0].replace("Cardiomegaly|", "Cardio|"), *NIH_ROWS[1:]]},
            "a label that nih-chestxray14 does not know",
        ),
        ({"boxes": NIH_BOXES.replace("10,5,4,20", "10,5,-4,20")}, "has a malformed box: received 10, 5, -4, 20"),
        ({"boxes": NIH_BOXES.replace("10,5,4,20", "10,5,,20")}, "has a malformed box"),
        ({"boxes": NIH_BOXES.replace("Infiltrate", "Wound")}, "names an image or finding"),
        ({"tested": "00000009_000.png"}, "do not belong together: received 00000009_000.png"),
    ],
)
def test_bad_tables_of_nih(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    write_nih(tmp_path, **changes)  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match=message) as error:
        open_nih_chestxray14(tmp_path)
    assert "\n" not in str(error.value)


def test_what_nih_needs(tmp_path: Path) -> None:
    write_nih(tmp_path, boxes=NIH_BOXES.replace("10,5,4,20", "100,5,4,20"))
    with pytest.raises(
        DatasetError, match="lies outside its image: received column 100, row 5; allowed: 48 x 40 pixels"
    ):
        open_nih_chestxray14(tmp_path)[2]
    (tmp_path / "images_001/images/00000001_000.png").unlink()
    with pytest.raises(DatasetError, match=r"file of record 00000001_000.png .* is not there"):
        open_nih_chestxray14(tmp_path)[0]
    (tmp_path / "test_list.txt").unlink()
    with pytest.raises(DatasetError, match=r"lacks test_list.txt"):
        open_nih_chestxray14(tmp_path)
    assert len(open_nih_chestxray14(tmp_path, split="patients")) == 3
    with pytest.raises(ConfigError, match="validation_share is out of range"):
        open_nih_chestxray14(tmp_path, validation_share=1.0)


@needs_data
@pytest.mark.slow  # 112,120 rows, on a busy machine
def test_the_real_table_of_nih(tmp_path: Path) -> None:
    folder = DATA / "cxr/nih_rsna_samples"
    for path in (folder / "labels").iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images/00000001_000.png").symlink_to(folder / "00000001_000.png")
    with gzip.open(folder / "labels/BBox_List_2017.csv.gz", "rt") as file:
        name, finding, *numbers = file.read().splitlines()[1].split(",")[:6]
    write_picture(tmp_path / "images" / name, picture(0, (1024, 1024)))
    dataset = open_nih_chestxray14(tmp_path, split="patients")
    assert len(dataset) == 112_120
    assert len(set(dataset.records.patient_ids)) == 30_805
    with gzip.open(folder / "labels/Data_Entry_2017_v2020.csv.gz", "rt") as file:
        cells = [line.split(",")[1].split("|") for line in file][1:]
    counts = Counter(token for cell in cells for token in cell)
    table = dataset.labels("nih-chestxray14")
    found = dict(zip(table.codes, table.values.sum(0).astype(int).tolist(), strict=True))
    assert found == {code: counts[code] for code in table.codes}
    sample = dataset[list(dataset.records.record_ids).index("00000001_000.png")]
    with Image.open(folder / "00000001_000.png") as image:
        np.testing.assert_allclose(sample.array, np.asarray(image.convert("L"), np.float32) / 255, atol=1e-6)
    assert sample.labels["Cardiomegaly"] == 1
    region = dataset[list(dataset.records.record_ids).index(name)].regions[finding]
    x, y, width, height = map(float, numbers)
    rows, columns = np.nonzero(region)
    edges = (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1)
    np.testing.assert_allclose(edges, (x, x + width, y, y + height), atol=1)


VINDR = LabelSet.load("vindr-cxr").codes


def write_vindr(folder: Path, boxes: list[tuple[object, ...]]) -> Path:
    """Write a training image with three readers and a test image."""
    present = {"R1": {"Cardiomegaly", "Pneumonia"}, "R2": {"Cardiomegaly"}, "R3": {"No finding"}}
    rows = [
        {"image_id": "t1", "rad_id": reader} | {code: int(code in found) for code in VINDR}
        for reader, found in present.items()
    ]
    write_table(folder / "annotations/image_labels_train.csv", rows)
    test = {"image_id": "e1"} | {code.replace("diseases", "disease"): int(code == "Other diseases") for code in VINDR}
    write_table(folder / "annotations/image_labels_test.csv", [test])
    names = ("image_id", "rad_id", "class_name", "x_min", "y_min", "x_max", "y_max")
    write_table(folder / "annotations/annotations_train.csv", [dict(zip(names, box, strict=True)) for box in boxes])
    final = {"image_id": "e1", "class_name": "Lung cyst", "x_min": 0, "y_min": 30, "x_max": 48, "y_max": 40}
    write_table(folder / "annotations/annotations_test.csv", [final])
    write_radiograph(folder / "train/t1.dicom", picture(0))
    # Lying on its side: the reader sets it upright, and the boxes with it.
    write_radiograph(folder / "test/e1.dicom", picture(1), PatientOrientation=["F", "L"])
    return folder


def test_vindr(tmp_path: Path) -> None:
    boxes = [
        ("t1", "R1", "Cardiomegaly", 0, 0, 20, 20),
        ("t1", "R2", "Cardiomegaly", 10, 10, 30, 30),
        ("t1", "R1", "Atelectasis", 40, 0, 48, 10),
        ("t1", "R3", "No finding", "", "", "", ""),
    ]
    dataset = open_vindr_cxr(write_vindr(tmp_path, boxes), validation_share=0.0)
    check_dataset(dataset)
    assert [(info.record_id, info.fold) for info in dataset.records] == [("t1", "train"), ("e1", "test")]
    assert (codes_of(dataset, "vindr-cxr", 0), codes_of(dataset, "vindr-cxr", 1)) == (
        {"Cardiomegaly"},
        {"Other diseases"},
    )
    regions = dataset[0].regions
    assert set(regions) == {"Cardiomegaly"}
    expected = np.zeros((40, 48), bool)
    expected[10:20, 10:20] = True
    np.testing.assert_array_equal(regions["Cardiomegaly"], expected)
    lenient = open_vindr_cxr(tmp_path, readers="any")
    assert codes_of(lenient, "vindr-cxr", 0) == {"Cardiomegaly", "Pneumonia", "No finding"}
    assert {code: int(mask.sum()) for code, mask in lenient[0].regions.items()} == {
        "Cardiomegaly": 700,
        "Atelectasis": 80,
    }
    assert codes_of(open_vindr_cxr(tmp_path, readers="all"), "vindr-cxr", 0) == set()
    turned = dataset[1]
    assert turned.array.shape == (48, 40)
    assert turned.regions["Lung cyst"][:, 30:].all()
    assert not turned.regions["Lung cyst"][:, :30].any()
    assert abs(turned.array[5, 31] - picture(1)[31, 5] / 255) < 5e-3


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (("t1", "R1", "Cardiomegaly", 20, 0, 10, 20), "has a malformed box"),
        (
            ("zz", "R1", "Cardiomegaly", 0, 0, 10, 20),
            "names an image or finding that VinDr-CXR does not have: received zz",
        ),
    ],
)
def test_bad_boxes_of_vindr(tmp_path: Path, box: tuple[object, ...], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_vindr_cxr(write_vindr(tmp_path, [box]))


def test_missing_readers_of_vindr(tmp_path: Path) -> None:
    path = write_vindr(tmp_path, [("t1", "R1", "Cardiomegaly", 0, 0, 9, 9)]) / "annotations/image_labels_train.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(
        DatasetError, match="another number of rows for an image than it may: received 2 for t1; allowed: 3"
    ):
        open_vindr_cxr(tmp_path)


def write_rsna(folder: Path, *, target: str = "1") -> Path:
    """Write three images: an opacity with two boxes, a normal one, another abnormality."""
    classes = {"u1": "Lung Opacity", "u2": "Normal", "u3": "No Lung Opacity / Not Normal"}
    write_table(
        folder / "stage_2_detailed_class_info.csv",
        [{"patientId": name, "class": classes[name]} for name in ("u1", "u1", "u2", "u3")],
    )
    empty = {"x": "", "y": "", "width": "", "height": "", "Target": "0"}
    first = {"patientId": "u1", "x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0, "Target": target}
    write_table(
        folder / "stage_2_train_labels.csv",
        [first, first | {"x": 20, "y": 20}, *({"patientId": name} | empty for name in ("u2", "u3"))],
    )
    mapping = [{"subset_img_id": f"u{n}", "img_id": f"0000000{min(n, 2)}_00{n}.png"} for n in (1, 2, 3)]
    (folder / "pneumonia-challenge-dataset-mappings_2018.json").write_text(json.dumps(mapping))
    for number in (1, 2, 3):
        write_radiograph(folder / f"stage_2_train_images/u{number}.dcm", picture(number))
    return folder


def test_rsna(tmp_path: Path) -> None:
    dataset = open_rsna(write_rsna(tmp_path))
    check_dataset(dataset)
    assert [info.patient_id for info in dataset.records] == ["00000001", "00000002", "00000002"]
    assert [codes_of(dataset, "rsna-pneumonia", row) for row in range(3)] == [{"Pneumonia"}, {"Normal"}, set()]
    region = dataset[0].regions["Pneumonia"]
    assert int(region.sum()) == 24
    assert region[2:6, 1:4].all()
    assert region[20:24, 20:23].all()
    assert dataset[1].regions == {}
    (tmp_path / "pneumonia-challenge-dataset-mappings_2018.json").unlink()
    with pytest.raises(DatasetError, match=r"which tells the images of a patient. Fetch it from RSNA"):
        open_rsna(tmp_path)
    assert [info.patient_id for info in open_rsna(tmp_path, patients="image").records] == ["u1", "u2", "u3"]


def test_contradictions_of_rsna(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="contradict each other: received u1"):
        open_rsna(write_rsna(tmp_path, target="0"))
    (tmp_path / "pneumonia-challenge-dataset-mappings_2018.json").write_text("[{}]")
    write_rsna(tmp_path / "other")
    (tmp_path / "other/pneumonia-challenge-dataset-mappings_2018.json").write_text("[{}]")
    with pytest.raises(DatasetError, match=r"cannot be read .KeyError"):
        open_rsna(tmp_path / "other")


def encode(mask: np.ndarray) -> str:
    """Encode a mask pixel by pixel, down the columns: offset from the end of the last run, and length."""
    runs, gap, length = [], 0, 0
    for is_on in [*mask.T.ravel().tolist(), False]:
        if is_on:
            length += 1
        elif length:
            runs += [gap, length]
            gap, length = 1, 0
        else:
            gap += 1
    return " ".join(map(str, runs))


def test_siim(tmp_path: Path) -> None:
    first, second = np.zeros((40, 48), bool), np.zeros((40, 48), bool)
    first[3:9, 5:8], first[20, 47], second[39, 47] = True, True, True
    rows = [("1.2.3", encode(first)), ("1.2.3", encode(second)), ("1.2.4", " -1")]
    write_table(tmp_path / "stage_2_train.csv", [{"ImageId": name, "EncodedPixels": cell} for name, cell in rows])
    write_radiograph(tmp_path / "dicom-images-train/1.2/1.2.9/1.2.3.dcm", picture(0))
    write_radiograph(tmp_path / "dicom-images-train/1.3/1.3.9/1.2.4.dcm", picture(1))
    dataset = open_siim(tmp_path)
    check_dataset(dataset)
    assert [labels_of(dataset, "siim-pneumothorax", row) for row in (0, 1)] == [
        {"Pneumothorax": 1},
        {"Pneumothorax": 0},
    ]
    np.testing.assert_array_equal(dataset[0].regions["Pneumothorax"], first | second)
    assert dataset[1].regions == {}


@pytest.mark.parametrize("runs", ["5", "5 x", "1900 30", "-3 2"])
def test_malformed_masks_of_siim(tmp_path: Path, runs: str) -> None:
    # The first release writes a blank before the name of the second column.
    write_table(tmp_path / "train-rle.csv", [{"ImageId": "1.2.3", " EncodedPixels": runs}])
    write_radiograph(tmp_path / "dicom-images-train/1.2.3.dcm", picture(0))
    with pytest.raises(DatasetError, match=r"train-rle.csv, 1.2.3, has a malformed mask"):
        open_siim(tmp_path)[0]
