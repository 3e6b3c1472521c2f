"""The lines of recipes in docs/encoders.md build what they say, and the table has the right numbers."""

from __future__ import annotations

import re
from pathlib import Path

import jsonargparse
import network_folders
import pytest
import torch
import yaml
from torch import nn

from medclip.encoders.model import TowerRecipe
from medclip.encoders.resnet1d import ResNet1d
from medclip.encoders.resnet2d import ResNet2d
from medclip.encoders.resnet3d import ResNet3d
from medclip.encoders.swin_unetr import SwinUnetr
from medclip.encoders.vit1d import ViT1d
from medclip.encoders.vit2d import ViT2d
from medclip.encoders.vit3d import ViT3d

PAGE = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text(encoding="utf-8")
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
RECIPES = [block for block in BLOCKS if "class_path" in block]


def built(recipe: dict) -> nn.Module:
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(TowerRecipe, "tower")
    found = parser.parse_object({"tower": {"encoder": recipe}})
    return parser.instantiate_classes(found).tower.encoder


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe["class_path"].rpartition(".")[2])
def test_a_recipe_builds_an_encoder(recipe: dict, tmp_path: Path) -> None:
    if "name_or_path" in recipe["init_args"]:
        network_folders.write_network(tmp_path, "dinov2")
        recipe = {**recipe, "init_args": recipe["init_args"] | {"name_or_path": str(tmp_path)}}
    encoder = built(recipe)
    assert type(encoder).__name__ == recipe["class_path"].rpartition(".")[2]
    n_axes = 3 if type(encoder).__name__ in ("ResNet3d", "ViT3d", "SwinUnetr", "SliceWise") else 2
    with torch.no_grad():
        output = encoder.eval()(torch.rand(1, 1, *(20, 32, 48)[-n_axes:]))
    assert output.pooled.shape == (1, encoder.embedding_dim)
    assert len(output.grid) == n_axes


def test_there_is_a_recipe_for_every_encoder_of_images_and_volumes() -> None:
    named = {recipe["class_path"].rpartition(".")[2] for recipe in RECIPES}
    assert named == {"ResNet2d", "ViT2d", "PretrainedImage", "ResNet3d", "ViT3d", "SwinUnetr", "SliceWise"}


@pytest.mark.parametrize("encoder", [ResNet1d, ViT1d, ResNet2d, ViT2d, ResNet3d, ViT3d, SwinUnetr])
def test_the_table_tells_the_number_of_parameters(encoder: type[nn.Module]) -> None:
    with torch.device("meta"):
        n_parameters = sum(weight.numel() for weight in encoder().parameters())
    row = next(line for line in PAGE.splitlines() if f".{encoder.__name__}`" in line and line.startswith("|"))
    stated = float(re.search(r"([\d.]+) million", row)[1])
    assert stated == pytest.approx(n_parameters / 1e6, abs=0.051)
