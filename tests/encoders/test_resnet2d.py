from __future__ import annotations

import math

import pytest
import torch
from transformers import ResNetConfig, ResNetModel

from medclip.core.errors import ConfigError
from medclip.encoders.resnet2d import ResNet2d


def moved(reference: ResNetModel, ours: ResNet2d) -> None:
    """Give our network the weights of Hugging Face's, block by block."""
    ours.stem[0].load_state_dict(reference.embedder.embedder.convolution.state_dict())
    ours.stem[1].load_state_dict(reference.embedder.embedder.normalization.state_dict())
    blocks = [layer for stage in reference.encoder.stages for layer in stage.layers]
    for own, theirs in zip(ours.stages, blocks, strict=True):
        convolutions = [part for part in own.body if isinstance(part, torch.nn.Conv2d)]
        norms = [part for part in own.body if isinstance(part, torch.nn.BatchNorm2d)]
        for convolution, norm, layer in zip(convolutions, norms, theirs.layer, strict=True):
            convolution.load_state_dict(layer.convolution.state_dict())
            norm.load_state_dict(layer.normalization.state_dict())
        if isinstance(own.shortcut, torch.nn.Sequential):
            own.shortcut[-2].load_state_dict(theirs.shortcut.convolution.state_dict())
            own.shortcut[-1].load_state_dict(theirs.shortcut.normalization.state_dict())


@pytest.mark.parametrize(("depth", "layer", "wide"), [(18, "basic", 1), (50, "bottleneck", 4)])
def test_hugging_faces_weights_give_its_features(depth: int, layer: str, wide: int) -> None:
    torch.manual_seed(0)
    config = ResNetConfig(
        num_channels=1,
        embedding_size=4,
        hidden_sizes=[4 * wide * 2**stage for stage in range(4)],
        depths=[2, 2, 2, 2] if depth == 18 else [3, 4, 6, 3],
        layer_type=layer,
    )
    reference = ResNetModel(config).train()
    reference(torch.randn(4, 1, 64, 64))
    reference.eval()
    ours = ResNet2d(depth=depth, width=4, embedding_dim=8).eval()
    moved(reference, ours)
    x = torch.randn(2, 1, 75, 96)
    features = reference(x).last_hidden_state
    expected = ours.to_embedding(features).flatten(2).transpose(1, 2)
    output = ours(x)
    torch.testing.assert_close(output.tokens, expected, rtol=1e-4, atol=1e-5)
    assert output.grid == tuple(features.shape[2:]) == (3, 3)


def test_resnet50_has_its_size() -> None:
    with torch.device("meta"):
        ours, reference = ResNet2d(3, embedding_dim=10), ResNetModel(ResNetConfig())
    head = 2048 * 10 + 10
    assert sum(p.numel() for p in ours.parameters()) - head == sum(p.numel() for p in reference.parameters())


