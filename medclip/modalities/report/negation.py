"""Say of each mention in a sentence whether it is present, absent, uncertain or of the past.

After NegEx (Chapman et al., J Biomed Inform 2001) and ConText (Harkema et al., J Biomed Inform 2009): cues with a
direction, a scope that reaches to the end of the sentence, and words that end a scope. The word lists are medclip's
own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

from medclip.modalities.report.cues import CUES, FORWARD_STOPS, OPENERS, STOPS
from medclip.modalities.report.phrases import Hit, PhraseIndex, tokens_of

__all__ = ["Status", "status_of", "statuses"]

Status = Literal["present", "absent", "uncertain", "historical"]

# Of two cues that reach a mention, the one that stands first here decides.
_ORDER: tuple[Status, ...] = ("absent", "historical", "uncertain", "present")


# Words between "there is" and what it asserts.
_NEAR = 6


class _Cue(NamedTuple):
    """What a cue says, and of which side: "before" speaks of what follows it, "after" of what stands before it."""

    status: Status | Literal["none", "stop", "opener"]
    side: Literal["before", "after", "none"]


def status_of(sentence: str, phrase: str) -> Status:
    """Return the status of the first mention of ``phrase`` in ``sentence``; for trying things out.

    Raises:
        ValueError: The phrase is not in the sentence.

    >>> [status_of(text, "effusion") for text in ("No effusion.", "Effusion may be present.", "Effusion resolved.")]
    ['absent', 'uncertain', 'absent']
    >>> status_of("No pneumothorax, but a small effusion is seen.", "effusion")
    'present'
    """
    index: PhraseIndex[None] = PhraseIndex()
    index.add(phrase, None)
    tokens = tokens_of(sentence)
    hits = index.find(tokens)
    if not hits:
        raise ValueError("the phrase is not in the sentence")
    return statuses(tokens, hits[:1])[0]


def statuses(tokens: tuple[str, ...], mentions: Sequence[Hit[Any]]) -> list[Status]:
    """Return the status of each mention.

    Args:
        tokens: Of one sentence, from ``tokens_of``.
        mentions: Where its mentions lie.
    """
    if not mentions:
        return []
    marks = _longest(_index().find(tokens))
    stops = [hit for hit in marks if hit.value.status in ("stop", "opener")]
    openers = [hit for hit in marks if hit.value.status == "opener"]
    cues = [hit for hit in marks if hit.value.status in _ORDER]
    return [_decide(mention, tokens, cues, stops, openers) for mention in mentions]


def _decide(
    mention: Hit[Any],
    tokens: tuple[str, ...],
    cues: list[Hit[_Cue]],
    stops: list[Hit[_Cue]],
    openers: list[Hit[_Cue]],
) -> Status:
    said = {cue.value.status for cue in cues if _reaches(cue, mention, tokens, stops, openers)}
    return next((status for status in _ORDER if status in said), "present")


def _reaches(
    cue: Hit[_Cue],
    mention: Hit[Any],
    tokens: tuple[str, ...],
    stops: list[Hit[_Cue]],
    openers: list[Hit[_Cue]],
) -> bool:
    if mention.start < cue.end and cue.start < mention.end:
        return True
    is_before = cue.end <= mention.start
    if is_before != (cue.value.side == "before"):
        return False
    low, high = (cue.end, mention.start) if is_before else (mention.end, cue.start)
    # "No effusion, there is a nodule": what asserts ends a scope as well.
    if tokens[cue.start] == "?" and "(" in tokens[low : high - 1]:
        # "consolidation (infection?)" doubts the infection; "consolidation (?)" the consolidation.
        return False
    if any(low <= stop.start < high and stop.value.side in ("none", cue.value.side) for stop in stops):
        return False
    return is_before or not _is_shielded(mention, tokens[low:high], openers)


def _is_shielded(mention: Hit[Any], between: tuple[str, ...], openers: list[Hit[_Cue]]) -> bool:
    """Whether "there is" asserts the mention and a denial behind "and" or a comma speaks of something else."""
    opened = any(opener.end <= mention.start and mention.start - opener.end <= _NEAR for opener in openers)
    return opened and any(token in ("and", ",") for token in between)


def _longest(hits: list[Hit[_Cue]]) -> list[Hit[_Cue]]:
    """Of cues that overlap keep the longest, "no change" rather than its "no"; one that looks both ways stays two."""
    kept: list[Hit[_Cue]] = []
    for hit in sorted(hits, key=lambda hit: (hit.start - hit.end, hit.start)):
        if all(hit.end <= o.start or o.end <= hit.start or hit[:2] == o[:2] for o in kept):
            kept.append(hit)
    return sorted(kept, key=lambda hit: hit.start)


@cache
def _index() -> PhraseIndex[_Cue]:
    index: PhraseIndex[_Cue] = PhraseIndex()
    for (status, side), phrases in CUES.items():
        for phrase in phrases:
            index.add(phrase, _Cue(status, side))  # type: ignore[arg-type]
    for phrase in STOPS:
        index.add(phrase, _Cue("stop", "none"))
    for phrase in FORWARD_STOPS:
        index.add(phrase, _Cue("stop", "before"))
    for phrase in OPENERS:
        index.add(phrase, _Cue("opener", "none"))
    return index
