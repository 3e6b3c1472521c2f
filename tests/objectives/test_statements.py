from __future__ import annotations

import naive_losses
import pytest
import torch

from medclip.core.errors import ConfigError
from medclip.objectives.batch import EncodedBatch
from medclip.objectives.statements import StatementInfoNCE, statement_info_nce

# Record 2 makes no statement, statement 3 is made by nobody, statement 0 by three records, record 3 makes three.
MADE = torch.tensor(
    [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [1, 0, 1, 0, 1],
        [0, 0, 1, 0, 0],
        [0, 1, 0, 0, 0],
    ]
).bool()


def vectors(n_records=6, n_statements=5, dim=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(3)
    rows = (torch.randn(n, dim, generator=generator, dtype=dtype).requires_grad_() for n in (n_records, n_statements))
    return *rows, torch.tensor(4.0, dtype=dtype, requires_grad=True)


def test_value_and_gradient_equal_a_computation_pair_by_pair():
    parameters = vectors()
    recordings, texts, scale = parameters
    ours = statement_info_nce(recordings, texts, made=MADE, statement_ids=torch.arange(5), scale=scale)
    naive = naive_losses.statements(recordings, texts, MADE.tolist(), scale)
    for own, expected in zip(ours, naive, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-12, atol=0)
        gradients = (torch.autograd.grad(loss, parameters, retain_graph=True) for loss in (own, expected))
        for got, wanted in zip(*gradients, strict=True):
            torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)
    assert torch.autograd.gradcheck(
        lambda *arguments: statement_info_nce(
            arguments[0], arguments[1], made=MADE, statement_ids=torch.arange(5), scale=arguments[2]
        ),
        parameters,
    )


def test_the_module_halves_the_sum_and_leaves_absent_records_out():
    recordings, texts, _ = vectors()
    present = torch.tensor([True, False, True, True, True, True])
    batch = EncodedBatch(
        {"a": recordings, "b": recordings},
        {},
        torch.arange(6),
        statements=texts,
        statement_of=MADE,
        statement_ids=torch.arange(5),
        present={"b": present},
    )
    terms = StatementInfoNCE(temperature=0.25)(batch)
    for modality, made in (("a", MADE), ("b", MADE & present[:, None])):
        expected = sum(naive_losses.statements(recordings, texts, made.tolist(), 4.0)) / 2
        torch.testing.assert_close(terms[modality].double(), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("n_statements", [0, 5])
def test_a_batch_that_states_nothing_is_a_loss_of_zero(n_statements):
    recordings, texts, scale = vectors(n_statements=n_statements)
    made = torch.zeros(6, n_statements, dtype=torch.bool)
    loss = sum(statement_info_nce(recordings, texts, made=made, statement_ids=torch.arange(n_statements), scale=scale))
    assert loss.item() == 0.0
    assert all((gradient == 0).all() for gradient in torch.autograd.grad(loss, (recordings, texts, scale)))


def test_half_precision_and_autocast():
    recordings, texts, scale = vectors(dim=512, dtype=torch.float32)
    halved = (1e3 * recordings).half(), (1e3 * texts).half()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = sum(statement_info_nce(*halved, made=MADE, statement_ids=torch.arange(5), scale=25 * scale))
    exact = sum(naive_losses.statements(halved[0].double(), halved[1].double(), MADE.tolist(), 100.0))
    torch.testing.assert_close(loss.double(), exact, rtol=1e-5, atol=0)
    loss.backward()
    assert recordings.grad.isfinite().all()


def test_equal_statements_are_told_apart_by_nothing():
    """All statements alike: the loss is that of guessing among them."""
    same = torch.ones(6, 8)
    forth, back = statement_info_nce(
        same, torch.ones(5, 8), made=MADE, statement_ids=torch.arange(5), scale=torch.tensor(100.0)
    )
    assert forth.item() == pytest.approx(torch.log(torch.tensor(5.0)).item(), abs=1e-4)
    assert back.item() == pytest.approx(torch.log(torch.tensor(5.0)).item(), abs=1e-4), "five records state something"


def test_bad_input():
    with pytest.raises(ConfigError, match="no statements"):
        StatementInfoNCE()(EncodedBatch({"a": torch.zeros(2, 3)}, {}, torch.arange(2)))
