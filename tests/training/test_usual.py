from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from medclip.core.batch import Batch
from medclip.encoders.model import ContrastiveModel, TowerRecipe
from medclip.encoders.resnet2d import ResNet2d
from medclip.training.usual import usual_recording

X = torch.randn(7, 1, 64, 96, generator=torch.Generator().manual_seed(0))
ALL = torch.ones(7, 64, 96, dtype=torch.bool)


def model(**changes: object) -> ContrastiveModel:
    torch.manual_seed(0)
    encoder = ResNet2d(depth=10, width=4, embedding_dim=16, stem="patch", stem_stride=4, **changes)
    return ContrastiveModel({"a": TowerRecipe(encoder).build(8)}).eval()


def batches(mask: torch.Tensor = ALL, size: int = 3) -> Iterator[Batch]:
    none = torch.zeros(0, dtype=torch.int64)
    for start in range(0, len(X), size):
        rows = slice(start, start + size)
        n = len(X[rows])
        ids = tuple(f"r{row}" for row in range(n))
        nothing = torch.zeros(n, 0, dtype=torch.bool)
        yield Batch({"a": X[rows]}, {"a": mask[rows]}, none, none, none, nothing, ids)


@pytest.mark.parametrize("pooling", ["mean", "log_sum_exp", "attention"])
def test_places_average_to_the_average_embedding(pooling: str) -> None:
    network = model(pooling=pooling, n_heads=2)
    usual = usual_recording(network, "a", batches(), has_places=True)
    assert usual.places.shape == (2, 3, 8)
    expected = torch.nn.functional.normalize(network.encode("a", X)[0], dim=-1).mean(dim=0)
    torch.testing.assert_close(usual.embedding, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(usual.places.flatten(0, 1).mean(dim=0), expected, rtol=1e-4, atol=1e-5)


def test_how_recordings_are_batched_makes_no_difference() -> None:
    one, other = (usual_recording(model(), "a", batches(size=size), has_places=True) for size in (2, 7))
    torch.testing.assert_close(one.places, other.places, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(one.embedding, other.embedding, rtol=1e-4, atol=1e-6)


def test_padding_is_not_averaged() -> None:
    mask = ALL.clone()
    mask[1:, :, 32:] = False  # two of three columns of tokens
    mask[:, 32:] = False  # the lower row is padding in all
    network = model()
    usual = usual_recording(network, "a", batches(mask), has_places=True)
    assert torch.equal(usual.places[1], torch.zeros(3, 8))
    alone = network.encode_places("a", X[:1], mask[:1])
    expected = (alone.tokens[0] / alone.pooled[0].norm()).reshape(2, 3, 8)
    torch.testing.assert_close(usual.places[0, 1:], expected[0, 1:], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(usual.places[0, 0], expected[0, 0])


@pytest.mark.parametrize(("changes", "has_places"), [({"traced_stage": 2}, True), ({}, False)])
def test_where_there_are_no_places(changes: dict[str, object], has_places: bool) -> None:
    usual = usual_recording(model(**changes), "a", batches(), has_places=has_places)
    assert usual.places is None
    assert usual.embedding.shape == (8,)
