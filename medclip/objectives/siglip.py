"""Sigmoid loss between recordings and texts (SigLIP, arXiv 2303.15343)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from medclip.objectives.batch import EncodedBatch, Needs
from medclip.objectives.gather import gather, rank, world_size
from medclip.objectives.pairwise import full_precision, sum_of_sigmoid_losses, unit_rows
from medclip.objectives.temperature import Scale

__all__ = ["SigLIP", "sigmoid_loss"]


class SigLIP(nn.Module):
    """Every pair of recording and report is judged by itself: do they belong together?

    Args:
        temperature: Start of the temperature. SigLIP: 0.1, so that the scale is 10.
        bias: Start of the bias. SigLIP: -10 for batches of thousands; about -2.7 suits batches of hundreds.
        equal_reports_match: Whether another record's equal report counts as belonging.
    """

    needs: ClassVar[frozenset[Needs]] = frozenset({"reports"})

    def __init__(self, *, temperature: float = 0.1, bias: float = -10.0, equal_reports_match: bool = True) -> None:
        super().__init__()
        self.scale = Scale(temperature)
        self.bias = nn.Parameter(torch.tensor(bias))
        self.equal_reports_match = equal_reports_match

    def forward(self, batch: EncodedBatch) -> dict[str, Tensor]:
        """Return one term per modality."""
        ids = batch.pair_ids if self.equal_reports_match else None
        return {
            modality: sigmoid_loss(
                rows, batch.reports(), scale=self.scale(), bias=self.bias, ids=ids, present=batch.present.get(modality)
            )
            for modality, rows in batch.embeddings.items()
        }


def sigmoid_loss(
    first: Tensor,
    second: Tensor,
    *,
    scale: Tensor | float,
    bias: Tensor | float,
    ids: Tensor | None = None,
    present: Tensor | None = None,
) -> Tensor:
    """Sum over pairs of softplus(-m (s x + b)), m = 1 for partners and -1 otherwise, divided by the number of rows.

    Args:
        first: ``(B, D)``, normalised here.
        second: ``(B, D)``; row i is the partner of row i of ``first``.
        scale: Inverse temperature s.
        bias: Bias b.
        ids: ``(B,)`` rows with equal ids are partners too.
        present: ``(B,)`` bool; rows that are False take part in nothing.
    """
    with full_precision(first):
        first, everybody = unit_rows(first), gather(unit_rows(second))
        if ids is None:
            ids = torch.arange(len(first), device=first.device) + len(first) * rank()
        everybody_ids = gather(ids)
        if present is not None:
            kept = gather(present.to(torch.uint8)).bool()
            first, ids, everybody, everybody_ids = first[present], ids[present], everybody[kept], everybody_ids[kept]
        total = sum_of_sigmoid_losses(
            first,
            everybody,
            row_ids=ids,
            column_ids=everybody_ids,
            scale=torch.as_tensor(scale, dtype=first.dtype, device=first.device),
            bias=torch.as_tensor(bias, dtype=first.dtype, device=first.device),
        )
        # The divisor is the same on every process, so that averaging over processes gives the loss of the whole batch.
        return total * world_size() / max(1, len(everybody))
