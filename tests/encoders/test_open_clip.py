from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from medclip.core.errors import ConfigError
from medclip.encoders.pretrained_image import PretrainedImage

WIDTH, N_BLOCKS, PATCH, SIDE = 24, 2, 8, 4
HEADS = 3
CONFIG = {
    "model_cfg": {"embed_dim": 512, "vision_cfg": {"timm_model_name": "vit_tiny_patch8_32", "image_size": 32}},
    "preprocess_cfg": {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]},
}


def weights() -> dict[str, Tensor]:
    """Weights with timm's names for a vision transformer."""
    generator = torch.Generator().manual_seed(0)
    shapes = {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, 1 + SIDE**2, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,),
        "norm.bias": (WIDTH,),
    }
    for block in range(N_BLOCKS):
        for name, n_out, n_in in [
            ("attn.qkv", 3 * WIDTH, WIDTH),
            ("attn.proj", WIDTH, WIDTH),
            ("mlp.fc1", 4 * WIDTH, WIDTH),
            ("mlp.fc2", WIDTH, 4 * WIDTH),
        ]:
            shapes |= {f"blocks.{block}.{name}.weight": (n_out, n_in), f"blocks.{block}.{name}.bias": (n_out,)}
        for name in ("norm1", "norm2"):
            shapes |= {f"blocks.{block}.{name}.weight": (WIDTH,), f"blocks.{block}.{name}.bias": (WIDTH,)}
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def timm_forward(own: dict[str, Tensor], pixels: Tensor) -> Tensor:
    """The vision transformer of timm, written out."""

    def linear(name: str, x: Tensor) -> Tensor:
        return functional.linear(x, own[f"{name}.weight"], own[f"{name}.bias"])

    def norm(name: str, x: Tensor) -> Tensor:
        return functional.layer_norm(x, (WIDTH,), own[f"{name}.weight"], own[f"{name}.bias"], eps=1e-6)

    patches = functional.conv2d(pixels, own["patch_embed.proj.weight"], own["patch_embed.proj.bias"], stride=PATCH)
    tokens = torch.cat([own["cls_token"].expand(len(pixels), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
    tokens = tokens + own["pos_embed"]
    for block in range(N_BLOCKS):
        name = f"blocks.{block}"
        qkv = linear(f"{name}.attn.qkv", norm(f"{name}.norm1", tokens))
        query, key, value = qkv.reshape(len(pixels), -1, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        weight = (query @ key.transpose(-2, -1) * (WIDTH // HEADS) ** -0.5).softmax(-1)
        tokens = tokens + linear(f"{name}.attn.proj", (weight @ value).transpose(1, 2).flatten(2))
        hidden = functional.gelu(linear(f"{name}.mlp.fc1", norm(f"{name}.norm2", tokens)))
        tokens = tokens + linear(f"{name}.mlp.fc2", hidden)
    return norm("norm", tokens)


def write(folder: Path, config: dict | None = None, **more: Tensor) -> Path:
    (folder / "open_clip_config.json").write_text(json.dumps(config or CONFIG))
    named = {f"visual.trunk.{name}": value for name, value in weights().items()}
    named |= {"visual.head.proj.weight": torch.zeros(512, WIDTH), "text.embeddings": torch.zeros(3)} | more
    save_file(named, folder / "open_clip_model.safetensors")
    return folder


@torch.no_grad()
def test_values_are_those_of_timm(tmp_path: Path) -> None:
    x = torch.rand(2, 1, 32, 32)
    mean, std = (torch.tensor(CONFIG["preprocess_cfg"][key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    expected = timm_forward(weights(), (x.repeat(1, 3, 1, 1) - mean) / std)
    encoder = PretrainedImage(str(write(tmp_path))).eval()
    output = encoder(x)
    torch.testing.assert_close(output.pooled, expected[:, 0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(output.tokens, expected[:, 1:], rtol=1e-4, atol=1e-4)
    assert encoder(torch.rand(1, 1, 64, 48)).grid == (8, 6)
    folded = PretrainedImage(str(tmp_path), one_channel="fold").eval()
    torch.testing.assert_close(folded(x).tokens, output.tokens, rtol=1e-3, atol=1e-4)


def test_another_trunk(tmp_path: Path) -> None:
    config = {**CONFIG, "model_cfg": {"vision_cfg": {"timm_model_name": "convnext_base"}}}
    with pytest.raises(ConfigError, match=r"cannot convert .* received convnext_base"):
        PretrainedImage(str(write(tmp_path, config)))


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="do not fit"):
        PretrainedImage(str(write(tmp_path, **{"visual.trunk.extra": torch.zeros(2)})))


def test_pickled_weights_and_a_broken_description(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "open_clip_model.safetensors").rename(tmp_path / "open_clip_pytorch_model.bin")
    with pytest.raises(ConfigError, match="no weights in safetensors"):
        PretrainedImage(str(tmp_path))
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(ConfigError, match="malformed"):
        PretrainedImage(str(tmp_path))
