"""Volumes prepared for an encoder, and back again; the geometry beside that of SimpleITK."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - as all its users write it

from medclip.core.errors import ConfigError, InputError, SignalError
from medclip.core.input_spec import RestorableSpec, input_spec_from_dict
from medclip.core.sample import Sample
from medclip.core.volume_spec import VolumeSpec

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
SPEC = VolumeSpec("demo", (20, 24, 28), (2.0, 1.5, 1.5))
HEAD, BACK, LEFT = (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)
FEET, FRONT, RIGHT = (0.0, 0.0, -1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)
CANONICAL = (*HEAD, *BACK, *LEFT)


def turned(degrees: float) -> tuple[float, ...]:
    """Slices tilted around the axis from right to left, as by a gantry that leans."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (0.0, -sine, cosine, 0.0, cosine, sine, 1.0, 0.0, 0.0)


def field(position: np.ndarray) -> np.ndarray:
    """Hounsfield units at patient coordinates ``(..., 3)``, smooth and without any symmetry."""
    x, y, z = np.moveaxis(position, -1, 0)
    return 600 * np.sin(x / 14 + 0.3) * np.cos(y / 17 - 0.2) + 350 * np.sin(z / 12 + x / 30) - 100


def volume(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    direction: tuple[float, ...] = CANONICAL,
    origin_mm: tuple[float, float, float] = (-17.0, 5.0, 40.0),
) -> Sample:
    axes = np.reshape(direction, (3, 3))
    position = np.array(origin_mm) + np.einsum("iabc,i,ij->abcj", np.indices(shape), spacing_mm, axes)
    array = field(position).astype(np.float32)
    return Sample("demo", array, "r1", spacing_mm=spacing_mm, origin_mm=origin_mm, direction=direction)


def hounsfield(values: np.ndarray, spec: VolumeSpec = SPEC) -> np.ndarray:
    low, high = spec.window_hu
    return low + (values + 1) / 2 * (high - low)


def as_simpleitk(sample: Sample) -> Any:
    picture = sitk.GetImageFromArray(sample.array)
    picture.SetSpacing([float(step) for step in (sample.spacing_mm or ())[::-1]])
    picture.SetOrigin(sample.origin_mm)
    picture.SetDirection(np.reshape(sample.direction, (3, 3))[::-1].T.ravel().tolist())
    return picture


def resampled_by_simpleitk(sample: Sample, spec: VolumeSpec, canonical_axes: np.ndarray) -> np.ndarray:
    """Resample onto a grid along ``canonical_axes`` (3 rows) with the same middle; NaN outside the volume."""
    picture = as_simpleitk(sample)
    middle = picture.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in picture.GetSize()])
    half = [(n - 1) / 2 * step for n, step in zip(spec.shape_dhw, spec.spacing_mm, strict=True)]
    origin = np.array(middle) - np.array(half) @ canonical_axes
    direction = canonical_axes[::-1].T.ravel().tolist()
    size, spacing = list(spec.shape_dhw[::-1]), list(spec.spacing_mm[::-1])
    found = sitk.Resample(
        picture, size, sitk.Transform(), sitk.sitkLinear, origin.tolist(), spacing, direction, float("nan")
    )
    return sitk.GetArrayFromImage(found)


