"""Image towers of open_clip folders, such as BiomedCLIP's, without open_clip and timm."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.encoders.huggingface import find_file

__all__ = ["OPEN_CLIP_FILE", "load_open_clip_image"]

OPEN_CLIP_FILE = "open_clip_config.json"
_WEIGHTS_FILE = "open_clip_model.safetensors"
_TRUNK = "visual.trunk."
_HEADS = {"tiny": 3, "small": 6, "base": 12, "large": 16}
# Names in timm's vision transformer -> names in transformers'; the joint query, key and value is cut in three.
_NAMES = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "norm": "layernorm",
}
_BLOCK_NAMES = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.o_proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}


def load_open_clip_image(
    config_file: Path, name_or_path: str, revision: str | None = None
) -> tuple[nn.Module, list[float], list[float]]:
    """Build transformers' ViT from the image tower of an open_clip folder whose trunk is timm's ViT.

    The projection into open_clip's own shared space is left out, as every tower here has a head of its own.

    Args:
        config_file: Its ``open_clip_config.json``.
        name_or_path: Local folder, or name on the hub.
        revision: Commit or tag on the hub; ``main`` if None.

    Returns:
        The network, and mean and standard deviation of its input channels.

    Raises:
        ConfigError: The folder holds no safetensors file, or another trunk.
    """
    config, size, patch_size, image_size = _read(config_file)
    path = find_file(name_or_path, _WEIGHTS_FILE, revision)
    if path is None:
        raise ConfigError(
            "the open_clip folder has no weights in safetensors",
            received=name_or_path,
            allowed=_WEIGHTS_FILE,
            action="convert open_clip_pytorch_model.bin once with safetensors; pickled files are not opened",
        )
    network = _build(_trunk_weights(path), n_heads=_HEADS[size], patch_size=patch_size, image_size=image_size)
    preprocess = config.get("preprocess_cfg", {})
    if not ({"mean", "std"} <= preprocess.keys()):
        raise ConfigError("open_clip_config.json does not state mean and std", received=str(config_file))
    return network, list(preprocess["mean"]), list(preprocess["std"])


def _read(config_file: Path) -> tuple[dict[str, Any], str, int, int]:
    try:
        config: dict[str, Any] = json.loads(config_file.read_text(encoding="utf-8"))
        vision = config["model_cfg"]["vision_cfg"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError("malformed open_clip_config.json", received=str(config_file)) from error
    name = str(vision.get("timm_model_name"))
    found = re.fullmatch(r"vit_(tiny|small|base|large)_patch(\d+)_(\d+)(\..*)?", name)
    if found is None:
        raise ConfigError(
            "cannot convert the image tower of this open_clip folder",
            received=name,
            allowed="vit_tiny|small|base|large_patchN_SIZE",
            action="save it in Hugging Face's format",
        )
    image_size = vision.get("image_size", found[3])
    return config, found[1], int(found[2]), int(image_size[0] if isinstance(image_size, list) else image_size)


def _trunk_weights(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            names: list[str] = file.keys()
            return {name.removeprefix(_TRUNK): file.get_tensor(name) for name in names if name.startswith(_TRUNK)}
    except SafetensorError as error:
        raise ConfigError(f"{path} is damaged ({error})") from error


def _build(weights: Mapping[str, Tensor], *, n_heads: int, patch_size: int, image_size: int) -> nn.Module:
    from transformers import ViTConfig, ViTModel

    n_layers = len({name.split(".")[1] for name in weights if name.startswith("blocks.")})
    if "cls_token" not in weights or "blocks.0.mlp.fc1.weight" not in weights:
        raise ConfigError("the open_clip file holds no vision transformer", received=sorted(weights)[:3])
    intermediate, width = weights["blocks.0.mlp.fc1.weight"].shape
    config = ViTConfig(
        hidden_size=width,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        intermediate_size=intermediate,
        image_size=image_size,
        patch_size=patch_size,
        num_channels=weights["patch_embed.proj.weight"].shape[1],
        layer_norm_eps=1e-6,
    )
    network: nn.Module = ViTModel(config, add_pooling_layer=False)
    converted: dict[str, Tensor] = {}
    for name, value in weights.items():
        converted |= _renamed(name, value.float())
    try:
        network.load_state_dict(converted, strict=True)
    except RuntimeError as error:
        raise ConfigError(
            "the weights of the open_clip folder do not fit", received=" ".join(str(error).split())[:200]
        ) from error
    return network


def _renamed(name: str, value: Tensor) -> dict[str, Tensor]:
    for theirs, ours in _NAMES.items():
        if name == theirs or name.startswith(f"{theirs}."):
            return {ours + name.removeprefix(theirs): value}
    found = re.fullmatch(r"blocks\.(\d+)\.(.+)\.(weight|bias)", name)
    if found is None:
        return {name: value}
    layer = f"layers.{found[1]}."
    if found[2] == "attn.qkv":
        parts = zip("qkv", value.chunk(3), strict=True)
        return {f"{layer}attention.{letter}_proj.{found[3]}": part.contiguous() for letter, part in parts}
    return {f"{layer}{_BLOCK_NAMES.get(found[2], found[2])}.{found[3]}": value}
