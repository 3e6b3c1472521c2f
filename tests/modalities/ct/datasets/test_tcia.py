"""Lung-PET-CT-Dx and LIDC-IDRI: series of the archive's list, boxes and outlines where their images became slices."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pydicom
import pytest
from image_folders import codes_of, open_codes, write_ct_series, write_table

from medclip.core.errors import ConfigError, DatasetError, FormatError
from medclip.modalities.ct.datasets.lidc_idri import open_lidc_idri
from medclip.modalities.ct.datasets.lung_pet_ct_dx import open_lung_pet_ct_dx
from medclip.testing.dataset import check_dataset

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
UIDS = ["2.25.30", "2.25.10", "2.25.20", "2.25.40"]
# Of a patient who lies face down: columns run to the right, rows to the front.
PRONE = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)


def write_list(folder: Path, *series: tuple[str, str, str, str]) -> None:
    """Write the downloader's list: series, patient, kind, folder."""
    names = ("Series UID", "Subject ID", "Modality", "File Location")
    rows = [dict(zip(names, one, strict=True)) for one in series]
    write_table(
        folder / "metadata.csv", [row | {"Series Description": "5mm", "Manufacturer": "Philips"} for row in rows]
    )


def volume(shape: tuple[int, int, int] = (4, 36, 40)) -> np.ndarray:
    """Return generated Hounsfield units."""
    return np.random.default_rng(0).integers(-1000, 500, shape).astype(np.int16)


