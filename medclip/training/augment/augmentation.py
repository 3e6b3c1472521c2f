"""What every augmentation offers."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.core.input_spec import InputSpec

__all__ = ["Augmentation", "check_kind"]


class Augmentation(nn.Module):
    """Random changes of a batch of prepared inputs, drawn anew for every recording."""

    @abstractmethod
    def check(self, spec: InputSpec) -> None:
        """Check that it is meant for inputs of a specification.

        Raises:
            ConfigError: It is not.
        """

    @abstractmethod
    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Change ``(B, C, *spatial)`` and its mask ``(B, *spatial)`` alike; new tensors are returned."""


def check_kind(augmentation: Augmentation, spec: InputSpec, kind: str) -> None:
    """Check the kind of array that a specification prepares.

    Raises:
        ConfigError: It is another one.
    """
    if spec.kind != kind:
        raise ConfigError(
            f"{type(augmentation).__name__} does not fit the input specification of {spec.modality}",
            received=spec.kind,
            allowed=kind,
            action="name an augmentation of that kind in the recipe",
        )
