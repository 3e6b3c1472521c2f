from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from medclip.core.errors import ConfigError
from medclip.encoders.swin_unetr import SwinUnetr
from medclip.testing import check_encoder

X = torch.randn(1, 1, 32, 32, 64, generator=torch.Generator().manual_seed(0))
SMALL = {"feature_size": 6, "depths": [1, 1, 1, 1], "n_heads": [1, 1, 2, 2], "window_size": 2, "embedding_dim": 16}


@pytest.fixture(scope="module")
def monais() -> nn.Module:
    from monai.networks.nets.swin_unetr import SwinTransformer

    torch.manual_seed(0)
    return SwinTransformer(1, 6, (2, 2, 2), (2, 2, 2), (1, 1, 1, 1), (1, 1, 2, 2)).eval()


def renamed(network: nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    """As in the published self-supervised weights: another prefix and other names of the feed-forward parts."""
    old = {
        name.replace("linear1", "fc1").replace("linear2", "fc2"): value for name, value in network.state_dict().items()
    }
    return {prefix + name: value for name, value in old.items()}


@torch.no_grad()
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_features_are_those_of_monai(monais: nn.Module, tmp_path: Path, level: int) -> None:
    torch.save({"state_dict": renamed(monais, "module."), "epoch": 3}, tmp_path / "model.pt")
    encoder = SwinUnetr(**SMALL, level=level, weights=str(tmp_path / "model.pt")).eval()
    expected = monais(X)[level]
    output = encoder(X)
    torch.testing.assert_close(
        output.tokens, encoder.to_embedding(expected.flatten(2).transpose(1, 2)), rtol=1e-4, atol=1e-5
    )
    assert output.grid == tuple(expected.shape[2:])
    assert encoder._arguments["weights"] is None


def test_safetensors_of_a_whole_swin_unetr(monais: nn.Module, tmp_path: Path) -> None:
    save_file(renamed(monais, "swinViT."), tmp_path / "model.safetensors")
    encoder = SwinUnetr(**SMALL, weights=str(tmp_path / "model.safetensors"))
    assert torch.equal(encoder.swin.patch_embed.proj.weight, monais.patch_embed.proj.weight)


@pytest.mark.parametrize("level", [2, 4])
def test_it_keeps_the_contract_of_encoders(level: int) -> None:
    torch.manual_seed(0)
    check_encoder(SwinUnetr(**SMALL, level=level), (1, 32, 32, 32), other_shape=(1, 20, 40, 33), n_records=2)


def test_gradient_checkpointing_changes_no_gradient() -> None:
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        encoder = SwinUnetr(**SMALL, level=2, gradient_checkpointing=checkpointing).train()
        encoder(X).pooled.square().sum().backward()
        gradients.append([weight.grad for weight in encoder.parameters()])
    for plain, saving in zip(*gradients, strict=True):
        torch.testing.assert_close(saving, plain, rtol=1e-4, atol=1e-6)


class Other:
    """Something that a state dict has no business to hold."""


def test_weights_that_cannot_be_used(monais: nn.Module, tmp_path: Path) -> None:
    some = renamed(monais, "")
    some.pop("patch_embed.proj.bias")
    torch.save(some, tmp_path / "lacking.pt")
    torch.save({"model": Other()}, tmp_path / "objects.pt")
    torch.save([1], tmp_path / "list.pt")
    for name, words in [
        ("lacking.pt", r"1 missing, 0 of another shape, such as patch_embed\.proj\.bias"),
        ("objects.pt", "without other objects"),
        ("absent.safetensors", "cannot read"),
        ("list.pt", "holds no state dict"),
    ]:
        with pytest.raises(ConfigError, match=words) as raised:
            SwinUnetr(**SMALL, weights=str(tmp_path / name))
        assert "\n" not in str(raised.value)


def test_bad_settings_and_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="level 1 to 4"):
        SwinUnetr(level=5)
    monkeypatch.setitem(sys.modules, "monai.networks.nets.swin_unetr", None)
    with pytest.raises(ConfigError, match=r"needs MONAI and einops.*medclip-toolkit\[imaging\]"):
        SwinUnetr(**SMALL)
