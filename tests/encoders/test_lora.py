from __future__ import annotations

from pathlib import Path

import pytest
import torch
from text_folder import TEXTS, write_text_folder
from torch import nn

from medclip.core.errors import ConfigError
from medclip.encoders.lora import LoRA, apply_lora
from medclip.encoders.model import Tower
from medclip.encoders.projection import Projection
from medclip.encoders.resnet1d import ResNet1d
from medclip.encoders.text import PretrainedText


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text_folder(tmp_path_factory.mktemp("text"))


def adapted(network: nn.Module) -> dict[str, int]:
    """Rank of every adapter by the name of its layer."""
    return {
        name.removesuffix(".lora_A.default.weight").removeprefix("base_model.model."): len(weight)
        for name, weight in network.named_parameters()
        if name.endswith("lora_A.default.weight")
    }


def test_text_encoder_from_a_recipe(folder: Path) -> None:
    lora = LoRA(r=4, alpha=8, target_modules=["query", "value"], rank_pattern={"layer.1.attention.self.value": 2})
    network = PretrainedText(str(folder), max_length=32, frozen=False, lora=lora).build([]).network
    ranks = adapted(network)
    assert ranks == {
        "encoder.layer.0.attention.self.query": 4,
        "encoder.layer.0.attention.self.value": 4,
        "encoder.layer.1.attention.self.query": 4,
        "encoder.layer.1.attention.self.value": 2,
    }
    trained = [name for name, weight in network.named_parameters() if weight.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)


@pytest.mark.parametrize(("use_rslora", "scale"), [(False, 6.0 / 9.0), (True, 6.0 / 3.0)])
def test_scale_and_dropout(use_rslora: bool, scale: float) -> None:
    """The adapted layer is W x + s B A x, with s = alpha / r or alpha / sqrt(r)."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(6, 5))
    weight, bias = plain[0].weight.detach().clone(), plain[0].bias.detach().clone()
    network = apply_lora(plain, LoRA(r=9, alpha=6, dropout=0.5, use_rslora=use_rslora, target_modules=["0"])).eval()
    layer = network.base_model.model[0]
    assert layer.lora_dropout["default"].p == 0.5
    x = torch.randn(3, 6)
    torch.testing.assert_close(network(x), x @ weight.T + bias)
    with torch.no_grad():
        layer.lora_B["default"].weight.normal_()
    delta = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    torch.testing.assert_close(network(x), x @ (weight + scale * delta).T + bias, rtol=1e-4, atol=1e-5)


def test_towers_have_ranks_of_their_own(folder: Path) -> None:
    text = PretrainedText(str(folder), max_length=32, frozen=False, lora=LoRA(r=2)).build([])
    encoder = ResNet1d(3, depth=10, width=4, embedding_dim=16, n_positions=8)
    tower = Tower(encoder, Projection(16, 8), lora=LoRA(r=3, target_modules=["query", "to_embedding"]))
    assert set(adapted(text.network).values()) == {2}
    assert adapted(tower.encoder) == {"to_embedding": 3, "pool.query": 3}
    assert tower(torch.randn(4, 3, 128))[0].shape == (4, 8)


def test_batch_statistics_of_an_adapted_tower_stay() -> None:
    encoder = ResNet1d(3, depth=10, width=4, embedding_dim=16, n_positions=8)
    tower = Tower(encoder, Projection(16, 8, "batch_norm"), lora=LoRA(r=2, dropout=0.1)).train()
    before = {name: value.clone() for name, value in tower.encoder.named_buffers()}
    tower(torch.randn(4, 3, 128))
    assert all(torch.equal(value, before[name]) for name, value in tower.encoder.named_buffers())
    assert tower.projection.layers[1].num_batches_tracked == 1
    assert any(isinstance(module, nn.Dropout) and module.training for module in tower.encoder.modules())


def test_a_frozen_tower_is_in_evaluation_mode() -> None:
    tower = Tower(ResNet1d(3, depth=10, width=4, embedding_dim=16), Projection(16, 8), frozen=True).train()
    assert tower.projection.training
    assert not any(module.training for module in tower.encoder.modules())
    assert not any(weight.requires_grad for weight in tower.encoder.parameters())
    with pytest.raises(ConfigError, match="frozen or has LoRA"):
        Tower(ResNet1d(3, depth=10, width=4, embedding_dim=16), Projection(16, 8), frozen=True, lora=LoRA())


@pytest.mark.parametrize("change", [{"r": 0}, {"alpha": 0}, {"dropout": 1.0}])
def test_out_of_range(change: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="LoRA settings out of range"):
        LoRA(**change)


def test_nothing_to_adapt_names_the_layers(folder: Path) -> None:
    recipe = PretrainedText(str(folder), max_length=32, frozen=False, lora=LoRA(target_modules=["q_proj"]))
    with pytest.raises(ConfigError, match=r"received q_proj; allowed: .*query, key, value"):
        recipe.build(TEXTS)
