from __future__ import annotations

import naive_losses
import pytest
import torch
from torch.nn import functional

from medclip.objectives.batch import EncodedBatch
from medclip.objectives.siglip import SigLIP, sigmoid_loss

IDS = torch.tensor([4, 7, 4, 9, 7, 4, 2])
PRESENT = torch.tensor([True, True, False, True, True, True, False])


def parameters(n=7, dim=5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    shapes = ((n, dim), (n, dim), (), ())
    first, second, scale, bias = (torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes)
    return [tensor.requires_grad_() for tensor in (first, second, scale.fill_(4.0), bias.fill_(-2.0))]


@pytest.mark.parametrize("ids", [None, IDS], ids=["no_ids", "some_equal"])
@pytest.mark.parametrize("present", [None, PRESENT], ids=["all", "some_absent"])
@pytest.mark.parametrize("block", [1 << 20, 10])
def test_value_and_gradient_equal_a_computation_pair_by_pair(ids, present, block, monkeypatch):
    monkeypatch.setattr("medclip.objectives.pairwise._PAIRS_AT_A_TIME", block)
    first, second, scale, bias = parameters()
    ours = sigmoid_loss(first, second, scale=scale, bias=bias, ids=ids, present=present)
    naive = naive_losses.siglip(first, second, scale, bias, ids, present)
    torch.testing.assert_close(ours, naive, rtol=1e-12, atol=0)
    gradients = (torch.autograd.grad(3.0 * loss, (first, second, scale, bias)) for loss in (ours, naive))
    for got, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)


def test_gradcheck():
    def loss(first, second, scale, bias):
        return sigmoid_loss(first, second, scale=scale, bias=bias, ids=IDS[:5], present=PRESENT[:5])

    assert torch.autograd.gradcheck(loss, parameters(n=5, dim=3))


def test_it_is_the_textbook_form_with_its_start_values():
    first, second, _, _ = parameters(n=30, dim=8, dtype=torch.float32)
    objective = SigLIP()
    logits = 10.0 * functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T - 10.0
    labels = 2.0 * torch.eye(30) - 1.0
    expected = -functional.logsigmoid(labels * logits).sum() / 30
    batch = EncodedBatch({"a": first}, {}, torch.arange(30), text=second)
    torch.testing.assert_close(objective(batch)["a"], expected)
    assert {name for name, _ in objective.named_parameters()} == {"scale.log_scale", "bias"}


def test_equal_reports_match_only_if_asked_to():
    first, second, _, _ = parameters()
    batch = EncodedBatch({"a": first, "b": second}, {}, IDS, text=second, present={"b": PRESENT})
    for matching in (True, False):
        terms = SigLIP(temperature=0.25, bias=-2.0, equal_reports_match=matching)(batch)
        ids = IDS if matching else None
        torch.testing.assert_close(
            terms["a"].double(), naive_losses.siglip(first, second, 4.0, -2.0, ids), rtol=1e-6, atol=0
        )
        torch.testing.assert_close(
            terms["b"].double(), naive_losses.siglip(second, second, 4.0, -2.0, ids, PRESENT), rtol=1e-6, atol=0
        )


def test_no_gradient_is_computed_where_none_is_wanted():
    first, second, scale, bias = (tensor.detach() for tensor in parameters())
    loss = sigmoid_loss(first, second, scale=scale, bias=bias)
    assert not loss.requires_grad
    first.requires_grad_()
    (gradient,) = torch.autograd.grad(sigmoid_loss(first, second, scale=scale, bias=bias), first)
    (expected,) = torch.autograd.grad(naive_losses.siglip(first, second, scale, bias), first)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_inputs(dtype):
    first, second, scale, bias = parameters(dim=512, dtype=torch.float32)
    first, second = (1e3 * first.detach()).to(dtype).requires_grad_(), second.detach().to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = sigmoid_loss(first, second, scale=10 * scale, bias=bias, ids=IDS)
    exact = naive_losses.siglip(first.double(), second.double(), 40.0, -2.0, IDS)
    torch.testing.assert_close(loss.double(), exact, rtol=1e-5, atol=0)
    loss.backward()
    assert first.grad.isfinite().all()
    assert second.grad.isfinite().all()


def test_extremes_stay_finite():
    same = torch.ones(2, 3, requires_grad=True)
    loss = sigmoid_loss(same, same.detach(), scale=1e4, bias=-10.0)
    # Two partners (no loss) and two strangers that look alike (s + b each), divided by two rows.
    assert loss.item() == pytest.approx(1e4 - 10.0, rel=1e-5)
    loss.backward()
    assert same.grad.isfinite().all()
    first, second, scale, bias = parameters()
    nobody = sigmoid_loss(first, second, scale=scale, bias=bias, present=torch.zeros(7, dtype=torch.bool))
    assert nobody.item() == 0.0
    assert all((gradient == 0).all() for gradient in torch.autograd.grad(nobody, (first, second, scale, bias)))