@pytest.mark.parametrize(
    ("direction", "canonical_axes"),
    [
        (CANONICAL, (HEAD, BACK, LEFT)),
        ((*FEET, *BACK, *LEFT), (HEAD, BACK, LEFT)),
        ((*HEAD, *FRONT, *RIGHT), (HEAD, BACK, LEFT)),
        ((*LEFT, *FEET, *BACK), (HEAD, BACK, LEFT)),
        ((*FRONT, *RIGHT, *HEAD), (HEAD, BACK, LEFT)),
        (turned(20), np.reshape(turned(20), (3, 3))),
        ((*FEET, *BACK, *RIGHT), (HEAD, BACK, LEFT)),
    ],
)
@pytest.mark.parametrize(("shape", "spacing"), [((31, 27, 33), (2.0, 2.3, 1.9)), ((17, 40, 18), (3.0, 1.5, 2.5))])
def test_the_geometry_is_that_of_simpleitk(
    shape: tuple[int, int, int], spacing: Any, direction: tuple[float, ...], canonical_axes: Any
) -> None:
    sample = volume(shape, spacing, direction)
    # No axis is made coarser, where SimpleITK does not smooth.
    spec = VolumeSpec("demo", (50, 53, 40), (1.4, 1.3, 1.5), minimum_slices=8)
    prepared = spec.prepare(sample)
    expected = resampled_by_simpleitk(sample, spec, np.array(canonical_axes))
    np.testing.assert_array_equal(prepared.mask, np.isfinite(expected))
    assert 0.2 < prepared.mask.mean() <= 1.0
    difference = (hounsfield(prepared.values[0], spec) - np.clip(expected, -1000, 1000))[prepared.mask]
    assert np.abs(difference).max() < 0.02


@pytest.mark.parametrize("name", ["elastix/3DCT_lung.mha", "totalsegmentator/aorta_ct_cropped.nii.gz"])
@pytest.mark.skipif(not (DATA / "ct").is_dir(), reason="MEDCLIP_TEST_DATA is not set")
def test_a_real_volume_has_the_geometry_of_simpleitk(name: str) -> None:
    picture = sitk.ReadImage(str(DATA / "ct" / name))
    axes = np.reshape(picture.GetDirection(), (3, 3)).T[::-1]
    array = sitk.GetArrayFromImage(picture).astype(np.float32)
    described = {"spacing_mm": picture.GetSpacing()[::-1], "origin_mm": picture.GetOrigin()}
    sample = Sample("demo", array, "r", direction=tuple(axes.ravel().tolist()), **described)
    spec = VolumeSpec("demo", (60, 70, 80), (1.3, 1.2, 1.1))
    prepared = spec.prepare(sample)
    expected = resampled_by_simpleitk(sample, spec, np.array((HEAD, BACK, LEFT)))
    np.testing.assert_array_equal(prepared.mask, np.isfinite(expected))
    difference = hounsfield(prepared.values[0], spec) - np.clip(expected, -1000, 1000)
    assert np.abs(difference[prepared.mask]).max() < 0.1


def test_one_patient_scanned_in_any_orientation_looks_the_same() -> None:
    upright = volume((40, 44, 48), (1.0, 1.0, 1.0))
    expected = SPEC.prepare(upright)
    reversed_axes = upright.replace(
        array=np.ascontiguousarray(np.transpose(upright.array[::-1, :, ::-1], (2, 0, 1))),
        direction=(*RIGHT, *FEET, *BACK),
    )
    found = SPEC.prepare(reversed_axes)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-5)
    np.testing.assert_array_equal(found.mask, expected.mask)
    assert found.values.flags.c_contiguous


def test_what_is_made_coarser_is_averaged() -> None:
    sample = volume((48, 48, 48), (0.5, 0.5, 0.5), origin_mm=(-17.0, 5.0, 4.0))
    noisy = sample.replace(
        array=sample.array + np.random.default_rng(0).normal(0, 100, sample.array.shape).astype(np.float32)
    )
    spec = VolumeSpec("demo", (10, 10, 10), (2.0, 2.0, 2.0))
    difference = hounsfield(spec.prepare(noisy).values) - hounsfield(spec.prepare(sample).values)
    # A triangle of half width 4 along three axes leaves sqrt((2/3) / 4) ** 3 of the noise, 7 of 100 HU.
    assert difference.std() == pytest.approx(100 * (2 / 3 / 4) ** 1.5, rel=0.15)


