"""InfoNCE between recordings and the single statements of their reports."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from medclip.core.errors import ConfigError
from medclip.objectives.batch import EncodedBatch, Needs
from medclip.objectives.gather import gather, world_size
from medclip.objectives.pairwise import full_precision, unit_rows
from medclip.objectives.temperature import Scale

__all__ = ["StatementInfoNCE", "join_statements", "statement_info_nce"]


class StatementInfoNCE(nn.Module):
    """Each recording finds the statements that its report makes, and each statement the recordings it is made of.

    A report names several findings; a zero-shot prompt names one. Comparing recordings with statements rather than
    with whole reports trains the comparison that is asked for later, makes equal statements in different reports
    positives, and gives rare statements a whole softmax of their own.

    Args:
        temperature: Start of the temperature; the learned quantity is its inverse, clamped at 100.
        learnable: Whether the temperature is learned.
    """

    needs: ClassVar[frozenset[Needs]] = frozenset({"statements"})

    def __init__(self, *, temperature: float = 0.07, learnable: bool = True) -> None:
        super().__init__()
        self.scale = Scale(temperature, learnable=learnable)

    def forward(self, batch: EncodedBatch) -> dict[str, Tensor]:
        """Return one term per modality."""
        if batch.statements is None or batch.statement_of is None or batch.statement_ids is None:
            raise ConfigError("the batch holds no statements", action="check the report pipeline of the recipe")
        terms = {}
        for modality, rows in batch.embeddings.items():
            made = batch.statement_of
            if modality in batch.present:
                made = made & batch.present[modality][:, None]
            forth, back = statement_info_nce(
                rows, batch.statements, made=made, statement_ids=batch.statement_ids, scale=self.scale()
            )
            terms[modality] = 0.5 * (forth + back)
        return terms


def statement_info_nce(
    recordings: Tensor, statements: Tensor, *, made: Tensor, statement_ids: Tensor, scale: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Cross-entropy from recordings to their statements and from statements to their recordings.

    Args:
        recordings: ``(B, D)``, normalised here.
        statements: ``(S, D)``, normalised here; S may differ between processes.
        made: ``(B, S)`` bool. A recording without any statement takes no part; a statement that no recording makes is
            only one that recordings are told from.
        statement_ids: ``(S,)`` int64, all different, equal on all processes for equal statements.
        scale: Inverse temperature.

    Returns:
        Two scalars: the mean over recordings of the cross-entropy with a target shared evenly by their statements,
        and the mean over statements with a target shared evenly by their recordings. Every process computes the loss
        of the whole batch, so that both are the same everywhere.
    """
    with full_precision(recordings):
        recordings, statements = unit_rows(recordings), unit_rows(statements)
        statements, made = join_statements(statements, made, statement_ids)
        recordings = gather(recordings)
        kept, occurs = made.any(dim=1), made.any(dim=0)
        logits = (scale * recordings[kept]) @ statements.T
        target = made[kept].to(logits.dtype)
        forth = -(functional.log_softmax(logits, dim=1) * target).sum(dim=1) / target.sum(dim=1)
        logits, target = logits[:, occurs], target[:, occurs]
        back = -(functional.log_softmax(logits, dim=0) * target).sum(dim=0) / target.sum(dim=0)
        return _mean(forth), _mean(back)


def join_statements(statements: Tensor, made: Tensor, statement_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Join the processes' statements; one that several of them hold is kept once.

    Args:
        statements: ``(S, D)``; S may differ between processes.
        made: ``(B, S)`` bool, which of this process's records makes which.
        statement_ids: ``(S,)`` int64, all different, equal on all processes for equal statements.

    Returns:
        All distinct statements, and which record of all processes, in rank order, makes which of them.
    """
    if world_size() == 1:
        return statements, made
    n_own = torch.tensor([len(statement_ids)], device=statements.device)
    most = int(gather(n_own).max())
    missing = most - len(statement_ids)
    ids = gather(functional.pad(statement_ids, (0, missing), value=-1))
    all_statements = gather(functional.pad(statements, (0, 0, 0, missing)))
    all_made = gather(functional.pad(made.to(torch.uint8), (0, missing))).bool()
    real = torch.nonzero(ids >= 0)[:, 0]
    distinct, column_of = torch.unique(ids[real], return_inverse=True)
    first = torch.full_like(distinct, len(ids)).scatter_reduce(0, column_of, real, "amin")
    joined = torch.zeros(len(all_made), len(distinct), dtype=torch.bool, device=made.device)
    for process in range(world_size()):
        rows = slice(process * len(made), (process + 1) * len(made))
        own = real // most == process
        joined[rows, column_of[own]] = all_made[rows][:, real[own] % most]
    return all_statements[first], joined


def _mean(losses: Tensor) -> Tensor:
    return losses.mean() if losses.numel() else losses.sum()
