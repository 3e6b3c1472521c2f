"""The phrases of reports, as the catalogue holds them; no sentence that a report would not hold."""

from __future__ import annotations

from collections.abc import Iterable

from medclip.prompts.strategies import composed
from medclip.prompts.strategies._sentences import without_narrower, without_siblings
from medclip.prompts.strategy import Draft, Sentence, Strategy, Tools
from medclip.prompts.subject import Subject

__all__ = ["STRATEGY"]


def _write(subject: Subject, tools: Tools) -> Draft:
    concept = subject.required_concept("reports")
    described = concept.description
    if described is None or not described.wording or not described.wording_instead:
        return composed.STRATEGY.write(subject, tools)
    apart, rejected = without_siblings(subject, described.wording)
    present, further = without_narrower(subject, apart)
    rejected += further
    instead = _sentences(subject, described.wording_instead)
    if present:
        return Draft(_sentences(subject, present), instead, rejected)
    # Every phrase names another class: the positive side is described, the negative one still needs no denial.
    described_by_sight = composed.STRATEGY.write(subject, tools)
    return Draft(
        described_by_sight.positive,
        instead,
        [*rejected, *described_by_sight.rejected],
        "composed: every phrase of reports names another class",
    )


def _sentences(subject: Subject, phrases: Iterable[str]) -> list[Sentence]:
    return [Sentence(phrase, subject.origin("wording")) for phrase in phrases]


STRATEGY = Strategy("reports", "phrases as reports write them, of what is there and of what is seen instead", _write)
