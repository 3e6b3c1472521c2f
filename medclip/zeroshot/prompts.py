"""Embed prompt sets with the text side of a model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from medclip.bundle.save import EmbeddedPrompts
from medclip.core.errors import PromptError
from medclip.encoders.model import TextTower
from medclip.modalities.report.pipeline import ReportPipeline
from medclip.prompts.prompt_set import PromptSet

__all__ = ["embed_prompt_set", "embed_texts"]


@torch.no_grad()
def embed_texts(tower: TextTower, reports: ReportPipeline, texts: Sequence[str]) -> Tensor:
    """Embed sentences the way the training reports were: same cleaning, same wording, same encoder.

    Args:
        tower: Text side of a model.
        reports: What the training reports went through.
        texts: Sentences.

    Returns:
        ``(n_texts, D)`` float32 on the CPU, normalised.

    Raises:
        PromptError: Nothing is left of a sentence after cleaning.
    """
    if not texts:
        raise PromptError("no sentences to embed")
    prepared = [_as_trained(reports, text) for text in texts]
    features = tower.encoder.embed(prepared)
    device = next(tower.encoder.parameters()).device
    was_training = tower.projection.training
    projected = tower.projection.eval()(features.to(device))
    tower.projection.train(was_training)
    return functional.normalize(projected.float(), dim=-1).cpu()


def embed_prompt_set(tower: TextTower, reports: ReportPipeline, prompt_set: PromptSet) -> EmbeddedPrompts:
    """Embed all sentences of a prompt set."""
    texts = prompt_set.texts
    prompts = {
        code: {"positive": entry.positive, "negative": entry.negative} for code, entry in prompt_set.prompts.items()
    }
    return EmbeddedPrompts(prompt_set.label_set, prompts, texts, embed_texts(tower, reports, texts))


def _as_trained(reports: ReportPipeline, text: str) -> str:
    """A prompt of one statement reads like a statement of a report, a longer one like a whole report."""
    processed = reports.for_sentences()(text)
    prepared = processed.statements[0] if len(processed.statements) == 1 else processed.text
    if not prepared:
        raise PromptError("nothing is left of a prompt after cleaning", received=text, action="reword it")
    return prepared
