"""MERL's objectives against its released formula, written from the paper and the description of its code."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional

from medclip.core.errors import ConfigError
from medclip.objectives.batch import EncodedBatch
from medclip.objectives.merl import CrossModalAlignment, UnimodalAlignment


def released_loss(x, y, temperature=0.07):
    """CE over rows plus CE over columns, summed and not averaged."""
    x, y = functional.normalize(x, dim=-1), functional.normalize(y, dim=-1)
    similarity = torch.einsum("id,jd->ij", x, y) / temperature
    own = torch.arange(len(x))
    return functional.cross_entropy(similarity, own) + functional.cross_entropy(similarity.T, own)


def batch(n=12, dim=16, latent_dim=24):
    generator = torch.Generator().manual_seed(2)

    def draw(width):
        return torch.randn(n, width, generator=generator).requires_grad_()

    # Equal reports on purpose: MERL treats them as negatives.
    return EncodedBatch({"a": draw(dim)}, {"a": draw(latent_dim)}, torch.zeros(n, dtype=torch.int64), text=draw(dim))


def test_cross_modal_alignment():
    encoded = batch()
    loss = CrossModalAlignment()(encoded)["a"]
    expected = released_loss(encoded.embeddings["a"], encoded.text)
    torch.testing.assert_close(loss, expected)
    inputs = (encoded.embeddings["a"], encoded.text)
    for got, wanted in zip(torch.autograd.grad(loss, inputs), torch.autograd.grad(expected, inputs), strict=True):
        torch.testing.assert_close(got, wanted)
    assert not list(CrossModalAlignment().parameters()), "MERL's temperature is fixed"


def test_unimodal_alignment_is_two_bias_free_layers_with_dropout():
    encoded = batch()
    objective = UnimodalAlignment(latent_dim=24)
    weights = dict(objective.named_parameters())
    assert {name: tuple(weight.shape) for name, weight in weights.items()} == {
        "first_view.0.weight": (24, 24),
        "second_view.0.weight": (24, 24),
    }
    latent = encoded.latents["a"]
    dropout = nn.Dropout(0.1)
    torch.manual_seed(5)
    expected = released_loss(
        dropout(latent @ weights["first_view.0.weight"].T), dropout(latent @ weights["second_view.0.weight"].T)
    )
    torch.manual_seed(5)
    loss = objective(encoded)["a"]
    torch.testing.assert_close(loss, expected)
    inputs = (latent, *weights.values())
    for got, wanted in zip(torch.autograd.grad(loss, inputs), torch.autograd.grad(expected, inputs), strict=True):
        torch.testing.assert_close(got, wanted)
    assert UnimodalAlignment.needs == frozenset(), "it looks at no text"
    assert objective.eval()(encoded)["a"] != loss


def test_views_are_the_only_use_of_the_latent():
    """In evaluation, the loss is a function of the latent alone and repeats itself."""
    encoded, objective = batch(), UnimodalAlignment(latent_dim=24).eval()
    assert objective(encoded)["a"] == objective(encoded)["a"]
    alone = EncodedBatch({}, encoded.latents, encoded.pair_ids)
    assert objective(alone)["a"] == objective(encoded)["a"]


def test_presence_leaves_rows_out_of_both():
    encoded = batch()
    present = torch.arange(12) % 3 > 0
    masked = dataclasses.replace(encoded, present={"a": present})
    expected = released_loss(encoded.embeddings["a"][present], encoded.text[present])
    torch.testing.assert_close(CrossModalAlignment()(masked)["a"], expected)
    objective = UnimodalAlignment(latent_dim=24).eval()
    latent = encoded.latents["a"][present]
    expected = released_loss(objective.first_view(latent), objective.second_view(latent))
    torch.testing.assert_close(objective(masked)["a"], expected)


def test_bad_input():
    with pytest.raises(ConfigError, match="temperature"):
        CrossModalAlignment(temperature=0.0)
    with pytest.raises(ConfigError, match="dropout"):
        UnimodalAlignment(dropout=1.0)
    with pytest.raises(ConfigError, match=r"latent_dim .*received 256; allowed: 24"):
        UnimodalAlignment()(batch())
