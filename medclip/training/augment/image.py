"""Random changes of images of two axes."""

from __future__ import annotations

import torch
from torch import Tensor

from medclip.core.errors import ConfigError
from medclip.core.input_spec import InputSpec
from medclip.training.augment._moving import move, per_record, uniform
from medclip.training.augment.augmentation import Augmentation, check_kind

__all__ = ["ImageAugmentation"]

_LARGEST_ROTATION = 10.0
_ERASED_SHARE = (0.1, 0.25)


class ImageAugmentation(Augmentation):
    """How a patient stands, how an image is exposed, and what hides a part of it.

    Nothing is mirrored, and nothing is turned further than a patient leans: left and right are part of the diagnosis.

    Args:
        rotation_degrees: Largest rotation to either side, up to 10.
        scale: The image is magnified by a factor between ``1 / (1 + scale)`` and ``1 + scale``, up to 0.5.
        shift: Largest shift along each axis, as a share of it, up to 0.5.
        brightness: Largest offset, as a share of the deviation of the image's own pixels.
        contrast: Differences from the image's mean are multiplied by ``1 / (1 + contrast)`` to ``1 + contrast``.
        noise: Largest deviation of white noise, as a share of the deviation of the image's own pixels.
        erase: Probability that a rectangle of a tenth to a quarter of each side is masked.

    Raises:
        ConfigError: A value is out of range.
    """

    def __init__(
        self,
        *,
        rotation_degrees: float = 5.0,
        scale: float = 0.1,
        shift: float = 0.05,
        brightness: float = 0.1,
        contrast: float = 0.1,
        noise: float = 0.02,
        erase: float = 0.1,
    ) -> None:
        super().__init__()
        if not 0 <= rotation_degrees <= _LARGEST_ROTATION:
            raise ConfigError("rotation_degrees is out of range", received=rotation_degrees, allowed="0 to 10")
        if min(scale, shift, brightness, contrast, noise, erase) < 0 or max(scale, shift) > 0.5 or erase > 1:
            raise ConfigError(
                "an augmentation is out of range",
                allowed="all at least 0, scale and shift up to 0.5, erase up to 1",
            )
        self.rotation_degrees = rotation_degrees
        self.scale = scale
        self.shift = shift
        self.brightness = brightness
        self.contrast = contrast
        self.noise = noise
        self.erase = erase

    def check(self, spec: InputSpec) -> None:
        """Check that the specification is one of images; raise ``ConfigError`` if not."""
        check_kind(self, spec, "image")

    @torch.no_grad()
    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Change ``(B, 1, height, width)`` and its mask ``(B, height, width)`` alike; new tensors are returned."""
        if self.rotation_degrees or self.scale or self.shift:
            x, mask = move(x, mask, self._turns(x), self.shift * uniform(x, len(x), 2))
        else:
            x, mask = x.clone(), mask.clone()
        if self.brightness or self.contrast or self.noise:
            x = torch.where(mask[:, None], self._exposed(x, mask), x)
        return self._erased(x, mask) if self.erase else (x, mask)

    def _turns(self, x: Tensor) -> Tensor:
        """Return ``(B, 2, 2)`` rotations with magnification; their determinant is positive, so that none mirrors."""
        angle = torch.deg2rad(self.rotation_degrees * uniform(x, len(x)))
        factor = (1.0 + self.scale) ** uniform(x, len(x))
        cosine, sine = torch.cos(angle) / factor, torch.sin(angle) / factor
        return torch.stack([torch.stack([cosine, -sine], dim=1), torch.stack([sine, cosine], dim=1)], dim=1)

    def _exposed(self, x: Tensor, mask: Tensor) -> Tensor:
        seen = mask[:, None].to(x.dtype)
        n_seen = seen.sum(dim=(1, 2, 3), keepdim=True).clamp_min(1.0)
        mean = (x * seen).sum(dim=(1, 2, 3), keepdim=True) / n_seen
        deviation = (((x - mean) * seen).square().sum(dim=(1, 2, 3), keepdim=True) / n_seen).sqrt()
        factor = per_record((1.0 + self.contrast) ** uniform(x, len(x)), x)
        offset = per_record(self.brightness * uniform(x, len(x)), x)
        changed = mean + factor * (x - mean) + offset * deviation
        if self.noise:
            changed += per_record(uniform(x, len(x), low=0.0, high=self.noise), x) * deviation * torch.randn_like(x)
        return changed

    def _erased(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mask a rectangle of some images."""
        inside = uniform(x, len(x), low=0.0)[:, None, None] < self.erase
        for axis, n_cells in ((1, x.shape[2]), (2, x.shape[3])):
            low, high = _ERASED_SHARE
            length = uniform(x, len(x), low=low, high=high)
            start = uniform(x, len(x), low=0.0) * (1 - length)
            places = (torch.arange(n_cells, device=x.device) + 0.5) / n_cells
            along = (places >= start[:, None]) & (places < (start + length)[:, None])
            inside = inside & along.unsqueeze(3 - axis)
        darkest = x.amin(dim=(1, 2, 3), keepdim=True)
        return torch.where(inside[:, None], darkest, x), mask & ~inside
