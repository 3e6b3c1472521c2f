"""NIfTI, MetaImage and NRRD: one volume in every format is one sample, beside nibabel and SimpleITK; and bad files."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from ct_files import positions, stored, write_series

import medclip
from medclip.core.errors import FormatError
from medclip.core.sample import Sample
from medclip.modalities.ct.formats import metaimage, nifti, nrrd

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset")) / "ct"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
AFFINE_LPS = np.array([[0.8, 0, 0, -30], [0, 0.7, 0, -40], [0, 0, 2.5, 50], [0, 0, 0, 1.0]])


def hounsfield() -> np.ndarray:
    """Return int16 ``(z, y, x)``, LPS, each value once."""
    return stored(6).astype(np.int16) - 1024


def write_nifti(path: Path, values: np.ndarray, affine_lps: np.ndarray = AFFINE_LPS) -> Path:
    image = nibabel.Nifti1Image(values.transpose(2, 1, 0), np.diag([-1, -1, 1, 1]) @ affine_lps)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path


def write_itk(path: Path, values: np.ndarray, affine_lps: np.ndarray = AFFINE_LPS, *, compressed: bool = False) -> Path:
    image = SimpleITK.GetImageFromArray(values)
    spacing = np.linalg.norm(affine_lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(affine_lps[:3, 3].tolist())
    image.SetDirection((affine_lps[:3, :3] / spacing).ravel().tolist())
    SimpleITK.WriteImage(image, str(path), compressed)
    return path


WRITERS: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "a.nii": write_nifti,
    "a.nii.gz": write_nifti,
    "a.mha": write_itk,
    "b.mha": lambda path, values: write_itk(path, values, compressed=True),
    "a.mhd": write_itk,
    "b.mhd": lambda path, values: write_itk(path, values, compressed=True),
    "a.nrrd": write_itk,
    "b.nrrd": lambda path, values: write_itk(path, values, compressed=True),
    "a.nhdr": write_itk,
}


def assert_same(first: Sample, second: Sample) -> None:
    np.testing.assert_array_equal(first.array, second.array)
    for name in ("spacing_mm", "origin_mm", "direction"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), abs=1e-5)


@pytest.mark.parametrize("name", WRITERS)
def test_a_dicom_series_and_its_conversion_are_one_sample(tmp_path: Path, name: str) -> None:
    write_series(tmp_path / "dicom", stored(6), positions(6))
    path = WRITERS[name](tmp_path / name, hounsfield())
    sample = medclip.read(path)
    assert_same(medclip.read(tmp_path / "dicom"), sample)
    assert sample.record_id == name[0]
    assert sample.array.flags.c_contiguous


def layouts() -> list[np.ndarray]:
    """Affines of volumes stored in other orders and directions than LPS, one of them oblique."""
    turn = np.radians(15)
    oblique = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return [
        np.diag([-1.0, -1.0, 1.0]),
        np.diag([1.0, 1.0, -1.0]),
        np.diag([-1.0, 1.0, 1.0]),
        np.array([[0, 0, 1.0], [1, 0, 0], [0, -1, 0]]),
        oblique,
    ]


@pytest.mark.parametrize("axes", layouts())
@pytest.mark.parametrize("name", ["a.nii.gz", "a.mha", "a.nrrd"])
def test_every_voxel_is_where_the_file_says(tmp_path: Path, axes: np.ndarray, name: str) -> None:
    values, affine = hounsfield(), np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * [0.8, 0.7, 2.5], [-30.0, 40.0, 50.0]
    write = write_nifti if name.endswith("gz") else write_itk
    sample = medclip.read(write(tmp_path / name, values, affine))
    steps = np.reshape(sample.direction, (3, 3)) * np.reshape(sample.spacing_mm, (3, 1))
    for z, y, x in [(0, 0, 0), (5, 11, 9), (3, 2, 7)]:
        (index,) = np.argwhere(sample.array == values[z, y, x])
        place = np.asarray(sample.origin_mm) + index @ steps
        np.testing.assert_allclose(place, (affine @ [x, y, z, 1])[:3], atol=1e-4)
    toward = np.reshape(sample.direction, (3, 3))
    assert (toward[[0, 1, 2], [2, 1, 0]] > 0.9).all()


@pytest.mark.parametrize("kind", ["<i2", ">i2", "<i4", "<f4", ">f8", "<i8"])
def test_every_type_of_voxel_gives_the_same_numbers(tmp_path: Path, kind: str) -> None:
    values = hounsfield().astype(kind)
    image = nibabel.Nifti1Image(
        values.transpose(2, 1, 0),
        np.diag([-0.8, -0.7, 2.5, 1.0]),
        header=nibabel.Nifti1Header(endianness=kind[0]),
        dtype=kind,
    )
    nibabel.save(image, tmp_path / "a.nii")
    np.testing.assert_array_equal(nifti.read(tmp_path / "a.nii").array, hounsfield())


def test_the_scaling_of_the_header_is_applied_once(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", hounsfield() + 1024)
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([0.5, -1000.0], "<f4").tobytes()
    path.write_bytes(content)
    expected = np.asarray(nibabel.load(path).get_fdata()).transpose(2, 1, 0)
    np.testing.assert_allclose(nifti.read(path).array, np.maximum(expected, -1024), rtol=1e-6)
    for not_scaled in (0.0, np.nan):
        content[112:120] = np.array([not_scaled, -1000.0], "<f4").tobytes()
        path.write_bytes(content)
        with pytest.raises(FormatError, match="does not hold Hounsfield units"):
            nifti.read(path)


def test_missing_values_stay_missing(tmp_path: Path) -> None:
    values = hounsfield().astype(np.float32)
    values[2, 3, 4] = np.nan
    assert np.isnan(nifti.read(write_nifti(tmp_path / "a.nii", values)).array).sum() == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((hounsfield() > -600).astype(np.uint8), "does not hold Hounsfield units: received values from 0 to 1"),
        (((hounsfield() + 1024) // 8).astype(np.uint8), "does not hold Hounsfield units"),
        ((hounsfield() / 1024).astype(np.float32), "does not hold Hounsfield units"),
        (hounsfield() + 1024, "does not hold Hounsfield units: received values from 24 to 743"),
        (np.full((6, 12, 10), np.nan, np.float32), "unusable values"),
        (np.where(hounsfield() > -600, np.inf, hounsfield()).astype(np.float32), "unusable values"),
    ],
)
@pytest.mark.parametrize("name", ["a.nii", "a.mha", "a.nrrd"])
def test_a_mask_a_picture_and_a_normalised_image_are_refused(
    tmp_path: Path, name: str, values: np.ndarray, message: str
) -> None:
    with pytest.raises(FormatError, match=message):
        medclip.read(WRITERS[name](tmp_path / name, values))


def edited(path: Path, **fields: object) -> Path:
    """Write a NIfTI file's header anew with some fields changed."""
    header = nibabel.Nifti1Header.from_fileobj(path.open("rb"), check=False)
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(header.binaryblock + path.read_bytes()[348:])
    return path


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sform_code": 0, "qform_code": 0}, "does not say which side of the patient is which"),
        ({"sform_code": 4, "qform_code": 0}, "does not say which side of the patient is which"),
        ({"xyzt_units": 1}, "not in millimetres"),
        ({"xyzt_units": 3}, "not in millimetres"),
        ({"srow_x": [0.8, 0, 0, 30]}, "contradict"),
        ({"pixdim": [1, 0.8, 0.7, 5.0, 0, 0, 0, 0]}, "contradict"),
        ({"srow_y": [0, -0.7, 0.9, 40], "qform_code": 0}, "not at right angles"),
        ({"srow_z": [0, 0, 0, 50], "qform_code": 0}, "is not stated"),
        ({"dim": [4, 10, 12, 3, 2, 1, 1, 1]}, "no single volume"),
        ({"dim": [2, 10, 12, 1, 1, 1, 1, 1]}, "no single volume"),
        ({"dim": [3, 60, 12, 1, 1, 1, 1, 1]}, "single slice"),
        ({"dim": [3, 30000, 30000, 30000, 1, 1, 1, 1]}, "more voxels than are read"),
        ({"dim": [3, 10, 12, 7, 1, 1, 1, 1]}, "truncated: received 1440 bytes of voxels; allowed: 1680"),
        ({"datatype": 128, "bitpix": 24}, "one real number a voxel"),
        ({"datatype": 32, "bitpix": 64}, "one real number a voxel"),
        ({"datatype": 9999}, "header cannot be decoded"),
        ({"vox_offset": -5}, "begin nowhere"),
        ({"vox_offset": 1e20}, "begin nowhere"),
        ({"vox_offset": np.nan}, "begin nowhere"),
    ],
)
def test_a_nifti_file_that_leaves_something_open_is_refused(
    tmp_path: Path, fields: dict[str, object], message: str
) -> None:
    path = write_nifti(tmp_path / "a.nii", hounsfield())
    affine = np.diag([-1, -1, 1, 1]) @ AFFINE_LPS
    quaternion = nibabel.quaternions.mat2quat(affine[:3, :3] / [0.8, 0.7, 2.5])[1:]
    names = ("quatern_b", "quatern_c", "quatern_d")
    edited(path, qform_code=1, sform_code=1, **dict(zip(names, quaternion, strict=True)))
    nifti.read(path)
    with pytest.raises(FormatError, match=message):
        nifti.read(edited(path, **fields))


