"""Find which findings a report asserts, denies or doubts: phrases, negation and sections, without any model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from medclip.core.errors import InputError
from medclip.modalities.report.negation import Status, statuses
from medclip.modalities.report.phrases import Hit, PhraseIndex, tokens_of
from medclip.modalities.report.sections import SECTIONS, sections_of
from medclip.modalities.report.sentences import sentences_of

__all__ = ["FindingExtractor", "FoundMention", "Uncertain", "Wording", "label_value"]

Uncertain = Literal["blank", "positive", "negative"]

_MOST_SENTENCES_REMEMBERED = 200_000
# What a report says of a finding as a whole, if its sentences say different things.
_STRONGEST: tuple[Status, ...] = ("present", "uncertain", "absent", "historical")


class Wording(Protocol):
    """Phrases about one finding; see ``phrases`` for how they are written."""

    @property
    def present(self) -> Sequence[str]:
        """Phrases that mention it."""

    @property
    def absent(self) -> Sequence[str]:
        """Phrases that by themselves say that it is not there."""

    @property
    def other(self) -> Sequence[str]:
        """Phrases that mention something else; what of ``present`` lies inside one does not count."""

    @property
    def unless(self) -> Sequence[str]:
        """Phrases that show, in the same sentence, that something else is meant."""


@dataclass(frozen=True, slots=True)
class FoundMention:
    """One mention of a finding: its code, what is said of it, and in which sentence (counted over the report)."""

    code: str
    status: Status
    sentence: int


class FindingExtractor:
    """Reads reports for some findings.

    Only the named sections are read; text under no heading counts as findings. What a report says of a finding is the
    strongest of its mentions: present, uncertain, absent, historical.

    Args:
        wordings: Phrases by code of the finding.
        normal: Codes that mean that there is nothing: absent if a finding that is not ``neutral`` is present or
            uncertain, otherwise present; not mentioned in a report without text.
        neutral: Codes whose presence is no abnormality.
        sections: Names of the sections to read.

    Raises:
        InputError: A section is unknown or a phrase is malformed.
    """

    def __init__(
        self,
        wordings: Mapping[str, Wording],
        *,
        normal: Collection[str] = (),
        neutral: Collection[str] = (),
        sections: Sequence[str] = ("findings", "impression"),
    ) -> None:
        unknown = sorted(set(sections) - set(SECTIONS))
        if unknown or not sections:
            raise InputError("unknown section of a report", received=unknown or "none", allowed=SECTIONS)
        self.codes = tuple(wordings)
        self.sections = tuple(sections)
        self._normal = frozenset(normal)
        self._silent = self._normal | frozenset(neutral)
        self._index: PhraseIndex[tuple[str, str]] = PhraseIndex()
        self._remembered: dict[str, tuple[tuple[str, Status], ...]] = {}
        for code, wording in wordings.items():
            if code not in self._normal:
                self._add(code, wording)

    def _add(self, code: str, wording: Wording) -> None:
        for role, phrases in (
            ("present", wording.present),
            ("absent", wording.absent),
            ("other", wording.other),
            ("unless", wording.unless),
        ):
            for phrase in phrases:
                self._index.add(phrase, (code, role))

    def __call__(self, report: str) -> dict[str, Status | None]:
        """Return what a report says of each finding; None if it does not mention it."""
        said: dict[str, set[Status]] = {code: set() for code in self.codes}
        sentences = self._sentences(report)
        for mention in self._mentions(sentences):
            said[mention.code].add(mention.status)
        found = {code: next((one for one in _STRONGEST if one in said[code]), None) for code in self.codes}
        if sentences:
            is_free = not any(
                found[code] in ("present", "uncertain") for code in self.codes if code not in self._silent
            )
            found |= dict.fromkeys(
                (code for code in self.codes if code in self._normal), "present" if is_free else "absent"
            )
        return found

    def mentions(self, report: str) -> list[FoundMention]:
        """Return every mention of a finding in the order of the sentences."""
        return self._mentions(self._sentences(report))

    def _sentences(self, report: str) -> list[str]:
        return sentences_of(sections_of(report).select(self.sections))

    def _mentions(self, sentences: list[str]) -> list[FoundMention]:
        return [
            FoundMention(code, status, number)
            for number, sentence in enumerate(sentences)
            for code, status in self._in_sentence(sentence)
        ]

    def _in_sentence(self, sentence: str) -> tuple[tuple[str, Status], ...]:
        found = self._remembered.get(sentence)
        if found is None:
            found = self._read(sentence)
            if len(self._remembered) < _MOST_SENTENCES_REMEMBERED:
                self._remembered[sentence] = found
        return found

    def _read(self, sentence: str) -> tuple[tuple[str, Status], ...]:
        tokens = tokens_of(sentence)
        hits = self._index.find(tokens)
        barred = {hit.value[0] for hit in hits if hit.value[1] == "unless"}
        hidden = [hit for hit in hits if hit.value[1] in ("absent", "other")]
        # "The lungs are not clear" is no such statement.
        denied = [hit for hit in hits if hit.value[1] == "absent" and "not" not in tokens[hit.start : hit.end]]
        named = [
            hit
            for hit in hits
            if hit.value[1] == "present" and hit.value[0] not in barred and not _is_inside(hit, hidden)
        ]
        said: dict[tuple[str, Status], None] = {(hit.value[0], "absent"): None for hit in denied}
        said |= {(hit.value[0], status): None for hit, status in zip(named, statuses(tokens, named), strict=True)}
        return tuple(said)


def label_value(status: Status | None, *, uncertain: Uncertain = "blank") -> float | None:
    """Return 1.0 for present, 0.0 for absent, None for what is not mentioned, of the past or, by choice, uncertain.

    >>> [label_value(status) for status in ("present", "absent", "uncertain", "historical", None)]
    [1.0, 0.0, None, None, None]
    """
    if status == "uncertain":
        return {"blank": None, "positive": 1.0, "negative": 0.0}[uncertain]
    return {"present": 1.0, "absent": 0.0}.get(status) if status else None


def _is_inside(hit: Hit[tuple[str, str]], others: list[Hit[tuple[str, str]]]) -> bool:
    return any(o.value[0] == hit.value[0] and o.start <= hit.start and hit.end <= o.end for o in others)
