from __future__ import annotations

import naive_losses
import pytest
import torch
from torch.nn import functional

from medclip.core.errors import ConfigError
from medclip.objectives.batch import EncodedBatch
from medclip.objectives.clip import InfoNCE, info_nce

IDS = torch.tensor([4, 7, 4, 9, 7, 4, 2])
PRESENT = torch.tensor([True, True, False, True, True, True, False])


def vectors(n=7, dim=5, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, dim, generator=generator, dtype=dtype).requires_grad_() for _ in range(2)]


@pytest.mark.parametrize("duplicates", ["positive", "mask", "negative"])
@pytest.mark.parametrize(
    "ids", [None, IDS, torch.zeros(7, dtype=torch.int64)], ids=["no_ids", "some_equal", "all_equal"]
)
@pytest.mark.parametrize("present", [None, PRESENT], ids=["all", "some_absent"])
def test_value_and_gradient_equal_a_computation_pair_by_pair(duplicates, ids, present):
    first, second = vectors()
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    parameters = (first, second, scale)
    ours = info_nce(first, second, scale=scale, ids=ids, duplicates=duplicates, present=present)
    naive = naive_losses.info_nce(first, second, scale, ids, duplicates, present)
    for own, expected in zip(ours, naive, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-12, atol=1e-12)
        ours_gradient = torch.autograd.grad(own, parameters, retain_graph=True)
        naive_gradient = torch.autograd.grad(expected, parameters, retain_graph=True, allow_unused=True)
        for got, wanted in zip(ours_gradient, naive_gradient, strict=True):
            torch.testing.assert_close(got, torch.zeros_like(got) if wanted is None else wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("duplicates", ["positive", "mask", "negative"])
def test_gradcheck(duplicates):
    first, second = vectors(n=5, dim=3)
    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)

    def both(first, second, scale):
        return info_nce(first, second, scale=scale, ids=IDS[:5], duplicates=duplicates, present=PRESENT[:5])

    assert torch.autograd.gradcheck(both, (first, second, scale))


def test_without_duplicates_it_is_the_textbook_cross_entropy_of_clip():
    first, second = vectors(n=40, dim=16, dtype=torch.float32)
    similarity = functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T / 0.07
    diagonal = torch.arange(40)
    expected = (functional.cross_entropy(similarity, diagonal) + functional.cross_entropy(similarity.T, diagonal)) / 2
    batch = EncodedBatch({"a": first}, {}, diagonal, text=second)
    for duplicates in ("positive", "mask", "negative"):
        torch.testing.assert_close(InfoNCE(duplicates=duplicates)(batch)["a"], expected)


def test_batches_larger_than_a_block_of_pairs(monkeypatch):
    monkeypatch.setattr("medclip.objectives.pairwise._PAIRS_AT_A_TIME", 40)
    first, second = vectors(n=13, dim=6)
    ids = torch.arange(13) % 5
    for duplicates in ("positive", "mask", "negative"):
        ours = sum(info_nce(first, second, scale=4.0, ids=ids, duplicates=duplicates))
        naive = sum(naive_losses.info_nce(first, second, 4.0, ids, duplicates))
        torch.testing.assert_close(ours, naive, rtol=1e-12, atol=0)
        gradients = (torch.autograd.grad(loss, (first, second)) for loss in (ours, naive))
        for got, wanted in zip(*gradients, strict=True):
            torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-12)


def test_one_term_per_modality_each_with_its_own_presence():
    first, second = vectors()
    other = torch.randn(7, 5, dtype=torch.float64)
    batch = EncodedBatch({"a": first, "b": other}, {}, IDS, text=second, present={"b": PRESENT})
    terms = InfoNCE(temperature=0.2)(batch)
    assert list(terms) == ["a", "b"]
    for modality, rows, present in (("a", first, None), ("b", other, PRESENT)):
        expected = sum(naive_losses.info_nce(rows, second, 5.0, IDS, "positive", present)) / 2
        torch.testing.assert_close(terms[modality], expected, rtol=1e-6, atol=1e-6)


