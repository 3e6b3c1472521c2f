"""Ensembles of prompts against loops over single numbers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from medclip.core.errors import ConfigError, PromptError
from medclip.core.label_set import Finding, LabelSet
from medclip.zeroshot.classifier import ZeroShotClassifier
from medclip.zeroshot.ensemble import ENSEMBLES, build_classifier
from medclip.zeroshot.weighting import zpe_weights

SCALE = 7.0
PROMPTS = {
    "A": {"positive": ["a1", "a2", "a3"], "negative": ["n1"]},
    "B": {"positive": ["b1"], "negative": ["n1", "n2"]},
    "C": {"positive": ["c1", "c2"], "negative": ["n2", "n3"]},
}
LABELS = LabelSet("x", "none", (Finding("A", "a", parent="G"), Finding("B", "b", parent="G"), Finding("C", "c")))


@pytest.fixture(scope="module")
def embeddings() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    texts = sorted({text for sides in PROMPTS.values() for side in sides.values() for text in side})
    # Not normalised, so that a missing normalisation shows.
    return {text: 3 * torch.randn(5, generator=generator) for text in texts}


@pytest.fixture(scope="module")
def records() -> Tensor:
    return 2 * torch.randn(11, 5, generator=torch.Generator().manual_seed(4))


def _unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


def _dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _mean(embeddings: dict[str, Tensor], texts: list[str], weights: list[float] | None = None) -> list[float]:
    units = [_unit(embeddings[text].tolist()) for text in texts]
    weights = weights or [1 / len(units)] * len(units)
    return _unit([sum(w * unit[at] for w, unit in zip(weights, units, strict=True)) for at in range(5)])


def _naive_logit(record: list[float], positive: list[float], negative: list[float]) -> float:
    return SCALE * (_dot(_unit(record), positive) - _dot(_unit(record), negative))


def test_mean_is_the_contrast_of_mean_directions(embeddings: dict[str, Tensor], records: Tensor) -> None:
    logits = build_classifier("mean", PROMPTS, embeddings, LABELS, scale=SCALE).logits(records)
    for row, record in enumerate(records.tolist()):
        for column, sides in enumerate(PROMPTS.values()):
            wanted = _naive_logit(record, _mean(embeddings, sides["positive"]), _mean(embeddings, sides["negative"]))
            assert logits[row, column].item() == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(("ensemble", "share"), [("centred", 0.5), ("positive", 0.0)])
def test_denials_count_half_or_not_at_all_and_the_centre_scores_one_half(
    embeddings: dict[str, Tensor], records: Tensor, ensemble: str, share: float
) -> None:
    units = [_unit(record) for record in records.tolist()]
    centre = [sum(values) / len(units) for values in zip(*units, strict=True)]
    classifier = build_classifier(
        ensemble, PROMPTS, embeddings, LABELS, scale=SCALE, centre=torch.tensor(centre, dtype=torch.float64)
    )
    logits = classifier.logits(records)
    for row, unit in enumerate(units):
        for column, sides in enumerate(PROMPTS.values()):
            positive, negative = _mean(embeddings, sides["positive"]), _mean(embeddings, sides["negative"])
            offset = [value - middle for value, middle in zip(unit, centre, strict=True)]
            wanted = SCALE * (_dot(offset, positive) - share * _dot(offset, negative))
            assert logits[row, column].item() == pytest.approx(wanted, abs=1e-4)
    # The mean recording scores one half in every class.
    assert logits.mean(dim=0).tolist() == pytest.approx([0.0] * len(PROMPTS), abs=1e-4)


@pytest.mark.parametrize("ensemble", ["centred", "positive"])
def test_without_a_centre_it_says_so(embeddings: dict[str, Tensor], ensemble: str) -> None:
    with pytest.raises(ConfigError, match=f"{ensemble} needs the mean embedding of training recordings"):
        build_classifier(ensemble, PROMPTS, embeddings, LABELS, scale=SCALE)


def _naive_weights(embeddings: dict[str, Tensor], records: Tensor, code: str, side: str) -> list[float]:
    other = {"positive": "negative", "negative": "positive"}[side]
    rows = [_unit(record) for record in records.tolist()]

    def centred(text: str) -> list[float]:
        logits = [SCALE * _dot(row, _unit(embeddings[text].tolist())) for row in rows]
        return [value - sum(logits) / len(logits) for value in logits]

    against = [centred(text) for text in PROMPTS[code][other]]
    opposed = [sum(values) / len(values) for values in zip(*against, strict=True)]
    scores = []
    for text in PROMPTS[code][side]:
        best = [max(own, theirs) for own, theirs in zip(centred(text), opposed, strict=True)]
        scores.append(sum(best) / len(best))
    total = sum(math.exp(score) for score in scores)
    return [math.exp(score) / total for score in scores]


def test_zpe_weights_equal_a_naive_loop(embeddings: dict[str, Tensor], records: Tensor) -> None:
    weights = zpe_weights(PROMPTS, embeddings, records, scale=SCALE)
    for code in PROMPTS:
        for side in ("positive", "negative"):
            wanted = _naive_weights(embeddings, records, code, side)
            assert weights[code][side].tolist() == pytest.approx(wanted, abs=1e-6)
            assert sum(wanted) == pytest.approx(1.0)


def test_zpe_uses_its_weights(embeddings: dict[str, Tensor], records: Tensor) -> None:
    classifier = build_classifier("zpe", PROMPTS, embeddings, LABELS, scale=SCALE, records=records)
    logits = classifier.logits(records[:3])
    for column, (code, sides) in enumerate(PROMPTS.items()):
        positive, negative = (
            _mean(embeddings, sides[side], _naive_weights(embeddings, records, code, side))
            for side in ("positive", "negative")
        )
        for row, record in enumerate(records[:3].tolist()):
            assert logits[row, column].item() == pytest.approx(_naive_logit(record, positive, negative), abs=1e-4)
    assert "ZPE" in classifier.score_kind


def test_zpe_prefers_the_sentence_that_decides() -> None:
    embeddings = {
        "deciding": torch.tensor([1.0, 0.0]),
        "constant": torch.tensor([0.0, 1.0]),
        "absent": torch.tensor([-1.0, 0.0]),
    }
    prompts = {"A": {"positive": ["deciding", "constant"], "negative": ["absent"]}}
    records = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [0.5, 1.0], [-0.5, 1.0]])
    weights = zpe_weights(prompts, embeddings, records, scale=10.0)["A"]["positive"]
    assert weights[0] > 0.8


def test_chils_equals_a_naive_loop(embeddings: dict[str, Tensor], records: Tensor) -> None:
    classifier = build_classifier("chils", PROMPTS, embeddings, LABELS, scale=SCALE)
    scores = classifier.scores(records)
    group = {side: PROMPTS["A"][side] + PROMPTS["B"][side] for side in ("positive", "negative")}
    for row, record in enumerate(records.tolist()):

        def probability(sides: dict[str, list[str]], record: list[float] = record) -> float:
            # The softmax over the two sides, written out.
            own, other = (
                math.exp(SCALE * _dot(_unit(record), _mean(embeddings, sides[side])))
                for side in ("positive", "negative")
            )
            return own / (own + other)

        wanted = [probability(PROMPTS[code]) * probability(group) for code in "AB"] + [probability(PROMPTS["C"])]
        assert scores[row].tolist() == pytest.approx(wanted, abs=1e-5)
    assert torch.allclose(torch.sigmoid(classifier.logits(records)).float(), scores, atol=1e-6)
    assert classifier.codes == ("A", "B", "C")


def test_chils_judges_a_broader_finding_by_its_best_kind(embeddings: dict[str, Tensor], records: Tensor) -> None:
    inside = LabelSet("x", "none", (Finding("A", "a"), Finding("B", "b", parent="A"), Finding("C", "c", parent="A")))
    scores = build_classifier("chils", PROMPTS, embeddings, inside, scale=SCALE).scores(records)
    assert torch.all(scores[:, 0] >= scores[:, 1:].amax(dim=1))
    own_group = LabelSet("x", "none", (Finding("A", "a", parent="A"), Finding("B", "b", parent="A"), Finding("C", "c")))
    scores = build_classifier("chils", PROMPTS, embeddings, own_group, scale=SCALE).scores(records)
    assert not torch.all(scores[:, 0] >= scores[:, 1])


def test_what_cannot_be_built(embeddings: dict[str, Tensor], records: Tensor) -> None:
    flat = LabelSet("flat", "none", (Finding("A", "a", parent="A"), Finding("B", "b"), Finding("C", "c")))
    with pytest.raises(PromptError, match="label set flat has no hierarchy"):
        build_classifier("chils", PROMPTS, embeddings, flat, scale=SCALE)
    with pytest.raises(ConfigError, match="zpe needs unlabelled recordings"):
        build_classifier("zpe", PROMPTS, embeddings, LABELS, scale=SCALE)
    with pytest.raises(PromptError, match="unlabelled recordings"):
        build_classifier("zpe", PROMPTS, embeddings, LABELS, scale=SCALE, records=records[:0])
    with pytest.raises(
        ConfigError, match="unknown ensemble of prompts: received best; allowed: mean, centred, positive, zpe, chils"
    ):
        build_classifier("best", PROMPTS, embeddings, LABELS, scale=SCALE)
    assert ENSEMBLES == ("mean", "centred", "positive", "zpe", "chils")


def test_the_mean_is_called_as_before(embeddings: dict[str, Tensor]) -> None:
    classifier = ZeroShotClassifier.from_prompts(PROMPTS, embeddings, scale=SCALE)
    assert classifier.score_kind == ZeroShotClassifier.score_kind
    assert "mean positive" in classifier.score_kind