def test_a_last_axis_of_one_is_no_time(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", hounsfield())
    assert nifti.read(edited(path, dim=[4, 10, 12, 6, 1, 1, 1, 1])).array.shape == (6, 12, 10)


def test_nifti_2_is_read(tmp_path: Path) -> None:
    image = nibabel.Nifti2Image(hounsfield().transpose(2, 1, 0), np.diag([-0.8, -0.7, 2.5, 1.0]))
    nibabel.save(image, tmp_path / "a.nii")
    np.testing.assert_array_equal(medclip.read(tmp_path / "a.nii").array, hounsfield())


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.15, 0.6, 0.95])
def test_a_truncated_file_is_refused_in_one_line(tmp_path: Path, name: str, share: float) -> None:
    path = WRITERS[name](tmp_path / name, hounsfield())
    voxels = [other for other in tmp_path.iterdir() if other != path]
    cut = voxels[0] if voxels else path
    cut.write_bytes(cut.read_bytes()[: int(share * cut.stat().st_size)])
    with pytest.raises(FormatError, match=r"truncated|damaged|no known format|no usable") as caught:
        medclip.read(path)
    assert "\n" not in str(caught.value)


def test_a_gzip_bomb_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", hounsfield())
    header = edited(path, dim=[3, 1000, 1000, 1000, 1, 1, 1, 1]).read_bytes()[:352]
    bomb = tmp_path / "b.nii.gz"
    bomb.write_bytes(gzip.compress(header + bytes(1 << 20)))
    with pytest.raises(FormatError, match="grows too large"):
        medclip.read(bomb)


