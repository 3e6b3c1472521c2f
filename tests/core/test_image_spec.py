"""Images prepared for an encoder, and back again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from medclip.core.errors import ConfigError, InputError, SignalError
from medclip.core.image_spec import ImageSpec
from medclip.core.input_spec import RestorableSpec, input_spec_from_dict
from medclip.core.sample import Sample

SPEC = ImageSpec("demo", 64, 48)


def image(array: np.ndarray, spacing_mm: tuple[float, float] | None = None) -> Sample:
    return Sample("demo", array.astype(np.float32), "r1", spacing_mm=spacing_mm)


def smooth_picture(height: int, width: int) -> np.ndarray:
    """Slow waves in 0.1 to 0.9 that no symmetry maps onto itself."""
    rows, columns = np.mgrid[0:height, 0:width]
    return (0.5 + 0.25 * np.sin(rows / 15 + 0.4) + 0.15 * np.cos(columns / 11 + rows / 40)).astype(np.float32)


def test_the_whole_image_is_shown_and_what_it_does_not_fill_is_masked() -> None:
    picture = smooth_picture(100, 150)
    prepared = SPEC.prepare(image(picture))
    # 150 columns become 48, so 100 rows become 32: 16 rows above and below are empty.
    assert prepared.values.shape == SPEC.shape == (1, 64, 48)
    assert prepared.mask.shape == (64, 48)
    assert prepared.mask[16:48].all()
    assert not prepared.mask[:16].any()
    assert not prepared.mask[48:].any()
    assert not prepared.values[0][~prepared.mask].any()
    expected = functional.interpolate(torch.from_numpy(picture)[None, None], (32, 48), mode="bilinear", antialias=True)
    np.testing.assert_allclose(prepared.values[0, 16:48], expected[0, 0].numpy(), atol=2e-6)
    assert prepared.notes == ("an elongated image: 50 % of the model's input is empty",)


def test_a_crop_takes_the_middle_and_keeps_the_ratio() -> None:
    picture = smooth_picture(128, 192)
    prepared = ImageSpec("demo", 64, 64, fit="crop").prepare(image(picture))
    expected = functional.interpolate(
        torch.from_numpy(picture[None, None, :, 32:160]), (64, 64), mode="bilinear", antialias=True
    )
    # The outermost columns of the crop see beyond it, which a picture cut before it is shrunk does not.
    np.testing.assert_allclose(prepared.values[0, :, 1:-1], expected[0, 0, :, 1:-1].numpy(), atol=2e-6)
    assert prepared.mask.all()
    assert prepared.notes == ("the middle 67 % of the image used",)


def test_a_disc_stays_round_whatever_the_pixels_are() -> None:
    rows, columns = np.mgrid[0:200, 0:100]
    # 0.5 mm a row and 1 mm a column: a disc of 40 mm is 80 rows and 40 columns.
    disc = np.hypot((rows - 99.5) * 0.5, (columns - 49.5) * 1.0) < 20
    prepared = ImageSpec("demo", 100, 100).prepare(image(disc.astype(np.float32), (0.5, 1.0)))
    seen = prepared.values[0] > 0.5
    assert (seen.any(axis=1).sum(), seen.any(axis=0).sum()) == (40, 40)
    assert prepared.mask.all()
    assert prepared.notes == ("pixels of 0.5 x 1 mm made square",)
    stretched = ImageSpec("demo", 100, 100).prepare(image(disc.astype(np.float32)))
    seen = stretched.values[0] > 0.5
    assert (seen.any(axis=1).sum(), seen.any(axis=0).sum()) == (40, 20)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, lambda values, seen: values),
        ({"scaling": "minus_one_one"}, lambda values, seen: 2 * values - 1),
        ({"scaling": "mean_std", "mean": 0.4, "std": 0.25}, lambda values, seen: (values - 0.4) / 0.25),
        ({"scaling": "zscore"}, lambda values, seen: (values - values[seen].mean()) / values[seen].std()),
    ],
)
def test_scaling_treats_padding_as_dark_air(options: dict[str, Any], expected: Any) -> None:
    sample = image(smooth_picture(90, 120))
    plain = SPEC.prepare(sample)
    scaled = ImageSpec("demo", 64, 48, **options).prepare(sample)
    np.testing.assert_allclose(scaled.values[0], expected(plain.values[0], plain.mask), atol=1e-5)
    assert scaled.values.dtype == np.float32
    np.testing.assert_array_equal(scaled.mask, plain.mask)


def test_missing_pixels_are_masked_and_do_not_darken_their_neighbours() -> None:
    picture = np.full((128, 96), 0.8, np.float32)
    picture[0, 0] = 0.2
    picture[40:60, 30:50] = np.nan
    prepared = SPEC.prepare(image(picture))
    seen = prepared.values[0][prepared.mask]
    np.testing.assert_allclose(np.delete(seen, 0), 0.8, atol=1e-6)
    assert np.isfinite(prepared.values).all()
    assert not prepared.mask[20:30, 15:25].any()
    assert prepared.mask.sum() == 64 * 48 - 100
    assert prepared.notes == ("3.3 % of the pixels are missing and masked",)


def test_a_small_image_is_enlarged_with_a_note() -> None:
    prepared = ImageSpec("demo", 128, 128).prepare(image(smooth_picture(40, 40)))
    assert prepared.notes == ("a small image, enlarged 3.2 times: it shows no fine detail",)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (Sample("other", np.zeros((64, 64), np.float32), "r"), "another kind of data: received other; allowed: demo"),
        (image(np.zeros((3, 64, 64))), "not an image of rows and columns: received 3 x 64 x 64"),
        (image(np.full((1, 1), 0.5)), "too small: received 1 x 1 pixels; allowed: at least 32 x 32"),
        (image(smooth_picture(31, 500)), "too small: received 31 x 500"),
        (image(smooth_picture(64, 64) * 255), r"not scaled to \[0, 1\]: received .* to "),
        (image(smooth_picture(64, 64) * 2 - 1), r"not scaled to \[0, 1\]: received -"),
        (image(np.zeros((64, 64))), "shows nothing: received the value 0 everywhere"),
        (image(np.full((64, 64), np.nan)), "most of the image is missing: received 0 known of 4096"),
        (image(np.where(np.arange(64) < 40, np.nan, smooth_picture(64, 64))), "most of the image is missing"),
        (
            Sample(
                "demo",
                np.zeros((64, 64), np.float32),
                "r",
                sampling_rate_hz=1,
                channel_names=tuple(map(str, range(64))),
            ),
            "not an image",
        ),
    ],
)
def test_unusable_images_are_refused(sample: Sample, message: str) -> None:
    with pytest.raises(SignalError, match=message):
        SPEC.prepare(sample)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modality": 3}, "modality"),
        ({"height": 0}, "size of an input specification is malformed"),
        ({"height": 64.0}, "size of an input specification is malformed"),
        ({"width": True}, "size of an input specification is malformed"),
        ({"width": 100_000}, "up to 8192"),
        ({"width": 4}, "too small to see anything"),
        ({"fit": "stretch"}, "unknown fit: received stretch; allowed: pad, crop"),
        ({"scaling": "minmax"}, "unknown scaling: received minmax"),
        ({"scaling": ["none"]}, "unknown scaling"),
        ({"scaling": "mean_std"}, "needs a mean and a std"),
        ({"scaling": "mean_std", "mean": 0.5, "std": 0.0}, "std above 0"),
        ({"scaling": "mean_std", "mean": "0.5", "std": 1.0}, "two numbers"),
        ({"scaling": "mean_std", "mean": float("nan"), "std": 1.0}, "two numbers"),
        ({"mean": 0.5}, "mean and std belong to the scaling mean_std"),
        ({"minimum_size_px": 0}, "minimum_size_px is malformed: received .0,"),
    ],
)
def test_impossible_specifications_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ImageSpec(**({"modality": "demo", "height": 64, "width": 48} | changes))


def test_it_goes_into_a_bundle_and_comes_back() -> None:
    spec = ImageSpec("demo", 64, 48, fit="crop", scaling="mean_std", mean=0.4, std=0.2, minimum_size_px=100)
    assert input_spec_from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert isinstance(spec, RestorableSpec)


def test_a_batch_is_its_records_prepared_one_by_one() -> None:
    samples = [image(smooth_picture(100, 150)), image(smooth_picture(77, 45), (0.2, 0.3))]
    batch = SPEC.prepare_batch(samples)
    for row, sample in enumerate(samples):
        alone = SPEC.prepare(sample)
        np.testing.assert_array_equal(batch.values[row], alone.values)
        np.testing.assert_array_equal(batch.mask[row], alone.mask)
        assert batch.notes[row] == alone.notes
    empty = SPEC.prepare_batch([])
    assert (empty.values.shape, empty.mask.shape) == ((0, 1, 64, 48), (0, 64, 48))


@pytest.mark.parametrize("fit", ["pad", "crop"])
@pytest.mark.parametrize(("size", "spacing"), [((301, 198), None), ((150, 233), (0.4, 0.25)), ((70, 50), (0.3, 0.3))])
def test_what_was_prepared_comes_back_where_it_was(
    fit: Any, size: tuple[int, int], spacing: tuple[float, float] | None
) -> None:
    spec = ImageSpec("demo", 96, 80, fit=fit)
    sample = image(smooth_picture(*size), spacing)
    before = sample.array.copy()
    restored = spec.restore(spec.prepare(sample).values[0], sample)
    assert restored.shape == size
    assert restored.dtype == np.float32
    seen = np.isfinite(restored)
    assert seen.all() == (fit == "pad")
    assert seen.mean() > 0.4
    # At the border half a cell is held, not continued.
    inner = (slice(4, -4), slice(4, -4))
    difference = np.abs(restored - sample.array)[inner]
    assert np.nanmax(difference) < 0.02
    # Half a pixel aside would be seen: the picture moves by more than this.
    moved = np.abs(restored[inner] - np.roll(sample.array, 1, axis=0)[inner])
    assert np.nanmax(moved) > 2 * np.nanmean(difference)
    np.testing.assert_array_equal(before, sample.array)


@pytest.mark.parametrize("token", [(2, 3), (5, 2)])
@pytest.mark.parametrize(
    ("fit", "size", "spacing"),
    [("pad", (201, 143), (1.0, 1.0)), ("pad", (120, 301), (0.4, 0.2)), ("crop", (201, 143), (0.2, 0.3))],
)
def test_a_hot_token_lands_where_its_patch_was(
    fit: Any, size: tuple[int, int], spacing: tuple[float, float], token: tuple[int, int]
) -> None:
    spec = ImageSpec("demo", 64, 56, fit=fit)
    tokens = np.zeros((8, 7))
    tokens[token] = 1.0
    restored = np.nan_to_num(spec.restore(tokens, image(smooth_picture(*size), spacing)))
    # In millimetres from the middle of the image, which is the middle of what the encoder sees.
    extent = [n * step for n, step in zip(size, spacing, strict=True)]
    pixel_mm = (max if fit == "pad" else min)(extent[0] / 64, extent[1] / 56)
    expected = [((index + 0.5) * 8 - n / 2) * pixel_mm for index, n in zip(token, (64, 56), strict=True)]
    for axis in (0, 1):
        weight = restored.sum(axis=1 - axis)
        places = (np.arange(size[axis]) + 0.5) * spacing[axis] - extent[axis] / 2
        if weight[0] == weight[-1] == 0:
            assert np.average(places, weights=weight) == pytest.approx(expected[axis], abs=0.1 * spacing[axis])
        assert places[weight.argmax()] == pytest.approx(expected[axis], abs=0.51 * spacing[axis])


def test_a_token_without_a_value_takes_nothing_from_its_neighbours() -> None:
    sample = image(smooth_picture(64, 48))
    tokens = np.ones((8, 6))
    tokens[:, :3] = np.nan
    restored = SPEC.restore(tokens, sample)
    assert np.isnan(restored[:, :19]).all()
    np.testing.assert_allclose(restored[:, 24:], 1.0)


def test_missing_pixels_stay_missing_on_the_way_back() -> None:
    picture = smooth_picture(64, 48)
    picture[10:20, 10:20] = np.nan
    restored = SPEC.restore(np.ones((64, 48)), image(picture))
    np.testing.assert_array_equal(np.isnan(restored), np.isnan(picture))


@pytest.mark.parametrize("grid", [np.zeros(12), np.zeros((1, 8, 6)), np.zeros((0, 6)), np.array([["a"]])])
def test_what_is_no_grid_is_refused(grid: np.ndarray) -> None:
    with pytest.raises(InputError, match="one axis for each of the image's"):
        SPEC.restore(grid, image(smooth_picture(64, 48)))
