"""Changes of images and volumes: within their limits, the mask along, and never mirrored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from medclip.core.errors import ConfigError
from medclip.core.image_spec import ImageSpec
from medclip.core.volume_spec import VolumeSpec
from medclip.core.waveform_spec import WaveformSpec
from medclip.training.augment import Augmentation, ImageAugmentation, VolumeAugmentation, WaveformAugmentation
from medclip.training.augment._moving import move

STILL = {"rotation_degrees": 0.0, "scale": 0.0, "shift": 0.0, "brightness": 0.0, "contrast": 0.0, "noise": 0.0}
STRONGEST = {"rotation_degrees": 10.0, "scale": 0.2, "shift": 0.1, "brightness": 0.3, "contrast": 0.3, "noise": 0.1}


def images(n_records: int = 4, height: int = 40, width: int = 56) -> torch.Tensor:
    return torch.rand(n_records, 1, height, width, generator=torch.Generator().manual_seed(1))


def whole(x: torch.Tensor) -> torch.Tensor:
    return torch.ones(len(x), *x.shape[2:], dtype=torch.bool)


def changed(x: torch.Tensor, mask: torch.Tensor | None = None, **on: float) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    found: tuple[torch.Tensor, torch.Tensor] = ImageAugmentation(**(STILL | {"erase": 0.0} | on))(
        x, whole(x) if mask is None else mask
    )
    return found


def lopsided(*shape: int) -> torch.Tensor:
    """A bright block in the first half of the last axis, a fainter one in the second, in front of dark air."""
    picture = torch.zeros(shape)
    width = shape[-1]
    picture[..., shape[-2] // 4 : -shape[-2] // 4, width // 6 : 2 * width // 5] = 1.0
    picture[..., shape[-2] // 3 : -shape[-2] // 3, 3 * width // 5 : 3 * width // 4] = 0.3
    return picture


@pytest.mark.parametrize(
    ("augmentation", "shape"),
    [
        (ImageAugmentation(**STRONGEST, erase=0.0), (64, 48)),
        (VolumeAugmentation(hu_per_unit=1000.0, shift=0.1, scale=0.2, noise_hu=100.0, slab=0.0), (12, 24, 32)),
    ],
)
def test_an_asymmetric_picture_keeps_its_side(augmentation: Augmentation, shape: tuple[int, ...]) -> None:
    """Situs inversus, a tension pneumothorax and the word left in a report all depend on it."""
    torch.manual_seed(0)
    x = lopsided(*shape).expand(200, 1, *shape)
    found, _ = augmentation(x, whole(x))
    halves = found.clamp_min(0.5).float().flatten(1, -2).mean(dim=1)
    left, right = halves[:, : shape[-1] // 2].sum(dim=1), halves[:, shape[-1] // 2 :].sum(dim=1)
    assert bool((left > right).all())
    mirrored, original = x.flip(-1).flatten(1), x.flatten(1)
    centred = found.flatten(1) - found.flatten(1).mean(dim=1, keepdim=True)
    assert bool(((centred * original).sum(dim=1) > (centred * mirrored).sum(dim=1)).all())


def test_all_off_changes_nothing_and_the_input_is_never_changed() -> None:
    x, mask = images(), whole(images())
    mask[:, :5] = False
    same, kept = changed(x, mask)
    assert torch.equal(same, x)
    assert torch.equal(kept, mask)
    before, mask_before = x.clone(), mask.clone()
    changed(x, mask, **STRONGEST, erase=1.0)
    assert torch.equal(x, before)
    assert torch.equal(mask, mask_before)


@pytest.mark.parametrize("shape", [(31, 45), (9, 16, 21)])
def test_moving_is_that_of_scipy(shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    picture = ndimage.gaussian_filter(generator.random(shape), 1.5).astype(np.float32)
    turn = np.eye(len(shape)) * 0.9
    turn[-2:, -2:] = 0.9 * np.array([[np.cos(0.15), -np.sin(0.15)], [np.sin(0.15), np.cos(0.15)]])
    shift = np.linspace(-0.1, 0.08, len(shape))
    middle = (np.array(shape) - 1) / 2
    offset = middle + shift * np.array(shape) - turn @ middle
    darkest = float(picture.min())
    expected = ndimage.affine_transform(picture - darkest, turn, offset, order=1, cval=0.0) + darkest
    x = torch.from_numpy(picture)[None, None]
    found, seen = move(x, whole(x), torch.tensor(turn[None]).float(), torch.tensor(shift[None]).float())
    inside = ndimage.affine_transform(np.ones(shape), turn, offset, order=1, cval=0.0) > 0.999
    np.testing.assert_allclose(found[0, 0].numpy()[inside], expected[inside], atol=1e-4)
    assert seen[0].numpy()[inside].all()
    assert not seen.all()
    np.testing.assert_array_equal(found[0, 0].numpy()[~seen[0].numpy()], np.float32(darkest))


def test_rotation_stays_within_its_limit_and_goes_both_ways() -> None:
    x = torch.zeros(300, 1, 101, 101)
    x[:, :, 48:53, 70:90] = 1.0
    found, _ = changed(x, rotation_degrees=10.0)
    places = torch.arange(101.0) - 50
    weight = found[:, 0].flatten(1).sum(dim=1)
    rows = (found[:, 0].sum(dim=2) * places).sum(dim=1) / weight
    columns = (found[:, 0].sum(dim=1) * places).sum(dim=1) / weight
    angles = torch.rad2deg(torch.atan2(rows, columns))
    assert float(angles.abs().max()) <= 10.1
    assert float(angles.min()) < -8
    assert float(angles.max()) > 8


def test_exposure_changes_what_is_seen_and_nothing_else() -> None:
    x = images(200)
    mask = whole(x)
    mask[:, :, :10] = False
    x = torch.where(mask[:, None], x, torch.tensor(0.0))
    found, kept = changed(x, mask, brightness=0.2, contrast=0.25)
    assert torch.equal(kept, mask)
    assert not found[:, :, :, :10].any()
    before, after = x[..., 10:].flatten(1), found[..., 10:].flatten(1)
    ratio = after.std(dim=1) / before.std(dim=1)
    offset = (after.mean(dim=1) - before.mean(dim=1)) / before.std(dim=1)
    assert 0.8 - 1e-4 <= float(ratio.min()) < 0.85
    assert 1.2 < float(ratio.max()) <= 1.25 + 1e-4
    assert 0.17 < float(offset.abs().max()) <= 0.201


def test_noise_is_as_large_as_said_in_the_image_s_own_units() -> None:
    x = images(100) * 50 + 7
    noise = (changed(x, noise=0.1)[0] - x).flatten(1).std(dim=1) / x.flatten(1).std(dim=1)
    assert float(noise.max()) <= 0.11
    assert float(noise.mean()) == pytest.approx(0.05, abs=0.01)


def test_what_is_erased_is_masked_and_dark() -> None:
    x = images(200, 100, 80) + 1
    found, mask = changed(x, erase=0.5)
    n_hidden = (~mask).sum(dim=(1, 2))
    assert 60 < int((n_hidden > 0).sum()) < 140
    hidden = n_hidden[n_hidden > 0]
    assert int(hidden.min()) >= 0.01 * 0.8 * 8000
    assert int(hidden.max()) <= 26 * 21
    for record in range(10):
        assert torch.equal(found[record, 0][mask[record]], x[record, 0][mask[record]])
        assert bool((found[record, 0][~mask[record]] == x[record].min()).all())


def test_a_volume_s_noise_is_in_hounsfield_units_and_stays_in_the_window() -> None:
    torch.manual_seed(0)
    x = torch.zeros(60, 1, 8, 16, 16)
    x[:, :, 0], x[:, :, -1] = -1.0, 1.0
    augment = VolumeAugmentation(hu_per_unit=500.0, shift=0.0, scale=0.0, noise_hu=50.0, slab=0.0)
    found, mask = augment(x, whole(x))
    noise = 500 * found[:, :, 1:-1].flatten(1).std(dim=1)
    assert float(noise.max()) <= 53
    assert float(noise.mean()) == pytest.approx(25, abs=4)
    assert float(found.abs().max()) == 1.0
    assert bool(mask.all())


def test_slabs_are_slices_next_to_each_other() -> None:
    torch.manual_seed(0)
    x = torch.rand(200, 1, 20, 6, 7)
    found, mask = VolumeAugmentation(hu_per_unit=1.0, shift=0.0, scale=0.0, noise_hu=0.0, slab=0.5)(x, whole(x))
    hidden = ~mask.any(dim=(2, 3))
    assert torch.equal(hidden[:, :, None, None].expand_as(mask), ~mask)
    n_hidden = hidden.sum(dim=1)
    assert 1 <= int(n_hidden.max()) <= 4
    assert 50 < int((n_hidden > 0).sum()) < 120
    assert int((hidden[:, 1:] != hidden[:, :-1]).sum(dim=1).max()) <= 2
    darkest = x.amin(dim=(1, 2, 3, 4))
    record = int(n_hidden.argmax())
    assert bool((found[record, 0][~mask[record]] == darkest[record]).all())


def test_the_same_seed_draws_the_same_changes() -> None:
    x = images()
    assert torch.equal(changed(x, **STRONGEST, erase=1.0)[0], changed(x, **STRONGEST, erase=1.0)[0])


def test_half_precision_goes_in_and_out() -> None:
    found, mask = changed(images().bfloat16(), **STRONGEST, erase=0.5)
    assert found.dtype == torch.bfloat16
    assert mask.dtype == torch.bool


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (ImageAugmentation, {"rotation_degrees": 11.0}),
        (ImageAugmentation, {"rotation_degrees": -1.0}),
        (ImageAugmentation, {"scale": 0.6}),
        (ImageAugmentation, {"noise": -0.1}),
        (ImageAugmentation, {"erase": 1.5}),
        (VolumeAugmentation, {"hu_per_unit": 0.0}),
        (VolumeAugmentation, {"hu_per_unit": 1.0, "shift": 0.7}),
        (VolumeAugmentation, {"hu_per_unit": 1.0, "slab": -0.1}),
    ],
)
def test_what_is_out_of_range_is_refused(make: Any, options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        make(**options)


WAVEFORM = WaveformSpec("demo", 100, 5, ("I",))
IMAGE = ImageSpec("demo", 32, 32)
VOLUME = VolumeSpec("demo", (8, 8, 8), (1, 1, 1), window_hu=(-1000, 600))


def test_an_augmentation_knows_what_it_is_for() -> None:
    WaveformAugmentation(sampling_rate_hz=100).check(WAVEFORM)
    ImageAugmentation().check(IMAGE)
    VolumeAugmentation(hu_per_unit=800).check(VOLUME)
    with pytest.raises(ConfigError, match="different rates: received 50 Hz and 100 Hz"):
        WaveformAugmentation(sampling_rate_hz=50).check(WAVEFORM)
    with pytest.raises(ConfigError, match="received hu_per_unit 1600; allowed: 800 for that window"):
        VolumeAugmentation(hu_per_unit=1600).check(VOLUME)
    for augmentation, spec in ((ImageAugmentation(), VOLUME), (VolumeAugmentation(hu_per_unit=1), WAVEFORM)):
        with pytest.raises(ConfigError, match=f"Augmentation does not fit .* of demo: received {spec.kind}; allowed"):
            augmentation.check(spec)
    with pytest.raises(ConfigError, match="received image; allowed: waveform"):
        WaveformAugmentation(sampling_rate_hz=50).check(IMAGE)