def test_several_gzip_streams_one_after_the_other_are_one_file(tmp_path: Path) -> None:
    content = write_nifti(tmp_path / "a.nii", hounsfield()).read_bytes()
    path = tmp_path / "b.nii.gz"
    path.write_bytes(gzip.compress(content[:700]) + gzip.compress(content[700:]))
    np.testing.assert_array_equal(medclip.read(path).array, hounsfield())


def replaced(path: Path, pattern: str, text: str) -> Path:
    """Replace a line of a text header."""
    content = path.read_bytes().decode("latin-1")
    changed = re.sub(pattern, text, content, count=1, flags=re.MULTILINE)
    assert changed != content
    path.write_bytes(changed.encode("latin-1"))
    return path


@pytest.mark.parametrize(
    ("pattern", "text", "message"),
    [
        (r"^ElementSpacing.*\n", "", "does not state the distance"),
        (r"^TransformMatrix.*\n", "", "does not state its orientation"),
        (r"^Offset.*\n", "", "does not state where it lies"),
        (r"^ElementSpacing.*$", "ElementSpacing = 0 1 1", "is not stated"),
        (r"^TransformMatrix.*$", "TransformMatrix = 1 0 0 0 1 0 0 0.4 0.9", "right angles"),
        (r"^ElementType.*$", "ElementType = MET_ASCII_CHAR", "in a way that is not read"),
        (r"^NDims.*$", "NDims = 3\nElementNumberOfChannels = 2", "in a way that is not read"),
        (r"^DimSize.*$", "DimSize = 10 12", "no single volume"),
        (r"^DimSize.*$", "DimSize = 10 12 seven", "no usable DimSize"),
        (r"^DimSize.*$", "DimSize = 10 12 -6", "no single volume"),
        (r"^ElementDataFile.*$", "ElementDataFile = ../a.raw", "names its voxels"),
        (r"^ElementDataFile.*$", "ElementDataFile = /etc/passwd", "names its voxels"),
        (r"^ElementDataFile.*$", "ElementDataFile = LIST", "names its voxels"),
        (r"^ElementDataFile.*$", "ElementDataFile = a%02d.raw", "names its voxels"),
        (r"^ElementDataFile.*$", "ElementDataFile = gone.raw", "cannot be read"),
    ],
)
def test_a_metaimage_that_leaves_something_open_is_refused(
    tmp_path: Path, pattern: str, text: str, message: str
) -> None:
    path = write_itk(tmp_path / "a.mhd", hounsfield())
    with pytest.raises(FormatError, match=message):
        metaimage.read(replaced(path, pattern, text))


