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
_CALIBRATED_USE = (
    "Research use only. Not a medical device; probabilities hold for patients like those of the calibration only."
)


@dataclass(frozen=True)
class FindingScore:
    """How one finding was scored.

    Args:
        code: As the label set spells it.
        name: Preferred term.
        score: In [0, 1]. At 0.5 the recording is as close to the positive as to the negative description, or, with the
            ensemble ``centred``, as close to them as the mean training recording is.
        polarity: ``abnormal``, ``normal`` or ``neutral``; see ``Finding``.
        is_probability: Whether ``score`` is a calibrated probability.
    """

    code: str
    name: str
    score: float
    polarity: str
    is_probability: bool = False


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
        calibration: What the probabilities rest on; empty if there are only scores.
    """

    scores: tuple[FindingScore, ...]
    label_set: str
    model: str
    sample: Sample
    notes: tuple[str, ...]
    quality: tuple[QualityIssue, ...]
    calibration: str = ""

    @property
    def research_use(self) -> str:
        """What the numbers may be used for, and what they are not."""
        if all(entry.is_probability for entry in self.scores):
            return _CALIBRATED_USE
        return f"{RESEARCH_USE} Calibrated ones are marked." if self._has_probabilities else RESEARCH_USE

    @property
    def _has_probabilities(self) -> bool:
        return any(entry.is_probability for entry in self.scores)

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
                | ({"probability": round(entry.score, 4)} if entry.is_probability else {})
                for entry in self.scores
            ],
            "notes": list(self.notes),
            "quality": [
                {"kind": issue.kind, "where": list(issue.where), "message": issue.message, "severity": issue.severity}
                for issue in self.quality
            ],
            "research_use": self.research_use,
        } | ({"calibration": self.calibration} if self.calibration else {})

    def __str__(self) -> str:
        width = max(len(entry.name) for entry in self.scores)
        lines = [one_line(f"{issue.severity}: {issue.message}") for issue in self.quality]
        lines += [
            f"{entry.name:<{width}}  {entry.score:5.2f}  {_bar(entry.score)}  {entry.code}{_mark(entry)}"
            for entry in self.scores
        ]
        lines += [self.calibration] if self.calibration else []
        lines += [one_line(f"note: {note}") for note in self.notes]
        return "\n".join([*lines, self.research_use])

    def _repr_html_(self) -> str:
        """Show a table in a notebook."""
        import html

        rows = "".join(
            f"<tr><td>{html.escape(entry.name)}</td><td>{entry.score:.2f}</td>"
            f"<td><code>{html.escape(entry.code)}</code>{_mark(entry)}</td></tr>"
            for entry in self.scores
        )
        faults = "".join(
            f"<p><b>{html.escape(issue.severity)}</b>: {html.escape(issue.message)}</p>" for issue in self.quality
        )
        remarks = [*filter(None, [self.calibration]), *self.notes, self.research_use]
        below = "".join(f"<p><small>{html.escape(remark)}</small></p>" for remark in remarks)
        return f"{faults}<table><tr><th>finding</th><th>score</th><th>code</th></tr>{rows}</table>{below}"

    def plot(self, *, n_findings: int = 5, **options: Any) -> Figure:
        """Draw the recording with its highest findings above it; further options go to the modality's ``plot``."""
        shown = [(entry.name, entry.score) for entry in self.scores[:n_findings]]
        return self.sample.plot(findings=shown, **options)


def _mark(entry: FindingScore) -> str:
    return " (probability)" if entry.is_probability else ""


def _bar(score: float) -> str:
    filled = round(10 * score)
    return "#" * filled + "." * (10 - filled)
