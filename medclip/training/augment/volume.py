"""Random changes of volumes."""

from __future__ import annotations

import torch
from torch import Tensor

from medclip.core.errors import ConfigError
from medclip.core.input_spec import InputSpec
from medclip.training.augment._moving import move, per_record, uniform
from medclip.training.augment.augmentation import Augmentation, check_kind

__all__ = ["VolumeAugmentation"]

_LARGEST_SLAB = 0.2


class VolumeAugmentation(Augmentation):
    """Where a patient lies, how large, how noisy the scan is, and slices that are missing.

    Nothing is mirrored: left and right are part of the diagnosis.

    Args:
        hu_per_unit: Hounsfield units of a difference of 1 in the input: the width of the window for inputs in [0, 1],
            half of it for inputs in [-1, 1].
        shift: Largest shift along each axis, as a share of it, up to 0.5.
        scale: The volume is magnified by a factor between ``1 / (1 + scale)`` and ``1 + scale``, up to 0.5.
        noise_hu: Largest deviation of white noise.
        slab: Probability that up to a fifth of the slices, next to each other, are masked.

    Raises:
        ConfigError: A value is out of range.
    """

    def __init__(
        self,
        *,
        hu_per_unit: float,
        shift: float = 0.05,
        scale: float = 0.1,
        noise_hu: float = 20.0,
        slab: float = 0.1,
    ) -> None:
        super().__init__()
        if hu_per_unit <= 0 or min(shift, scale, noise_hu, slab) < 0 or max(shift, scale) > 0.5 or slab > 1:
            raise ConfigError(
                "an augmentation is out of range",
                allowed="hu_per_unit above 0, all others at least 0, shift and scale up to 0.5, slab up to 1",
            )
        self.hu_per_unit = hu_per_unit
        self.shift = shift
        self.scale = scale
        self.noise_hu = noise_hu
        self.slab = slab

    def check(self, spec: InputSpec) -> None:
        """Check that the specification is one of volumes, in the same unit; raise ``ConfigError`` if not."""
        check_kind(self, spec, "volume")
        expected = getattr(spec, "hu_per_unit", self.hu_per_unit)
        if expected != self.hu_per_unit:
            raise ConfigError(
                "augmentation and input specification have different units",
                received=f"hu_per_unit {self.hu_per_unit:g}",
                allowed=f"{expected:g} for that window and scaling",
            )

    @torch.no_grad()
    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Change ``(B, 1, depth, height, width)`` and its mask ``(B, depth, height, width)``; both are new tensors."""
        low, high = (find(x, dim=(1, 2, 3, 4), keepdim=True) for find in (torch.amin, torch.amax))
        if self.shift or self.scale:
            factor = (1.0 + self.scale) ** uniform(x, len(x))
            turns = torch.eye(3, device=x.device) / factor[:, None, None]
            x, mask = move(x, mask, turns, self.shift * uniform(x, len(x), 3))
        else:
            x, mask = x.clone(), mask.clone()
        if self.noise_hu:
            deviation = per_record(uniform(x, len(x), low=0.0, high=self.noise_hu / self.hu_per_unit), x)
            # A scanner's noise goes through the window as everything does.
            noisy = torch.clamp(x + deviation * torch.randn_like(x), low, high)
            x = torch.where(mask[:, None], noisy, x)
        if self.slab:
            hidden = self._slabs(x)
            x, mask = torch.where(hidden[:, None], low, x), mask & ~hidden
        return x, mask

    def _slabs(self, x: Tensor) -> Tensor:
        """Return ``(B, depth, 1, 1)``, which slices are masked."""
        places = (torch.arange(x.shape[2], device=x.device) + 0.5) / x.shape[2]
        length = uniform(x, len(x), low=0.0, high=_LARGEST_SLAB)
        start = uniform(x, len(x), low=0.0) * (1 - length)
        inside = (places >= start[:, None]) & (places < (start + length)[:, None])
        chosen = uniform(x, len(x), low=0.0) < self.slab
        return (inside & chosen[:, None])[..., None, None]