def test_the_window_and_its_padding() -> None:
    sample = volume((30, 20, 20), (1.0, 1.0, 1.0), origin_mm=(-17.0, 5.0, 4.0))
    spec = VolumeSpec("demo", (30, 20, 26), (1.0, 1.0, 1.0), window_hu=(-500, 300), scaling="zero_one")
    prepared = spec.prepare(sample)
    expected = (np.clip(sample.array, -500, 300) + 500) / 800
    np.testing.assert_allclose(prepared.values[0, :, :, 3:23], expected, atol=1e-6)
    assert not prepared.mask[..., :3].any()
    assert not prepared.mask[..., 23:].any()
    assert prepared.mask[..., 3:23].all()
    assert (prepared.values[0][~prepared.mask] == 0).all()
    assert (VolumeSpec("demo", (30, 20, 26), (1.0, 1.0, 1.0)).prepare(sample).values[0][~prepared.mask] == -1).all()


def test_what_was_cut_off_interpolated_or_left_empty_is_said() -> None:
    assert SPEC.prepare(volume((40, 36, 42), (1.0, 1.0, 1.0))).notes == ()
    long = SPEC.prepare(volume((16, 30, 40), (5.0, 1.0, 1.0)))
    assert long.notes == (
        "from feet to head one voxel every 5 mm: interpolated to 2 mm",
        "from feet to head 40 of 80 mm used",
    )
    small = SPEC.prepare(volume((20, 16, 42), (1.0, 1.5, 1.0)))
    assert small.notes == ("a small volume: 67 % of the model's input is empty",)
    tilted = SPEC.prepare(volume((40, 36, 42), (1.0, 1.0, 1.0), turned(20)))
    assert tilted.notes == ("the slices are tilted by 20 degrees, and were left so",)


def test_missing_voxels_are_masked_and_do_not_pull_their_neighbours_down() -> None:
    sample = volume((40, 36, 42), (1.0, 1.0, 1.0))
    holed = sample.array.copy()
    holed[:10] = np.nan
    whole, prepared = SPEC.prepare(sample), SPEC.prepare(sample.replace(array=holed))
    assert not prepared.mask[:5].any()
    assert (prepared.values[0, :5] == -1).all()
    assert prepared.mask[5:].all()
    np.testing.assert_allclose(prepared.values[0, 6:], whole.values[0, 6:], atol=1e-6)
    np.testing.assert_allclose(prepared.values[0, 5], whole.values[0, 5], atol=0.05)
    assert prepared.notes == ("25.0 % of the voxels are missing and masked",)


def test_a_patient_off_centre_is_found() -> None:
    array = np.full((32, 80, 80), -1000.0, np.float32)
    array[:, 50:70, 10:30] = 40.0
    array[16, 60, 20] = 1000.0
    sample = Sample("demo", array, "r", spacing_mm=(1.0, 1.0, 1.0), direction=(*HEAD, *FRONT, *LEFT))
    spec = VolumeSpec("demo", (32, 24, 24), (1.0, 1.0, 1.0), centre="body")
    body = spec.prepare(sample).values[0] > -0.5
    # Every fourth voxel is looked at, so the middle is found within two.
    middle = [np.average(np.arange(n), weights=body.sum(axis=axes)) for n, axes in ((24, (0, 2)), (24, (0, 1)))]
    assert middle == pytest.approx([11.5, 11.5], abs=2.0)
    assert body.sum() == pytest.approx(32 * 20 * 20, rel=0.1)
    tokens = np.zeros((32, 24, 24))
    tokens[np.unravel_index(spec.prepare(sample).values[0].argmax(), tokens.shape)] = 1.0
    restored = np.nan_to_num(spec.restore(tokens, sample))
    np.testing.assert_allclose(np.unravel_index(restored.argmax(), restored.shape), (16, 60, 20), atol=1)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (volume((20, 20, 20), (2, 2, 2)).replace(modality="other"), "another kind of data"),
        (Sample("demo", np.zeros((64, 64), np.float32), "r"), "not a volume: received array of shape"),
        (volume((20, 20, 20), (2, 2, 2)).replace(spacing_mm=None), "spacing of the volume is unknown"),
        (volume((20, 20, 20), (2, 2, 2)).replace(direction=None), "direction of the volume is unknown"),
        (volume((15, 20, 20), (2, 2, 2)), "too few slices: received 15; allowed: at least 16"),
        (
            volume((15, 20, 20), (2, 2, 2)).replace(attributes={"shape_before_resampling": (12, 20, 20)}),
            "too few slices: received 15, resampled from 12 in the file; allowed: at least 16",
        ),
        (
            volume((15, 22, 20), (2, 2, 2)).replace(attributes={"shape_before_resampling": (15, 20, 20)}),
            "too few slices: received 15; allowed",
        ),
        # Slices are counted from foot to head, wherever that axis lies.
        (volume((20, 15, 20), (2, 2, 2), (*BACK, *HEAD, *LEFT)), "too few slices: received 15"),
    ],
)
def test_unusable_volumes_are_refused(sample: Sample, message: str) -> None:
    with pytest.raises(SignalError, match=message):
        SPEC.prepare(sample)


