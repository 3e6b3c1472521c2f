"""CT series of known content from folders, archives and multi-frame files: values, places, and what is refused."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ct_files import AXIAL, PLANTED, ct_dataset, pixel_position_mm, positions, save, stored, write_series

from medclip.core.errors import FormatError
from medclip.core.sample import Sample
from medclip.modalities.imaging.series import list_slices, read_series

SPACING = (0.7, 0.8)


def rotated(orientation: tuple[float, ...], degrees: float) -> tuple[float, ...]:
    """Turn an orientation about an axis that is none of the patient's."""
    x, y, z = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    cross, angle = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]), np.radians(degrees)
    matrix = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return tuple(float(f"{value:.9f}") for value in (np.reshape(orientation, (2, 3)) @ matrix.T).ravel())


ORIENTATIONS = {
    "axial": AXIAL,
    "feet first, turned about z": (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    "prone": (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
    "coronal": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0),
    "sagittal": (0.0, 1.0, 0.0, 0.0, 0.0, -1.0),
    "mirrored": (1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
    "oblique": rotated(AXIAL, 17.0),
}


def position_mm(sample: Sample, index: tuple[int, ...]) -> np.ndarray:
    """Return the place of a voxel by the definition that ``Sample`` gives."""
    axes = np.reshape(sample.direction, (3, 3)) * np.reshape(sample.spacing_mm, (3, 1))
    return np.asarray(sample.origin_mm) + np.asarray(index) @ axes


@pytest.mark.parametrize("name", ORIENTATIONS)
@pytest.mark.parametrize("is_implicit", [False, True])
def test_every_voxel_is_where_dicom_says(tmp_path: Path, name: str, is_implicit: bool) -> None:
    orientation, pixels = ORIENTATIONS[name], stored(6)
    places = positions(6, orientation=orientation)
    write_series(tmp_path / "ct", pixels, places, is_implicit=is_implicit, ImageOrientationPatient=list(orientation))
    sample = read_series(tmp_path / "ct")
    assert sorted(sample.array.shape) == [6, 10, 12]
    for slice_number, row, column in [(0, 0, 0), (5, 11, 9), (2, 7, 3), (4, 0, 9)]:
        value = float(pixels[slice_number, row, column]) - 1024
        (index,) = np.argwhere(sample.array == value)
        expected = pixel_position_mm(places[slice_number], orientation, SPACING, row, column)
        np.testing.assert_allclose(position_mm(sample, tuple(index)), expected, atol=1e-5)
    toward = np.reshape(sample.direction, (3, 3))
    assert (toward[[0, 1, 2], [2, 1, 0]] > 0.9).all()


def test_thickness_is_never_taken_for_the_distance_of_slices(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", stored(5), positions(5, 2.5), SliceThickness=9.0, SpacingBetweenSlices=7.0)
    sample = read_series(tmp_path / "ct")
    assert sample.spacing_mm == (2.5, 0.7, 0.8)
    assert sample.attributes["slice_thickness_mm"] == 9.0


def test_each_slice_is_rescaled_by_its_own_numbers(tmp_path: Path) -> None:
    pixels, places = stored(4).astype(np.int16), positions(4)
    rescales = [(1.0, -1024.0), (0.5, -1000.0), (2.0, -1100.0), (0.25, 0.0)]
    for number, (slope, intercept) in enumerate(rescales):
        dataset = ct_dataset(pixels[number], places[number], number, RescaleSlope=slope, RescaleIntercept=intercept)
        save(dataset, tmp_path / "ct" / f"{number}.dcm")
    array = read_series(tmp_path / "ct").array
    for number, (slope, intercept) in enumerate(rescales):
        expected = np.maximum(pixels[number].astype(np.float64) * slope + intercept, -1024)
        np.testing.assert_array_equal(array[number], expected.astype(np.float32))


def test_padding_and_what_lies_below_air_becomes_minus_1024(tmp_path: Path) -> None:
    pixels = (stored(3).astype(np.int16) - 1024)[:, :, :]
    pixels[:, 0, 0], pixels[:, 5, 5] = -2000, -3024
    write_series(tmp_path / "ct", pixels, positions(3), RescaleIntercept=0, PixelPaddingValue=-2000)
    sample = read_series(tmp_path / "ct")
    assert (sample.array[:, 0, 0] == -1024).all()
    assert (sample.array[:, 5, 5] == -1024).all()
    np.testing.assert_array_equal(sample.array[1, 6], pixels[1, 6])


def test_padding_of_a_value_that_tissue_has_counts_only_at_the_border(tmp_path: Path) -> None:
    """Water is 0: a padding value of 0 marks what was not scanned, and not the water in the patient."""
    pixels = np.full((3, 12, 10), 40, np.int16)
    pixels[:, :, 0], pixels[:, 3, 1], pixels[:, 6, 6] = 0, 0, 0
    write_series(tmp_path / "ct", pixels, positions(3), RescaleIntercept=0, PixelPaddingValue=0)
    array = read_series(tmp_path / "ct").array
    assert (array[:, :, 0] == -1024).all()
    assert (array[:, 3, 1] == -1024).all()
    assert (array[:, 6, 6] == 0).all()


def test_an_overlay_in_unused_bits_is_no_part_of_the_value(tmp_path: Path) -> None:
    pixels = stored(3, 5, 4)
    write_series(tmp_path / "ct", pixels | 0xF000, positions(3), BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(read_series(tmp_path / "ct").array, pixels.astype(np.float32) - 1024)


def test_a_series_is_the_same_in_a_folder_and_in_an_archive(tmp_path: Path) -> None:
    files = write_series(tmp_path / "ct", stored(5), positions(5))
    folder = read_series(tmp_path / "ct")
    with zipfile.ZipFile(tmp_path / "ct.zip", "w") as archive:
        for path in files:
            archive.write(path, f"deep/er/{path.name}")
    archived = read_series(tmp_path / "ct.zip")
    np.testing.assert_array_equal(folder.array, archived.array)
    assert (folder.origin_mm, folder.patient_id) == (archived.origin_mm, archived.patient_id)


def test_slices_can_be_joined_to_annotations(tmp_path: Path) -> None:
    pixels = stored(5)
    write_series(tmp_path / "ct", pixels, positions(5))
    found = list_slices(tmp_path / "ct")
    # The writer numbers the slices from the head down, and the volume begins at the feet.
    assert [one.instance_uid for one in found] == [f"1.2.3.4.{number}" for number in (5, 4, 3, 2, 1)]
    write_series(
        tmp_path / "prone",
        pixels,
        positions(5, orientation=ORIENTATIONS["mirrored"]),
        ImageOrientationPatient=list(ORIENTATIONS["mirrored"]),
    )
    sample = read_series(tmp_path / "prone")
    uids = [one.instance_uid for one in list_slices(tmp_path / "prone")]
    for index, uid in enumerate(uids):
        image = pixels[5 - int(uid.rsplit(".", 1)[1])]
        assert set(sample.array[index].ravel()) == set((image - 1024.0).ravel())


def enhanced(pixels: np.ndarray, places: np.ndarray, **changes: Any) -> Any:
    """One multi-frame file with the geometry in functional groups, places per frame and the rest shared."""
    from ct_files import ENHANCED_CT
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    def item(**elements: Any) -> Sequence:
        dataset = Dataset()
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        return Sequence([dataset])

    shared = item(
        PlaneOrientationSequence=item(ImageOrientationPatient=list(AXIAL)),
        PixelMeasuresSequence=item(PixelSpacing=list(SPACING), SliceThickness=9.0),
        PixelValueTransformationSequence=item(
            RescaleSlope=1, RescaleIntercept=-1024, RescaleType=changes.pop("unit", "HU")
        ),
    )
    frames = Sequence(
        [item(PlanePositionSequence=item(ImagePositionPatient=[f"{v:.4f}" for v in place]))[0] for place in places]
    )
    own = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept")
    elements = dict.fromkeys(own) | {
        "SOPClassUID": ENHANCED_CT,
        "NumberOfFrames": len(pixels),
        "SharedFunctionalGroupsSequence": shared,
        "PerFrameFunctionalGroupsSequence": frames,
    }
    return ct_dataset(pixels, places[0], **(elements | changes))


def test_an_enhanced_file_is_read_by_the_places_of_its_frames(tmp_path: Path) -> None:
    pixels, places = stored(6), positions(6)
    write_series(tmp_path / "ct", pixels, places)
    order = np.array([3, 0, 5, 1, 4, 2])
    path = save(enhanced(pixels[order], places[order]), tmp_path / "enhanced.dcm")
    single, multi = read_series(tmp_path / "ct"), read_series(path)
    np.testing.assert_array_equal(single.array, multi.array)
    for name in ("spacing_mm", "origin_mm", "direction"):
        assert getattr(single, name) == pytest.approx(getattr(multi, name))
    assert [one.frame for one in list_slices(path)] == np.argsort(order).tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": "US"}, "does not hold Hounsfield units"),
        ({"PerFrameFunctionalGroupsSequence": None}, "0 places for 6 images"),
        ({"SharedFunctionalGroupsSequence": None}, "does not state"),
    ],
)
def test_an_enhanced_file_without_its_places_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = save(enhanced(stored(6), positions(6), **changes), tmp_path / "enhanced.dcm")
    with pytest.raises(FormatError, match=message):
        read_series(path)


def test_two_series_are_listed_and_one_can_be_named(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    write_series(
        folder, stored(5), positions(5), name="b", SeriesInstanceUID="1.9", SeriesNumber=7, ConvolutionKernel="B70f"
    )
    write_series(folder, stored(4, seed=1), positions(4), name="a", SeriesInstanceUID="1.8", SeriesNumber=2)
    with pytest.raises(FormatError) as caught:
        read_series(folder)
    message = str(caught.value)
    assert "study holds 2 CT series" in message
    assert '#1 4 images of 12 x 10, 9 mm thick, "lung 5.0mm"; #2 5 images of 12 x 10' in message
    assert "kernel B70f" in message
    assert "study#1" in message
    assert read_series(tmp_path / "study#1").array.shape == (4, 12, 10)
    second = read_series(tmp_path / "study#2")
    assert second.array.shape == (5, 12, 10)
    assert second.record_id == "study#2"
    with pytest.raises(FormatError, match="no such CT series"):
        read_series(tmp_path / "study#3")


def test_errors_begin_with_the_name_as_it_was_given_and_say_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("bad", "two")
    write_series(folder, stored(4), positions(4), name="a", SeriesInstanceUID="1.8", SeriesNumber=2)
    write_series(folder, stored(4), positions(5)[[0, 1, 3, 4]], name="b", SeriesInstanceUID="1.9", SeriesNumber=7)
    Path("bad", "two.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    beginnings = {
        "bad/two": "bad/two holds 2 CT series: ",
        "bad/two#3": "bad/two#3: there is no such CT series: received #3",
        "bad/two#2": "bad/two#2: 1 slice is missing",
        "bad/two.zip": "bad/two.zip is damaged",
        "bad/two.zip#1": "bad/two.zip#1 is damaged",
        "bad/two/a000.dcm": "bad/two/a000.dcm is a single slice",
    }
    files = sorted(folder.iterdir())
    files[0].rename(folder / "a000.dcm")
    for name, beginning in beginnings.items():
        with pytest.raises(FormatError) as caught:
            read_series(Path(name))
        message = str(caught.value)
        assert message.startswith(beginning), message
        assert message.replace("name one, as bad/two#1", "").lower().count("two") == 1 + (name == "bad/two")
        assert ("Name one, as bad/two#1" in message) == (name == "bad/two")


def test_what_is_no_image_of_the_volume_is_left_out_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "ct"
    write_series(folder, stored(5), positions(5))
    odd = stored(1)[0]
    for number, changes in enumerate(
        [
            {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
            {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "Modality": "CT"},
            {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67", "Modality": "SR", "PixelData": None},
            {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1", "Modality": "PR", "PixelData": None},
            {"ImageType": ["DERIVED", "SECONDARY", "MIP"]},
            {"SeriesInstanceUID": "1.77", "SeriesDescription": "bolus tracking"},
        ]
    ):
        save(ct_dataset(odd, positions(1)[0], 50 + number, **changes), folder / f"odd{number}.dcm")
    (folder / "readme.txt").write_text("not DICOM")
    (folder / ".hidden").write_text("not looked at")
    (note,) = read_series(folder).attributes["notes"]
    for part in (
        "1 x localizer",
        "1 x dose report",
        "1 x presentation state",
        "1 x secondary capture",
        "1 x projection",
        "1 x image of a series of fewer than 3",
        "1 x file that is not DICOM",
    ):
        assert part in note, part


def remove(folder: Path) -> None:
    sorted(folder.iterdir())[2].unlink()


def change(number: int, **changes: Any) -> Callable[[Path], None]:
    """Write one slice of the series anew, with some elements changed."""

    def rewrite(folder: Path) -> None:
        save(
            ct_dataset(stored(6)[number], positions(6)[number], 6 - number, **changes),
            folder / f"image{6 - number:03d}.dcm",
        )

    return rewrite


def truncate(folder: Path) -> None:
    path = sorted(folder.iterdir())[3]
    path.write_bytes(path.read_bytes()[:-7])


def double(folder: Path) -> None:
    save(ct_dataset(stored(6)[2] + 1, positions(6)[2], 99), folder / "other.dcm")


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        (remove, r"1 slice is missing: received 5.00 mm after slice 3 of 5, else 2.50 mm"),
        (change(2, ImagePositionPatient=["-30", "-40", "56.1"]), "not evenly spaced"),
        (change(3, PixelSpacing=[0.7, 0.9]), "mixes images of different distances between pixels: received 0.7 mm"),
        (change(3, ImageOrientationPatient=[1, 0, 0, 0, 0, -1]), "different orientations"),
        (change(3, Rows=10, Columns=12), "different sizes: received 10 x 12, 12 x 10"),
        (change(3, RescaleSlope=None), "image003.dcm does not state how its values become Hounsfield units"),
        (change(3, RescaleIntercept=None), "does not state how its values become Hounsfield units"),
        (change(3, RescaleSlope=0), "does not state how its values become Hounsfield units"),
        (change(3, RescaleType="US"), "does not hold Hounsfield units"),
        (change(3, ImagePositionPatient=None), "does not state where it lies|0 places"),
        (change(3, ImageOrientationPatient=None), "does not state where it lies"),
        (change(3, PixelSpacing=None), "does not state the distance of its pixels"),
        (change(3, PixelSpacing=[0, 0.7]), "does not state the distance of its pixels"),
        (change(3, PixelData=bytes(100)), "holds fewer pixels than its header says"),
        (truncate, "1 of the DICOM files is truncated or damaged: received image004.dcm is truncated"),
        (double, r"several different images at one place.*1 of 6 places, up to 2 images"),
    ],
)
def test_a_series_that_is_not_whole_and_even_is_refused(
    tmp_path: Path, breaks: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "ct"
    write_series(folder, stored(6), positions(6))
    read_series(folder)
    breaks(folder)
    with pytest.raises(FormatError, match=message) as caught:
        read_series(folder)
    assert "\n" not in str(caught.value)
    assert not any(secret in str(caught.value) for secret in PLANTED)


def test_copies_of_an_image_are_dropped_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "ct"
    files = write_series(folder, stored(5), positions(5))
    before = read_series(folder)
    shutil.copy(files[1], folder / "copy.dcm")
    after = read_series(folder)
    np.testing.assert_array_equal(before.array, after.array)
    assert after.attributes["notes"] == ("1 copies of images were dropped",)


def test_a_series_in_time_is_refused(tmp_path: Path) -> None:
    for number in range(3):
        write_series(tmp_path / "ct", stored(5, seed=number), positions(5), name=f"phase{number}")
    with pytest.raises(FormatError, match="5 of 5 places, up to 3 images each"):
        read_series(tmp_path / "ct")


@pytest.mark.parametrize("n_slices", [1, 2])
def test_one_slice_or_two_are_no_volume(tmp_path: Path, n_slices: int) -> None:
    write_series(tmp_path / "ct", stored(n_slices), positions(n_slices))
    with pytest.raises(FormatError, match="single slice of a CT" if n_slices == 1 else "too few slices"):
        read_series(tmp_path / "ct")


def test_repairs_are_made_only_when_asked_and_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "ct"
    places = positions(6)
    places[:, 1] += 0.35 * np.arange(6)
    write_series(folder, stored(6), places)
    sorted(folder.iterdir())[2].unlink()
    with pytest.raises(FormatError, match="missing, and they are shifted"):
        read_series(folder)
    sample = read_series(folder, repairs=("tilt", "gaps"))
    assert sample.array.shape == (6, 15, 10)
    assert sample.attributes["shape_before_resampling"] == (5, 12, 10)
    assert sum(note.startswith("resampled") for note in sample.attributes["notes"]) == 2
    assert [issue.kind for issue in sample.quality()].count("resampled") == 2


def test_files_without_identifiers_are_held_together_by_their_folder(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", stored(5), positions(5), SeriesInstanceUID=None, SOPClassUID=None)
    assert read_series(tmp_path / "ct").array.shape == (5, 12, 10)


def test_nothing_that_identifies_the_patient_is_kept(tmp_path: Path) -> None:
    write_series(
        tmp_path / "ct", stored(5), positions(5), ContrastBolusAgent="Doe^Jane 100 ml", ConvolutionKernel="MRN-31337"
    )
    sample = read_series(tmp_path / "ct")
    kept = repr((sample, sample.record_id, sample.patient_id, sample.source, dict(sample.attributes), sample.quality()))
    assert not [secret for secret in PLANTED if secret in kept]
    assert sample.attributes["age"] == 57
    assert sample.attributes["has_contrast_agent"] is True
    assert "reconstruction_kernel" not in sample.attributes
    assert sample.patient_id not in (None, PLANTED[1])


def test_a_folder_without_a_ct_says_what_it_holds(tmp_path: Path) -> None:
    save(
        ct_dataset(stored(1)[0], (0, 0, 0), SOPClassUID="1.2.840.10008.5.1.4.1.1.4", Modality="MR"),
        tmp_path / "x" / "1.dcm",
    )
    with pytest.raises(FormatError, match="holds no CT series: received 1 x MR"):
        read_series(tmp_path / "x")
    with pytest.raises(FormatError, match="does not exist"):
        read_series(tmp_path / "y")
