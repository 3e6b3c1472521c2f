"""InfoNCE between recordings and texts (CLIP, arXiv 2103.00020), aware of equal reports."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from medclip.core.errors import ConfigError
from medclip.objectives.batch import EncodedBatch, Needs
from medclip.objectives.gather import gather, rank, world_size
from medclip.objectives.temperature import Scale

__all__ = ["Duplicates", "InfoNCE", "info_nce"]

Duplicates = Literal["positive", "mask", "negative"]
_DUPLICATES = ("positive", "mask", "negative")


class InfoNCE(nn.Module):
    """Each recording finds its report among those of the batch, and each report its recording; the mean of both.

    Args:
        temperature: Start of the temperature; the learned quantity is its inverse, clamped at 100.
        learnable: Whether the temperature is learned.
        duplicates: What another record with an equal report is: ``positive`` (all equal ones share the target, as in
            supervised contrastive learning, arXiv 2004.11362), ``mask`` (left out) or ``negative`` (plain CLIP, which
            pushes a recording away from its own report written under another number).

    Raises:
        ConfigError: A value is out of range.
    """

    needs: ClassVar[frozenset[Needs]] = frozenset({"reports"})

    def __init__(
        self, *, temperature: float = 0.07, learnable: bool = True, duplicates: Duplicates = "positive"
    ) -> None:
        super().__init__()
        if duplicates not in _DUPLICATES:
            raise ConfigError("unknown treatment of duplicates", received=duplicates, allowed=_DUPLICATES)
        self.scale = Scale(temperature, learnable=learnable)
        self.duplicates = duplicates

    def forward(self, batch: EncodedBatch) -> dict[str, Tensor]:
        """Return one term per modality, the loss between it and the reports."""
        terms = {}
        for modality, rows in batch.embeddings.items():
            forth, back = info_nce(
                rows,
                batch.reports(),
                scale=self.scale(),
                ids=batch.pair_ids,
                duplicates=self.duplicates,
                present=batch.present.get(modality),
            )
            terms[modality] = 0.5 * (forth + back)
        return terms


def info_nce(
    first: Tensor,
    second: Tensor,
    *,
    scale: Tensor | float,
    ids: Tensor | None = None,
    duplicates: Duplicates = "positive",
    present: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of finding the partner, from first to second and from second to first.

    Args:
        first: ``(B, D)``, normalised here.
        second: ``(B, D)``; row i is the partner of row i of ``first``.
        scale: Inverse temperature.
        ids: ``(B,)`` rows with equal ids are duplicates; None if there are none.
        duplicates: See ``InfoNCE``.
        present: ``(B,)`` bool; rows that are False take part in nothing.

    Returns:
        Two scalars, each the mean over the rows of all processes once data-parallel training has averaged it.
    """
    first, second = functional.normalize(first, dim=-1), functional.normalize(second, dim=-1)
    n_rows = len(first)
    own = torch.arange(n_rows, device=first.device) + n_rows * rank()
    targets, allowed = _targets(own, ids, duplicates, n_rows)
    all_present = None if present is None else gather(present.to(torch.uint8)).bool()
    if all_present is not None:
        allowed = all_present[None] if allowed is None else allowed & all_present[None]
        targets = targets & all_present[None]
    forth = scale * first @ gather(second).T
    back = forth.T if world_size() == 1 else scale * second @ gather(first).T
    return (
        _mean_cross_entropy(forth, targets, allowed, present, all_present),
        _mean_cross_entropy(back, targets, allowed, present, all_present),
    )


def _targets(own: Tensor, ids: Tensor | None, duplicates: Duplicates, n_rows: int) -> tuple[Tensor, Tensor | None]:
    """Which columns are partners of a row, and which columns count at all; both ``(B, world_size * B)``."""
    columns = torch.arange(n_rows * world_size(), device=own.device)
    partners = own[:, None] == columns[None]
    if ids is None or duplicates == "negative":
        return partners, None
    equal = ids[:, None] == gather(ids)[None]
    return (equal, None) if duplicates == "positive" else (partners, partners | ~equal)


def _mean_cross_entropy(
    logits: Tensor, targets: Tensor, allowed: Tensor | None, present: Tensor | None, all_present: Tensor | None
) -> Tensor:
    logits = logits.float()
    if allowed is not None:
        logits = logits.masked_fill(~allowed, -torch.inf)
    log_shares = functional.log_softmax(logits, dim=-1)
    per_row = -log_shares.masked_fill(~targets, 0.0).sum(dim=-1) / targets.sum(dim=-1).clamp_min(1)
    if present is None or all_present is None:
        return per_row.mean()
    # The divisor is the same on every process, so that averaging over processes gives the mean over all present rows.
    return per_row.masked_fill(~present, 0.0).sum() * world_size() / all_present.sum().clamp_min(1)
