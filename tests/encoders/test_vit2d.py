from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from medclip.core.errors import ConfigError
from medclip.encoders.vit2d import ViT2d


def test_monais_weights_give_its_tokens() -> None:
    from monai.networks.nets import ViT

    torch.manual_seed(0)
    reference = ViT(
        1, (32, 48), 8, 192, 768, num_layers=2, num_heads=3, proj_type="conv", spatial_dims=2, qkv_bias=True
    ).eval()
    ours = ViT2d(size="tiny", depth=2, patch_size=8, n_positions=(4, 6)).eval()
    embedding = reference.patch_embedding
    with torch.no_grad():
        ours.patches.load_state_dict(embedding.patch_embeddings.state_dict())
        ours.table.table.copy_(embedding.position_embeddings[0])
        ours.norm.load_state_dict(reference.norm.state_dict())
    for own, theirs in zip(ours.blocks, reference.blocks, strict=True):
        own.norm_attention.load_state_dict(theirs.norm1.state_dict())
        own.qkv.load_state_dict(theirs.attn.qkv.state_dict())
        own.output[0].load_state_dict(theirs.attn.out_proj.state_dict())
        own.feed_forward[0].load_state_dict(theirs.norm2.state_dict())
        own.feed_forward[1].load_state_dict(theirs.mlp.linear1.state_dict())
        own.feed_forward[4].load_state_dict(theirs.mlp.linear2.state_dict())
    x = torch.randn(2, 1, 32, 48)
    output = ours(x)
    torch.testing.assert_close(output.tokens, reference(x)[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(output.pooled, reference(x)[0].mean(1), rtol=1e-4, atol=1e-5)
    assert output.grid == (4, 6)


def test_positions_of_another_size_are_interpolated() -> None:
    network = ViT2d(size="tiny", depth=0, patch_size=4, n_positions=(3, 5)).eval()
    tokens = network.patches(torch.zeros(1, 1, 24, 12)).flatten(2).transpose(1, 2)
    table = network.table.table.T.reshape(1, 192, 3, 5)
    wanted = functional.interpolate(table, size=(6, 3), mode="bilinear", align_corners=False)[0].flatten(1).T
    torch.testing.assert_close(network(torch.zeros(1, 1, 24, 12)).tokens, network.norm(tokens + wanted))
    assert not torch.allclose(wanted[1], wanted[3])


def test_the_rest_of_an_image_is_a_patch_of_its_own() -> None:
    output = ViT2d(size="tiny", depth=1)(torch.randn(1, 1, 33, 16))
    assert output.grid == (3, 1)


def test_padding_adds_nothing_but_its_positions() -> None:
    """A mask over whole patches is the same as their absence, when positions are all zero."""
    network = ViT2d(size="tiny", depth=2, patch_size=8).eval()
    torch.nn.init.zeros_(network.table.table)
    x = torch.randn(2, 1, 32, 40)
    mask = torch.ones(2, 32, 40, dtype=torch.bool)
    mask[:, 24:], mask[:, :, 32:] = False, False
    torch.testing.assert_close(network(x, mask).pooled, network(x[:, :, :24, :32]).pooled, rtol=1e-4, atol=1e-5)


def test_an_unknown_size() -> None:
    with pytest.raises(ConfigError, match="received huge; allowed: tiny, small, base"):
        ViT2d(size="huge")
