"""What every training objective promises."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from medclip.objectives.batch import EncodedBatch
from medclip.testing.contract import require

__all__ = ["check_objective"]

_MODALITIES = ("a", "b")
_REPORTS = torch.tensor([0, 1, 0, 2, 3, 1])
_N_TOKENS = 4
_STATEMENTS = [[0], [1, 2], [0], [3], [], [1, 2]]


def check_objective(objective: nn.Module, *, width: int = 8, seed: int = 0) -> None:
    """Check that an objective gives finite terms with gradients that do not depend on the order of the records.

    Args:
        objective: The objective.
        width: Width of embeddings and of latents.
        seed: Of the embeddings.

    Raises:
        ContractError: It breaks a promise.
    """
    needs = getattr(objective, "needs", None)
    require(isinstance(needs, frozenset), "an objective states what it needs")
    require(
        frozenset(needs or ()) <= {"reports", "statements", "tokens"}, f"an objective needs something unknown: {needs}"
    )
    objective.eval()
    batch = _batch(width, seed)
    terms = objective(batch)
    _check_terms(terms)
    _check_gradients(terms, batch)
    order = torch.randperm(len(_REPORTS), generator=torch.Generator().manual_seed(seed))
    for name, value in objective(_reordered(batch, order)).items():
        require(torch.allclose(value, terms[name], rtol=1e-4), f"{name} depends on the order of the records")
    _check_absence(objective, batch)


def _check_terms(terms: dict[str, Tensor]) -> None:
    require(isinstance(terms, dict) and terms, "an objective returns a dictionary of terms")
    require(set(terms) <= set(_MODALITIES), f"terms are named after modalities, not {sorted(terms)}")
    for name, value in terms.items():
        require(value.ndim == 0, f"the term of {name} is no scalar")
        require(bool(torch.isfinite(value)), f"the term of {name} is not finite")


def _check_gradients(terms: dict[str, Tensor], batch: EncodedBatch) -> None:
    inputs = [*batch.embeddings.values(), *batch.latents.values(), *batch.tokens.values()]
    gradients = torch.autograd.grad(sum(terms.values()), inputs, retain_graph=True, allow_unused=True)  # type: ignore[arg-type]
    reached = [gradient for gradient in gradients if gradient is not None]
    require(any(bool(gradient.any()) for gradient in reached), "the loss does not depend on the embeddings")
    require(all(bool(torch.isfinite(gradient).all()) for gradient in reached), "a gradient is not finite")


def _check_absence(objective: nn.Module, batch: EncodedBatch) -> None:
    """A record that lacks a modality must not matter to it, whatever stands in its row."""
    present = torch.ones(len(_REPORTS), dtype=torch.bool)
    present[1] = False
    lacking = replace(batch, present={"a": present})
    changed = dict(batch.embeddings), dict(batch.latents), dict(batch.tokens)
    for values in changed:
        values["a"] = values["a"].detach().clone()
        values["a"][1] = values["a"][1].flip(-1) + 100.0
    other = objective(replace(lacking, embeddings=changed[0], latents=changed[1], tokens=changed[2]))
    for name, value in objective(lacking).items():
        require(torch.allclose(value, other[name], rtol=1e-4), f"{name} looks at records that lack it")


def _batch(width: int, seed: int) -> EncodedBatch:
    generator = torch.Generator().manual_seed(seed)

    def draw(*n_rows: int) -> Tensor:
        return torch.randn(*n_rows, width, generator=generator).requires_grad_()

    n_records, n_statements = len(_REPORTS), 1 + max(max(made, default=0) for made in _STATEMENTS)
    reports = draw(int(_REPORTS.max()) + 1)
    return EncodedBatch(
        embeddings={name: draw(n_records) for name in _MODALITIES},
        latents={name: draw(n_records) for name in _MODALITIES},
        pair_ids=_REPORTS,
        text=reports[_REPORTS],
        statements=draw(n_statements),
        statement_of=torch.tensor([[row in made for row in range(n_statements)] for made in _STATEMENTS]),
        statement_ids=torch.arange(n_statements),
        tokens={name: draw(n_records, _N_TOKENS) for name in _MODALITIES},
        token_masks={"a": torch.arange(_N_TOKENS) < torch.tensor([[4], [3], [4], [1], [4], [2]])},
    )


def _reordered(batch: EncodedBatch, order: Tensor) -> EncodedBatch:
    return replace(
        batch,
        embeddings={name: values[order] for name, values in batch.embeddings.items()},
        latents={name: values[order] for name, values in batch.latents.items()},
        tokens={name: values[order] for name, values in batch.tokens.items()},
        token_masks={name: values[order] for name, values in batch.token_masks.items()},
        pair_ids=batch.pair_ids[order],
        text=batch.text[order] if batch.text is not None else None,
        statement_of=batch.statement_of[order] if batch.statement_of is not None else None,
    )
