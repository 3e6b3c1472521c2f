"""What is particular to each kind of pretrained image network of transformers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from medclip.core.errors import ConfigError

__all__ = ["Family", "family_of", "plain_config"]

# Entries of a configuration that say where a network comes from or what somebody classified with it.
_NO_MATTER = ("_name_or_path", "transformers_version", "architectures", "dtype", "id2label", "label2id", "problem_type")


@dataclass(frozen=True)
class Family:
    """How to load and call one kind of network.

    Args:
        network: Name of its class in transformers.
        has_head: Whether it pools with layers of its own, which a recipe may leave out.
        has_class_token: Whether the first token stands for the whole image.
        has_patches: Whether it cuts patches, which the image has to fill.
        changes: Entries of the configuration that differ from what is stored.
        without_head: The same, when its own pooling is left out.
        arguments: Further arguments of the class.
        options: Further arguments of its forward.
        n_prefix: Tokens before those of the patches, from the configuration.
        per_token: Side of a token in pixels, from the configuration.
        width: Width of a token, from the configuration.
        finish: What the network leaves undone on its tokens ``(B, T, D)``.
    """

    network: str
    has_head: bool = False
    has_class_token: bool = True
    has_patches: bool = True
    changes: Mapping[str, Any] = field(default_factory=dict)
    without_head: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    n_prefix: Callable[[Any], int] = lambda config: 1
    per_token: Callable[[Any], int] = lambda config: int(config.patch_size)
    width: Callable[[Any], int] = lambda config: int(config.hidden_size)
    finish: Callable[[nn.Module, Tensor], Tensor] = lambda network, tokens: tokens


def _with_registers(config: Any) -> int:
    return 1 + int(config.num_register_tokens)


def _last_norm(network: nn.Module, tokens: Tensor) -> Tensor:
    """CLIP normalises its class token only; every token needs it to be comparable."""
    normalised: Tensor = network.post_layernorm(tokens)  # type: ignore[operator]
    return normalised


def _places_last(network: nn.Module, features: Tensor) -> Tensor:
    return features.flatten(2).transpose(1, 2)


_INTERPOLATE = {"interpolate_pos_encoding": True}
_SIGLIP = Family(
    "SiglipVisionModel",
    has_head=True,
    has_class_token=False,
    without_head={"vision_use_head": False},
    options=_INTERPOLATE,
    n_prefix=lambda config: 0,
)
_CLIP = Family("CLIPVisionModel", options=_INTERPOLATE, finish=_last_norm)

_FAMILIES = {
    "vit": Family("ViTModel", arguments={"add_pooling_layer": False}, options=_INTERPOLATE),
    "dinov2": Family("Dinov2Model", changes={"use_mask_token": False}),
    "dinov2_with_registers": Family("Dinov2WithRegistersModel", n_prefix=_with_registers),
    "siglip": _SIGLIP,
    "siglip_vision_model": _SIGLIP,
    "clip": _CLIP,
    "clip_vision_model": _CLIP,
    "resnet": Family(
        "ResNetModel",
        has_class_token=False,
        has_patches=False,
        n_prefix=lambda config: 0,
        per_token=lambda config: 4 * 2 ** (len(config.depths) - (0 if config.downsample_in_first_stage else 1)),
        width=lambda config: int(config.hidden_sizes[-1]),
        finish=_places_last,
    ),
}


def family_of(config: Mapping[str, Any]) -> Family:
    """Return what is particular to the kind of network that a configuration names.

    Raises:
        ConfigError: It is no known kind of image network.
    """
    kind = config.get("model_type")
    if kind not in _FAMILIES:
        raise ConfigError("unknown kind of image network", received=kind, allowed=sorted(_FAMILIES))
    return _FAMILIES[kind]


def plain_config(config: Any) -> dict[str, Any]:
    """Return a configuration in plain types, without where it comes from."""
    described: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    return {key: value for key, value in described.items() if key not in _NO_MATTER}
