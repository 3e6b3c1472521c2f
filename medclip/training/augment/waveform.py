"""Random changes of a recording that leave its findings as they are."""

from __future__ import annotations

import torch
from torch import Tensor

from medclip.core.errors import ConfigError
from medclip.core.input_spec import InputSpec
from medclip.training.augment.augmentation import Augmentation, check_kind

__all__ = ["WaveformAugmentation"]


class WaveformAugmentation(Augmentation):
    """Shift, scale, noise, wander and missing channels, drawn anew for every recording of a batch.

    Args:
        shift_s: Largest shift in time, as a rotation of the recording.
        scale: Amplitude is multiplied by a factor between ``1 / (1 + scale)`` and ``1 + scale``; at 0.25 a recording
            of 4 mV stays between 3.2 and 5 mV, so that high voltage remains recognisable.
        noise: Largest deviation of white noise, in the unit of the input.
        wander: Largest amplitude of a slow baseline, in the unit of the input, of 0.05 to 0.5 Hz (breathing).
        mask_channels: Probability that a channel is emptied, so that the encoder learns to do without it.
        sampling_rate_hz: Rate of the input.

    Raises:
        ConfigError: A value is out of range.
    """

    def __init__(
        self,
        *,
        sampling_rate_hz: float,
        shift_s: float = 1.0,
        scale: float = 0.25,
        noise: float = 0.02,
        wander: float = 0.0,
        mask_channels: float = 0.1,
    ) -> None:
        super().__init__()
        if min(shift_s, scale, noise, wander, mask_channels) < 0 or mask_channels >= 1:
            raise ConfigError("an augmentation is out of range", allowed="all at least 0, mask_channels below 1")
        self.sampling_rate_hz = sampling_rate_hz
        self.shift_s = shift_s
        self.scale = scale
        self.noise = noise
        self.wander = wander
        self.mask_channels = mask_channels

    def check(self, spec: InputSpec) -> None:
        """Check that the specification is one of waveforms, at the same rate; raise ``ConfigError`` if not."""
        check_kind(self, spec, "waveform")
        rate = getattr(spec, "sampling_rate_hz", self.sampling_rate_hz)
        if rate != self.sampling_rate_hz:
            raise ConfigError(
                "augmentation and input specification state different rates",
                received=f"{self.sampling_rate_hz} Hz and {rate} Hz",
            )

    @torch.no_grad()
    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Change ``(B, C, T)`` and shift its mask ``(B, T)`` along; new tensors are returned."""
        x, mask = self._shift(x, mask)
        low, high = 1.0 / (1.0 + self.scale), 1.0 + self.scale
        x = x * torch.empty(len(x), 1, 1, device=x.device, dtype=x.dtype).uniform_(low, high)
        if self.noise:
            x = x + self.noise * torch.rand(len(x), 1, 1, device=x.device) * torch.randn_like(x)
        if self.wander:
            x = x + self._slow_baseline(x)
        if self.mask_channels:
            x = x.masked_fill(torch.rand(*x.shape[:2], 1, device=x.device) < self.mask_channels, 0.0)
        return x, mask

    def _shift(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Rotate each recording by its own offset."""
        most = int(self.shift_s * self.sampling_rate_hz)
        if most == 0:
            return x.clone(), mask
        offsets = torch.randint(-most, most + 1, (len(x),)).tolist()
        rotated = torch.stack([row.roll(offset, -1) for row, offset in zip(x, offsets, strict=True)])
        if bool(mask.all()):
            return rotated, mask
        return rotated, torch.stack([row.roll(offset, -1) for row, offset in zip(mask, offsets, strict=True)])

    def _slow_baseline(self, x: Tensor) -> Tensor:
        time_s = torch.arange(x.shape[-1], device=x.device) / self.sampling_rate_hz
        draws = torch.rand(3, *x.shape[:2], 1, device=x.device)
        frequency_hz = 0.05 + 0.45 * draws[0]
        return self.wander * draws[1] * torch.sin(2 * torch.pi * (frequency_hz * time_s + draws[2]))