def write_box(folder: Path, uid: str, corners: tuple[object, ...], name: str = "A") -> None:
    """Write the boxes of an image of 36 rows and 40 columns."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = "".join(
        f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    )
    (folder / f"{uid}.xml").write_text(
        '<annotation verified="no"><size><width>40</width><height>36</height><depth>1</depth></size>'
        f"<object><name>{name}</name><bndbox>{numbers}</bndbox></object></annotation>"
    )


def write_lung(folder: Path, orientation: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)) -> np.ndarray:
    """Write two series of one patient, one of them with boxes, and a PET series; return the first volume."""
    write_list(
        folder,
        ("2.25.77", "Lung_Dx-G0007", "CT", "./Lung-PET-CT-Dx/Lung_Dx-G0007/a/1"),
        ("2.25.88", "Lung_Dx-G0007", "CT", ".\\Lung-PET-CT-Dx\\Lung_Dx-G0007\\a\\2"),
        ("2.25.99", "Lung_Dx-G0007", "PT", "./Lung-PET-CT-Dx/Lung_Dx-G0007/a/3"),
    )
    values = volume()
    write_ct_series(folder / "Lung-PET-CT-Dx/Lung_Dx-G0007/a/1", values, uids=UIDS, orientation=orientation)
    others = [f"{uid}.1" for uid in UIDS]
    write_ct_series(folder / "Lung-PET-CT-Dx/Lung_Dx-G0007/a/2", values, uids=others, orientation=orientation)
    write_box(folder / "Annotation/G0007", UIDS[2], (5, 10, 15, 30), "g")
    write_box(folder / "Annotation/G0007", "2.25.12345", (0, 0, 10, 10), "G")
    return values


def test_boxes_lie_on_the_slices_of_their_files(tmp_path: Path) -> None:
    values = write_lung(tmp_path)
    dataset = open_lung_pet_ct_dx(tmp_path)
    check_dataset(dataset)
    assert [(info.record_id, info.patient_id) for info in dataset.records] == [
        ("2.25.77", "Lung_Dx-G0007"),
        ("2.25.88", "Lung_Dx-G0007"),
    ]
    assert codes_of(dataset, "lung-pet-ct-dx") == {"G"}
    assert open_codes(dataset, "lung-pet-ct-dx") == set()
    sample = dataset[0]
    np.testing.assert_array_equal(sample.array, values)
    expected = np.zeros(values.shape, bool)
    expected[2, 10:30, 5:15] = True
    np.testing.assert_array_equal(sample.regions["G"], expected)
    assert dataset[1].regions == {}


def test_boxes_are_turned_with_the_images(tmp_path: Path) -> None:
    values = write_lung(tmp_path, PRONE)
    sample = open_lung_pet_ct_dx(tmp_path)[0]
    region = sample.regions["G"]
    number = int(np.flatnonzero(region.any(axis=(1, 2)))[0])
    # What the box holds is the same whichever way the volume was turned.
    boxed = values[2, 10:30, 5:15]
    np.testing.assert_array_equal(sample.array[number][region[number]].reshape(20, 10)[::-1, ::-1], boxed)


@pytest.mark.parametrize(
    ("corners", "name", "message"),
    [
        ((15, 10, 5, 30), "G", "has a malformed box: received 15, 10, 5, 30"),
        ((5, 10, "", 30), "G", "has a malformed box"),
        ((5, 10, 15, 30), "X", "another kind of tumour than it may: received X; allowed: A, B, E, G"),
    ],
)
def test_bad_boxes(tmp_path: Path, corners: tuple[object, ...], name: str, message: str) -> None:
    write_lung(tmp_path)
    write_box(tmp_path / "Annotation/G0007", UIDS[2], corners, name)
    with pytest.raises(DatasetError, match=message) as error:
        open_lung_pet_ct_dx(tmp_path)[0]
    assert "\n" not in str(error.value)


def test_annotations_of_another_size(tmp_path: Path) -> None:
    write_lung(tmp_path)
    path = tmp_path / f"Annotation/G0007/{UIDS[2]}.xml"
    path.write_text(path.read_text().replace("<width>40", "<width>512"))
    with pytest.raises(DatasetError, match="do not fit its images"):
        open_lung_pet_ct_dx(tmp_path)[0]
    path.write_text(path.read_text()[:40])
    with pytest.raises(FormatError, match="truncated or damaged XML"):
        open_lung_pet_ct_dx(tmp_path)[0]


def test_bad_lists(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not hold Lung-PET-CT-Dx"):
        open_lung_pet_ct_dx(tmp_path)
    write_list(tmp_path, ("2.25.77", "Lung_Dx-Z0007", "CT", "./a"))
    with pytest.raises(DatasetError, match="names a patient otherwise than it may: received Lung_Dx-Z0007"):
        open_lung_pet_ct_dx(tmp_path)
    write_list(tmp_path, ("2.25.77", "Lung_Dx-A0007", "CT", "../a"))
    with pytest.raises(DatasetError, match="names a file outside its folder"):
        open_lung_pet_ct_dx(tmp_path)
    write_list(tmp_path, ("2.25.77", "Lung_Dx-A0007", "CT", "./a"))
    with pytest.raises(DatasetError, match=r"file of record 2.25.77 .* is not there"):
        open_lung_pet_ct_dx(tmp_path)[0]


@needs_data
@pytest.mark.slow  # a whole series, unpacked and read twice
def test_the_real_series_and_its_boxes(tmp_path: Path) -> None:
    source = DATA / "ct/lung_pet_ct_dx"
    with tarfile.open(source / "A0001_series3_5mm_B.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    header = pydicom.dcmread(tmp_path / "A0001_series3_5mm_B/1-01.dcm", stop_before_pixels=True)
    write_list(tmp_path, (str(header.SeriesInstanceUID), "Lung_Dx-A0001", "CT", "A0001_series3_5mm_B"))
    (tmp_path / "annotations").symlink_to(source / "annotations")
    sample = open_lung_pet_ct_dx(tmp_path)[0]
    assert sample.array.shape == (64, 512, 512)
    files = [pydicom.dcmread(path) for path in (tmp_path / "A0001_series3_5mm_B").iterdir()]
    by_height = sorted(files, key=lambda file: float(file.ImagePositionPatient[2]))
    expected = np.zeros(sample.array.shape, bool)
    for number, file in enumerate(by_height):
        path = source / f"annotations/A0001/{file.SOPInstanceUID}.xml"
        for box in ElementTree.parse(path).getroot().iter("bndbox") if path.exists() else ():
            left, top, right, bottom = (int(str(box.findtext(key))) for key in ("xmin", "ymin", "xmax", "ymax"))
            expected[number, top:bottom, left:right] = True
    assert expected.any()
    np.testing.assert_array_equal(sample.regions["A"], expected)
    # A tumour is tissue: the middle of the box is no air.
    assert np.median(sample.array[expected]) > -500


SQUARE = [(x, 10) for x in range(5, 15)] + [(14, y) for y in range(11, 20)]
SQUARE += [(x, 19) for x in range(13, 4, -1)] + [(5, y) for y in range(18, 10, -1)]


def session(
    points: list[tuple[int, int]], uid: str = UIDS[1], inclusion: str = "TRUE", *, is_large: bool = True
) -> str:
    """Return what one reader drew on one image."""
    edges = "".join(f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>" for x, y in points)
    characteristics = "<characteristics><malignancy>3</malignancy></characteristics>" if is_large else ""
    roi = f"<roi><imageSOP_UID>{uid}</imageSOP_UID><inclusion>{inclusion}</inclusion>{edges}</roi>"
    return f"<readingSession><unblindedReadNodule>{characteristics}{roi}</unblindedReadNodule></readingSession>"


def write_lidc(folder: Path, sessions: list[str]) -> Path:
    """Write a series, a reading of it, a series nobody read, and a reading of a radiograph."""
    write_list(folder, ("2.25.77", "LIDC-IDRI-0001", "CT", "./LIDC-IDRI/1"), ("2.25.78", "LIDC-IDRI-0002", "CT", "./x"))
    write_ct_series(folder / "LIDC-IDRI/1", volume(), uids=UIDS)
    (folder / "LIDC-IDRI/1/069.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?><LidcReadMessage xmlns="http://www.nih.gov"><ResponseHeader>'
        "<SeriesInstanceUid>2.25.77</SeriesInstanceUid></ResponseHeader>" + "".join(sessions) + "</LidcReadMessage>"
    )
    (folder / "LIDC-IDRI/070.xml").write_text("<IdriReadMessage/>")
    return folder


def test_outlines(tmp_path: Path) -> None:
    shifted = [(x + 2, y) for x, y in SQUARE]
    small = session([(30, 30)], is_large=False)
    write_lidc(tmp_path, [session(SQUARE), session(shifted), small, session([(30, 30)])])
    dataset = open_lidc_idri(tmp_path)
    assert [codes_of(dataset, "lidc-idri", row) for row in (0, 1)] == [{"nodule"}, set()]
    assert open_codes(dataset, "lidc-idri", 1) == {"nodule"}
    sample = dataset[0]
    expected = np.zeros(sample.array.shape, bool)
    # The outline runs just outside: 6 to 13 for one reader, 8 to 15 for the other.
    expected[1, 11:19, 8:14] = True
    np.testing.assert_array_equal(sample.regions["nodule"], expected)
    assert int(open_lidc_idri(tmp_path, readers=1)[0].regions["nodule"].sum()) == 8 * 10
    strict = open_lidc_idri(tmp_path, readers=3)
    assert codes_of(strict, "lidc-idri", 0) == open_codes(strict, "lidc-idri", 0) == set()
    assert strict[0].regions == {}


def test_holes(tmp_path: Path) -> None:
    hole = [(8, 13), (9, 13), (10, 13), (10, 14), (10, 15), (9, 15), (8, 15), (8, 14)]
    reading = session(SQUARE).replace(
        "</unblindedReadNodule>", session(hole, inclusion="FALSE").split("</characteristics>")[1].split("</readi")[0]
    )
    write_lidc(tmp_path, [reading])
    region = open_lidc_idri(tmp_path, readers=1)[0].regions["nodule"]
    assert int(region.sum()) == 64 - 1
    assert not region[1, 14, 9]


def test_bad_readings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="readers is out of range: received 5; allowed: 1 to 4"):
        open_lidc_idri(tmp_path, readers=5)
    path = write_lidc(tmp_path, [session(SQUARE)]) / "LIDC-IDRI/1/069.xml"
    whole = path.read_text()
    path.write_text(whole.replace("<xCoord>14", "<xCoord>far"))
    with pytest.raises(DatasetError, match="holds a malformed outline"):
        open_lidc_idri(tmp_path)
    path.write_text(whole.replace("2.25.77", ""))
    with pytest.raises(DatasetError, match="does not say which series it reads"):
        open_lidc_idri(tmp_path)
    path.write_text(whole[:-30])
    with pytest.raises(FormatError, match="truncated or damaged XML"):
        open_lidc_idri(tmp_path)
    path.unlink()
    with pytest.raises(DatasetError, match="holds no reading of LIDC-IDRI"):
        open_lidc_idri(tmp_path)
