"""Parts of a score: they add up to it, and lie where they come from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import medclip
from medclip.core.errors import ConfigError, LabelError
from medclip.core.image_spec import ImageSpec
from medclip.core.label_set import LabelSet
from medclip.core.sample import Sample
from medclip.data.access import open_dataset
from medclip.encoders.model import ContrastiveModel, TowerRecipe
from medclip.encoders.resnet2d import ResNet2d
from medclip.zeroshot.classifier import ZeroShotClassifier
from medclip.zeroshot.mapping import scores_of_places

LABELS = "simulated-cxr"


def classifier(centre: torch.Tensor | None = None) -> ZeroShotClassifier:
    unit = torch.nn.functional.normalize(torch.randn(4, 6, generator=torch.Generator().manual_seed(0)), dim=-1)
    return ZeroShotClassifier(("A", "B"), unit[:2], unit[2:], 7.0, centre)


@pytest.mark.parametrize("centre", [None, torch.full((6,), 0.1)])
def test_the_average_of_the_parts_is_the_score_of_an_average(centre: torch.Tensor | None) -> None:
    tokens = torch.randn(9, 6, generator=torch.Generator().manual_seed(1))
    whole = tokens.mean(dim=0)
    parts = classifier(centre).parts(tokens, whole)
    assert parts.shape == (9, 2)
    torch.testing.assert_close(parts.mean(dim=0), classifier(centre).logits(whole[None])[0])


def test_parts_relative_to_the_average_recording_add_up_as_well() -> None:
    tokens, usual = torch.randn(2, 9, 6, generator=torch.Generator().manual_seed(1))
    relative = classifier(usual.mean(dim=0))
    whole = tokens.mean(dim=0)
    parts = relative.parts(tokens, whole, usual)
    torch.testing.assert_close(parts.mean(dim=0), relative.logits(whole[None])[0])
    # What each place gives in every recording is in no map.
    assert float(relative.parts(usual, usual.mean(dim=0), usual / usual.mean(dim=0).norm()).abs().max()) < 1e-5


def test_findings_are_told_apart_in_maps() -> None:
    """Two findings that share much: a place of one adds nothing to the map of the other."""
    shared, own, other = torch.eye(3)
    unit = torch.nn.functional.normalize(torch.stack([2 * shared + own, 2 * shared + other]), dim=-1)
    plain = ZeroShotClassifier(("A", "B"), unit, torch.zeros_like(unit), 7.0)
    place = unit[:1]
    before, after = plain.parts(place, place[0])[0], plain.apart().parts(place, place[0])[0]
    assert before[1] > 0.75 * before[0]
    assert after[1] < 0.3 * after[0]
    alone = ZeroShotClassifier(("A",), unit[:1], torch.zeros_like(unit[:1]), 7.0)
    torch.testing.assert_close(alone.apart().parts(place, place[0]), alone.parts(place, place[0]))


def test_equal_findings_do_not_cancel_out() -> None:
    unit = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0, 0.0], [1.0, 1e-4, 0.0], [0.0, 0.0, 1.0]]), dim=-1)
    parts = ZeroShotClassifier(("A", "B", "C"), unit, torch.zeros_like(unit), 7.0).apart().parts(unit[:1], unit[0])[0]
    assert parts[0] > 5
    assert parts[1] > 5
    assert abs(float(parts[2])) < 1


def test_a_short_token_says_little() -> None:
    direction = classifier().positive[0] - classifier().negative[0]
    tokens = torch.stack([direction, 0.01 * direction])
    parts = classifier().parts(tokens, direction)[:, 0]
    assert parts[1] == pytest.approx(0.01 * float(parts[0]), rel=1e-4)


@pytest.mark.parametrize("stage", [1, 2, 4])
def test_tracing_back_gives_the_same_scores_and_the_same_maps_where_everything_is_linear(stage: int) -> None:
    """Behind the last stage lie a convolution of one place, a mean and a linear head."""
    maps = []
    prepared = ImageSpec("a", 32, 48).prepare(
        Sample("a", np.random.default_rng(0).random((32, 48), np.float32), "r", spacing_mm=(1.0, 1.0))
    )
    centre = torch.full((6,), 0.1)
    for traced in (None, stage):
        torch.manual_seed(0)
        encoder = ResNet2d(depth=10, width=4, embedding_dim=8, stem="patch", stem_stride=4, traced_stage=traced)
        network = ContrastiveModel({"a": TowerRecipe(encoder).build(6)}).eval()
        torch.nn.init.zeros_(encoder.to_embedding.bias)
        torch.nn.init.zeros_(network.tower("a").projection.layers[0].bias)
        maps.append(scores_of_places(network, prepared, "a", classifier(centre)))
    (scores, places), (scores_again, traced_places) = maps
    np.testing.assert_allclose(scores_again, scores, rtol=1e-5)
    if stage == 4:
        smooth = np.stack([gaussian_filter(one, 0.75, mode="nearest") for one in places])
        np.testing.assert_allclose(traced_places, smooth, rtol=1e-3, atol=1e-4)
    else:
        assert traced_places.shape == (2, 32 // (4 * 2 ** (stage - 1)), 48 // (4 * 2 ** (stage - 1)))
        assert np.isfinite(traced_places).all()
        assert np.ptp(traced_places, axis=(1, 2)).min() > 0


def test_maps_lie_on_the_pixels_of_the_sample(smoke_image_bundle) -> None:
    model = medclip.load(smoke_image_bundle)
    sample = open_dataset("simulated_cxr", n_patients=1, size=96)[0]
    assert model.default_ensemble(LabelSet.load(LABELS)) == "positive"  # as its recipe says
    maps = model.maps(sample, ["Nodule", "Cardiomegaly"], labels=LABELS)
    assert [one.code for one in maps] == ["Nodule", "Cardiomegaly"]
    scores = {entry.code: entry.score for entry in model.diagnose(sample, labels=LABELS).scores}
    for one in maps:
        assert one.values.shape == sample.array.shape
        assert np.isfinite(one.values).any()
        assert one.score == pytest.approx(scores[one.code], abs=1e-5)
        assert one.values[one.peak] == np.nanmax(one.values)


def test_maps_show_what_is_more_than_usual_at_its_place(smoke_image_bundle) -> None:
    model = medclip.load(smoke_image_bundle)
    usual = model.bundle.usual("cxr")
    torch.testing.assert_close(usual.places.flatten(0, -2).mean(dim=0), usual.embedding, rtol=1e-3, atol=1e-4)
    spec = model.input_specs["cxr"]
    data = open_dataset("simulated_cxr", n_patients=24, size=96)
    prepared = [spec.prepare(data[row]) for row in range(len(data))]
    found = model.classifier(LabelSet.load(LABELS))
    network = model.bundle.model
    plain, relative = (
        np.stack([scores_of_places(network, one, "cxr", found, places)[1] for one in prepared])
        for places in (None, usual.places)
    )
    # Over recordings that it was trained on, a place says as much for a finding as against it.
    assert np.abs(relative.mean(axis=0)).mean() < 0.4 * np.abs(plain.mean(axis=0)).mean()


def test_an_average_of_other_places_is_refused(smoke_image_bundle) -> None:
    model = medclip.load(smoke_image_bundle)
    prepared = model.input_specs["cxr"].prepare(open_dataset("simulated_cxr", n_patients=1, size=96)[0])
    found = model.classifier(LabelSet.load(LABELS))
    with pytest.raises(ConfigError, match="other places"):
        scores_of_places(model.bundle.model, prepared, "cxr", found, torch.zeros(3, 3, 8))


def test_what_has_no_map(smoke_image_bundle) -> None:
    model = medclip.load(smoke_image_bundle)
    sample = open_dataset("simulated_cxr", n_patients=1, size=96)[0]
    with pytest.raises(LabelError, match="not in label set"):
        model.maps(sample, ["Measles"], labels=LABELS)
    with pytest.raises(LabelError, match="another kind of data"):
        model.maps(sample, ["NORM"], labels=LabelSet.load("ptbxl-superclass"))
    waveform = open_dataset("simulated", n_patients=1)[0]
    with pytest.raises((ConfigError, LabelError)):
        model.maps(waveform, ["Nodule"], labels=LABELS)
