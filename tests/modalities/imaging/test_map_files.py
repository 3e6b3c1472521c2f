"""Maps as files: other readers find each value at its place in the patient."""

from __future__ import annotations

import copy
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK

from medclip.core.errors import FormatError, InputError
from medclip.core.finding_map import FindingMap
from medclip.core.sample import Sample
from medclip.modalities.cxr.maps import dicom_seg
from medclip.modalities.imaging.map_dicom import write_parametric_map, write_segmentation
from medclip.modalities.imaging.map_nifti import write_nifti

SHAPE = (5, 12, 16)
SPACING = (4.0, 0.7, 0.9)
ORIGIN = (-30.0, 12.5, -250.0)
UPRIGHT = (0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0)
_TILTED = np.array([[0.0, -0.6, 0.8], [0.0, 0.8, 0.6], [1.0, 0.0, 0.0]])
PLACE = (3, 2, 11)


def volume(direction: tuple[float, ...] = UPRIGHT) -> Sample:
    return Sample(
        "ct", np.zeros(SHAPE, np.float32), "r1", spacing_mm=SPACING, origin_mm=ORIGIN, direction=direction, source="s"
    )


def found() -> FindingMap:
    values = np.full(SHAPE, -1.5, np.float32)
    values[0] = np.nan
    values[PLACE] = 2.25
    return FindingMap("Lung nodule", "lung nodule", values)


def position(direction: tuple[float, ...]) -> np.ndarray:
    axes = np.reshape(direction, (3, 3))
    return np.array(ORIGIN) + sum(PLACE[axis] * SPACING[axis] * axes[axis] for axis in range(3))


@pytest.fixture
def headers() -> list:
    """Headers of a series at the planes of ``volume()``."""
    first = pydicom.examples.ct
    series = []
    for number in range(SHAPE[0]):
        header = copy.deepcopy(first)
        del header.PixelData
        header.PatientName = "Distinctive^Name"
        header.Rows, header.Columns = SHAPE[1:]
        header.PixelSpacing = [SPACING[1], SPACING[2]]
        header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        header.ImagePositionPatient = [ORIGIN[0], ORIGIN[1], ORIGIN[2] + number * SPACING[0]]
        header.SOPInstanceUID = f"1.2.3.{number + 1}"
        series.append(header)
    return series


@pytest.mark.parametrize("direction", [UPRIGHT, tuple(_TILTED.ravel())])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_another_reader_finds_the_peak_at_its_place(tmp_path: Path, direction: tuple[float, ...], suffix: str) -> None:
    target = tmp_path / f"map{suffix}"
    write_nifti(found(), volume(direction), Path("nowhere"), target)
    image = SimpleITK.ReadImage(str(target))
    values = SimpleITK.GetArrayFromImage(image)
    peak = np.unravel_index(values.argmax(), values.shape)
    assert values[peak] == np.float32(2.25)
    place = image.TransformIndexToPhysicalPoint([int(index) for index in reversed(peak)])
    assert place == pytest.approx(position(direction), abs=1e-3)
    stored = np.asanyarray(nibabel.load(target).dataobj).transpose(2, 1, 0)
    np.testing.assert_array_equal(stored, found().values)


def test_the_same_map_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(found(), volume(), Path("nowhere"), tmp_path / name)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_a_parametric_map_lies_in_the_study_at_its_place(tmp_path: Path, headers: list) -> None:
    target = tmp_path / "map.dcm"
    write_parametric_map(found(), volume(), headers, target)
    made = highdicom.pm.pmread(target) if hasattr(highdicom.pm, "pmread") else None
    plain = pydicom.dcmread(target)
    assert plain.StudyInstanceUID == headers[0].StudyInstanceUID
    assert plain.SeriesInstanceUID != headers[0].SeriesInstanceUID
    assert plain.FrameOfReferenceUID == headers[0].FrameOfReferenceUID
    assert "RESEARCH" in plain.SeriesDescription
    values = plain.pixel_array
    frame, row, column = np.unravel_index(values.argmax(), values.shape)
    assert values.max() == np.float32(2.25)
    assert (values == plain.FloatPixelPaddingValue).sum() == SHAPE[1] * SHAPE[2]
    group = plain.PerFrameFunctionalGroupsSequence[frame]
    corner = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
    shared = plain.SharedFunctionalGroupsSequence[0]
    orientation = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    row_mm, column_mm = (float(step) for step in shared.PixelMeasuresSequence[0].PixelSpacing)
    place = corner + column * column_mm * orientation[:3] + row * row_mm * orientation[3:]
    assert place == pytest.approx(position(UPRIGHT), abs=1e-3)
    assert made is None or made.SOPInstanceUID == plain.SOPInstanceUID