def test_what_a_duplicate_is_changes_the_loss_in_the_right_direction():
    """Two records with one report, both on top of it: only plain CLIP is dissatisfied."""
    text = torch.eye(4)[[0, 0, 1, 2]]
    losses = {
        kind: float(sum(info_nce(text, text, scale=50.0, ids=torch.tensor([0, 0, 1, 2]), duplicates=kind)))
        for kind in ("positive", "mask", "negative")
    }
    assert losses["mask"] == pytest.approx(0.0, abs=1e-4)
    # Target and softmax are both one half: the entropy of a coin, in half the rows, in both directions.
    assert losses["positive"] == pytest.approx(torch.log(torch.tensor(2.0)).item(), abs=1e-4)
    assert losses["negative"] == pytest.approx(losses["positive"], abs=1e-4), "one half is the best plain CLIP can do"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("magnitude", [1e-3, 1.0, 1e3])
def test_half_precision_inputs_of_any_size(dtype, magnitude):
    first, second = (rows.detach().mul(magnitude).to(dtype).requires_grad_() for rows in vectors(dim=512))
    loss = sum(info_nce(first, second, scale=torch.tensor(100.0), ids=IDS))
    exact = sum(naive_losses.info_nce(first.double(), second.double(), 100.0, IDS))
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), exact, rtol=1e-5, atol=1e-5)
    loss.backward()
    assert first.grad.isfinite().all()
    assert second.grad.isfinite().all()


def test_autocast_does_not_round_similarities():
    first, second = vectors(n=32, dim=64, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = sum(info_nce(first, second, scale=100.0))
    torch.testing.assert_close(inside, sum(info_nce(first, second, scale=100.0)), rtol=1e-6, atol=0)


def test_extremes_stay_finite():
    same = torch.ones(6, 8, requires_grad=True)
    forth, back = info_nce(same, same.detach(), scale=100.0)
    assert forth.item() == pytest.approx(torch.log(torch.tensor(6.0)).item(), abs=1e-4)
    (forth + back).backward()
    assert same.grad.isfinite().all()
    opposite = torch.eye(2, requires_grad=True)
    loss = sum(info_nce(opposite, -opposite.detach(), scale=1e4))
    assert loss.item() == pytest.approx(2e4, rel=1e-5)
    loss.backward()
    assert opposite.grad.isfinite().all()
    zero = torch.zeros(3, 4, requires_grad=True)
    loss = sum(info_nce(zero, torch.randn(3, 4), scale=10.0))
    loss.backward()
    assert loss.isfinite()
    assert zero.grad.isfinite().all()


def test_nobody_present_is_a_loss_of_zero_with_a_gradient_of_zero():
    first, second = vectors()
    for duplicates in ("positive", "mask", "negative"):
        loss = sum(
            info_nce(first, second, scale=3.0, ids=IDS, duplicates=duplicates, present=torch.zeros(7, dtype=torch.bool))
        )
        assert loss.item() == 0.0
        for gradient in torch.autograd.grad(loss, (first, second)):
            assert (gradient == 0).all()


def test_frozen_texts_and_a_learned_scale():
    first, second = vectors()
    objective = InfoNCE(temperature=0.5).double()
    batch = EncodedBatch({"a": first}, {}, IDS, text=second.detach())
    objective(batch)["a"].backward()
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    (sum(naive_losses.info_nce(first.detach(), second.detach(), scale, IDS)) / 2).backward()
    # d/d(log s) = s d/ds
    torch.testing.assert_close(objective.scale.log_scale.grad, 2.0 * scale.grad, rtol=1e-6, atol=1e-9)
    assert not InfoNCE(learnable=False).scale.log_scale.requires_grad


def test_bad_input():
    with pytest.raises(ConfigError, match="positive, mask, negative"):
        InfoNCE(duplicates="ignore")
    with pytest.raises(ConfigError, match="temperature"):
        InfoNCE(temperature=0.001)
    with pytest.raises(ConfigError, match="reports"):
        InfoNCE()(EncodedBatch({"a": torch.zeros(2, 3)}, {}, torch.arange(2)))
