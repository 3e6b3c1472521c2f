from __future__ import annotations

import pytest
import torch

from medclip.core.errors import ConfigError
from medclip.encoders.vit3d import ViT3d

X = torch.randn(1, 1, 8, 12, 16, generator=torch.Generator().manual_seed(0))


def tiny(spatial_depth: int = 1, axial_depth: int = 1, **changes: object) -> ViT3d:
    torch.manual_seed(0)
    settings = {"width": 16, "n_heads": 2, "head_width": 5, "patch_size": (2, 4, 4), "n_positions": (4, 3, 4)}
    return ViT3d(spatial_depth=spatial_depth, axial_depth=axial_depth, **(settings | changes)).eval()


def changed(network: ViT3d, place: tuple[int, int, int]) -> torch.Tensor:
    """Which tokens change when one block of voxels does, ``(4, 3, 4)`` bool."""
    other = X.clone()
    layer, row, column = (n * step for n, step in zip(place, (2, 4, 4), strict=True))
    other[:, :, layer : layer + 2, row : row + 4, column : column + 4] += 1.0
    with torch.no_grad():
        difference = (network(other).tokens - network(X).tokens).abs().amax(-1)
    return (difference[0] > 1e-6).view(4, 3, 4)


def test_attention_is_within_a_layer_and_along_the_first_axis() -> None:
    within, along, both = (changed(tiny(*depths), (1, 2, 3)) for depths in ((1, 0), (0, 1), (1, 1)))
    expected = torch.zeros(4, 3, 4, dtype=torch.bool)
    expected[1] = True
    assert torch.equal(within, expected)
    expected = torch.zeros(4, 3, 4, dtype=torch.bool)
    expected[:, 2, 3] = True
    assert torch.equal(along, expected)
    assert both.all()


def test_the_defaults_are_the_geometry_of_a_published_encoder() -> None:
    with torch.device("meta"):
        network = ViT3d()
        output = network(torch.zeros(1, 1, 240, 480, 480))
    assert output.grid == (24, 24, 24)
    assert output.tokens.shape == (1, 13824, 512)
    assert len(network.spatial_blocks) == len(network.axial_blocks) == 4
    assert network.spatial_blocks[0].qkv.out_features == 3 * 8 * 32


def test_other_sizes_and_a_rest() -> None:
    output = tiny()(torch.randn(2, 1, 7, 21, 9))
    assert output.grid == (4, 6, 3)
    assert output.tokens.shape == (2, 72, 16)


def test_padding_adds_nothing_but_its_positions() -> None:
    network = tiny(2, 2)
    torch.nn.init.zeros_(network.spatial_table.table)
    torch.nn.init.zeros_(network.axial_table.table)
    mask = torch.ones(1, 8, 12, 16, dtype=torch.bool)
    mask[:, 6:], mask[:, :, 8:], mask[..., 12:] = False, False, False
    small = network(X[:, :, :6, :8, :12])
    padded = network(X, mask)
    torch.testing.assert_close(padded.pooled, small.pooled, rtol=1e-4, atol=1e-5)
    assert padded.mask.sum() == 3 * 2 * 3
    torch.testing.assert_close(padded.tokens[padded.mask], small.tokens[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("change", [{"patch_size": (4, 4)}, {"n_positions": (4,)}, {"head_width": None, "n_heads": 3}])
def test_bad_settings_are_one_line(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="settings of ViT3d out of range"):
        tiny(**change)
