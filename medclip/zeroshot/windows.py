"""From the windows of a recording to one answer: which can be judged, what is wrong with them, and their scores."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from medclip.core.errors import ConfigError, SignalError
from medclip.core.input_spec import InputSpec, PreparedBatch, PreparedInput
from medclip.core.modality import QualityIssue
from medclip.core.sample import Sample
from medclip.core.windows import Window, WindowPlace, clock

__all__ = ["POOLINGS", "Pooling", "WindowReview", "WindowScores", "batches", "choose_windows", "pool_scores"]

Pooling = Literal["mean", "max", "first", "middle"]
"""What is made of the windows of a long recording."""
POOLINGS: tuple[str, ...] = get_args(Pooling)

# A fault in so few windows says little about the rest; a check that errs once in 200 recordings errs in every long one.
_RARE_SHARE = 0.05
_MOST_REMARKS = 5
_MOST_SETS = 3


@dataclass(frozen=True, eq=False)
class WindowScores:
    """What each window of a long recording scored.

    Args:
        places: Where the windows lie that were judged.
        codes: Findings, one per column of ``scores``.
        scores: float64 ``(n_windows, n_findings)`` in [0, 1].
        pooling: ``mean`` or ``max``, by which they became the score of the recording.
        n_left_out: Windows that are technically unusable.
        faults: Per window, the kinds of technical faults found in it.
    """

    places: tuple[WindowPlace, ...]
    codes: tuple[str, ...]
    scores: np.ndarray
    pooling: str
    n_left_out: int
    faults: tuple[tuple[str, ...], ...]

    def of(self, code: str) -> np.ndarray:
        """Scores of one finding, one per window."""
        column: np.ndarray = self.scores[:, self.codes.index(code)]
        return column

    def highest(self, code: str) -> tuple[float, WindowPlace, tuple[str, ...]]:
        """Return the highest score of a finding, the window that has it, and the faults found there."""
        column = self.of(code)
        at = int(column.argmax())
        return float(column[at]), self.places[at], self.faults[at]

    def to_dict(self, codes: Sequence[str]) -> dict[str, Any]:
        """Plain types, with the scores of the findings named."""
        return {
            "pooling": self.pooling,
            "n_left_out": self.n_left_out,
            "start_s": [round(place.start_s, 3) for place in self.places],
            "stop_s": [round(place.stop_s, 3) for place in self.places],
            "faults": [list(kinds) for kinds in self.faults],
            "scores": {code: np.round(self.of(code), 4).tolist() for code in codes},
        }


class WindowReview:
    """Goes through windows once, leaves out those that are technically unusable, and keeps account of all.

    Args:
        windows: At least one.
    """

    def __init__(self, windows: Sequence[Window]) -> None:
        self.windows = windows
        self.places: list[WindowPlace | None] = []
        self.faults: list[tuple[str, ...]] = []
        self.n_left_out = 0
        self._tallies: dict[tuple[str, str, tuple[str, ...]], _Tally] = {}
        self._notes: Counter[str] = Counter()

    def usable(self) -> Iterator[PreparedInput]:
        """Prepare one window after the other.

        Raises:
            SignalError: None can be judged.
        """
        for window in self.windows:
            issues = window.part.quality()
            try:
                _refuse_unusable(issues)
                prepared = window.prepare()
            except SignalError as error:
                if len(self.windows) == 1:
                    raise
                self._leave_out(window, issues, error)
                continue
            self.places.append(window.place)
            self.faults.append(tuple(dict.fromkeys(issue.kind for issue in issues if issue.severity != "note")))
            self._notes.update(prepared.notes)
            self._count(window, issues)
            yield prepared
        if not self.places:
            reasons = " ".join(issue.message for issue in self.quality)
            raise SignalError(f"none of the windows of the recording can be judged: {reasons.rstrip('.')}")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the windows; what was not done to all of them says to how many."""
        n_judged = len(self.places)
        lines = [note for note, count in self._notes.items() if count == n_judged]
        rest = [(note, count) for note, count in self._notes.most_common() if count < n_judged]
        lines += [f"{note} (in {count} of {n_judged} windows)" for note, count in rest[:_MOST_REMARKS]]
        n_more = len(rest) - _MOST_REMARKS
        return (*lines, *([f"{n_more} further remarks on single windows"] if n_more > 0 else []))

    @property
    def quality(self) -> tuple[QualityIssue, ...]:
        """The faults found, those of most windows first, each saying in how many windows and where first.

        Of one kind of fault the three commonest sets of channels are named and the others counted.
        """
        if len(self.windows) == 1:
            return tuple(tally.issue for tally in self._tallies.values())
        kinds: dict[tuple[str, str], list[_Tally]] = {}
        for (kind, severity, _), tally in sorted(self._tallies.items(), key=lambda item: -item[1].count):
            kinds.setdefault((kind, severity), []).append(tally)
        return tuple(issue for tallies in kinds.values() for issue in self._summed_up(tallies))

    def _leave_out(self, window: Window, issues: Sequence[QualityIssue], error: SignalError) -> None:
        self.n_left_out += 1
        unusable = [issue for issue in issues if issue.severity == "unusable"]
        self._count(window, unusable or [QualityIssue("missing", (), f"{error.what.capitalize()}.", "unusable")])

    def _count(self, window: Window, issues: Sequence[QualityIssue]) -> None:
        start_s = window.place.start_s if window.place else 0.0
        for issue in issues:
            self._tallies.setdefault((issue.kind, issue.severity, issue.where), _Tally(issue, start_s)).count += 1

    def _summed_up(self, tallies: Sequence[_Tally]) -> list[QualityIssue]:
        n_all, n_rest = len(self.windows), sum(tally.count for tally in tallies[_MOST_SETS:])
        is_rare = sum(tally.count for tally in tallies) < _RARE_SHARE * n_all
        issues = [tally.summed_up(n_all, is_rare=is_rare) for tally in tallies[:_MOST_SETS]]
        if n_rest:
            issues[-1] = replace(issues[-1], message=f"{issues[-1].message} In {n_rest} more, in other channels.")
        return issues


