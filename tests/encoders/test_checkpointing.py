from __future__ import annotations

import copy

import pytest
import torch

from medclip.encoders.resnet1d import ResNet1d
from medclip.encoders.resnet2d import ResNet2d
from medclip.encoders.resnet3d import ResNet3d
from medclip.encoders.vit2d import ViT2d
from medclip.encoders.vit3d import ViT3d

NETWORKS = {
    "resnet1d": (lambda: ResNet1d(1, depth=10, width=4, embedding_dim=16, n_positions=4), (1, 64)),
    "resnet2d": (lambda: ResNet2d(depth=10, width=4, embedding_dim=16), (1, 32, 32)),
    "resnet3d": (lambda: ResNet3d(depth=10, width=4, embedding_dim=16), (1, 8, 32, 32)),
    "vit2d": (lambda: ViT2d(size="tiny", depth=2), (1, 32, 32)),
    "vit3d": (
        lambda: ViT3d(width=16, spatial_depth=1, axial_depth=1, n_heads=2, patch_size=(4, 8, 8)),
        (1, 8, 16, 16),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_and_batch_statistics_are_those_of_one_pass(name: str) -> None:
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    plain = make().train()
    saving = copy.deepcopy(plain)
    saving.gradient_checkpointing = True
    x = torch.randn(3, *shape)
    mask = torch.ones(3, *shape[1:], dtype=torch.bool)
    mask[1, ..., -9:] = False
    weights = torch.randn(3, plain.embedding_dim)
    for _ in range(2):
        for network in (plain, saving):
            (network(x, mask).pooled * weights).sum().backward()
    for (own, expected), (label, _) in zip(
        zip(saving.parameters(), plain.parameters(), strict=True), plain.named_parameters(), strict=True
    ):
        torch.testing.assert_close(own.grad, expected.grad, rtol=1e-4, atol=1e-5, msg=label)
    for own, expected in zip(saving.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(own, expected)


def test_less_is_kept_for_the_gradient() -> None:
    kept = {}
    for checkpointing in (False, True):
        network = ViT2d(size="tiny", depth=4, gradient_checkpointing=checkpointing).train()
        n_bytes = [0]

        def count(tensor: torch.Tensor, total: list[int] = n_bytes) -> torch.Tensor:
            total[0] += tensor.numel() * tensor.element_size()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            network(torch.randn(2, 1, 64, 64))
        kept[checkpointing] = n_bytes[0]
    assert kept[True] < kept[False] / 3
