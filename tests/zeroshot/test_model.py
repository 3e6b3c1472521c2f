"""A loaded bundle answers: from stored embeddings without the text encoder, in batches as one by one."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
import torch

import medclip
from medclip.bundle.load import Bundle
from medclip.core.errors import ConfigError, InputError, LabelError, PromptError, SignalError
from medclip.core.label_set import Finding, LabelSet
from medclip.zeroshot.model import Model


@pytest.fixture(scope="module")
def model(smoke_bundle):
    return medclip.load(smoke_bundle)


@pytest.fixture(scope="module")
def samples():
    dataset = medclip.open_dataset("simulated", n_patients=4, sampling_rate_hz=100)
    return [dataset[index] for index in range(4)]


def test_a_diagnosis_is_the_classifier_on_the_prepared_recording(model, samples) -> None:
    sample, labels = samples[0], LabelSet.load("simulated")
    spec = model.input_specs[sample.modality]
    prepared = spec.prepare(sample)
    with torch.no_grad():
        embedding, _ = model.bundle.model.encode(
            sample.modality, torch.from_numpy(prepared.values)[None], torch.from_numpy(prepared.mask)[None]
        )
    expected = dict(zip(labels.codes, model.classifier(labels).scores(embedding)[0].tolist(), strict=True))
    findings = model.diagnose(sample, labels="simulated")
    assert {entry.code: entry.score for entry in findings} == pytest.approx(expected, abs=1e-6)
    assert "text" not in vars(model.bundle)


def test_stored_embeddings_are_those_of_the_text_encoder(model, smoke_bundle) -> None:
    labels = LabelSet.load("ptbxl-form")
    stored = model.classifier(labels, ensemble="mean")
    prompts = medclip.PromptSet.load("ptbxl-form")
    fresh = medclip.load(smoke_bundle).embed_texts(prompts.texts)
    by_text = dict(zip(prompts.texts, fresh, strict=True))
    sides = {code: {"positive": p.positive, "negative": p.negative} for code, p in prompts.prompts.items()}
    again = type(stored).from_prompts(sides, by_text, scale=stored.scale)
    torch.testing.assert_close(again.positive, stored.positive, rtol=0, atol=2e-5)
    torch.testing.assert_close(again.negative, stored.negative, rtol=0, atol=2e-5)
    assert stored.codes == labels.codes


def test_a_bundle_can_say_how_prompts_are_joined(model, smoke_bundle) -> None:
    labels = LabelSet.load("simulated")
    silent, outspoken = (
        Model(Bundle(smoke_bundle, dict(model.bundle.described, ensemble=ensemble))) for ensemble in (None, "positive")
    )
    assert model.default_ensemble(labels) == silent.default_ensemble(labels) == "centred"
    assert outspoken.default_ensemble(labels) == "positive"
    chosen = model.classifier(labels, ensemble="positive")
    torch.testing.assert_close(outspoken.classifier(labels).positive, chosen.positive)
    assert outspoken.classifier(labels).score_kind == chosen.score_kind != model.classifier(labels).score_kind
    assert not outspoken.classifier(labels).negative.any()


def test_embedding_many_is_embedding_each(model, samples) -> None:
    together = model.embed(samples, batch_size=3)
    alone = torch.cat([model.embed([sample]) for sample in samples])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    with pytest.raises(PromptError, match="no recordings"):
        model.embed([])


def test_label_sets_of_the_bundle_are_named_when_the_name_is_wrong(model) -> None:
    assert set(model.label_sets) == set(model.prompt_sets)
    assert model.label_set("simulated") == LabelSet.load("simulated")
    with pytest.raises(LabelError, match=r"received simulate; allowed: .*ptbxl-all, .*simulated") as raised:
        model.label_set("simulate")
    assert "bundle" in str(raised.value)
    with pytest.raises(LabelError, match=r"^this bundle has prompts for several label sets.*ptbxl-all.*--labels"):
        model.label_set()


def test_no_error_about_label_sets_says_bundle_twice(smoke_bundle, tmp_path) -> None:
    copied = medclip.load(shutil.copytree(smoke_bundle, tmp_path / "bundle"))
    for name in (None, "simulate", "simulated-cxr"):
        with pytest.raises(LabelError) as raised:
            copied.label_set(name)
        assert str(raised.value).count("bundle") == 1


def test_own_labels_with_own_prompts(model, samples) -> None:
    labels = LabelSet("own", samples[0].modality, (Finding("X", "x"),))
    prompts = medclip.PromptSet.from_dict(
        {
            "schema": 1,
            "name": "own",
            "label_set": "own",
            "prompts": {"X": {"positive": ["atrial fibrillation"], "negative": ["sinus rhythm"]}},
        },
        source="test",
    )
    findings = model.diagnose(samples[0], labels=labels, prompts=prompts, ensemble="mean")
    positive, negative = model.embed_texts(["atrial fibrillation", "sinus rhythm"])
    logit = model.bundle.scale * model.embed(samples[:1])[0] @ (positive - negative)
    assert findings["X"].score == pytest.approx(torch.sigmoid(logit).item(), abs=1e-4)
    with pytest.raises(PromptError, match="unknown prompt set"):
        model.diagnose(samples[0], labels=labels)


def test_what_is_no_recording_or_shows_no_heart_is_refused(model, samples) -> None:
    with pytest.raises(InputError, match=r"takes one recording: received str; allowed: a Sample\. medclip\.read"):
        model.diagnose("recording.hea", labels="simulated")
    with pytest.raises(LabelError, match="several label sets"):
        model.diagnose(samples[0])
    silent = samples[0].replace(array=np.zeros_like(samples[0].array))
    with pytest.raises(SignalError, match=r"cannot be judged: No lead shows a heart.*Record again\."):
        model.diagnose(silent, labels="simulated")


def test_a_model_of_generated_recordings_says_so(model, samples) -> None:
    assert "generated recordings only" in model.diagnose(samples[0], labels="simulated").notes[-1]


def test_another_kind_of_data_is_refused(model, samples) -> None:
    other = LabelSet("other", "spirometry", (Finding("X", "x"),))
    with pytest.raises(LabelError, match="label set other is for another kind of data"):
        model.diagnose(samples[0], labels=other)
    strange = dataclasses.replace(samples[0], modality="spirometry")
    with pytest.raises(LabelError, match="received spirometry"):
        model.diagnose(strange, labels="simulated")


@pytest.mark.parametrize("device", ["abacus", "cuda:99", "meta", "", "cpu:x"])
def test_a_device_that_is_not_there(device, smoke_bundle) -> None:
    with pytest.raises(ConfigError, match="no such device"):
        medclip.load(smoke_bundle, device=device)


def test_an_empty_sentence_is_refused(model) -> None:
    with pytest.raises(PromptError, match="no sentences"):
        model.embed_texts([])
    with pytest.raises(PromptError, match="nothing is left"):
        model.embed_texts(["..."])
