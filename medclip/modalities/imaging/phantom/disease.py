"""What a simulated patient has: findings of known side, place and size, as often together as they are in life."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from medclip.core.errors import InputError

__all__ = ["KINDS", "LOBES", "Lesion", "draw_disease"]

KINDS = (
    "cardiomegaly",
    "effusion",
    "pneumothorax",
    "consolidation",
    "nodule",
    "emphysema",
    "aortic_calcification",
    "coronary_calcification",
)
"""All findings, in the order in which they are drawn."""

LOBES = {
    "right": ("right upper lobe", "right middle lobe", "right lower lobe"),
    "left": ("left upper lobe", "left lower lobe"),
}
"""Lobes by side."""

_HEALTHY_SHARE = 0.28
_SHARES = {
    "cardiomegaly": 0.26,
    "effusion": 0.26,
    "pneumothorax": 0.20,
    "consolidation": 0.26,
    "nodule": 0.26,
    "emphysema": 0.22,
    "aortic_calcification": 0.26,
    "coronary_calcification": 0.26,
}
_EFFUSION_BESIDE_CARDIOMEGALY = 0.45


@dataclass(frozen=True)
class Lesion:
    """One finding.

    Args:
        kind: One of ``KINDS``.
        side: ``right``, ``left``, ``both``, or empty for the heart and the vessels.
        lobe: Lobe of a consolidation or nodule, or empty.
        extent: 0 (just large enough to be called) to 1 (as large as it gets).
    """

    kind: str
    side: str = ""
    lobe: str = ""
    extent: float = 0.5

    @property
    def grade(self) -> str:
        """``small``, ``moderate`` or ``large``."""
        return ("small", "moderate", "large")[min(2, int(3 * self.extent))]


def draw_disease(
    random: np.random.Generator, *, age_years: int, kinds: Collection[str] | None = None
) -> tuple[Lesion, ...]:
    """Draw findings, or sides and sizes of the given ones.

    Args:
        random: Source of chance.
        age_years: Vessels calcify with age.
        kinds: Findings to draw; empty for a healthy chest, None for a random choice.

    Raises:
        InputError: A finding is unknown.
    """
    unknown = sorted(map(str, set(kinds or ()) - set(KINDS)))
    if unknown or isinstance(kinds, str):
        raise InputError("the phantom does not know these findings", received=unknown or kinds, allowed=KINDS)
    drawn = _draw_kinds(random, age_years)
    chosen = drawn if kinds is None else set(kinds)
    extents = dict(zip(KINDS, random.random(len(KINDS)), strict=True))
    sides = _draw_sides(random, chosen)
    lobes = _draw_lobes(random, chosen, sides)
    return tuple(
        Lesion(kind, sides.get(kind, ""), lobes.get(kind, ""), float(extents[kind])) for kind in KINDS if kind in chosen
    )


def _draw_kinds(random: np.random.Generator, age_years: int) -> set[str]:
    is_healthy, *chances = random.random(1 + len(KINDS))
    if is_healthy < _HEALTHY_SHARE:
        return set()
    shares = dict(_SHARES)
    for kind in ("aortic_calcification", "coronary_calcification"):
        shares[kind] *= 0.4 + 1.2 * (age_years - 20) / 70
    chosen = {kind for kind, chance in zip(KINDS, chances, strict=True) if chance < shares[kind]}
    if "cardiomegaly" in chosen and chances[KINDS.index("effusion")] < _EFFUSION_BESIDE_CARDIOMEGALY:
        chosen.add("effusion")
    return chosen


def _draw_sides(random: np.random.Generator, chosen: Collection[str]) -> dict[str, str]:
    """Air and fluid, and air and consolidation, are kept to different sides, where both can be seen."""
    is_left, is_both, is_consolidation_left = random.random(3)
    air = "left" if is_left < 0.5 else "right"
    across = {"left": "right", "right": "left"}[air]
    has_air = "pneumothorax" in chosen
    fluid = "both" if is_both < 0.25 else ("left" if is_both < 0.58 else "right")
    dense = "left" if is_consolidation_left < 0.45 else "right"
    return {
        "emphysema": "both",
        "pneumothorax": air,
        "effusion": across if has_air else fluid,
        "consolidation": across if has_air else dense,
    }


def _draw_lobes(random: np.random.Generator, chosen: Collection[str], sides: dict[str, str]) -> dict[str, str]:
    """Draw lobes, and the side of a nodule, so that no finding hides another."""
    chance_of_consolidation, chance_of_nodule = random.random(2)
    wet = sides["effusion"] if "effusion" in chosen else ""
    side = sides["consolidation"]
    lobes = LOBES[side][:1] if wet in (side, "both") else LOBES[side]
    consolidation = lobes[int(chance_of_consolidation * len(lobes))]
    air = sides["pneumothorax"] if "pneumothorax" in chosen else ""
    dense = consolidation if "consolidation" in chosen else ""
    free = [
        (side, lobe)
        for side, lobes in LOBES.items()
        for lobe in (lobes[:1] if wet in (side, "both") else lobes)
        if side != air and lobe != dense
    ] or [(air, LOBES[air][-1])]
    sides["nodule"], nodule = free[int(chance_of_nodule * len(free))]
    return {"consolidation": consolidation, "nodule": nodule}