@pytest.mark.parametrize(
    "change",
    [
        lambda hu: (hu + 1000) / 2000,
        lambda hu: hu / 1000,
        lambda hu: np.clip((hu + 1000) / 8, 0, 255),
        lambda hu: hu + 1024,
        lambda hu: np.clip(hu, -1350, 150),
        lambda hu: np.clip(hu, -160, 240),
    ],
    ids=["zero to one", "minus one to one", "eight bits", "not rescaled", "lung window", "soft tissue window"],
)
def test_what_are_no_hounsfield_units_is_refused(change: Any) -> None:
    sample = volume((20, 30, 30), (2, 2, 2))
    with pytest.raises(SignalError, match="not in Hounsfield units, or was windowed before: received"):
        SPEC.prepare(sample.replace(array=change(sample.array).astype(np.float32)))


def test_a_volume_that_is_mostly_missing_is_refused() -> None:
    sample = volume((20, 20, 20), (2, 2, 2))
    sample.array[:12] = np.inf
    with pytest.raises(SignalError, match="most of the image is missing: received 3200 known of 8000"):
        SPEC.prepare(sample)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modality": None}, "modality"),
        ({"shape_dhw": (8, 8)}, "shape_dhw is malformed"),
        ({"shape_dhw": (8, 8, 8.5)}, "3 whole numbers above 0"),
        ({"shape_dhw": (8, 8, 5000)}, "up to 2048"),
        ({"shape_dhw": "abc"}, "shape_dhw is malformed: received 'abc'"),
        ({"spacing_mm": (1.0, 0.0, 1.0)}, "spacing_mm is malformed"),
        ({"spacing_mm": (1.0, float("nan"), 1.0)}, "spacing_mm is malformed"),
        ({"spacing_mm": 1.0}, "spacing_mm is malformed"),
        ({"window_hu": (100, -100)}, "window_hu is malformed"),
        ({"window_hu": (float("nan"), 100)}, "window_hu is malformed"),
        ({"window_hu": None}, "two numbers, the lower one first"),
        ({"scaling": "zscore"}, "unknown scaling: received zscore; allowed: minus_one_one, zero_one"),
        ({"centre": "heart"}, "unknown centre: received heart; allowed: middle, body"),
        ({"minimum_slices": 0}, "minimum_slices is malformed"),
    ],
)
def test_impossible_specifications_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VolumeSpec(**({"modality": "demo", "shape_dhw": (8, 8, 8), "spacing_mm": (2, 2, 2)} | changes))


def test_it_goes_into_a_bundle_and_comes_back() -> None:
    spec = VolumeSpec("demo", (8, 9, 10), (2, 1.5, 1), window_hu=(-900, 600), centre="body", minimum_slices=4)
    assert input_spec_from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert isinstance(spec, RestorableSpec)


def test_a_batch_is_its_records_prepared_one_by_one() -> None:
    samples = [volume((40, 36, 42), (1.0, 1.0, 1.0)), volume((17, 31, 40), (5.0, 1.0, 1.0), (*FEET, *BACK, *RIGHT))]
    batch = SPEC.prepare_batch(samples)
    for row, sample in enumerate(samples):
        alone = SPEC.prepare(sample)
        np.testing.assert_array_equal(batch.values[row], alone.values)
        np.testing.assert_array_equal(batch.mask[row], alone.mask)
        assert batch.notes[row] == alone.notes


