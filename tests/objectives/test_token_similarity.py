from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

import medclip.objectives.token_similarity as module
from medclip.core.errors import ConfigError
from medclip.objectives.batch import EncodedBatch
from medclip.objectives.token_similarity import (
    TokenSimilarity,
    attended_similarity,
    multi_positive_loss,
    similarity_map,
)

# Record 2 makes no statement, statement 3 is made by nobody, statement 0 by three records, record 3 makes three.
MADE = torch.tensor([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [1, 0, 1, 0, 1], [0, 0, 1, 0, 0]]).bool()
REAL = torch.arange(7) < torch.tensor([[7], [3], [7], [1], [5]])


def vectors() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    tokens, statements = (
        torch.randn(*shape, 4, generator=generator, dtype=torch.float64).requires_grad_() for shape in ((5, 7), (5,))
    )
    return tokens, statements, torch.tensor(4.0, dtype=torch.float64, requires_grad=True)


def cosine(first: Tensor, second: Tensor) -> Tensor:
    return first @ second / (first.norm() * second.norm())


def naive_similarity(tokens: Tensor, statements: Tensor, scale: Tensor, real: Tensor) -> Tensor:
    """Record by record, statement by statement, token by token."""
    rows = []
    for record in range(len(tokens)):
        for statement in statements:
            own = [token / token.norm() for token, is_real in zip(tokens[record], real[record], strict=True) if is_real]
            weights = [torch.exp(scale * cosine(token, statement)) for token in own]
            found = sum(weight * token for weight, token in zip(weights, own, strict=True)) / sum(weights)
            rows.append(cosine(found, statement))
    return torch.stack(rows).view(len(tokens), len(statements))


def naive_loss(logits: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    forth, back = [], []
    for record, statement in made.nonzero().tolist():
        pair = logits[record, statement].exp()
        others = [logits[record, column].exp() for column in range(made.shape[1]) if not made[record, column]]
        forth.append(-torch.log(pair / (pair + sum(others))))
        kept = [row for row in range(len(made)) if made[row].any() and not made[row, statement]]
        back.append(-torch.log(pair / (pair + sum(logits[row, statement].exp() for row in kept))))
    return torch.stack(forth).mean(), torch.stack(back).mean()


def batch(tokens: Tensor, statements: Tensor, **more: object) -> EncodedBatch:
    return EncodedBatch(
        {},
        {},
        torch.arange(5),
        statements=statements,
        statement_of=MADE,
        statement_ids=torch.arange(5),
        tokens={"a": tokens},
        token_masks={"a": REAL},
        **more,
    )


def test_value_and_gradient_equal_a_computation_pair_by_pair() -> None:
    tokens, statements, _ = vectors()
    objective = TokenSimilarity(temperature=0.25).double()
    ours = objective(batch(tokens, statements))["a"]
    scale = objective.scale()
    naive = 0.5 * sum(naive_loss(scale * naive_similarity(tokens, statements, scale, REAL), MADE))
    torch.testing.assert_close(ours, naive, rtol=1e-10, atol=0)
    inputs = (tokens, statements, objective.scale.log_scale)
    for got, wanted in zip(torch.autograd.grad(ours, inputs), torch.autograd.grad(naive, inputs), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-12)


def test_a_few_records_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = vectors()
    results = []
    for size in (1 << 22, 2 * 7 * 5):
        monkeypatch.setattr(module, "_SIMILARITIES_AT_A_TIME", size)
        value = attended_similarity(inputs[0], inputs[1], scale=inputs[2], mask=REAL)
        results.append((value, *torch.autograd.grad(value.square().sum(), inputs)))
    for once, parts in zip(*results, strict=True):
        torch.testing.assert_close(parts, once, rtol=1e-12, atol=1e-14)


def test_memory_is_that_of_one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, statements = torch.randn(8, 64, 4, requires_grad=True), torch.randn(50, 4)
    kept = {}
    for size in (1 << 22, 64 * 50):
        monkeypatch.setattr(module, "_SIMILARITIES_AT_A_TIME", size)
        total = [0]

        def count(tensor: Tensor, total: list[int] = total) -> Tensor:
            total[0] += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            attended_similarity(tokens, statements, scale=10.0)
        kept[size] = total[0]
    assert kept[64 * 50] < kept[1 << 22] / 5


def test_a_place_is_found() -> None:
    """One token that says what the statement says, among others that do not, is enough; a mean would drown it."""
    tokens = torch.zeros(1, 50, 8)
    tokens[..., 1] = 1.0
    tokens[0, 17] = torch.eye(8)[0]
    statement = torch.eye(8)[:1]
    assert float(attended_similarity(tokens, statement, scale=14.3)) > 0.99
    assert int(similarity_map(tokens, statement)[0, 0].argmax()) == 17
    assert similarity_map(tokens, statement).sum() == 1.0


def test_all_alike_and_nothing_negative() -> None:
    forth, back = multi_positive_loss(torch.zeros(5, 5), MADE)
    negatives_of = {(record, statement): int((~MADE[record]).sum()) for record, statement in MADE.nonzero().tolist()}
    assert float(forth) == pytest.approx(sum(math.log(1 + n) for n in negatives_of.values()) / 7)
    assert float(back) == pytest.approx((3 * math.log(2) + math.log(4) + 2 * math.log(3) + math.log(4)) / 7)
    logits = torch.randn(2, 3, requires_grad=True)
    for made in (torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 3, dtype=torch.bool)):
        loss = sum(multi_positive_loss(logits, made))
        assert loss.item() == 0.0
        assert (torch.autograd.grad(loss, logits)[0] == 0).all()


def test_temperatures() -> None:
    tokens, statements, _ = vectors()
    own = TokenSimilarity(temperature=0.1, attention_temperature=0.5).double()
    assert sum(weight.requires_grad for weight in own.parameters()) == 2
    value = own(batch(tokens, statements))["a"]
    similarity = attended_similarity(tokens, statements, scale=2.0, mask=REAL)
    torch.testing.assert_close(value, 0.5 * sum(multi_positive_loss(10.0 * similarity, MADE)), rtol=1e-6, atol=0)


def test_half_precision_and_autocast() -> None:
    tokens, statements, _ = vectors()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = TokenSimilarity()(batch(tokens.float().half(), statements.float().half()))["a"]
    exact = TokenSimilarity().double()(batch(tokens, statements))["a"]
    torch.testing.assert_close(loss.double(), exact, rtol=2e-3, atol=0)
    loss.backward()
    assert tokens.grad.isfinite().all()


def test_bad_input() -> None:
    with pytest.raises(ConfigError, match="no statements"):
        TokenSimilarity()(EncodedBatch({}, {}, torch.arange(2), tokens={"a": torch.zeros(2, 3, 4)}))
    with pytest.raises(ConfigError, match="no tokens"):
        TokenSimilarity()(dataclasses.replace(batch(*vectors()[:2]), tokens={}))
