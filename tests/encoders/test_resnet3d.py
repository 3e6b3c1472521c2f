from __future__ import annotations

import pytest
import torch

from medclip.core.errors import ConfigError
from medclip.encoders.resnet2d import ResNet2d
from medclip.encoders.resnet3d import ResNet3d


@pytest.mark.parametrize(
    ("settings", "per_token"),
    [
        ({}, (16, 32, 32)),
        ({"stem": "plain"}, (8, 16, 16)),
        ({"stem": "patch", "stem_stride": (2, 4, 4), "stage_strides": (1, 2, 2, 1)}, (8, 16, 16)),
    ],
)
def test_thick_slices_are_merged_less(settings: dict, per_token: tuple[int, ...]) -> None:
    network = ResNet3d(depth=10, width=4, embedding_dim=8, **settings).eval()
    assert network.per_token == per_token
    size = (17, 40, 33)
    output = network(torch.randn(1, 1, *size))
    assert output.grid == tuple(-(-n // step) for n, step in zip(size, per_token, strict=True))


def test_a_volume_of_equal_slices_is_an_image() -> None:
    """With kernels that are an image's in the middle slice and zero elsewhere, each slice gives the image's tokens."""
    torch.manual_seed(0)
    flat = ResNet2d(depth=10, width=4, embedding_dim=8, stem="patch", stem_stride=4).eval()
    deep = ResNet3d(depth=10, width=4, embedding_dim=8, stem="patch", stem_stride=(1, 4, 4)).eval()
    state = {}
    for name, wanted in deep.state_dict().items():
        value = flat.state_dict()[name]
        if wanted.ndim == 5:
            kernel = torch.zeros_like(wanted)
            kernel[:, :, wanted.shape[2] // 2] = value
            value = kernel
        state[name] = value
    deep.load_state_dict(state)
    image = torch.randn(2, 1, 64, 96)
    output = deep(image[:, :, None].expand(-1, -1, 16, -1, -1))
    assert output.grid == (2, 2, 3)
    for layer in output.tokens.unflatten(1, (2, 6)).unbind(1):
        torch.testing.assert_close(layer, flat(image).tokens, rtol=1e-4, atol=1e-5)


def test_bad_settings_are_one_line() -> None:
    with pytest.raises(ConfigError, match="3 positive numbers"):
        ResNet3d(width=4, stem_stride=(2, 2))
