"""Reports of simulated ECGs: short statements, in varying words, order and language, about what is really there."""

from __future__ import annotations

import numpy as np

from medclip.core.errors import InputError
from medclip.modalities.ecg.simulate.findings import RHYTHMS
from medclip.modalities.ecg.simulate.heart import Heart, qrs_axis_deg
from medclip.modalities.ecg.simulate.phrases import PHRASES

__all__ = ["LANGUAGES", "write_report"]

LANGUAGES = tuple(PHRASES)
"""Languages of reports, by ISO 639-1 code."""

_LANGUAGE_EDGES = (0.75, 0.91)  # three quarters English, then German, then Swedish
_RATE_SHARE, _AXIS_SHARE, _NEGATION_SHARE, _CLOSING_SHARE = 0.15, 0.30, 0.06, 0.06
_STAGE_SHARE = 0.6
_RHYTHM_FIRST_SHARE = 0.85
_ST_CODES = ("STD_", "LVH", "CLBBB", "PACE", "IMI", "AMI")


def write_report(heart: Heart, *, language: str | None, random: np.random.Generator) -> str:
    """Write a report.

    Args:
        heart: What is to be reported.
        language: ``en``, ``de`` or ``sv``; None draws one.
        random: Source of the choice of words.

    Raises:
        InputError: The language is unknown.
    """
    drawn = LANGUAGES[int(np.searchsorted(_LANGUAGE_EDGES, random.random(), side="right"))]
    if language is not None and language not in LANGUAGES:
        raise InputError("no reports in this language", received=language, allowed=LANGUAGES)
    words = PHRASES[language or drawn]
    statements = [_choose(words[key], random) for key in _ordered(_finding_keys(heart, random), random)]
    remarks = [_choose(words[key], random) for key in _remark_keys(heart, random)]
    text = [line.format(rate=round(heart.rate_per_min)) for line in _interleave(statements, remarks, random)]
    return _punctuate(text, random)


def _finding_keys(heart: Heart, random: np.random.Generator) -> list[str]:
    keys = []
    for code in heart.findings:
        has_stage = code in ("IMI", "AMI") and random.random() < _STAGE_SHARE
        keys.append(f"{code} {heart.stage}" if has_stage else code)
    return keys


def _ordered(keys: list[str], random: np.random.Generator) -> list[str]:
    shuffled = [keys[index] for index in random.permutation(len(keys))]
    if random.random() < _RHYTHM_FIRST_SHARE:
        shuffled.sort(key=lambda key: key not in RHYTHMS)
    return shuffled


def _remark_keys(heart: Heart, random: np.random.Generator) -> list[str]:
    has_rate, has_axis, has_no_infarct, has_no_st, has_closing = random.random(5) < (
        _RATE_SHARE,
        _AXIS_SHARE,
        _NEGATION_SHARE,
        _NEGATION_SHARE,
        _CLOSING_SHARE,
    )
    keys = ["rate"] if has_rate else []
    if has_axis and "PACE" not in heart.findings:
        keys.append(_axis_key(heart))
    if has_no_infarct and not {"IMI", "AMI", "PACE", "CLBBB"} & set(heart.findings):
        keys.append("no infarct")
    if has_no_st and not set(_ST_CODES) & set(heart.findings):
        keys.append("no st")
    return [*keys, "closing"] if has_closing else keys


def _axis_key(heart: Heart) -> str:
    """Name the axis: normal from -30 to +90 degrees (AHA/ACCF/HRS recommendations, Circulation 119:e235, 2009)."""
    axis_deg = qrs_axis_deg(heart)
    if -30 <= axis_deg <= 90:
        return "axis normal"
    return "axis left" if -120 <= axis_deg < -30 else "axis right"


def _interleave(statements: list[str], remarks: list[str], random: np.random.Generator) -> list[str]:
    """Put the remarks after the first statement or at the end."""
    if random.random() < 0.4:
        return [statements[0], *remarks, *statements[1:]]
    return [*statements, *remarks]


def _punctuate(lines: list[str], random: np.random.Generator) -> str:
    style = random.random()
    if style < 0.35:
        return " ".join(lines)
    if style < 0.70:
        return ". ".join(lines) + "."
    return ". ".join(line[0].upper() + line[1:] for line in lines) + "."


def _choose(wordings: tuple[str, ...], random: np.random.Generator) -> str:
    return wordings[int(len(wordings) * random.random())]