def test_a_segmentation_covers_what_is_above_the_limit(tmp_path: Path, headers: list) -> None:
    target = tmp_path / "map.dcm"
    write_segmentation(found(), volume(), headers, target)
    made = highdicom.seg.segread(target)
    segmented = made.get_volume(combine_segments=True)
    place = np.argwhere(segmented.array == 1)
    assert len(place) == 1
    assert (segmented.affine @ [*place[0], 1.0])[:3] == pytest.approx(position(UPRIGHT), abs=1e-3)
    assert made.get_segment_description(1).segment_label == "lung nodule"


def test_a_radiograph_is_segmented_on_its_own_pixels(tmp_path: Path) -> None:
    header = copy.deepcopy(pydicom.examples.ct)
    for name in ("PixelData", "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID"):
        delattr(header, name)
    header.SOPClassUID, header.Modality = "1.2.840.10008.5.1.4.1.1.1.1", "DX"
    header.Rows, header.Columns = 12, 16
    values = np.full((12, 16), -1.0, np.float32)
    values[2:4, 10:15] = 1.0
    sample = Sample("cxr", np.zeros((12, 16), np.float32), "r1")
    write_segmentation(FindingMap("Edema", "edema", values), sample, [header], tmp_path / "map.dcm")
    made = highdicom.seg.segread(tmp_path / "map.dcm")
    pixels = made.get_pixels_by_source_instance([header.SOPInstanceUID], combine_segments=True)
    np.testing.assert_array_equal(pixels[0] == 1, values > 0)


def test_a_radiograph_in_a_folder_is_to_be_given_itself(tmp_path: Path) -> None:
    sample = Sample("cxr", np.zeros((12, 16), np.float32), "r1")
    edema = FindingMap("Edema", "edema", np.ones((12, 16), np.float32))
    with pytest.raises(FormatError, match=r"is no DICOM file.*Give the radiograph's own file"):
        dicom_seg.MAP_WRITER.write(edema, sample, tmp_path, tmp_path / "map.dcm")


def test_nothing_above_the_limit_and_another_recording_are_refused(tmp_path: Path, headers: list) -> None:
    low = FindingMap("A", "a", np.full(SHAPE, -1.0, np.float32))
    with pytest.raises(FormatError, match="no place of the map of A is above"):
        write_segmentation(low, volume(), headers, tmp_path / "map.dcm")
    with pytest.raises(InputError, match="another recording"):
        write_nifti(found(), Sample("ct", np.zeros((2, 2, 2), np.float32), "r"), Path("x"), tmp_path / "map.nii")
    with pytest.raises(FormatError, match="where its voxels lie"):
        write_nifti(found(), Sample("ct", np.zeros(SHAPE, np.float32), "r"), Path("x"), tmp_path / "map.nii")
    twins = [copy.deepcopy(headers[0]) for _ in headers]
    for write in (write_parametric_map, write_segmentation):
        with pytest.raises(FormatError, match=r"share a SOPInstanceUID.*received 5 images, 1 identifiers"):
            write(found(), volume(), twins, tmp_path / "map.dcm")
    for header in headers:
        del header.StudyInstanceUID
    with pytest.raises(
        FormatError, match="lacks what a DICOM map has to repeat: received no StudyInstanceUID"
    ) as error:
        write_parametric_map(found(), volume(), headers, tmp_path / "map.dcm")
    assert "Distinctive" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_no_name_is_said_aloud(
    tmp_path: Path, headers: list, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    for header in headers:
        header.PatientName = "Distinctive"  # one component, about which highdicom warns
    write_segmentation(found(), volume(), headers, tmp_path / "map.dcm")
    assert "Distinctive" not in "".join(capfd.readouterr())
    assert not [one for one in recwarn if "Distinctive" in str(one.message)]


@pytest.mark.parametrize("values", [np.zeros(3), np.full(3, np.nan, np.float32)])
def test_a_map_needs_values(values: np.ndarray) -> None:
    with pytest.raises(InputError, match="no finite float32 value"):
        FindingMap("A", "a", values)


def test_a_source_that_was_made_anonymous_can_be_referred_to(tmp_path: Path, headers: list) -> None:
    """What must be there and may be empty is missing, or holds a word in place of a date."""
    for header in headers:
        del header.PatientSex
        del header.AccessionNumber
        header["PatientBirthDate"]._value = "a1b2c3"
    write_segmentation(found(), volume(), headers, tmp_path / "map.dcm")
    made = pydicom.dcmread(tmp_path / "map.dcm")
    assert (str(made.PatientSex or ""), str(made.PatientBirthDate or "")) == ("", "")
    assert "PatientSex" not in headers[0]
