from __future__ import annotations

import pytest
import torch

from medclip.core.errors import ConfigError
from medclip.training.augment import WaveformAugmentation

RATE = 100.0
OFF = {"shift_s": 0.0, "scale": 0.0, "noise": 0.0, "wander": 0.0, "mask_channels": 0.0}


def augmented(x: torch.Tensor, mask: torch.Tensor | None = None, **on: float) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    mask = torch.ones(len(x), x.shape[-1], dtype=torch.bool) if mask is None else mask
    return WaveformAugmentation(sampling_rate_hz=RATE, **(OFF | on))(x, mask)


def test_all_off_changes_nothing_and_the_input_is_never_changed() -> None:
    x = torch.randn(3, 12, 500)
    same, mask = augmented(x)
    assert torch.equal(same, x)
    assert bool(mask.all())
    before = x.clone()
    augmented(x, shift_s=1.0, scale=0.25, noise=0.02, wander=0.1, mask_channels=0.5)
    assert torch.equal(x, before)


def test_shift_rotates_record_and_mask_together_within_its_limit() -> None:
    x = torch.arange(500.0).repeat(64, 2, 1)
    mask = torch.ones(64, 500, dtype=torch.bool)
    mask[:, 400:] = False
    shifted, moved = augmented(x, mask, shift_s=0.5)
    offsets = set()
    for row, own in zip(shifted, moved, strict=True):
        offset = int(row[0].argmin())
        assert torch.equal(row, x[0].roll(offset, -1))
        assert torch.equal(own, mask[0].roll(offset))
        offsets.add((offset + 250) % 500 - 250)
    assert min(offsets) >= -50
    assert max(offsets) <= 50
    assert len(offsets) > 20


def test_scale_keeps_the_ratio_of_leads_and_stays_in_range() -> None:
    x = torch.rand(200, 3, 50) + 0.5
    factors = augmented(x, scale=0.25)[0] / x
    assert torch.allclose(factors, factors[:, :1, :1].expand_as(factors))
    assert float(factors.min()) >= 0.8 - 1e-6
    assert float(factors.max()) <= 1.25 + 1e-6
    assert float(factors.std()) > 0.05


def test_noise_is_white_and_no_larger_than_said() -> None:
    noise = augmented(torch.zeros(300, 2, 1000), noise=0.1)[0]
    deviations = noise.std(dim=(1, 2))
    assert float(deviations.max()) <= 0.105
    assert float(deviations.mean()) == pytest.approx(0.05, abs=0.01)


def test_wander_is_slow_and_bounded() -> None:
    wander = augmented(torch.zeros(20, 12, 4000), wander=0.3)[0]
    assert float(wander.abs().max()) <= 0.3
    power = torch.fft.rfft(wander * torch.hann_window(4000)).abs().square().mean((0, 1))
    frequency_hz = torch.fft.rfftfreq(4000, 1 / RATE)
    assert float(power[frequency_hz > 0.6].sum() / power.sum()) < 0.01


def test_channels_are_emptied_at_the_rate_said() -> None:
    x, _ = augmented(torch.ones(500, 12, 20), mask_channels=0.1)
    empty = (x == 0).all(-1)
    assert torch.equal(empty, (x == 0).any(-1))
    assert float(empty.float().mean()) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("name", ["shift_s", "scale", "noise", "wander", "mask_channels"])
def test_out_of_range(name: str) -> None:
    with pytest.raises(ConfigError, match="an augmentation is out of range"):
        WaveformAugmentation(sampling_rate_hz=RATE, **{name: -0.1})
    with pytest.raises(ConfigError, match="an augmentation is out of range"):
        WaveformAugmentation(sampling_rate_hz=RATE, mask_channels=1.0)
