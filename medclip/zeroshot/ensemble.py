"""From several sentences per finding to one classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from medclip.core.errors import ConfigError
from medclip.core.label_set import LabelSet
from medclip.core.modality import discover
from medclip.zeroshot.classifier import ZeroShotClassifier
from medclip.zeroshot.hierarchy import HierarchyClassifier
from medclip.zeroshot.weighting import zpe_weights

__all__ = ["ENSEMBLES", "NEGATIVE_SHARE", "Classifier", "build_classifier", "default_ensemble"]

ENSEMBLES = ("mean", "centred", "positive", "zpe", "chils")
NEGATIVE_SHARE = 0.5
_CENTRED_KIND = (
    "sigmoid of the scaled excess over the mean training recording of cos+ - 0.5 cos- with the mean positive and the "
    "mean negative prompt"
)
_POSITIVE_KIND = (
    "sigmoid of the scaled excess over the mean training recording of the cosine with the mean positive prompt"
)
_ZPE_KIND = "sigmoid of the scaled difference of cosines with the ZPE-weighted positive and negative prompts"


class Classifier(Protocol):
    """Scores findings of recordings."""

    @property
    def codes(self) -> tuple[str, ...]:
        """Findings, one per column of the scores."""
        ...

    @property
    def score_kind(self) -> str:
        """How one score comes about, for the protocol of an evaluation."""
        ...

    def logits(self, embeddings: Tensor) -> Tensor:
        """Return ``(N, C)`` log-odds for embeddings ``(N, D)``."""
        ...

    def scores(self, embeddings: Tensor) -> Tensor:
        """Return ``(N, C)`` values in [0, 1]."""
        ...


def build_classifier(
    ensemble: str,
    prompts: Mapping[str, Mapping[str, Sequence[str]]],
    embeddings: Mapping[str, Tensor],
    labels: LabelSet,
    *,
    scale: float,
    records: Tensor | None = None,
    centre: Tensor | None = None,
) -> Classifier:
    """Build the classifier of one ensemble.

    Args:
        ensemble: ``mean``; ``centred``, which trusts negative sentences half as much and tells scores relative to the
            mean training recording, for models whose training reports hardly deny anything (docs/experiments.md);
            ``positive``, the same without negative sentences, for models trained on what reports affirm alone;
            ``zpe`` (weights from unlabelled recordings); or ``chils`` (the label set's hierarchy).
        prompts: ``{code: {"positive": [...], "negative": [...]}}``, in the order of the label set.
        embeddings: ``(D,)`` of every sentence.
        labels: What to look for.
        scale: Learned scale of the model.
        records: ``(N, D)`` of unlabelled recordings, for ``zpe``.
        centre: ``(D,)`` mean normalised embedding of training recordings, for ``centred`` and ``positive``.

    Raises:
        ConfigError: The ensemble is unknown, ``zpe`` has no recordings, or there is no centre to tell scores from.
        PromptError: There are no findings, or no hierarchy for ``chils``.
    """
    if ensemble not in ENSEMBLES:
        raise ConfigError("unknown ensemble of prompts", received=ensemble, allowed=ENSEMBLES)
    if ensemble == "chils":
        return HierarchyClassifier.from_prompts(prompts, embeddings, labels, scale=scale)
    classifier = ZeroShotClassifier.from_prompts(prompts, embeddings, scale=scale)
    if ensemble == "mean":
        return classifier
    if ensemble in ("centred", "positive"):
        return _centred(classifier, centre, ensemble)
    if records is None:
        raise ConfigError("the ensemble zpe needs unlabelled recordings", action="use mean, or evaluate a data set")
    weights = zpe_weights(prompts, embeddings, records, scale=scale)
    positive, negative = (
        torch.stack(
            [_weighted([embeddings[text] for text in prompts[code][side]], weights[code][side]) for code in prompts]
        )
        for side in ("positive", "negative")
    )
    return replace(classifier, positive=positive, negative=negative, score_kind=_ZPE_KIND)


def _centred(classifier: ZeroShotClassifier, centre: Tensor | None, ensemble: str) -> ZeroShotClassifier:
    if centre is None:
        raise ConfigError(
            f"the ensemble {ensemble} needs the mean embedding of training recordings",
            action="save the bundle with medclip fit, or use the ensemble mean",
        )
    share, kind = (NEGATIVE_SHARE, _CENTRED_KIND) if ensemble == "centred" else (0.0, _POSITIVE_KIND)
    return replace(classifier, negative=share * classifier.negative, centre=centre.float(), score_kind=kind)


def default_ensemble(labels: LabelSet) -> str:
    """Return the ensemble of the label set's modality; the mean for a label set of one's own."""
    known = discover()
    return known[labels.modality].default_ensemble if labels.modality in known else "mean"


def _weighted(sentences: Sequence[Tensor], weights: Tensor) -> Tensor:
    stacked = functional.normalize(torch.stack(list(sentences)), dim=-1)
    return functional.normalize(weights.to(stacked.dtype) @ stacked, dim=0)
