"""Reports of simulated chests: findings with side, place and size, denials, and an impression, in varying words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medclip.modalities.imaging.phantom.disease import Lesion

__all__ = ["Phrases", "write_report"]

_OMITTED_SHARE = 0.06
_DENIED_SHARE = 0.55
_REMARK_SHARE = 0.5
_IMPRESSION_SHARE = 0.85


@dataclass(frozen=True)
class Phrases:
    """Sentences of one modality, by finding; ``{side}``, ``{lobe}``, ``{size}`` and ``{mm}`` are filled in.

    Args:
        present: Sentences that state a finding.
        absent: Sentences that deny it.
        normal: Sentences about what is normal whatever else is found.
        unremarkable: Sentences that call the whole examination normal.
        titles: First lines that name the examination.
    """

    present: Mapping[str, Sequence[str]]
    absent: Mapping[str, Sequence[str]]
    normal: Sequence[str]
    unremarkable: Sequence[str]
    titles: Sequence[str]


def write_report(
    disease: Sequence[Lesion], sizes_mm: Mapping[str, float], phrases: Phrases, random: np.random.Generator
) -> str:
    """Write a report; one small finding in a few goes unmentioned, as in life, but none is invented.

    Args:
        disease: What the patient has.
        sizes_mm: Diameters by kind, for those that are measured.
        phrases: Sentences of the modality, for the kinds it can show.
        random: Source of the choice of words.
    """
    shown = [lesion for lesion in disease if lesion.kind in phrases.present]
    told = [lesion for lesion in shown if lesion.grade != "small" or random.random() >= _OMITTED_SHARE]
    found = [_state(lesion, sizes_mm, phrases, random) for lesion in told]
    has = {lesion.kind for lesion in shown}
    denied = [
        _choose(phrases.absent[kind], random)
        for kind in phrases.absent
        if kind not in has and random.random() < _DENIED_SHARE
    ]
    remarks = [sentence for sentence in phrases.normal if random.random() < _REMARK_SHARE]
    body = [_choose(phrases.titles, random), *_shuffled(found, random), *_shuffled(denied + remarks, random)]
    if not shown:
        body.append(_choose(phrases.unremarkable, random))
    report = "FINDINGS: " + " ".join(body)
    if random.random() < _IMPRESSION_SHARE:
        report += "\nIMPRESSION: " + _impression(told, sizes_mm, phrases, random, is_normal=not shown)
    return report


def _impression(
    told: Sequence[Lesion],
    sizes_mm: Mapping[str, float],
    phrases: Phrases,
    random: np.random.Generator,
    *,
    is_normal: bool,
) -> str:
    if told:
        return " ".join(_state(lesion, sizes_mm, phrases, random) for lesion in told)
    return _choose(phrases.unremarkable, random) if is_normal else "No acute abnormality."


def _state(lesion: Lesion, sizes_mm: Mapping[str, float], phrases: Phrases, random: np.random.Generator) -> str:
    kind = f"{lesion.kind} both" if lesion.side == "both" and f"{lesion.kind} both" in phrases.present else lesion.kind
    sentence = _choose(phrases.present[kind], random).format(
        side=lesion.side, lobe=lesion.lobe, size=lesion.grade, mm=round(sizes_mm.get(lesion.kind, 0.0))
    )
    return sentence[0].upper() + sentence[1:]


def _choose(wordings: Sequence[str], random: np.random.Generator) -> str:
    return wordings[int(len(wordings) * random.random())]


def _shuffled(sentences: list[str], random: np.random.Generator) -> list[str]:
    return [sentences[index] for index in random.permutation(len(sentences))]
