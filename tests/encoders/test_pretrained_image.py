from __future__ import annotations

import json
from pathlib import Path

import network_folders
import numpy as np
import pytest
import torch
import transformers
from network_folders import MEAN, STD, write_network, write_scaling
from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.encoders.configurable import build, describe
from medclip.encoders.lora import LoRA, apply_lora
from medclip.encoders.model import Tower, TowerRecipe
from medclip.encoders.pretrained_image import PretrainedImage
from medclip.encoders.projection import Projection
from medclip.encoders.slicewise import SliceWise
from medclip.testing import check_encoder

X = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
LARGER = torch.rand(2, 1, 48, 40, generator=torch.Generator().manual_seed(0))
KINDS = list(network_folders.NETWORKS)
PREFIX = {"dinov2_with_registers": 4, "siglip": 0, "siglip_vision_model": 0}


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, nn.Module]]:
    folders = {kind: tmp_path_factory.mktemp(kind) for kind in KINDS}
    return {kind: (folder, write_network(folder, kind)) for kind, folder in folders.items()}


def reference(network: nn.Module, x: Tensor) -> object:
    """What transformers computes from the grey image, repeated and scaled as the processor does."""
    pixels = (x.repeat(1, 3, 1, 1) - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
    vision = getattr(network, "vision_model", network)
    resizes = "Dinov2" not in type(vision).__name__ and "ResNet" not in type(vision).__name__
    return vision(pixel_values=pixels, **({"interpolate_pos_encoding": True} if resizes else {}))


@torch.no_grad()
@pytest.mark.parametrize("x", [X, LARGER], ids=["own_size", "larger"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "resnet"])
def test_tokens_and_vector_are_those_of_transformers(networks: dict, kind: str, x: Tensor) -> None:
    folder, network = networks[kind]
    expected = reference(network, x)
    ours = PretrainedImage(str(folder)).eval()
    output = ours(x)
    tokens = expected.last_hidden_state[:, PREFIX.get(kind, 1) :]
    if "clip" in kind and "sig" not in kind:
        tokens = getattr(network, "vision_model", network).post_layernorm(tokens)
    torch.testing.assert_close(output.tokens, tokens, rtol=1e-4, atol=1e-5)
    pooled = expected.last_hidden_state[:, 0] if kind == "vit" else expected.pooler_output
    torch.testing.assert_close(output.pooled, pooled, rtol=1e-4, atol=1e-5)
    assert output.grid == (x.shape[2] // 8, x.shape[3] // 8)
    mean = PretrainedImage(str(folder), pooling="mean").eval()(x)
    torch.testing.assert_close(mean.pooled, tokens.mean(1), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_residual_network(networks: dict) -> None:
    folder, network = networks["resnet"]
    expected = reference(network, LARGER)
    output = PretrainedImage(str(folder)).eval()(LARGER)
    torch.testing.assert_close(output.tokens, expected.last_hidden_state.flatten(2).transpose(1, 2))
    torch.testing.assert_close(output.pooled, expected.pooler_output[:, :, 0, 0], rtol=1e-4, atol=1e-5)
    assert output.grid == (3, 3)


@torch.no_grad()
@pytest.mark.parametrize("more", [{}, {"rescale_factor": 1 / 127.5}, {"do_normalize": False}, {"do_rescale": False}])
def test_scaling_is_what_the_processor_does(networks: dict, tmp_path: Path, more: dict) -> None:
    network = networks["vit"][1]
    network.save_pretrained(tmp_path)
    write_scaling(tmp_path, **more)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    pixels[..., 1:] = pixels[..., :1]
    settings = json.loads((tmp_path / "preprocessor_config.json").read_text())
    values = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    if settings.get("do_rescale", True):
        values = values * settings["rescale_factor"]
    if settings["do_normalize"]:
        values = (values - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
    grey = torch.from_numpy(pixels[None, None, ..., 0] / np.float32(255))
    expected = network(values).last_hidden_state[:, 1:]
    torch.testing.assert_close(PretrainedImage(str(tmp_path)).eval()(grey).tokens, expected, rtol=1e-3, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["vit", "dinov2", "siglip"])
def test_a_folded_convolution_gives_the_same_numbers(networks: dict, kind: str) -> None:
    folder = str(networks[kind][0])
    folded = PretrainedImage(folder, one_channel="fold").eval()
    first = next(part for part in folded.network.modules() if isinstance(part, nn.Conv2d))
    assert first.weight.shape[1] == 1
    repeated = PretrainedImage(folder).eval()
    assert repeated(LARGER).tokens.std() > 1e-3
    torch.testing.assert_close(folded(LARGER).tokens, repeated(LARGER).tokens, rtol=1e-4, atol=1e-5)
    rebuilt = build(json.loads(json.dumps(describe(folded)))).eval()
    rebuilt.load_state_dict(folded.state_dict())
    assert torch.equal(rebuilt(X).pooled, folded(X).pooled)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["clip", "resnet"])
def test_folding_needs_like_channels_where_a_bias_or_padding_stands_against_it(networks: dict, kind: str) -> None:
    folder = str(networks[kind][0])
    with pytest.raises(ConfigError, match="unlike scaling cannot be folded"):
        PretrainedImage(folder, one_channel="fold")
    like = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    folded, repeated = (PretrainedImage(folder, one_channel=way, **like).eval() for way in ("fold", "repeat"))
    torch.testing.assert_close(folded(LARGER).tokens, repeated(LARGER).tokens, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["vit", "dinov2_with_registers", "siglip", "clip"])
def test_it_keeps_the_contract_of_encoders(networks: dict, kind: str) -> None:
    for pooling in ("own", "mean"):
        encoder = PretrainedImage(str(networks[kind][0]), pooling=pooling)
        check_encoder(encoder, (1, 32, 32), other_shape=(1, 45, 37), n_records=2)


def test_a_description_names_no_place(networks: dict) -> None:
    folder = networks["siglip"][0]
    described = describe(PretrainedImage(str(folder), revision="main"))
    assert str(folder) not in json.dumps(described)
    assert described["arguments"]["name_or_path"] is None
    assert described["arguments"]["image_mean"] == MEAN


def test_low_rank_adapters_can_be_merged(networks: dict) -> None:
    for kind in ("vit", "dinov2", "siglip", "clip"):
        adapted = apply_lora(PretrainedImage(str(networks[kind][0])), LoRA(r=2, dropout=0.0)).eval()
        names = {
            name.split(".lora_")[0].rpartition(".")[2] for name, _ in adapted.named_parameters() if "lora_" in name
        }
        assert {"q_proj", "k_proj", "v_proj", "fc1", "fc2"} <= names
        with torch.no_grad():
            before = adapted(X).pooled
            for name, weight in adapted.named_parameters():
                if "lora_B" in name:
                    weight.normal_(0, 0.2)
            with_adapter = adapted(X).pooled
            merged = adapted.merge_and_unload()(X).pooled
        assert not torch.allclose(before, with_adapter, atol=1e-3)
        torch.testing.assert_close(merged, with_adapter, rtol=1e-3, atol=1e-4)


def test_a_frozen_tower_trains_its_head_only(networks: dict) -> None:
    tower = TowerRecipe(PretrainedImage(str(networks["dinov2"][0])), frozen=True).build(8).train()
    embedding, _ = tower(X)
    embedding.sum().backward()
    trained = [name for name, weight in tower.named_parameters() if weight.grad is not None]
    assert trained == ["projection.layers.0.weight", "projection.layers.0.bias"]
    assert not any(part.training for part in tower.encoder.modules())
    assert tower.project_tokens(tower.encoder(X)).shape == (2, 16, 8)


def test_gradient_checkpointing_changes_no_gradient(networks: dict) -> None:
    gradients = []
    for checkpointing in (False, True):
        encoder = PretrainedImage(str(networks["vit"][0]), gradient_checkpointing=checkpointing).train()
        assert encoder.network.is_gradient_checkpointing == checkpointing
        encoder(X).pooled.square().sum().backward()
        gradients.append([weight.grad for weight in encoder.parameters()])
    for plain, saving in zip(*gradients, strict=True):
        torch.testing.assert_close(saving, plain, rtol=1e-4, atol=1e-6)


def test_three_slices_are_the_channels_of_a_pretrained_network(networks: dict) -> None:
    encoder = PretrainedImage(str(networks["dinov2"][0]))
    output = SliceWise(encoder, slices_per_image=3, n_heads=2)(torch.rand(1, 1, 6, 32, 32))
    assert output.grid == (2, 4, 4)


def test_tokens_project_through_a_tower(networks: dict) -> None:
    encoder = PretrainedImage(str(networks["vit"][0]), pooling="mean")
    tower = Tower(encoder, Projection(16, 8)).eval()
    embedding, output = tower(X)
    torch.testing.assert_close(tower.project_tokens(output).mean(1), embedding, rtol=1e-4, atol=1e-5)


def test_what_a_user_can_mend_is_one_line(networks: dict, tmp_path: Path) -> None:
    folder = str(networks["siglip"][0])
    for settings, words in [
        ({}, "needs a name or a configuration"),
        ({"name_or_path": str(tmp_path / "absent")}, "cannot load the"),
        ({"name_or_path": folder, "pooling": "max"}, "unknown setting"),
        ({"name_or_path": folder, "pooling": "cls"}, "has no class token"),
        ({"config": {"model_type": "bert"}}, "unknown kind of image network: received bert"),
    ]:
        with pytest.raises(ConfigError, match=words) as raised:
            PretrainedImage(**settings)
        assert "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match="another number of channels"):
        PretrainedImage(folder)(torch.rand(1, 2, 32, 32))


def test_a_folder_without_scaling_is_not_guessed(networks: dict, tmp_path: Path) -> None:
    networks["vit"][1].save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="does not say how its input is scaled"):
        PretrainedImage(str(tmp_path))
    assert PretrainedImage(str(tmp_path), image_mean=[0.5] * 3, image_std=[0.5] * 3)(X).grid == (4, 4)
    (tmp_path / "preprocessor_config.json").write_text('{"do_normalize": true}')
    with pytest.raises(ConfigError, match="states no mean and std"):
        PretrainedImage(str(tmp_path))


def test_pickled_weights_are_not_opened(networks: dict, tmp_path: Path) -> None:
    network = networks["vit"][1]
    network.config.save_pretrained(tmp_path)
    write_scaling(tmp_path)
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="cannot load the image encoder"):
        PretrainedImage(str(tmp_path))


def test_missing_weights_are_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    write_network(tmp_path, "vit")
    weights = load_file(tmp_path / "model.safetensors")
    gone = next(name for name in weights if ".1." in name)
    save_file({name: value for name, value in weights.items() if name != gone}, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match=r"lacks weights .*layers\.1"):
        PretrainedImage(str(tmp_path))


def test_transformers_says_the_same_in_its_own_words() -> None:
    """The names of the classes are those that transformers has."""
    from medclip.encoders.image_families import _FAMILIES

    assert all(hasattr(transformers, family.network) for family in _FAMILIES.values())