@dataclass(eq=False)
class _Tally:
    """How often a fault was found in one set of channels, and where first."""

    issue: QualityIssue
    first_s: float
    count: int = 0

    def summed_up(self, n_windows: int, *, is_rare: bool) -> QualityIssue:
        if self.count == n_windows:
            return self.issue
        severity = self.issue.severity
        left_out = ", which were left out" if severity == "unusable" else ""
        where = f"In {self.count} of {n_windows} windows{left_out}, first at {clock(self.first_s)}."
        milder = {"unusable": "warning", "warning": "note" if is_rare else "warning"}.get(severity, severity)
        return replace(self.issue, message=f"{self.issue.message} {where}", severity=milder)


def choose_windows(spec: InputSpec, sample: Sample, pooling: Pooling, *, overlap: float) -> Sequence[Window]:
    """Return the windows that a way of pooling asks for.

    Raises:
        SignalError: The recording is too short, or lacks channels.
        ConfigError: The way of pooling is unknown, or the overlap is out of range.
    """
    if pooling not in POOLINGS:
        raise ConfigError("unknown use of windows", received=pooling, allowed=POOLINGS)
    windows = spec.windows(sample, overlap=overlap, at_most=1 if pooling == "middle" else None)
    return windows[:1] if pooling == "first" else windows


def pool_scores(scores: np.ndarray, counts: Sequence[int], pooling: Pooling) -> np.ndarray:
    """Make one row of scores per recording.

    Args:
        scores: ``(n_windows, n_findings)``, the windows of one recording after those of another.
        counts: Number of windows of each recording, each at least 1.
        pooling: ``max`` takes the highest score of a finding, anything else the mean.

    >>> pool_scores(np.array([[0.2], [0.4], [0.9]]), [2, 1], "mean").round(2).tolist()
    [[0.3], [0.9]]
    """
    starts = np.cumsum([0, *counts[:-1]])
    if pooling == "max":
        return np.asarray(np.maximum.reduceat(scores, starts, axis=0))
    return np.asarray(np.add.reduceat(scores, starts, axis=0) / np.asarray(counts)[:, None])


def batches(prepared: Iterable[PreparedInput], size: int) -> Iterator[PreparedBatch]:
    """Put prepared windows into batches, taking no more of them than a batch holds at a time."""
    source = iter(prepared)
    while some := list(itertools.islice(source, size)):
        yield PreparedBatch(
            np.stack([one.values for one in some]),
            np.stack([one.mask for one in some]),
            tuple(one.notes for one in some),
        )


def _refuse_unusable(issues: Sequence[QualityIssue]) -> None:
    unusable = [issue.message for issue in issues if issue.severity == "unusable"]
    if unusable:
        raise SignalError(f"the recording cannot be judged: {' '.join(unusable).rstrip('.')}", action="record again")
