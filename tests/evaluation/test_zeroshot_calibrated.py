"""Ensembles and calibration through the evaluation, with an untrained model over simulated patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit

from medclip.bundle.save import BundleContent, save_bundle
from medclip.cli.__main__ import main
from medclip.core.errors import ConfigError
from medclip.core.label_set import LabelSet
from medclip.core.modality import find_modality
from medclip.data.access import open_dataset
from medclip.encoders.model import ContrastiveModel, TextTower, Tower
from medclip.encoders.projection import Projection
from medclip.encoders.resnet1d import ResNet1d
from medclip.encoders.text import SmallBert
from medclip.evaluation.zeroshot import calibrate_zeroshot, evaluate_zeroshot
from medclip.modalities.report.pipeline import ReportPipeline
from medclip.prompts.prompt_set import PromptSet
from medclip.training.usual import Usual
from medclip.zeroshot.calibration import Calibration
from medclip.zeroshot.model import Model, load

OPTIONS = {"n_patients": 150, "sampling_rate_hz": 100}
LABELS = LabelSet.load("simulated")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    spec = find_modality(LABELS.modality).default_input_spec()
    encoder = ResNet1d(depth=10, width=8, embedding_dim=16)
    text = SmallBert(hidden_size=16, n_layers=1, n_heads=2).build(PromptSet.load("simulated").texts)
    towers = {LABELS.modality: Tower(encoder, Projection(encoder.embedding_dim, 16))}
    model = ContrastiveModel(towers, TextTower(text, Projection(text.embedding_dim, 16)))
    content = BundleContent(
        model.eval(),
        {LABELS.modality: spec},
        ReportPipeline(translate_to=None, normalise=False),
        10.0,
        usual={LABELS.modality: Usual(torch.full((16,), 0.1))},
    )
    return save_bundle(content, tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="module")
def model(bundle: Path) -> Model:
    return load(bundle)


def test_platt_on_one_fold_is_evaluated_on_another(model: Model) -> None:
    dataset = open_dataset("simulated", None, **OPTIONS)
    folds = ["1", "2", "3", "4", "5"]
    calibrated = calibrate_zeroshot(model, dataset, LABELS, folds=folds, method="platt")
    fitted_on = calibrated.calibration.fitted_on
    assert fitted_on["folds"] == folds
    assert fitted_on["n_records"] == sum(str(info.fold) in folds for info in dataset.records)
    plain = evaluate_zeroshot(model, dataset, LABELS, folds=["9", "10"], n_resamples=20)
    after = evaluate_zeroshot(model, dataset, LABELS, folds=["9", "10"], n_resamples=20, classifier=calibrated)
    assert calibrated.calibration.parameters
    for column, code in enumerate(LABELS.codes):
        slope, offset = calibrated.calibration.parameters.get(code, (1.0, 0.0))
        assert after.scores[:, column] == pytest.approx(expit(slope * plain.scores[:, column] + offset), abs=1e-6)
    # A rising curve per finding leaves the ranking, and with it the AUROC, as it was.
    assert [result.auroc for result in after.classes] == pytest.approx(
        [result.auroc for result in plain.classes], nan_ok=True
    )
    assert "probabilities by platt on simulated, folds 1, 2, 3, 4, 5" in after.protocol.score_kind
    assert after.protocol.test_digest() == plain.protocol.test_digest()
    with pytest.raises(ConfigError, match="cannot be evaluated on the folds that they were fitted on: received 5"):
        evaluate_zeroshot(model, dataset, LABELS, folds=["5", "6"], classifier=calibrated)
    with pytest.raises(ConfigError, match="cannot be evaluated on the folds"):
        evaluate_zeroshot(model, dataset, LABELS, classifier=calibrated)


def test_ensembles_differ_and_say_so(model: Model) -> None:
    dataset = open_dataset("simulated", None, **OPTIONS)
    runs = {
        name: evaluate_zeroshot(model, dataset, LABELS, folds=["9"], n_resamples=5, ensemble=name)
        for name in (None, "mean", "centred", "zpe")
    }
    assert np.array_equal(runs[None].scores, runs["centred"].scores)
    assert not np.allclose(runs["centred"].scores, runs["mean"].scores)
    assert not np.allclose(runs["zpe"].scores, runs["mean"].scores)
    assert "mean training recording" in runs["centred"].protocol.score_kind
    assert "ZPE-weighted" in runs["zpe"].protocol.score_kind
    with pytest.raises(ConfigError, match="unknown ensemble of prompts: received best"):
        evaluate_zeroshot(model, dataset, LABELS, folds=["9"], ensemble="best")


def test_from_the_command_line_to_a_diagnosis(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    command = ["evaluate", "--model", str(bundle), "--dataset", "simulated", "--labels", "simulated", "--out", str(out)]
    command += ["--option", "n_patients=150", "--option", "sampling_rate_hz=100", "--resamples", "5"]
    command += ["--fold", "9", "--calibrate-fold", "1", "2", "3"]
    assert main([*command, "--calibration", "isotonic", "--ensemble", "mean"]) == 0
    calibration = Calibration.read(out / "calibration.json")
    assert (calibration.method, calibration.fitted_on["folds"]) == ("isotonic", ["1", "2", "3"])
    assert main([*command, "--overwrite"]) == 0
    calibration = Calibration.read(out / "calibration.json")
    model = load(bundle)
    findings = model.diagnose(open_dataset("simulated", None, **OPTIONS)[0], labels=LABELS, calibration=calibration)
    assert {entry.code for entry in findings if entry.is_probability} == set(calibration.parameters)
    assert "probabilities by platt on simulated, folds 1, 2, 3" in str(findings)
    other = PromptSet.load("simulated")
    renamed = dict(other.prompts)
    first = next(iter(renamed))
    renamed[first] = type(renamed[first])(("another sentence",), renamed[first].negative)
    with pytest.raises(ConfigError, match="another prompts_sha256"):
        model.diagnose(
            open_dataset("simulated", None, **OPTIONS)[0],
            labels=LABELS,
            prompts=PromptSet("o", "simulated", renamed),
            calibration=calibration,
        )
    assert main([*command[:-4], "--fold", "9", "--calibrate-fold", "9", "--overwrite"]) == 2
    assert "cannot be evaluated on the folds" in capsys.readouterr().err
    assert (out / "calibration.json").is_file()
