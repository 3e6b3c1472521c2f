"""The device that a model answers on."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from medclip.core.errors import ConfigError

__all__ = ["usable_device"]


def usable_device(device: str | torch.device) -> torch.device:
    """Return a device that is there.

    Raises:
        ConfigError: It is not.
    """
    kinds = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    try:
        wanted = torch.device(device)
        if kinds.get(wanted.type, False):
            torch.empty(0, device=wanted)
            return wanted
    except RuntimeError as error:
        raise _unusable(device, kinds) from error
    raise _unusable(device, kinds)


def _unusable(device: str | torch.device, kinds: Mapping[str, bool]) -> ConfigError:
    return ConfigError(
        "this machine has no such device", received=device, allowed=[kind for kind, is_here in kinds.items() if is_here]
    )
