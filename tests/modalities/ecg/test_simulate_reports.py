"""Reports of simulated ECGs: true, varied, and in the language asked for."""

from __future__ import annotations

import re

import numpy as np
import pytest

from medclip.modalities.ecg.leads import STANDARD_LEADS
from medclip.modalities.ecg.simulate import CODES, simulate_ecg
from medclip.modalities.ecg.simulate.phrases import PHRASES

_COMBINATIONS = ([], ["AFIB", "LVH"], ["1AVB", "CRBBB", "SBRAD"], ["PVC", "AMI"], ["PACE"], ["AFLT", "STD_"])


def reports(codes: list[str], language: str | None, n: int = 40) -> list[str]:
    return [
        str(simulate_ecg(codes, seed=seed, sampling_rate_hz=100, noise="none", language=language).report).lower()
        for seed in range(n)
    ]


def test_every_language_has_every_statement_and_none_twice() -> None:
    statements = set(PHRASES["en"])
    assert set(CODES) <= statements
    for language, words in PHRASES.items():
        assert set(words) == statements, language
        wordings = [wording for variants in words.values() for wording in variants]
        assert len(set(wordings)) == len(wordings), language
        assert all(wording == wording.lower().strip() for wording in wordings)
    assert all(len(PHRASES["en"][code]) >= 3 for code in CODES)


@pytest.mark.parametrize("language", ["en", "de", "sv"])
@pytest.mark.parametrize("codes", _COMBINATIONS, ids="-".join)
def test_reports_state_what_is_there_and_nothing_else(codes: list[str], language: str) -> None:
    words = PHRASES[language]
    for text, seed in zip(reports(codes, language), range(40), strict=True):
        labels = simulate_ecg(codes, seed=seed, sampling_rate_hz=100, noise="none").labels
        remaining = text
        for code in sorted(CODES, key=lambda code: labels[code] != 1.0):
            keys = [key for key in words if key.split()[0] == code]
            wordings = sorted((wording for key in keys for wording in words[key]), key=len, reverse=True)
            found = [wording for wording in wordings if wording in remaining]
            assert bool(found) == (labels[code] == 1.0), (code, text)
            if found:
                remaining = remaining.replace(found[0], " ", 1)
        for key in ("axis normal", "axis left", "axis right", "no infarct", "no st", "closing"):
            for wording in sorted(words[key], key=len, reverse=True):
                remaining = remaining.replace(wording, " ")
        assert not (any(wording in text for wording in words["no infarct"]) and labels["IMI"] + labels["AMI"] > 0)
        assert not (any(wording in text for wording in words["no st"]) and labels["STD_"] != 0)
        for wording in words["rate"]:
            remaining = re.sub(re.escape(wording).replace(re.escape("{rate}"), r"\d+"), " ", remaining)
        assert not remaining.strip(" ."), text


def test_reports_vary() -> None:
    texts = reports(["AFIB", "LVH"], None, n=200)
    assert len(set(texts)) > 100
    english = [text for text in texts if any(wording in text for wording in PHRASES["en"]["LVH"])]
    assert 0.6 < len(english) / len(texts) < 0.9
    assert sum(text.find("fibrillation") > 20 for text in english) > 3


def test_stated_rates_and_axes_can_be_measured() -> None:
    n_rates = n_axes = 0
    for seed in range(120):
        ecg = simulate_ecg(["SR", "STD_"], seed=seed, noise="none", language="en")
        text = str(ecg.report).lower()
        lead = dict(zip(STANDARD_LEADS, ecg.array.astype(np.float64), strict=True))
        speed = np.abs(np.diff(ecg.array[6:].astype(np.float64))).sum(axis=0)
        speed = np.convolve(speed, np.ones(30) / 30, mode="same")
        beats = np.flatnonzero(
            (speed[1:-1] > speed[:-2]) & (speed[1:-1] >= speed[2:]) & (speed[1:-1] > 0.5 * speed.max())
        )
        beats = beats[np.diff(beats, prepend=-1000) > 150]
        if stated := re.search(r"(?:rate) (\d+)", text):
            n_rates += 1
            assert float(stated[1]) == pytest.approx(60 * 500 / np.diff(beats).mean(), rel=0.08)
        if "axis" in text:
            n_axes += 1
            low, high = (-180, -20) if "left" in text else (80, 180) if "right" in text else (-40, 100)
            assert low < axis_deg(lead, beats) < high
    assert n_rates > 8
    assert n_axes > 20


def axis_deg(lead: dict[str, np.ndarray], beats: np.ndarray) -> float:
    area = dict.fromkeys(("I", "aVF"), 0.0)
    for beat in beats[1:-1]:
        for name in area:
            level = lead[name][beat - 40 : beat - 32].mean()
            area[name] += float((lead[name][beat - 30 : beat + 30] - level).sum())
    return float(np.degrees(np.arctan2(area["aVF"] * 2 / np.sqrt(3), area["I"])))
