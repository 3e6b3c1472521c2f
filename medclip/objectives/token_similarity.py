"""Sentences find the places of an image that they speak of (VL-CABS of RadZero, arXiv 2504.07416)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from medclip.core.errors import ConfigError
from medclip.objectives.batch import EncodedBatch, Needs
from medclip.objectives.gather import gather
from medclip.objectives.pairwise import full_precision, unit_rows
from medclip.objectives.statements import join_statements
from medclip.objectives.temperature import Scale

__all__ = ["TokenSimilarity", "attended_similarity", "multi_positive_loss", "similarity_map"]

# Similarities of tokens with statements held at a time, 16 MB; several numbers of that size live in one chunk.
_SIMILARITIES_AT_A_TIME = 1 << 22


class TokenSimilarity(nn.Module):
    """Each statement attends to the tokens by their cosine, and what it finds there tells its recordings from others.

    The weights of the attention are the similarities themselves, so that the same cosines are, at test time, a map of
    where a statement applies, on a fixed scale and low everywhere if it does not. A report's statements are all
    positives of its recording, and one statement's recordings all positives of it; none of them counts against
    another.

    Args:
        temperature: Start of the temperature of the loss; the learned quantity is its inverse, clamped at 100.
            RadZero: 0.07.
        attention_temperature: The same of the attention over tokens; None uses the one of the loss, as RadZero does.
        learnable: Whether temperatures are learned.
    """

    needs: ClassVar[frozenset[Needs]] = frozenset({"statements", "tokens"})

    def __init__(
        self, *, temperature: float = 0.07, attention_temperature: float | None = None, learnable: bool = True
    ) -> None:
        super().__init__()
        self.scale = Scale(temperature, learnable=learnable)
        self.attention_scale = (
            None if attention_temperature is None else Scale(attention_temperature, learnable=learnable)
        )

    def forward(self, batch: EncodedBatch) -> dict[str, Tensor]:
        """Return one term per modality."""
        if batch.statements is None or batch.statement_of is None or batch.statement_ids is None:
            raise ConfigError("the batch holds no statements", action="check the report pipeline of the recipe")
        if not batch.tokens:
            raise ConfigError("the batch holds no tokens", action="use an encoder that gives tokens")
        scale = self.scale()
        terms = {}
        for modality, tokens in batch.tokens.items():
            made = batch.statement_of
            if modality in batch.present:
                made = made & batch.present[modality][:, None]
            with full_precision(tokens):
                statements, made = join_statements(unit_rows(batch.statements), made, batch.statement_ids)
                own = attended_similarity(
                    tokens,
                    statements,
                    scale=scale if self.attention_scale is None else self.attention_scale(),
                    mask=batch.token_masks.get(modality),
                )
                forth, back = multi_positive_loss(scale * gather(own), made)
            terms[modality] = 0.5 * (forth + back)
        return terms


def attended_similarity(
    tokens: Tensor, statements: Tensor, *, scale: Tensor | float, mask: Tensor | None = None
) -> Tensor:
    """Cosine between each statement and the average of a recording's tokens, weighted by their cosine with it.

    Computed for a few recordings at a time, and again for the gradient if there are more, so that the similarities of
    all tokens with all statements never exist at once.

    Args:
        tokens: ``(B, T, D)``, normalised here.
        statements: ``(S, D)``, normalised here.
        scale: Inverse temperature of the softmax over tokens.
        mask: ``(B, T)`` bool, False where a token stands for padding.

    Returns:
        ``(B, S)`` in [-1, 1].
    """
    statements = unit_rows(statements)
    step = max(1, _SIMILARITIES_AT_A_TIME // max(1, tokens.shape[1] * len(statements)))
    scale = torch.as_tensor(scale, dtype=statements.dtype, device=statements.device)
    if step >= len(tokens):
        return _attend(tokens, statements, scale, mask)
    parts = [
        checkpoint(
            _attend,
            tokens[start : start + step],
            statements,
            scale,
            None if mask is None else mask[start : start + step],
            use_reentrant=False,
        )
        for start in range(0, len(tokens), step)
    ]
    return torch.cat(parts)


def _attend(tokens: Tensor, statements: Tensor, scale: Tensor, mask: Tensor | None) -> Tensor:
    tokens = unit_rows(tokens)
    logits = scale * (statements @ tokens.transpose(1, 2))
    if mask is not None:
        logits = logits.masked_fill(~mask[:, None], -torch.inf)
    found = unit_rows(logits.softmax(dim=-1) @ tokens)
    return (found * statements).sum(dim=-1)


def multi_positive_loss(logits: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    """Each positive pair against the negatives of its recording and of its statement, not against other positives.

    This is the multi-positive loss of UniCLIP (arXiv 2209.13430) that RadZero uses, here in both directions, because a
    statement may be made of several recordings.

    Args:
        logits: ``(B, S)``.
        made: ``(B, S)`` bool, which recording's report makes which statement. A recording that makes none takes no
            part; a statement that nobody makes is only one that recordings are told from.

    Returns:
        Two scalars, averages over the positive pairs: recording to statement, and statement to recording.
    """
    kept = made.any(dim=1)
    logits, made = logits[kept], made[kept]
    pairs = logits[made]
    # A pair without any negative cannot be mistaken: the lowest number stands for none, and its loss is 0.
    negatives = logits.masked_fill(made, torch.finfo(logits.dtype).min / 4)
    forth, back = (
        functional.softplus(negatives.logsumexp(dim=axis, keepdim=True).expand_as(logits)[made] - pairs).sum()
        for axis in (1, 0)
    )
    n_pairs = max(1, pairs.numel())
    return forth / n_pairs, back / n_pairs


def similarity_map(tokens: Tensor, statements: Tensor) -> Tensor:
    """Cosine of every token with every statement, ``(B, S, T)`` from ``(B, T, D)`` and ``(S, D)``."""
    return unit_rows(statements) @ unit_rows(tokens).transpose(1, 2)
