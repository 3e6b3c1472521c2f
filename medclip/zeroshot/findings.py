"""The answer about one recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medclip.core.modality import QualityIssue
from medclip.core.one_line import one_line
from medclip.core.windows import part_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from medclip.core.sample import Sample
    from medclip.zeroshot.windows import WindowScores

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
            ensembles ``centred`` and ``positive``, as close to them as the mean training recording is.
        polarity: ``abnormal``, ``normal`` or ``neutral``; see ``Finding``.
        is_probability: Whether ``score`` is a calibrated probability.
        lacks: What was not recorded and the finding cannot be judged without, one text per need; then ``score`` means
            nothing, and nothing shows it.
    """

    code: str
    name: str
    score: float
    polarity: str
    is_probability: bool = False
    lacks: tuple[str, ...] = ()

    @property
    def is_assessable(self) -> bool:
        """Whether everything was recorded that the finding cannot be judged without."""
        return not self.lacks

    def to_dict(self) -> dict[str, Any]:
        """Plain types; the score of what is not assessable is None."""
        described: dict[str, Any] = {"code": self.code, "name": self.name, "score": None, "polarity": self.polarity}
        if not self.is_assessable:
            return described | {"not_assessable_without": list(self.lacks)}
        described["score"] = round(self.score, 4)
        return described | ({"probability": round(self.score, 4)} if self.is_probability else {})


@dataclass(frozen=True, eq=False)
class Findings:
    """All findings of a label set for one recording, highest score first and those that are not assessable last.

    Args:
        scores: One per finding.
        label_set: What was asked about.
        model: Name of the bundle.
        sample: The recording.
        notes: What was done to the recording before the model saw it.
        quality: What is technically wrong with it.
        calibration: What the probabilities rest on; empty if there are only scores.
        windows: Scores of each window if the recording was longer than the model takes and several were judged.
        reservations: What the reader must know before the answer, such as that most channels were not recorded.
    """

    scores: tuple[FindingScore, ...]
    label_set: str
    model: str
    sample: Sample
    notes: tuple[str, ...]
    quality: tuple[QualityIssue, ...]
    calibration: str = ""
    windows: WindowScores | None = None
    reservations: tuple[str, ...] = ()

    @property
    def research_use(self) -> str:
        """What the numbers may be used for, and what they are not."""
        if all(entry.is_probability for entry in self.scores if entry.is_assessable) and self._has_probabilities:
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
            "findings": [entry.to_dict() | self._place_to_dict(entry) for entry in self.scores],
            "notes": list(self.notes),
            "quality": [
                {"kind": issue.kind, "where": list(issue.where), "message": issue.message, "severity": issue.severity}
                for issue in self.quality
            ],
            "research_use": self.research_use,
        } | self._further()

    def _further(self) -> dict[str, Any]:
        described: dict[str, Any] = {"calibration": self.calibration} if self.calibration else {}
        if self.reservations:
            described["reservations"] = list(self.reservations)
        if self.windows is not None:
            assessable = [entry.code for entry in self.scores if entry.is_assessable]
            described["windows"] = self.windows.to_dict(assessable)
        return described

    def _place_to_dict(self, entry: FindingScore) -> dict[str, Any]:
        if self.windows is None or not entry.is_assessable:
            return {}
        score, place, faults = self.windows.highest(entry.code)
        place_s = {"start_s": round(place.start_s, 3), "stop_s": round(place.stop_s, 3)}
        return {"highest_window": {"score": round(score, 4)} | place_s | {"faults": list(faults)}}

    def _place(self, entry: FindingScore) -> str:
        """Say where in a long recording the finding scores highest, and what is wrong there."""
        if self.windows is None or not entry.is_assessable:
            return ""
        score, place, faults = self.windows.highest(entry.code)
        doubts = f" ({', '.join(faults)})" if faults else ""
        return f"  {score:.2f} at {place}{doubts}"

    def __str__(self) -> str:
        width = max(len(entry.name) for entry in self.scores)
        lines = [one_line(f"{issue.severity}: {issue.message}") for issue in self.quality]
        lines = [*(one_line(f"reservation: {line}") for line in self.reservations), *lines]
        lines += [
            f"{entry.name:<{width}}  {_shown(entry)}  {entry.code}{_mark(entry)}{self._place(entry)}"
            for entry in self.scores
        ]
        lines += [self.calibration] if self.calibration else []
        lines += [one_line(f"note: {note}") for note in self.notes]
        return "\n".join([*lines, self.research_use])

    def _repr_html_(self) -> str:
        """Show a table in a notebook."""
        import html

        rows = "".join(
            f"<tr><td>{html.escape(entry.name)}</td><td>{f'{entry.score:.2f}' if entry.is_assessable else '-'}</td>"
            f"<td><code>{html.escape(entry.code)}</code>{html.escape(_mark(entry) + self._place(entry))}</td></tr>"
            for entry in self.scores
        )
        faults = "".join(
            f"<p><b>{html.escape(issue.severity)}</b>: {html.escape(issue.message)}</p>" for issue in self.quality
        )
        faults = "".join(f"<p><b>{html.escape(line)}</b></p>" for line in self.reservations) + faults
        remarks = [*filter(None, [self.calibration]), *self.notes, self.research_use]
        below = "".join(f"<p><small>{html.escape(remark)}</small></p>" for remark in remarks)
        return f"{faults}<table><tr><th>finding</th><th>score</th><th>code</th></tr>{rows}</table>{below}"

    def plot(self, *, n_findings: int = 5, **options: Any) -> Figure:
        """Draw the recording with its highest findings above it; further options go to the modality's ``plot``.

        Of a long recording, the window is drawn in which the first finding scores highest, and the title says so.
        """
        shown = [entry for entry in self.scores if entry.is_assessable][:n_findings]
        scores = [(entry.name, entry.score) for entry in shown]
        if self.windows is None or not shown:
            return self.sample.plot(findings=scores, **options)
        _, place, _ = self.windows.highest(shown[0].code)
        options.setdefault("title", f"{place} of the recording")
        return part_of(self.sample, place).plot(findings=scores, **options)


def _mark(entry: FindingScore) -> str:
    if not entry.is_assessable:
        return f" (not assessable: lacks {'; '.join(entry.lacks)})"
    return " (probability)" if entry.is_probability else ""


def _shown(entry: FindingScore) -> str:
    if not entry.is_assessable:
        return f"{'-':>5}  {'':10}"
    return f"{entry.score:5.2f}  {_bar(entry.score)}"


def _bar(score: float) -> str:
    filled = round(10 * score)
    return "#" * filled + "." * (10 - filled)