ORIENTATIONS = [(*HEAD, *BACK, *LEFT), (*FEET, *FRONT, *LEFT), (*RIGHT, *HEAD, *FRONT), turned(15)]


@pytest.mark.parametrize("direction", ORIENTATIONS)
def test_what_was_prepared_comes_back_where_it_was(direction: tuple[float, ...]) -> None:
    sample = volume((47, 45, 39), (1.1, 0.9, 1.2), direction)
    spec = VolumeSpec("demo", (30, 30, 30), (1.5, 1.2, 1.4))
    before = sample.array.copy()
    restored = spec.restore(hounsfield(spec.prepare(sample).values[0]), sample)
    assert restored.shape == sample.array.shape
    assert restored.dtype == np.float32
    seen = np.isfinite(restored)
    assert 0.3 < seen.mean() < 1
    inner = tuple(slice(3, -3) for _ in range(3))
    difference = np.abs(np.clip(sample.array, -1000, 1000) - restored)
    # The outermost half cell is held, not continued; elsewhere smoothing and interpolation cost little.
    limits = np.nanquantile(difference, [0.5, 0.9])
    assert limits[0] < 6
    assert limits[1] < 25
    for axis in range(3):
        moved = np.abs(np.roll(sample.array, 1, axis=axis) - restored)[inner]
        assert np.nanquantile(moved, 0.5) > 2 * limits[0]
    np.testing.assert_array_equal(before, sample.array)


@pytest.mark.parametrize("direction", ORIENTATIONS)
@pytest.mark.parametrize("token", list(itertools.product((1, 2), (1, 3), (2,))))
def test_a_hot_token_lands_in_the_patient_where_its_patch_was(
    direction: tuple[float, ...], token: tuple[int, int, int]
) -> None:
    """The same physical place by two ways: through restore, and from the middle of the volume along its axes."""
    spec = VolumeSpec("demo", (32, 40, 40), (1.5, 1.0, 1.2))
    sample = volume((61, 59, 63), (1.0, 1.1, 0.9), direction, origin_mm=(3.0, -8.0, 20.0))
    tokens = np.zeros((4, 5, 5))
    tokens[token] = 1.0
    restored = np.nan_to_num(spec.restore(tokens, sample)).astype(np.float64)
    picture = as_simpleitk(sample)
    centroid = [
        np.average(np.arange(n), weights=restored.sum(axis=tuple({0, 1, 2} - {axis})))
        for axis, n in enumerate(restored.shape)
    ]
    found = picture.TransformContinuousIndexToPhysicalPoint([float(place) for place in centroid[::-1]])
    middle = picture.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in picture.GetSize()])
    # Canonical axes of the prepared volume: those of the sample, each turned to head, back or left.
    own = np.reshape(direction, (3, 3))
    axes = [own[np.abs(own @ np.array(unit)).argmax()] for unit in (HEAD, BACK, LEFT)]
    axes = [axis * np.sign(axis @ np.array(unit)) for axis, unit in zip(axes, (HEAD, BACK, LEFT), strict=True)]
    expected = np.array(middle)
    for axis, index, n_tokens, n, step in zip(axes, token, tokens.shape, spec.shape_dhw, spec.spacing_mm, strict=True):
        expected = expected + axis * ((index + 0.5) / n_tokens - 0.5) * n * step
    np.testing.assert_allclose(found, expected, atol=0.1)


@pytest.mark.parametrize("grid", [np.zeros((4, 4)), np.zeros((1, 4, 4, 4)), np.zeros((4, 0, 4))])
def test_what_is_no_grid_is_refused(grid: np.ndarray) -> None:
    with pytest.raises(InputError, match="numbers along 3 axes"):
        SPEC.restore(grid, volume((20, 20, 20), (2, 2, 2)))
