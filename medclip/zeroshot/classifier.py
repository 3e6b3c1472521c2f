"""Zero-shot scores: is a recording more like what is said of a finding, or like what is said of its absence?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from medclip.core.errors import PromptError

__all__ = ["ZeroShotClassifier"]

_DAMPING = 0.1


@dataclass(frozen=True, eq=False)
class ZeroShotClassifier:
    """One positive and one negative direction per finding.

    The score of a finding is the softmax over (s cos+, s cos-), which is sigmoid(s (cos+ - cos-)); findings do not
    compete with each other, because several may be present.

    Args:
        codes: Findings, one per row of the directions.
        positive: ``(C, D)`` normalised.
        negative: ``(C, D)`` normalised, times how much it counts.
        scale: Learned scale s of the model.
        centre: ``(D,)`` taken from each normalised embedding, so that it scores 0.5; None takes nothing.
        score_kind: How one score comes about, for the protocol of an evaluation.
    """

    codes: tuple[str, ...]
    positive: Tensor
    negative: Tensor
    scale: float
    centre: Tensor | None = None
    score_kind: str = "sigmoid of the scaled difference of cosines with the mean positive and the mean negative prompt"

    @classmethod
    def from_prompts(
        cls,
        prompts: Mapping[str, Mapping[str, Sequence[str]]],
        embeddings: Mapping[str, Tensor],
        *,
        scale: float,
    ) -> ZeroShotClassifier:
        """Average the normalised embeddings of each finding's sentences per polarity, then normalise again.

        Args:
            prompts: ``{code: {"positive": [...], "negative": [...]}}``.
            embeddings: ``(D,)`` of every sentence.
            scale: Learned scale of the model.

        Raises:
            PromptError: There are no findings.
        """
        if not prompts:
            raise PromptError("no findings to look for", action="choose a label set")
        positive = torch.stack([_mean([embeddings[text] for text in sides["positive"]]) for sides in prompts.values()])
        negative = torch.stack([_mean([embeddings[text] for text in sides["negative"]]) for sides in prompts.values()])
        return cls(tuple(prompts), positive, negative, scale)

    def logits(self, embeddings: Tensor) -> Tensor:
        """Return ``(N, C)`` log-odds of positive against negative for embeddings ``(N, D)``."""
        normalised = functional.normalize(embeddings.float(), dim=-1)
        if self.centre is not None:
            normalised = normalised - self.centre
        return self.scale * normalised @ (self.positive - self.negative).T

    def apart(self) -> ZeroShotClassifier:
        """Return a classifier for maps, whose directions hold little of what findings have in common.

        Descriptions of findings lie close to each other, above all in that all of them are findings, so that a large
        one would light up in the maps of all others. The directions become those of the dual basis, in which each
        finding is told from the rest, damped so that nearly equal findings do not cancel out. A single finding keeps
        its own.
        """
        directions = functional.normalize(self.positive - self.negative, dim=-1)
        alike = directions @ directions.T + _DAMPING * torch.eye(len(directions), device=directions.device)
        apart = functional.normalize(torch.linalg.solve(alike, directions), dim=-1)
        return replace(self, positive=apart, negative=torch.zeros_like(apart))

    def parts(self, shares: Tensor, whole: Tensor, usual: Tensor | None = None) -> Tensor:
        """Return ``(T, C)`` what each place adds to the log-odds of a recording; their average is the log-odds.

        Shares are divided by the length of the whole embedding and not by their own: normalised each by itself, empty
        places, whose vectors are short, would speak as loudly as any.

        Args:
            shares: ``(T, D)`` what each place gave to the embedding: vectors whose average it is.
            whole: ``(D,)`` the embedding of the recording, not normalised.
            usual: ``(T, D)`` what the places give in the average recording, of which ``centre`` is the average: taken
                from each place instead of it. Without it, what a place adds in every recording shows in every map.
        """
        scaled = shares.float() / whole.float().norm().clamp_min(1e-12)
        if usual is not None:
            scaled = scaled - usual
        elif self.centre is not None:
            scaled = scaled - self.centre
        parts: Tensor = self.scale * scaled @ (self.positive - self.negative).T
        return parts

    def scores(self, embeddings: Tensor) -> Tensor:
        """Return ``(N, C)`` scores in [0, 1]; they rank recordings and are not probabilities of disease."""
        return torch.sigmoid(self.logits(embeddings))


def _mean(embeddings: Sequence[Tensor]) -> Tensor:
    return functional.normalize(functional.normalize(torch.stack(list(embeddings)), dim=-1).mean(dim=0), dim=0)
