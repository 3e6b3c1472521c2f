"""A classifier whose scores are made probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from medclip.zeroshot.calibration import Calibration
from medclip.zeroshot.ensemble import Classifier

__all__ = ["CalibratedClassifier"]

_SMALLEST = 1e-9


@dataclass(frozen=True, eq=False)
class CalibratedClassifier:
    """Scores of a classifier, passed through the curves of a calibration.

    Args:
        classifier: Gives the scores.
        calibration: Gives the curves; a finding without one keeps its score.
    """

    classifier: Classifier
    calibration: Calibration

    @property
    def codes(self) -> tuple[str, ...]:
        """Findings, one per column."""
        return self.classifier.codes

    @property
    def score_kind(self) -> str:
        """How one value comes about."""
        return f"{self.classifier.score_kind}; {self.calibration.summary()}"

    def scores(self, embeddings: Tensor) -> Tensor:
        """Return ``(N, C)`` probabilities; scores for the findings that are not calibrated."""
        logits = self.classifier.logits(embeddings).double().numpy()
        return torch.from_numpy(self.calibration.apply(logits, self.codes))

    def logits(self, embeddings: Tensor) -> Tensor:
        """Return ``(N, C)`` log-odds of ``scores``."""
        return torch.logit(self.scores(embeddings), eps=_SMALLEST)
