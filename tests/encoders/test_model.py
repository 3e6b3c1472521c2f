from __future__ import annotations

import pytest
import torch
from torch import nn

from medclip.core.errors import ConfigError
from medclip.encoders.model import ContrastiveModel, Tower, TowerRecipe
from medclip.encoders.output import EncoderOutput
from medclip.encoders.projection import Projection
from medclip.encoders.resnet1d import ResNet1d
from medclip.encoders.resnet2d import ResNet2d
from medclip.encoders.vit2d import ViT2d

X = torch.randn(3, 1, 64, 96, generator=torch.Generator().manual_seed(0))
MASK = torch.ones(3, 64, 96, dtype=torch.bool)
MASK[1, :, 64:] = False


def model(encoder: nn.Module, head: str = "linear") -> ContrastiveModel:
    torch.manual_seed(0)
    return ContrastiveModel({"a": TowerRecipe(encoder, projection=head).build(8)}).eval()


def resnet(**changes: object) -> ResNet2d:
    return ResNet2d(depth=10, width=4, embedding_dim=16, stage_strides=(1, 2, 2, 1), **changes)


@pytest.mark.parametrize(
    "make", [resnet, lambda **changes: ViT2d(size="tiny", depth=1, **changes)], ids=["resnet", "vit"]
)
@pytest.mark.parametrize("pooling", ["mean", "mean_max", "log_sum_exp", "attention"])
def test_the_embedding_is_the_average_of_what_places_gave_to_it(make, pooling: str) -> None:
    torch.manual_seed(1)
    found = model(make(pooling=pooling)).encode_places("a", X, MASK)
    assert found.grid == (4, 6)
    assert found.tokens.shape == (3, 24, 8)
    weight = found.mask[..., None]
    mean = (found.tokens * weight).sum(1) / weight.sum(1)
    torch.testing.assert_close(mean, found.pooled, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "mean_max", "log_sum_exp", "attention"])
@pytest.mark.parametrize("head", ["linear", "gelu", "batch_norm"])
def test_a_token_is_the_embedding_of_a_record_that_is_the_same_everywhere(pooling: str, head: str) -> None:
    encoder = resnet(pooling=pooling, n_heads=2)
    # All tokens alike: what is pooled is what each of them is.
    nn.init.zeros_(encoder.to_embedding.weight)
    if pooling == "attention":
        nn.init.zeros_(encoder.pool.table.table)
        nn.init.zeros_(encoder.pool.mean_position.table)
    tower = model(encoder, head).tower("a")
    embedding, output = tower(X)
    tokens = tower.project_tokens(output)
    torch.testing.assert_close(tokens, embedding[:, None].expand_as(tokens), rtol=1e-4, atol=1e-5)


def test_what_a_place_gives_to_a_maximum_is_given_by_one_place() -> None:
    found = model(resnet(pooling="log_sum_exp", n_heads=2)).encode_places("a", X, MASK)
    sharp = model(resnet(pooling="log_sum_exp", n_heads=2))
    nn.init.constant_(sharp.tower("a").encoder.pool.log_sharpness, 9.0)
    by_one = sharp.encode_places("a", X, MASK).tokens.abs().amax(dim=(1, 2))
    assert (by_one > 2 * found.tokens.abs().amax(dim=(1, 2))).all()


def test_tokens_of_an_adapted_tower_go_the_same_way() -> None:
    from medclip.encoders.lora import LoRA

    tower = Tower(resnet(pooling="attention", n_heads=2), Projection(16, 8), lora=LoRA(r=2)).eval()
    output = tower(X)[1]
    local = tower.encoder.base_model.model.local_tokens(output)
    torch.testing.assert_close(tower.project_tokens(output), tower.projection.layers(local))


def test_one_axis_has_a_grid_too() -> None:
    found = model(ResNet1d(1, depth=10, width=4, embedding_dim=16)).encode_places("a", torch.randn(2, 1, 100))
    assert found.grid == (7,)


def test_a_batch_norm_refuses_tokens_in_training() -> None:
    tower = Tower(resnet(), Projection(16, 8, "batch_norm")).train()
    with pytest.raises(ConfigError, match="cannot project tokens in training: received batch_norm; allowed: none"):
        tower.project_tokens(tower.encoder(X))


def test_no_tokens_and_no_tower() -> None:
    class Vector(nn.Module):
        embedding_dim = 16

        def forward(self, x, mask=None):
            return EncoderOutput(x.mean((2, 3)).expand(-1, 16))

    whole = model(Vector())
    with pytest.raises(ConfigError, match="gives no tokens: received Vector"):
        whole.encode_places("a", X)
    with pytest.raises(ConfigError, match="does not know this modality: received b; allowed: a"):
        whole.encode_places("b", X)
