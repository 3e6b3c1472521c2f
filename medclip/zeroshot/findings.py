"""The answer about one recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medclip.core.modality import QualityIssue
from medclip.core.one_line import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from medclip.core.sample import Sample

__all__ = ["RESEARCH_USE", "FindingScore", "Findings"]

RESEARCH_USE = "Research use only. Not a medical device; scores are not probabilities of disease."


@dataclass(frozen=True)
class FindingScore:
    """How one finding was scored.

    Args:
        code: As the label set spells it.
        name: Preferred term.
        score: In [0, 1]; above 0.5 the recording is closer to the positive than to the negative description.
        polarity: ``abnormal``, ``normal`` or ``neutral``; see ``Finding``.
    """

    code: str
    name: str
    score: float
    polarity: str


@dataclass(frozen=True, eq=False)
class Findings:
    """All findings of a label set for one recording, highest score first.

    Args:
        scores: One per finding.
        label_set: What was asked about.
        model: Name of the bundle.
        sample: The recording.
        notes: What was done to the recording before the model saw it.
        quality: What is technically wrong with it.
    """

    scores: tuple[FindingScore, ...]
    label_set: str
    model: str
    sample: Sample
    notes: tuple[str, ...]
    quality: tuple[QualityIssue, ...]

    def __iter__(self) -> Iterator[FindingScore]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, code: str) -> FindingScore:
        for entry in self.scores:
            if entry.code == code:
                return entry
        raise KeyError(code)

    def to_dict(self) -> dict[str, Any]:
        """Plain types, as ``medclip zeroshot --json`` prints them; no identifiers."""
        return {
            "label_set": self.label_set,
            "model": self.model,
            "findings": [
                {"code": entry.code, "name": entry.name, "score": round(entry.score, 4), "polarity": entry.polarity}
                for entry in self.scores
            ],
            "notes": list(self.notes),
            "quality": [
                {"kind": issue.kind, "where": list(issue.where), "message": issue.message, "severity": issue.severity}
                for issue in self.quality
            ],
            "research_use": RESEARCH_USE,
        }

    def __str__(self) -> str:
        width = max(len(entry.name) for entry in self.scores)
        lines = [
            f"{entry.name:<{width}}  {entry.score:5.2f}  {_bar(entry.score)}  {entry.code}" for entry in self.scores
        ]
        lines += [one_line(f"note: {note}") for note in self.notes]
        lines += [one_line(f"{issue.severity}: {issue.message}") for issue in self.quality]
        return "\n".join([*lines, RESEARCH_USE])

    def _repr_html_(self) -> str:
        """Show a table in a notebook."""
        import html

        rows = "".join(
            f"<tr><td>{html.escape(entry.name)}</td><td>{entry.score:.2f}</td><td><code>{html.escape(entry.code)}</code></td></tr>"
            for entry in self.scores
        )
        remarks = [*self.notes, *(f"{issue.severity}: {issue.message}" for issue in self.quality), RESEARCH_USE]
        below = "".join(f"<p><small>{html.escape(remark)}</small></p>" for remark in remarks)
        return f"<table><tr><th>finding</th><th>score</th><th>code</th></tr>{rows}</table>{below}"

    def plot(self, *, n_findings: int = 5, **options: Any) -> Figure:
        """Draw the recording with its highest findings above it; further options go to the modality's ``plot``."""
        shown = [(entry.name, entry.score) for entry in self.scores[:n_findings]]
        return self.sample.plot(findings=shown, **options)


def _bar(score: float) -> str:
    filled = round(10 * score)
    return "#" * filled + "." * (10 - filled)
