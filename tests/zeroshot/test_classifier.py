"""The classifier against its formula, written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medclip.core.errors import PromptError
from medclip.zeroshot.classifier import ZeroShotClassifier

PROMPTS = {
    "A": {"positive": ["a1", "a2"], "negative": ["n"]},
    "B": {"positive": ["b"], "negative": ["n", "a1", "b2"]},
}
SCALE = 7.0


@pytest.fixture(scope="module")
def texts():
    generator = torch.Generator().manual_seed(1)
    return {
        name: torch.randn(5, generator=generator) * length
        for length, name in enumerate(["a1", "a2", "b", "b2", "n"], 1)
    }


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def test_scores_are_a_softmax_over_the_two_sides_of_each_finding(texts) -> None:
    recordings = torch.randn(6, 5, generator=torch.Generator().manual_seed(2)) * 3
    scores = ZeroShotClassifier.from_prompts(PROMPTS, texts, scale=SCALE).scores(recordings).numpy()
    for row, recording in enumerate(recordings.double().numpy()):
        for column, sides in enumerate(PROMPTS.values()):
            directions = [
                unit(np.mean([unit(texts[name].double().numpy()) for name in sides[side]], axis=0))
                for side in ("positive", "negative")
            ]
            powers = np.exp([SCALE * unit(recording) @ direction for direction in directions])
            assert scores[row, column] == pytest.approx(powers[0] / powers.sum(), abs=1e-5)


def test_logits_are_the_log_odds_of_scores_and_findings_do_not_compete(texts) -> None:
    recordings = torch.randn(6, 5, generator=torch.Generator().manual_seed(3))
    both = ZeroShotClassifier.from_prompts(PROMPTS, texts, scale=SCALE)
    alone = ZeroShotClassifier.from_prompts({"B": PROMPTS["B"]}, texts, scale=SCALE)
    torch.testing.assert_close(torch.logit(both.scores(recordings)), both.logits(recordings), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(alone.scores(recordings)[:, 0], both.scores(recordings)[:, 1])


def test_swapped_sides_mirror_the_score(texts) -> None:
    recordings = torch.randn(4, 5, generator=torch.Generator().manual_seed(4))
    swapped = {code: {"positive": sides["negative"], "negative": sides["positive"]} for code, sides in PROMPTS.items()}
    mirrored = ZeroShotClassifier.from_prompts(swapped, texts, scale=SCALE).scores(recordings)
    scores = ZeroShotClassifier.from_prompts(PROMPTS, texts, scale=SCALE).scores(recordings)
    torch.testing.assert_close(mirrored, 1 - scores)


def test_no_findings_are_refused(texts) -> None:
    with pytest.raises(PromptError, match="no findings to look for"):
        ZeroShotClassifier.from_prompts({}, texts, scale=SCALE)
