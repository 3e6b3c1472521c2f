"""The findings the simulator knows, and which of them cannot be on one ECG."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from medclip.core.errors import InputError

__all__ = ["CODES", "RHYTHMS", "complete_findings", "draw_findings", "labels_of"]

RHYTHMS = ("SR", "SBRAD", "STACH", "AFIB", "AFLT", "PACE")
"""One of these on every ECG; fibrillation may lie behind a paced rhythm."""

CODES = ("NORM", *RHYTHMS, "1AVB", "CRBBB", "CLBBB", "PVC", "IMI", "AMI", "STD_", "LVH", "LVOLT")
"""All findings, in the order of the label set."""

# Each pair says why: the one hides the other, its criterion is not valid beside it, or they exclude each other.
_CONFLICTS: Mapping[str, tuple[str, ...]] = {
    "NORM": tuple(code for code in CODES if code not in ("NORM", "SR")),
    "1AVB": ("AFIB", "AFLT", "PACE"),
    "PACE": ("CRBBB", "CLBBB", "PVC", "IMI", "AMI", "STD_", "LVH", "LVOLT"),
    "CLBBB": ("CRBBB", "IMI", "AMI", "STD_", "LVH", "LVOLT"),
    "CRBBB": ("LVH",),
    "LVH": ("LVOLT", "STD_", "AMI", "IMI"),
    "AMI": ("IMI", "STD_", "LVOLT"),
    "IMI": ("LVOLT",),
    "STD_": ("LVOLT",),
}

# ST depression beside these is secondary or reciprocal: whether it is a finding of its own nobody can say.
_SECONDARY_ST = ("CLBBB", "PACE", "LVH", "IMI", "AMI")

_RHYTHM_SHARES: Mapping[str, float] = {
    "SR": 0.49,
    "SBRAD": 0.10,
    "STACH": 0.10,
    "AFIB": 0.14,
    "AFLT": 0.08,
    "PACE": 0.09,
}
_OTHER_SHARES: Mapping[str, float] = {
    "": 0.36,
    "CRBBB": 0.085,
    "CLBBB": 0.085,
    "IMI": 0.10,
    "AMI": 0.09,
    "STD_": 0.10,
    "LVH": 0.10,
    "LVOLT": 0.08,
}
_PVC_SHARE = 0.13
_AV_BLOCK_SHARE = 0.14
_PACED_FIBRILLATION_SHARE = 0.2


def complete_findings(findings: Collection[str]) -> tuple[str, ...]:
    """Check a choice of findings and add what it implies.

    Sinus rhythm is added if no rhythm is named; sinus rhythm with nothing else is a normal ECG.

    Raises:
        InputError: A code is unknown, or two of them cannot be on one ECG.

    >>> complete_findings(["LVH"]), complete_findings([])
    (('SR', 'LVH'), ('NORM', 'SR'))
    """
    if isinstance(findings, str):
        raise InputError("findings must be a collection of codes", received=findings, allowed=CODES)
    unknown = sorted(map(str, set(findings) - set(CODES)))
    if unknown:
        raise InputError("the simulator does not know these findings", received=unknown, allowed=CODES)
    chosen = set(findings)
    if not chosen & set(RHYTHMS):
        chosen.add("SR")
    if chosen == {"SR"}:
        chosen.add("NORM")
    _refuse_conflicts(chosen)
    return tuple(code for code in CODES if code in chosen)


def labels_of(findings: Collection[str]) -> dict[str, float]:
    """Return all labels of a record: 1.0 present, 0.0 absent, nan where no reader could tell.

    >>> labels_of(("SR", "LVH"))["LVH"], labels_of(("SR", "LVH"))["STD_"]
    (1.0, nan)
    """
    labels = {code: float(code in findings) for code in CODES}
    if any(code in findings for code in _SECONDARY_ST) and "STD_" not in findings:
        labels["STD_"] = math.nan
    if set(findings) in ({"SBRAD"}, {"STACH"}):
        # Readers differ on whether an ECG is normal but for its rate.
        labels["NORM"] = math.nan
    return labels


def draw_findings(random: np.random.Generator) -> tuple[str, ...]:
    """Draw findings that occur together, each often enough to be learned from some hundred patients."""
    rhythm = _draw(_RHYTHM_SHARES, random)
    other = _draw(_OTHER_SHARES, random)
    has_premature_beats, has_av_block, is_paced_fibrillation = random.random(3) < (
        _PVC_SHARE,
        _AV_BLOCK_SHARE,
        _PACED_FIBRILLATION_SHARE,
    )
    chosen = {rhythm}
    if rhythm == "PACE":
        chosen |= {"AFIB"} if is_paced_fibrillation else set()
        return complete_findings(chosen)
    chosen |= {other} - {""}
    chosen |= {"PVC"} if has_premature_beats else set()
    chosen |= {"1AVB"} if has_av_block and rhythm in ("SR", "SBRAD") else set()
    return complete_findings(chosen)


def _refuse_conflicts(chosen: set[str]) -> None:
    rhythms = [code for code in RHYTHMS if code in chosen]
    if len(rhythms) > 1 and set(rhythms) != {"AFIB", "PACE"}:
        raise InputError(
            "an ECG has one rhythm", received=rhythms, allowed="one of them, or AFIB with PACE", action="leave out one"
        )
    for code, others in _CONFLICTS.items():
        clashing = sorted(chosen & set(others)) if code in chosen else []
        if clashing:
            raise InputError(
                f"{code} cannot be simulated together with {', '.join(clashing)}",
                received=sorted(chosen),
                action="one hides the other on the ECG: simulate them on two records",
            )


def _draw(shares: Mapping[str, float], random: np.random.Generator) -> str:
    edges = np.cumsum(list(shares.values()))
    return list(shares)[int(np.searchsorted(edges / edges[-1], random.random(), side="right"))]
