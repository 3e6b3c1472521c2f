from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from medclip.core.errors import ConfigError
from medclip.encoders.vit1d import ViT1d


@pytest.mark.parametrize(("size", "width", "millions"), [("tiny", 192, 5.5), ("small", 384, 21.6), ("base", 768, 85.6)])
def test_sizes(size: str, width: int, millions: float) -> None:
    """DeiT's blocks; the patch layer reads 12 x 50 samples."""
    network = ViT1d(12, size=size).eval()
    assert network.embedding_dim == width
    own = sum(p.numel() for p in network.parameters())
    blocks = 12 * (12 * width**2 + 13 * width)
    assert own == blocks + 2 * width + (600 + 1) * width + 100 * width
    assert own / 1e6 == pytest.approx(millions, rel=0.02)
    assert network(torch.randn(1, 12, 500)).pooled.shape == (1, width)


@pytest.mark.parametrize("positions", ["interpolated", "relative"])
@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_any_leads_and_samples(positions: str, pooling: str) -> None:
    network = ViT1d(7, depth=2, positions=positions, pooling=pooling)
    output = network(torch.randn(2, 7, 1234))
    assert output.tokens is not None
    assert output.tokens.shape == (2, math.ceil(1234 / 50), 192)
    assert output.pooled.shape == (2, 192)


def test_padding_is_ignored_wholly_with_relative_positions() -> None:
    network = ViT1d(3, depth=3, positions="relative").eval()
    x = torch.randn(2, 3, 400)
    mask = torch.ones(2, 700, dtype=torch.bool)
    mask[:, 400:] = False
    padded = torch.cat([x, torch.full((2, 3, 300), 50.0)], dim=-1)
    torch.testing.assert_close(network(padded, mask).pooled, network(x).pooled, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(network(padded).pooled, network(x).pooled, atol=1e-2)


def test_a_token_is_real_if_any_of_its_samples_is() -> None:
    mask = torch.ones(1, 1234, dtype=torch.bool)
    mask[:, 1200:] = False
    output = ViT1d(3, depth=1)(torch.randn(1, 3, 1234), mask)
    assert output.mask is not None
    assert output.mask[0].tolist() == [True] * 24 + [False]


def test_interpolated_positions_are_stretched() -> None:
    table = ViT1d(3, depth=1, n_positions=100).table
    assert table is not None
    assert torch.equal(table(100), table.table)
    expected = functional.interpolate(table.table.T[None], 37, mode="linear")[0].T
    torch.testing.assert_close(table(37), expected)


def test_a_record_of_padding_alone_spoils_no_gradient() -> None:
    network = ViT1d(3, depth=2, positions="relative")
    mask = torch.ones(3, 200, dtype=torch.bool)
    mask[1] = False
    network(torch.randn(3, 3, 200), mask).pooled[[0, 2]].sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters() if p.grad is not None)


def test_drop_path_keeps_the_expectation() -> None:
    torch.manual_seed(0)
    block = ViT1d(3, depth=2, drop_path=0.5).blocks[1]
    dropped = block._drop(torch.ones(4000, 1, 1))
    assert set(dropped.flatten().tolist()) == {0.0, 2.0}
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.1)
    assert torch.equal(block.eval()._drop(torch.ones(5, 1, 1)), torch.ones(5, 1, 1))


def test_unknown_size() -> None:
    with pytest.raises(ConfigError, match="received giant; allowed: tiny, small, base"):
        ViT1d(12, size="giant")
