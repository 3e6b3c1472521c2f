"""Scores that also ask about the group a finding belongs to (CHiLS, Novack et al., arXiv 2302.02551)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medclip.core.errors import PromptError
from medclip.core.label_set import LabelSet
from medclip.zeroshot.classifier import ZeroShotClassifier

__all__ = ["HierarchyClassifier"]

_SMALLEST = 1e-12


@dataclass(frozen=True, eq=False)
class HierarchyClassifier:
    """The score of a finding times that of its group; the score of a broader finding is the best of its kinds.

    In the paper, p(kind) = softmax over kinds x softmax over groups [group of the kind], and a group is judged by its
    best kind. Findings of medclip do not exclude each other, so each softmax is that over the two sides of one finding.
    A group is described by the sentences of all its members, so that it needs none of its own.

    Args:
        findings: One direction pair per finding.
        groups: One direction pair per group.
        group_of: Per finding, the row of its group, or -1.
        kinds_of: Per finding, the rows of the findings whose parent it is.
    """

    findings: ZeroShotClassifier
    groups: ZeroShotClassifier
    group_of: tuple[int, ...]
    kinds_of: tuple[tuple[int, ...], ...]

    score_kind = "score of the finding times score of its group in the label set's hierarchy (CHiLS)"

    @classmethod
    def from_prompts(
        cls,
        prompts: Mapping[str, Mapping[str, Sequence[str]]],
        embeddings: Mapping[str, Tensor],
        labels: LabelSet,
        *,
        scale: float,
    ) -> HierarchyClassifier:
        """Group findings by the label set's column ``parent``.

        Args:
            prompts: ``{code: {"positive": [...], "negative": [...]}}``, in the order of the label set.
            embeddings: ``(D,)`` of every sentence.
            labels: With the parents.
            scale: Learned scale of the model.

        Raises:
            PromptError: No two findings share a parent.
        """
        members = _groups(labels)
        if not members:
            raise PromptError(f"label set {labels.name} has no hierarchy", action="use the ensemble mean")
        joined = {
            parent: {
                side: [text for code in codes for text in prompts[code][side]] for side in ("positive", "negative")
            }
            for parent, codes in members.items()
        }
        rows = {code: row for row, parent in enumerate(members) for code in members[parent]}
        kinds = tuple(
            tuple(row for row, other in enumerate(labels.findings) if other.parent == code and other.code != code)
            if _is_broader(code, labels)
            else ()
            for code in labels.codes
        )
        return cls(
            ZeroShotClassifier.from_prompts(prompts, embeddings, scale=scale),
            ZeroShotClassifier.from_prompts(joined, embeddings, scale=scale),
            tuple(rows.get(code, -1) for code in labels.codes),
            kinds,
        )

    @property
    def codes(self) -> tuple[str, ...]:
        """Findings, one per column of the scores."""
        return self.findings.codes

    def scores(self, embeddings: Tensor) -> Tensor:
        """Return ``(N, C)`` scores in [0, 1]; they rank recordings and are not probabilities of disease."""
        return self._scores(embeddings).float()

    def logits(self, embeddings: Tensor) -> Tensor:
        """Return ``(N, C)`` log-odds of the scores."""
        return torch.logit(self._scores(embeddings), eps=_SMALLEST)

    def _scores(self, embeddings: Tensor) -> Tensor:
        scores = torch.sigmoid(self.findings.logits(embeddings).double())
        groups = torch.sigmoid(self.groups.logits(embeddings).double())
        alone = torch.ones_like(groups[:, :1])
        product = scores * torch.cat([groups, alone], dim=1)[:, list(self.group_of)]
        best = [product[:, [column, *kinds]].amax(dim=1) for column, kinds in enumerate(self.kinds_of)]
        return torch.stack(best, dim=1)


def _groups(labels: LabelSet) -> dict[str, list[str]]:
    """Codes by parent, the parent itself included where it is in the set; only groups of more than one."""
    found: dict[str, list[str]] = {}
    for finding in labels.findings:
        if finding.parent:
            found.setdefault(finding.parent, []).append(finding.code)
    for finding in labels.findings:
        if finding.code in found and not finding.parent:
            found[finding.code].append(finding.code)
    return {parent: codes for parent, codes in found.items() if len(codes) > 1}


def _is_broader(code: str, labels: LabelSet) -> bool:
    """A finding that is its own parent stands beside the others of its group, not above them."""
    return labels.finding(code).parent != code
