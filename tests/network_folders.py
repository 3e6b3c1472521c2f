"""Write tiny pretrained networks of images in the formats of the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

MEAN, STD = [0.45, 0.5, 0.55], [0.2, 0.25, 0.3]
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 8,
}
DINO = {key: value for key, value in SMALL.items() if key != "intermediate_size"}
TEXT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 20}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 12, 16], "depths": [1, 1, 1], "layer_type": "basic"}


def write_network(folder: Path, kind: str) -> nn.Module:
    """Save a network with random weights and its preprocessor's settings; return it in evaluation mode."""
    torch.manual_seed(1)
    network = NETWORKS[kind]()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "position" in name or "pos_embed" in name:
                value.normal_(0, 0.5)
    network.save_pretrained(folder)
    write_scaling(folder)
    return network.eval()


def write_scaling(folder: Path, mean: list[float] = MEAN, std: list[float] = STD, **more: Any) -> None:
    described = {"image_mean": mean, "image_std": std, "do_normalize": True, "rescale_factor": 1 / 255} | more
    (folder / "preprocessor_config.json").write_text(json.dumps(described))


def _siglip() -> nn.Module:
    text = TEXT | {"max_position_embeddings": 8, "projection_size": 16}
    return transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=SMALL))


def _clip() -> nn.Module:
    text = TEXT | {"max_position_embeddings": 8, "projection_dim": 8}
    config = transformers.CLIPConfig(text_config=text, vision_config=SMALL, projection_dim=8)
    return transformers.CLIPModel(config)


def _resnet() -> nn.Module:
    network = transformers.ResNetModel(transformers.ResNetConfig(**RESNET)).train()
    network(torch.randn(8, 3, 64, 64))
    return network


NETWORKS = {
    "vit": lambda: transformers.ViTModel(transformers.ViTConfig(**SMALL)),
    "dinov2": lambda: transformers.Dinov2Model(transformers.Dinov2Config(**DINO)),
    "dinov2_with_registers": lambda: transformers.Dinov2WithRegistersModel(
        transformers.Dinov2WithRegistersConfig(**DINO, num_register_tokens=3)
    ),
    "siglip_vision_model": lambda: transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**SMALL)),
    "siglip": _siglip,
    "clip_vision_model": lambda: transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**SMALL)),
    "clip": _clip,
    "resnet": _resnet,
}
