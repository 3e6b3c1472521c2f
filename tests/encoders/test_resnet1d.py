from __future__ import annotations

import math

import pytest
import torch
from merl_network import MerlNetwork
from torch import nn

from medclip.core.errors import ConfigError
from medclip.encoders.resnet1d import ResNet1d

GENERATOR = torch.Generator().manual_seed(0)


def tiny(depth: int = 18, **changes: object) -> ResNet1d:
    settings = {"width": 4, "embedding_dim": 16, "n_positions": 20} | changes
    return ResNet1d(7, depth=depth, **settings)


@pytest.mark.parametrize("depth", [10, 18, 34, 50])
@pytest.mark.parametrize("pooling", ["attention", "mean", "mean_max"])
def test_any_leads_and_samples(depth: int, pooling: str) -> None:
    output = tiny(depth, pooling=pooling)(torch.randn(2, 7, 1234))
    assert output.pooled.shape == (2, 16)
    assert output.tokens is not None
    assert output.tokens.shape == (2, math.ceil(1234 / 16), 16)
    assert output.mask is None


@pytest.mark.parametrize("n_samples", [1, 15, 16, 17, 31, 33, 5000])
def test_a_token_stands_for_sixteen_samples(n_samples: int) -> None:
    mask = torch.ones(2, n_samples, dtype=torch.bool)
    mask[1, n_samples // 2 + 1 :] = False
    output = tiny().eval()(torch.randn(2, 7, n_samples), mask)
    assert output.tokens is not None
    assert output.tokens.shape[1] == math.ceil(n_samples / 16)
    if output.mask is not None:
        assert output.mask.sum(1).tolist() == [math.ceil(n_samples / 16), math.ceil((n_samples // 2 + 1) / 16)]


def test_merl_geometry_and_size() -> None:
    ours, reference = ResNet1d(), MerlNetwork()
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in reference.parameters())
    output = ours.eval()(torch.randn(1, 12, 5000))
    assert output.tokens is not None
    assert output.tokens.shape == (1, 313, 256)


def test_merl_weights_give_merl_values() -> None:
    """Both networks list their parameters in the order of computation, so that weights can be moved one by one."""
    torch.manual_seed(1)
    ours, reference = ResNet1d().eval(), MerlNetwork().eval()
    with torch.no_grad():
        for target, source in zip(layers(ours), layers(reference), strict=True):
            target.load_state_dict(source.state_dict())
        ours.pool.mean_position.table.copy_(reference.positions[:1])
        ours.pool.table.table.copy_(reference.positions[1:])
        x = torch.randn(2, 12, 5000)
        torch.testing.assert_close(ours(x).tokens, reference.tokens(x).transpose(1, 2), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours(x).pooled, reference(x), rtol=1e-4, atol=1e-5)


def layers(network: nn.Module) -> list[nn.Module]:
    return [part for part in network.modules() if isinstance(part, (nn.Conv1d, nn.BatchNorm1d, nn.Linear))]


@pytest.mark.parametrize("pooling", ["attention", "mean", "mean_max"])
def test_what_lies_in_the_padding_does_not_matter(pooling: str) -> None:
    network = tiny(pooling=pooling)
    x = torch.randn(3, 7, 500)
    mask = torch.ones(3, 500, dtype=torch.bool)
    mask[1, 300:] = False
    noise = x.masked_fill(~mask[:, None], torch.nan)
    zero = x.masked_fill(~mask[:, None], 0.0)
    for mode in (True, False):
        assert torch.equal(network.train(mode)(noise, mask).pooled, network(zero, mask).pooled)


def test_pooling_ignores_padded_tokens() -> None:
    network = tiny(pooling="mean").eval()
    mask = torch.ones(1, 500, dtype=torch.bool)
    mask[:, 160:] = False
    output = network(torch.randn(1, 7, 500), mask)
    assert output.tokens is not None
    torch.testing.assert_close(output.pooled, output.tokens[:, :10].mean(1))
    torch.testing.assert_close(output.mean(), output.tokens[:, :10].mean(1))


def test_a_record_of_padding_alone_spoils_no_gradient() -> None:
    for pooling in ("attention", "mean", "mean_max"):
        network = tiny(pooling=pooling)
        mask = torch.ones(3, 320, dtype=torch.bool)
        mask[2] = False
        network(torch.randn(3, 7, 320), mask).pooled[:2].sum().backward()
        assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in network.parameters())


@pytest.mark.parametrize("change", [{"depth": 19}, {"kernel_size": 4}, {"pooling": "max"}, {"embedding_dim": 12}])
def test_bad_settings_are_one_line(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"allowed|received"):
        ResNet1d(7, **({"width": 4, "embedding_dim": 16} | change))
