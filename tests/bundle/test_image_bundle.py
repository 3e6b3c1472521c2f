"""Bundles whose tower is a pretrained network of images or an encoder that holds another."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import torch
from network_folders import write_network
from text_folder import TEXTS, write_text_folder
from torch import nn

from medclip.bundle.load import load_bundle
from medclip.bundle.save import BundleContent, save_bundle
from medclip.core.waveform_spec import WaveformSpec
from medclip.encoders.lora import LoRA
from medclip.encoders.model import ContrastiveModel, TextTower, TowerRecipe
from medclip.encoders.pretrained_image import PretrainedImage
from medclip.encoders.projection import Projection
from medclip.encoders.slicewise import SliceWise
from medclip.encoders.text import PretrainedText
from medclip.modalities.report.pipeline import ReportPipeline

IMAGE = torch.rand(2, 1, 40, 32, generator=torch.Generator().manual_seed(1))
VOLUME = torch.rand(2, 1, 5, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    image = tmp_path_factory.mktemp("image")
    write_network(image, "dinov2")
    return image, write_text_folder(tmp_path_factory.mktemp("text"))


def content(image: Path, text: Path, kind: str) -> BundleContent:
    torch.manual_seed(0)
    encoder: nn.Module = PretrainedImage(str(image), pooling="mean", one_channel="fold" if kind == "lora" else "repeat")
    if kind == "slices":
        encoder = SliceWise(encoder, slices_per_image=3, n_heads=2)
    lora = LoRA(r=2) if kind == "lora" else None
    tower = TowerRecipe(encoder, frozen=kind == "slices", lora=lora).build(8)
    with torch.no_grad():
        for name, weight in tower.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.3)
    side = TextTower(PretrainedText(str(text), max_length=32).build(TEXTS), Projection(16, 8))
    return BundleContent(
        model=ContrastiveModel({"wave": tower}, side).eval(),
        # Which input a tower takes does not matter to how it is stored.
        input_specs={"wave": WaveformSpec("wave", 100.0, 4.0, ("I",))},
        reports=ReportPipeline(translate_to=None, normalise=False),
        scale=10.0,
    )


@torch.no_grad()
@pytest.mark.parametrize("kind", ["plain", "lora", "slices"])
def test_it_loads_without_network_and_without_the_folder_it_came_from(
    folders: tuple[Path, Path], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    own = content(*folders, kind)
    saved = save_bundle(own, tmp_path / "bundle")
    x = VOLUME if kind == "slices" else IMAGE
    before = own.model.encode_places("wave", x)
    hidden = folders[0].with_name("hidden")
    os.rename(folders[0], hidden)
    try:
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        after = load_bundle(saved).model.encode_places("wave", x)
    finally:
        os.rename(hidden, folders[0])
    assert torch.equal(after.pooled, before.pooled)
    assert torch.equal(after.tokens, before.tokens)
    assert after.grid == before.grid


@pytest.mark.parametrize("kind", ["lora", "slices"])
def test_no_path_of_this_machine_is_in_it(folders: tuple[Path, Path], kind: str, tmp_path: Path) -> None:
    saved = save_bundle(content(*folders, kind), tmp_path / "bundle")
    files = [path for path in saved.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".md"}
    assert not any(str(folders[0]).encode() in path.read_bytes() for path in files)
