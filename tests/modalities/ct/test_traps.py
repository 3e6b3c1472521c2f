"""Every real CT file at hand: what its geometry says must become of it, beside SimpleITK and pydicom.

What is expected follows from the positions and orientations in the files' headers, written here by hand.
"""

from __future__ import annotations

import functools
import os
import re
import tarfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK

import medclip
from medclip.core.errors import FormatError
from medclip.core.sample import Sample
from medclip.core.sniff import sniff
from medclip.modalities.imaging.series import list_slices, read_series

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset")) / "ct"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")

REFUSED = {
    # Positions move straight up while slices lean back by 18.5 degrees, and three slices of 4 mm precede four of 7.
    "dcm_qa_ct/GE_tilt_variable_spacing": r"not evenly spaced, and .*tilted gantry: received gaps of 4.00, 1.08, "
    r"7.00 mm and a tilt of 18.5 degrees",
    "dcm_qa_ct/Philips_tilt-18.5_phantom": r"tilted gantry: received a tilt of 18.5 degrees",
    "dcm_qa_ct/Philips_localizer": r"holds no CT series: received 1 x localizer",
    # The second is an RGB picture of a table, the first a planning picture, both marked as CT.
    "dcm_qa_ct/Philips_exam_summary_secondary": r"holds no CT series: received 2 x",
    "dcm_qa_ct": r"holds 2 CT series: received #1 7 images of 512 x 512, .*; #2 4 images of 512 x 512",
    # 18.1, 23.1, 28.1 and 38.1 mm.
    "dicom2nifti_failing/sliceincrement/001": r"1 slice is missing: received 10.00 mm after slice 3 of 4, else 5.00 mm",
    # -99.5, 103.0, 104.3 and 105.5 mm.
    "edge_dicom/pydicom/dicomdirtests/77654033": r"161 slices are missing: received 202.50 mm after slice 1 of 4",
    "edge_dicom/pydicom/dicomdirtests": r"holds 2 CT series: received #1 4 images.*; #2 5 images",
    "edge_dicom/pydicom/dicomdirtests/DICOMDIR": r"DICOMDIR holds 2 CT series",
    # One slice, compressed in three ways, one of which changed its values.
    "edge_dicom/wg04-ct#1": r"several different images at one place.*: received 1 of 1 places, up to 3 images",
    "edge_dicom/pydicom-data/eCT_Supplemental.dcm": r"does not hold Hounsfield units: received a map of blood flow",
    "edge_dicom/wg04-ct/CT1_RLE.dcm": r"is a single slice of a CT.*Give the folder",
    "edge_dicom/pydicom-data/emri_small.dcm": r"is an MR, and no CT volume",
    "edge_dicom/pydicom/reportsi.dcm": r"is a structured report, and no CT volume",
    "edge_dicom/pydicom/rtdose_1frame.dcm": r"is a radiotherapy dose, and no CT volume",
    "edge_dicom/pydicom/rtstruct.dcm": r"is a set of radiotherapy structures, and no CT volume",
    "edge_dicom/highdicom/seg_image_ct_true_fractional.dcm": r"is a segmentation, and no CT volume",
    "dcm_qa_ct/Philips_localizer/I10": r"is a localizer, and no CT volume",
    "elastix/3DCT_lung_baseline_mask.mha": r"does not hold Hounsfield units: received values from 0 to 1",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_even_straight_volume_is_refused_for_that_reason(name: str) -> None:
    with pytest.raises(FormatError, match=REFUSED[name]) as caught:
        medclip.read(DATA / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "spacing_mm"),
    [("dicom2nifti_failing/sliceincrement/001", 20 / 3), ("dcm_qa_ct/Philips_tilt-18.5_phantom", 2.5)],
)
def test_simpleitk_takes_these_for_even_and_straight(name: str, spacing_mm: float) -> None:
    """Why it is checked at all: a trusted reader stretches, or shears, the patient in silence."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(DATA / name)))
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    image = reader.Execute()
    assert image.GetSpacing()[2] == pytest.approx(spacing_mm)
    axes = np.reshape(image.GetDirection(), (3, 3))
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-6)


# Depth, spacing and origin by hand from the headers: nearest to the feet, front and right first.
READ = {
    "dcmqi-ct-3slice": ((3, 512, 512), (1.0, 0.810547, 0.810547), (-235.199997, -226.800003, -128.690002)),
    "totalsegmentator/example_ct_dicom": (
        (20, 512, 512),
        (2.0, 0.9765625, 0.9765625),
        (-249.51171875, -437.51171875, -804.5),
    ),
    "edge_dicom/pydicom/dicomdirtests/98892001": (
        (5, 16, 16),
        (2.5, 0.488281, 0.488281),
        (-72.199997, -143.0, -1.2375),
    ),
}


@pytest.mark.parametrize("name", READ)
def test_even_series_are_read_at_their_places(name: str) -> None:
    shape, spacing, origin = READ[name]
    sample = medclip.read(DATA / name)
    assert sample.array.shape == shape
    assert sample.spacing_mm == pytest.approx(spacing)
    assert sample.origin_mm == pytest.approx(origin)
    assert sample.direction == (0, 0, 1, 0, 1, 0, 1, 0, 0)
    assert float(sample.array.min()) >= -1024
    assert "few_slices" in [issue.kind for issue in sample.quality()] or shape[0] >= 16


def test_padding_of_minus_3024_is_air() -> None:
    """Stored -2000 with an intercept of -1024 is what GE writes outside the circle."""
    sample = medclip.read(DATA / "dcmqi-ct-3slice")
    raw = pydicom.dcmread(DATA / "dcmqi-ct-3slice" / "03.dcm").pixel_array
    assert (raw == -2000).sum() > 10_000
    assert (sample.array[0][raw == -2000] == -1024).all()
    np.testing.assert_array_equal(sample.array[0][raw > 0], raw[raw > 0].astype(np.float32) - 1024)


def test_a_tilt_is_straightened_when_asked() -> None:
    sample = read_series(DATA / "dcm_qa_ct" / "Philips_tilt-18.5_phantom", repairs=["tilt"])
    cosine, sine = 0.9483237, 0.3173047
    assert sample.spacing_mm == pytest.approx((2.5 * cosine, 0.482421875, 0.482421875))
    assert sample.direction == pytest.approx((0, sine, cosine, 0, cosine, -sine, 1, 0, 0), abs=1e-6)
    # Seven and a half millimetres of table times the sine, in pixels, made room for.
    assert sample.array.shape == (4, 512 + int(np.ceil(7.5 * sine / 0.482421875)), 512)
    # A bright voxel of the second slice is where its own header puts it.
    dataset = pydicom.dcmread(DATA / "dcm_qa_ct" / "Philips_tilt-18.5_phantom" / "I220")
    image = dataset.pixel_array.astype(float) - 1024
    row, column = np.unravel_index(np.argmax(image[200:300, 200:300]), (100, 100))
    place = np.array(dataset.ImagePositionPatient, float) + (200 + column) * np.array([0.482421875, 0, 0])
    place = place + (200 + row) * 0.482421875 * np.array([0, cosine, -sine])
    axes = np.reshape(sample.direction, (3, 3))
    index = ((place - np.asarray(sample.origin_mm)) @ axes.T) / np.asarray(sample.spacing_mm)
    assert index[0] == pytest.approx(1, abs=0.01)
    assert index[2] == pytest.approx(200 + column, abs=0.01)
    above = int(index[1])
    weight = index[1] - above
    found = (1 - weight) * sample.array[1, above, 200 + column] + weight * sample.array[1, above + 1, 200 + column]
    assert found == pytest.approx(image[200 + row, 200 + column], rel=0.2)


@pytest.mark.parametrize(
    ("name", "n_slices"), [("dcm_qa_ct/GE_tilt_variable_spacing", 6), ("dicom2nifti_failing/sliceincrement/001", 5)]
)
def test_gaps_are_filled_when_asked(name: str, n_slices: int) -> None:
    sample = read_series(DATA / name, repairs=["tilt", "gaps"])
    assert sample.array.shape[0] == n_slices
    assert any(note.startswith("resampled") for note in sample.attributes["notes"])


@functools.cache
def lung_folder(folder: Path) -> Path:
    with tarfile.open(DATA / "lung_pet_ct_dx" / "A0001_series3_5mm_B.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return next(folder.iterdir())


@pytest.fixture(scope="module")
def lung(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sample]:
    folder = lung_folder(tmp_path_factory.mktemp("lung"))
    return folder, medclip.read(folder)


def test_a_whole_chest_is_what_simpleitk_reads(lung: tuple[Path, Sample]) -> None:
    folder, sample = lung
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    np.testing.assert_array_equal(sample.array, SimpleITK.GetArrayFromImage(image))
    assert sample.spacing_mm == pytest.approx(image.GetSpacing()[::-1])
    axes = np.reshape(sample.direction, (3, 3)) * np.reshape(sample.spacing_mm, (3, 1))
    for index in [(0, 0, 0), (63, 511, 511), (31, 100, 400)]:
        place = np.asarray(sample.origin_mm) + np.array(index) @ axes
        np.testing.assert_allclose(place, image.TransformIndexToPhysicalPoint(index[::-1]), atol=1e-4)
    assert [issue.kind for issue in sample.quality()] == ["body_cut"]
    assert sample.attributes["sex"] in ("male", "female")


def test_boxes_of_annotators_are_joined_by_the_files_of_slices(lung: tuple[Path, Sample]) -> None:
    folder, sample = lung
    boxes = DATA / "lung_pet_ct_dx" / "annotations" / "A0001"
    slices = {one.instance_uid: number for number, one in enumerate(list_slices(folder))}
    assert len(slices) == 64
    found = 0
    for path in boxes.glob("*.xml"):
        if path.stem not in slices:
            continue
        found += 1
        left, top, right, bottom = (
            int(re.search(rf"<{key}>(\d+)<", path.read_text())[1]) for key in ("xmin", "ymin", "xmax", "ymax")
        )  # type: ignore[index]
        inside = sample.array[slices[path.stem], top:bottom, left:right]
        # A tumour is dense, with lung about it.
        assert (inside > -100).mean() > 0.2
    assert found > 5


def test_every_file_is_read_or_refused_in_one_line_that_names_nobody() -> None:
    """Nothing else may happen to a file that somebody hands in."""
    names = set()
    n_read = n_refused = 0
    for path in sorted(DATA.rglob("*")):
        if not path.is_file() or path.suffix == ".xz" or path.stat().st_size > 4 << 20:
            continue
        try:
            form = sniff(path)
        except FormatError:
            n_refused += 1
            continue
        if form.read.__module__.split(".")[2] != "ct":
            continue
        try:
            medclip.read(path)
            n_read += 1
        except FormatError as error:
            n_refused += 1
            message = str(error)
            assert "\n" not in message
            names |= {
                word for word in patient_words(path) if word in message.replace(str(path), "").replace(path.name, "")
            }
    assert names == set()
    assert n_read >= 3
    assert n_refused > 60


def patient_words(path: Path) -> set[str]:
    """Return what a header says about the patient and the place, as far as it is long enough to be searched for."""
    dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    keywords = ("PatientName", "PatientID", "InstitutionName", "AccessionNumber", "PatientBirthDate")
    values = [str(dataset.get(keyword) or "") for keyword in keywords]
    return {value for value in values if len(value) > 3}
