"""Weights of the sentences of a finding from unlabelled recordings (ZPE, Allingham et al., arXiv 2302.06235)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from medclip.core.errors import PromptError

__all__ = ["zpe_weights"]


def zpe_weights(
    prompts: Mapping[str, Mapping[str, Sequence[str]]],
    embeddings: Mapping[str, Tensor],
    records: Tensor,
    *,
    scale: float,
) -> dict[str, dict[str, Tensor]]:
    """Weigh every sentence by how surely it decides about unlabelled recordings.

    In the paper a prompt is a frame shared by all classes, its logits are centred over the recordings, and its score is
    the mean over recordings of the largest class logit. Here findings do not compete, so the classes are the two sides
    of one finding: a sentence's centred logits stand against those of the other side's mean, and the weights within a
    side are the softmax of the scores. Labels are never seen; weights from the recordings that are evaluated are
    transductive.

    Args:
        prompts: ``{code: {"positive": [...], "negative": [...]}}``.
        embeddings: ``(D,)`` of every sentence.
        records: ``(N, D)`` of unlabelled recordings.
        scale: Learned scale of the model.

    Returns:
        ``{code: {side: (n_sentences,)}}``; each sums to 1.

    Raises:
        PromptError: There are no recordings.
    """
    if not len(records):
        raise PromptError("weights of prompts need unlabelled recordings", action="use the ensemble mean")
    records = functional.normalize(records.double(), dim=-1)
    weights: dict[str, dict[str, Tensor]] = {}
    for code, sides in prompts.items():
        logits = {side: _centred(records, [embeddings[text] for text in sides[side]], scale) for side in _SIDES}
        weights[code] = {side: _weights(logits[side], logits[_OTHER[side]]) for side in _SIDES}
    return weights


_SIDES = ("positive", "negative")
_OTHER = {"positive": "negative", "negative": "positive"}


def _centred(records: Tensor, sentences: Sequence[Tensor], scale: float) -> Tensor:
    """Return ``(N, n_sentences)`` logits less the expected logit of each sentence."""
    logits = scale * records @ functional.normalize(torch.stack(list(sentences)).double(), dim=-1).T
    return logits - logits.mean(dim=0)


def _weights(own: Tensor, other: Tensor) -> Tensor:
    scores = torch.maximum(own, other.mean(dim=1, keepdim=True)).mean(dim=0)
    return torch.softmax(scores, dim=0)
