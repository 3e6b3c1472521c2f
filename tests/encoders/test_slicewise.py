from __future__ import annotations

import copy
import json

import pytest
import torch
from torch import nn

from medclip.core.errors import ConfigError
from medclip.encoders.configurable import build, describe
from medclip.encoders.resnet2d import ResNet2d
from medclip.encoders.slicewise import SliceWise

X = torch.randn(2, 1, 7, 48, 33, generator=torch.Generator().manual_seed(0))


def network(slices_per_image: int = 3, **changes: object) -> SliceWise:
    torch.manual_seed(0)
    inner = ResNet2d(slices_per_image, depth=10, width=4, embedding_dim=16, **changes)
    return SliceWise(inner, slices_per_image=slices_per_image, n_heads=1, n_positions=3).eval()


def test_every_slab_is_an_image_of_the_inner_encoder() -> None:
    ours = network()
    output = ours(X)
    assert output.grid == (3, 2, 2)
    slabs = [X[:, 0, 0:3], X[:, 0, 3:6], torch.cat([X[:, 0, 6:], torch.zeros(2, 2, 48, 33)], dim=1)]
    images = [ours.encoder(slab) for slab in slabs]
    torch.testing.assert_close(output.tokens, torch.cat([image.tokens for image in images], dim=1))
    pooled = torch.stack([image.pooled for image in images], dim=1)
    torch.testing.assert_close(output.pooled, ours.pool(pooled))


def test_windows_of_a_volume_are_channels_of_each_image() -> None:
    inner = ResNet2d(4, depth=10, width=4, embedding_dim=16).eval()
    volume = torch.randn(1, 2, 4, 32, 32)
    output = SliceWise(inner, slices_per_image=2).eval()(volume)
    first = inner(torch.cat([volume[:, 0, :2], volume[:, 1, :2]], dim=1))
    torch.testing.assert_close(output.tokens[:, :1], first.tokens)


def test_slices_of_padding_are_not_encoded() -> None:
    ours = network(1).train()
    mask = torch.ones(2, 7, 48, 33, dtype=torch.bool)
    mask[0, 4:] = False
    output = ours(X, mask)
    assert output.mask.unflatten(1, (7, -1)).any(2).tolist() == [[True] * 4 + [False] * 3, [True] * 7]
    expected = copy.deepcopy(network(1)).train()
    expected.encoder(torch.cat([X[0, 0, :4], X[1, 0]])[:, None])
    for own, wanted in zip(ours.encoder.buffers(), expected.encoder.buffers(), strict=True):
        torch.testing.assert_close(own, wanted)
    assert output.tokens.unflatten(1, (7, -1))[0, 4:].abs().sum() == 0
    output.pooled.sum().backward()
    assert all(weight.grad.isfinite().all() for weight in ours.parameters())


def test_a_volume_of_padding_alone_spoils_nothing() -> None:
    mask = torch.ones(2, 7, 48, 33, dtype=torch.bool)
    mask[0] = False
    pooled = network()(X, mask).pooled
    assert pooled.isfinite().all()
    torch.testing.assert_close(pooled[1:], network()(X[1:]).pooled)


def test_local_tokens_of_equal_places_are_the_pooled_vector() -> None:
    ours = network(1)
    nn.init.zeros_(ours.pool.table.table)
    nn.init.zeros_(ours.pool.mean_position.table)
    nn.init.zeros_(ours.encoder.to_embedding.weight)
    output = ours(X)
    local = ours.local_tokens(output)
    assert local.shape == output.tokens.shape
    torch.testing.assert_close(local, output.pooled[:, None].expand_as(local))


def test_a_bundle_builds_the_inner_encoder_too() -> None:
    described = json.loads(json.dumps(describe(network())))
    assert described["arguments"]["encoder"]["class"] == "medclip.encoders.resnet2d:ResNet2d"
    rebuilt = build(described).eval()
    rebuilt.load_state_dict(network().state_dict())
    assert torch.equal(rebuilt(X).pooled, network()(X).pooled)


def test_bad_settings_are_one_line() -> None:
    with pytest.raises(ConfigError, match="at least one slice"):
        SliceWise(ResNet2d(depth=10, width=4), slices_per_image=0)
    with pytest.raises(ConfigError, match="embedding_dim"):
        SliceWise(nn.Identity())