@pytest.mark.parametrize(
    ("settings", "side"),
    [
        ({}, 32),
        ({"stage_strides": (1, 2, 2, 1)}, 16),
        ({"stem": "plain"}, 16),
        ({"stem": "patch", "stem_stride": 4}, 32),
        ({"stem": "patch", "stem_stride": 4, "stage_strides": (1, 2, 2, 1)}, 16),
        ({"stem": "patch", "stem_stride": 3, "stage_strides": (1, 2, 2, 1)}, 12),
    ],
)
@pytest.mark.parametrize("size", [(1, 1), (31, 97), (64, 33)])
def test_a_token_stands_for_so_many_pixels(settings: dict, side: int, size: tuple[int, int]) -> None:
    network = ResNet2d(depth=10, width=4, embedding_dim=8, **settings).eval()
    mask = torch.ones(2, *size, dtype=torch.bool)
    mask[1, size[0] // 2 + 1 :] = False
    output = network(torch.randn(2, 1, *size), mask)
    rows, columns = (math.ceil(n / side) for n in size)
    assert output.grid == (rows, columns)
    assert output.tokens.shape == (2, rows * columns, 8)
    if output.mask is not None:
        assert output.mask.sum(1).tolist() == [rows * columns, math.ceil((size[0] // 2 + 1) / side) * columns]


def offset(row: int, column: int, **settings: object) -> list[float]:
    """How far from the middle of its own 16 x 16 pixels a token of a 10 x 10 grid looks, in pixels along each axis."""
    torch.manual_seed(0)
    network = ResNet2d(depth=10, width=16, embedding_dim=8, **settings).eval()
    x = torch.randn(12, 1, 160, 160).requires_grad_()
    output = network(x)
    assert output.grid == (10, 10)
    output.tokens[:, row * 10 + column].sum().backward()
    weight = x.grad.square().sum((0, 1))
    places = torch.arange(160)
    return [
        float((weight.sum(axis) * places).sum() / weight.sum()) - (16 * place + 7.5)
        for axis, place in ((1, row), (0, column))
    ]


@pytest.mark.parametrize("place", [(4, 6), (6, 3)])
def test_tokens_lie_where_the_grid_says(place: tuple[int, int]) -> None:
    """First axis slowest; around the middle of their place with averages, up and to the left of it without."""
    assert all(abs(far) < 2 for far in offset(*place, stem="patch", stem_stride=4, stage_strides=(1, 2, 2, 1)))
    assert all(-10 < far < -4 for far in offset(*place, stem="plain"))


def test_small_kernels_in_late_stages_keep_tokens_local() -> None:
    """Of the last token nothing changes when the far half of the image does; with wide kernels it does."""
    x = torch.randn(1, 1, 192, 32)
    other = torch.cat([torch.randn(1, 1, 128, 32), x[:, :, 128:]], dim=2)
    for kernels, is_local in (([3, 3, 1, 1], True), (3, False)):
        network = ResNet2d(
            depth=10,
            width=4,
            embedding_dim=8,
            kernel_size=kernels,
            stem="patch",
            stem_stride=4,
            stage_strides=(1, 2, 2, 1),
        ).eval()
        assert torch.allclose(network(x).tokens[:, -1], network(other).tokens[:, -1], atol=1e-6) == is_local


@pytest.mark.parametrize("placed", [None, 1, 4])
def test_a_placed_stage_knows_where_it_is(placed: int | None) -> None:
    torch.manual_seed(0)
    network = ResNet2d(
        depth=10, width=4, embedding_dim=16, kernel_size=1, stem="patch", stem_stride=4, placed_stage=placed
    ).eval()
    tokens = network(torch.ones(1, 1, 128, 128)).tokens[0]
    assert torch.allclose(tokens, tokens[:1], atol=1e-5) == (placed is None)


def test_positions_of_the_attention_pooling_are_interpolated() -> None:
    network = ResNet2d(depth=10, width=4, embedding_dim=16, pooling="attention", n_heads=2, n_positions=(2, 3))
    assert network(torch.randn(2, 1, 128, 64)).grid == (4, 2)
    assert network.pool.table.table.shape == (6, 16)


@pytest.mark.parametrize(
    "change",
    [
        {"depth": 12},
        {"kernel_size": 2},
        {"kernel_size": [3, 3]},
        {"stem": "conv"},
        {"stem_stride": 0},
        {"stage_strides": (1, 2, 2, 4)},
        {"stage_strides": (1, 2, 2)},
        {"traced_stage": 5},
        {"placed_stage": 0},
    ],
)
def test_bad_settings_are_one_line(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="received"):
        ResNet2d(**({"width": 4} | change))


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("kernel_size", [3, [3, 3, 1, 1]])
def test_no_one_wide_convolution_has_a_stride(depth: int, kernel_size: int | list[int]) -> None:
    """Its gradient writes past its buffers in channels-last order (uxlfoundation/oneDNN issue 6035)."""
    network = ResNet2d(depth=depth, kernel_size=kernel_size)
    strided = [part for part in network.stages.modules() if getattr(part, "stride", 1) == (2, 2)]
    assert strided
    assert all(part.kernel_size == (3, 3) for part in strided)
    assert network(torch.randn(1, 1, 64, 64)).grid == (2, 2)