def test_a_link_to_voxels_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    path = write_itk(tmp_path / "a.mhd", hounsfield())
    (tmp_path / "a.raw").rename(tmp_path / "other" / "a.raw")
    (tmp_path / "a.raw").symlink_to(tmp_path / "other" / "a.raw")
    with pytest.raises(FormatError, match="another folder"):
        metaimage.read(path)


@pytest.mark.parametrize(
    ("pattern", "text", "message"),
    [
        (r"^space: .*\n", "", "does not state where it lies"),
        (r"^space: .*$", "space: scanner-xyz", "does not state where it lies"),
        (r"^space directions: .*$", "space directions: none (0,1,0) (0,0,1)", "does not state where it lies"),
        (r"^space origin: .*\n", "", "does not state where it lies"),
        (r"^type: .*$", "type: block", "in a way that is not read"),
        (r"^encoding: .*$", "encoding: hex", "in a way that is not read"),
        (r"^endian: .*\n", "", "in a way that is not read"),
        (r"^sizes: .*$", "sizes: 10 12", "no single volume"),
        (r"^space: .*$", 'space: left-posterior-superior\nspace units: "m" "m" "m"', "not in millimetres"),
        (r"^data file: .*$", "data file: ../a.raw", "names its voxels"),
    ],
)
def test_an_nrrd_that_leaves_something_open_is_refused(tmp_path: Path, pattern: str, text: str, message: str) -> None:
    path = write_itk(tmp_path / "a.nhdr", hounsfield())
    with pytest.raises(FormatError, match=message):
        nrrd.read(replaced(path, pattern, text))


@pytest.mark.parametrize(
    ("space", "signs"), [("right-anterior-superior", (-1, -1, 1)), ("RAS", (-1, -1, 1)), ("LAS", (1, -1, 1))]
)
def test_other_spaces_of_nrrd_are_turned_into_lps(tmp_path: Path, space: str, signs: tuple[int, ...]) -> None:
    path = write_itk(tmp_path / "a.nrrd", hounsfield())
    before = nrrd.read(path)
    after = nrrd.read(replaced(path, r"^space: .*$", f"space: {space}"))
    flips = tuple(slice(None, None, sign) for sign in reversed(signs))
    np.testing.assert_array_equal(after.array, before.array[flips])
    image = SimpleITK.ReadImage(str(path))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.DICOMOrient(image, "LPS")), after.array)


@needs_data
def test_real_files_are_what_nibabel_and_simpleitk_read() -> None:
    path = DATA / "totalsegmentator" / "aorta_ct_cropped.nii.gz"
    sample, image = medclip.read(path), nibabel.load(path)
    lps = np.asarray(image.get_fdata()).transpose(2, 1, 0)
    np.testing.assert_array_equal(sample.array, np.maximum(lps, -1024).astype(np.float32))
    corner = image.affine @ [119, 125, 163, 1] * [-1, -1, 1, 1]
    steps = np.reshape(sample.direction, (3, 3)) * np.reshape(sample.spacing_mm, (3, 1))
    np.testing.assert_allclose(np.asarray(sample.origin_mm) + [163, 125, 119] @ steps, corner[:3], atol=1e-3)
    for name in ("3DCT_lung.mha", "3DCT_lung_baseline_small.mha"):
        image = SimpleITK.ReadImage(str(DATA / "elastix" / name))
        sample = medclip.read(DATA / "elastix" / name)
        np.testing.assert_array_equal(sample.array, np.maximum(SimpleITK.GetArrayFromImage(image), -1024))
        assert sample.origin_mm == pytest.approx(image.GetOrigin())
        assert sample.spacing_mm == pytest.approx(image.GetSpacing()[::-1])
    with pytest.raises(FormatError, match="received values from 0 to 1"):
        medclip.read(DATA / "elastix" / "3DCT_lung_baseline_mask.mha")
