"""InfoNCE between recordings and texts (CLIP, arXiv 2103.00020), aware of equal reports."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.objectives.batch import EncodedBatch, Needs
from medclip.objectives.gather import gather, rank, world_size
from medclip.objectives.pairwise import full_precision, two_way_log_sum_exp, unit_rows
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
    with full_precision(first):
        return _info_nce(unit_rows(first), unit_rows(second), scale, ids, duplicates, present)


def _info_nce(
    first: Tensor,
    second: Tensor,
    scale: Tensor | float,
    ids: Tensor | None,
    duplicates: Duplicates,
    present: Tensor | None,
) -> tuple[Tensor, Tensor]:
    everybody, everybody_ids = gather(second), None if ids is None else gather(ids)
    own = torch.arange(len(first), device=first.device) + len(first) * rank()
    if present is not None:
        first, own, everybody, everybody_ids = _only_present(first, own, everybody, everybody_ids, present)
    hides = duplicates == "mask" and everybody_ids is not None
    over_columns, over_rows = two_way_log_sum_exp(
        scale * first,
        everybody,
        row_ids=everybody_ids[own] if hides and everybody_ids is not None else None,
        column_ids=everybody_ids if hides else None,
        own=own,
    )
    if world_size() > 1:
        over_rows = gather(over_rows[None]).logsumexp(dim=0)
    shared = everybody_ids if duplicates == "positive" else None
    # Summed over the batch, similarity with the target is the same in both directions.
    matched = scale * (first * _targets(everybody, own, shared)).sum()
    share = world_size() / max(1, len(everybody))
    return share * (over_columns.sum() - matched), share * (over_rows[own].sum() - matched)


def _only_present(
    first: Tensor, own: Tensor, everybody: Tensor, ids: Tensor | None, present: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Leave out the absent rows and number the columns anew."""
    kept = gather(present.to(torch.uint8)).bool()
    position = kept.cumsum(dim=0) - 1
    return first[present], position[own[present]], everybody[kept], None if ids is None else ids[kept]


def _targets(everybody: Tensor, own: Tensor, ids: Tensor | None) -> Tensor:
    """What each row is to be similar to: its partner, or the average of all partners with an equal id."""
    if ids is None:
        return everybody[own]
    distinct, group = torch.unique(ids, return_inverse=True)
    sums = everybody.new_zeros(len(distinct), everybody.shape[1]).index_add(0, group, everybody)
    counts = torch.bincount(group, minlength=len(distinct)).to(everybody.dtype)
    return (sums / counts[:, None])[group[own]]
