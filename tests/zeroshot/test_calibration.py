"""Calibration against scikit-learn, closed forms and what is known of the data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from medclip.core.errors import ConfigError
from medclip.zeroshot.calibrated import CalibratedClassifier
from medclip.zeroshot.calibration import FEWEST_RECORDS, Calibration, fit_calibration
from medclip.zeroshot.classifier import ZeroShotClassifier

CODES = ("A", "B")
FITTED_ON = {"dataset": "d", "folds": ["9"], "n_records": 4000, "model_sha256": "m", "score_kind": "k"}


def _data(n_records: int = 4000, *, slope: float = 0.25, offset: float = -1.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose true probability is expit(slope x + offset)."""
    generator = np.random.default_rng(5)
    logits = generator.normal(0, 6, size=(n_records, 2))
    return logits, (generator.random(logits.shape) < expit(slope * logits + offset)).astype(float)


def _log_likelihood(probability: np.ndarray, labels: np.ndarray) -> float:
    return float(np.log(np.where(labels == 1, probability, 1 - probability)).mean())


def test_platt_finds_the_curve_that_made_the_data() -> None:
    logits, labels = _data()
    fitted = fit_calibration("platt", logits, labels, CODES, fitted_on=FITTED_ON)
    for code in CODES:
        slope, offset = fitted.parameters[code]
        assert slope == pytest.approx(0.25, abs=0.03)
        assert offset == pytest.approx(-1.0, abs=0.12)
    # At the maximum of the likelihood the mean probability is the share of positives (derivative by the offset).
    assert fitted.apply(logits, CODES).mean(axis=0) == pytest.approx(labels.mean(axis=0), abs=1e-4)


def test_temperature_is_the_best_of_a_grid_and_keeps_the_ranking() -> None:
    logits, labels = _data(offset=0.0)
    fitted = fit_calibration("temperature", logits, labels, CODES, fitted_on=FITTED_ON)
    assert len(set(fitted.parameters.values())) == 1
    temperature = fitted.parameters["A"][0]
    assert temperature == pytest.approx(4.0, abs=0.3)
    best = _log_likelihood(expit(logits / temperature), labels)
    for other in np.linspace(temperature * 0.5, temperature * 2, 201):
        assert _log_likelihood(expit(logits / other), labels) <= best + 1e-9
    probabilities = fitted.apply(logits, CODES)
    assert np.array_equal(np.argsort(probabilities[:, 0]), np.argsort(logits[:, 0]))


def test_isotonic_equals_scikit_learn_on_other_recordings() -> None:
    logits, labels = _data(500)
    fitted = fit_calibration("isotonic", logits, labels, CODES, fitted_on=FITTED_ON)
    unseen = np.linspace(-40, 40, 999)[:, None].repeat(2, axis=1)
    probabilities = fitted.apply(unseen, CODES)
    for column in range(2):
        model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(logits[:, column], labels[:, column])
        assert probabilities[:, column] == pytest.approx(model.predict(unseen[:, column]), abs=1e-9)


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
def test_calibration_helps_on_recordings_it_has_not_seen(method: str) -> None:
    logits, labels = _data()
    fitted = fit_calibration(method, logits[:2000], labels[:2000], CODES, fitted_on=FITTED_ON)  # type: ignore[arg-type]
    after = np.clip(fitted.apply(logits[2000:], CODES), 1e-3, 1 - 1e-3)
    before = np.clip(expit(logits[2000:]), 1e-3, 1 - 1e-3)
    assert _log_likelihood(after, labels[2000:]) > _log_likelihood(before, labels[2000:]) + 0.1


def test_what_was_not_assessed_is_not_used() -> None:
    logits, labels = _data(400)
    masked, poisoned = labels.copy(), logits.copy()
    masked[:100] = np.nan
    poisoned[:100] = 1e3
    one = fit_calibration("platt", poisoned, masked, CODES, fitted_on=FITTED_ON)
    other = fit_calibration("platt", logits[100:], labels[100:], CODES, fitted_on=FITTED_ON)
    assert one.parameters == other.parameters


def test_a_rare_or_upside_down_finding_keeps_its_score() -> None:
    logits, labels = _data(400)
    labels[:, 1] = 0
    labels[: FEWEST_RECORDS - 1, 1] = 1
    fitted = fit_calibration("platt", logits, labels, CODES, fitted_on=FITTED_ON)
    assert set(fitted.parameters) == {"A"}
    assert fitted.left_out["B"].startswith("9 recordings with and 391 without it")
    assert fitted.apply(logits, CODES)[:, 1] == pytest.approx(expit(logits[:, 1]))
    logits, labels = _data(400)
    for method in ("platt", "isotonic"):
        fitted = fit_calibration(method, logits, 1 - labels, CODES, fitted_on=FITTED_ON)  # type: ignore[arg-type]
        if method == "platt":
            assert fitted.left_out["A"].startswith("its scores do not rise")


def test_a_perfectly_parted_finding_gets_finite_numbers() -> None:
    logits = np.linspace(-3, 3, 60)[:, None]
    fitted = fit_calibration("platt", logits, (logits > 0).astype(float), ("A",), fitted_on=FITTED_ON)
    assert np.isfinite(fitted.parameters["A"]).all()


def test_a_calibration_survives_a_file(tmp_path: Path) -> None:
    logits, labels = _data(300)
    for method in ("temperature", "platt", "isotonic"):
        fitted = fit_calibration(method, logits, labels, CODES, fitted_on=FITTED_ON)  # type: ignore[arg-type]
        (tmp_path / "c.json").write_text(fitted.to_json())
        again = Calibration.read(tmp_path / "c.json")
        assert again == fitted
        assert again.fitted_on["folds"] == ["9"]


def test_malformed_files(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    good = fit_calibration("platt", *_data(300), CODES, fitted_on=FITTED_ON).to_dict()
    for change in (
        {"schema": 2},
        {"method": "magic"},
        {"parameters": {"A": ["x"]}},
        {"parameters": {"A": [float("inf")]}},
    ):
        path.write_text(json.dumps(good | change))
        with pytest.raises(ConfigError, match=r"c\.json is no calibration"):
            Calibration.read(path)
    for text in ("", "[]", "{}"):
        path.write_text(text)
        with pytest.raises(ConfigError, match="is no calibration"):
            Calibration.read(path)
    with pytest.raises(ConfigError, match="is no calibration"):
        Calibration.read(tmp_path / "none.json")


def test_another_model_is_refused() -> None:
    fitted = fit_calibration("platt", *_data(300), CODES, fitted_on=FITTED_ON)
    fitted.check(model_sha256="m", score_kind="k")
    with pytest.raises(ConfigError, match="another model_sha256: received n; allowed: m"):
        fitted.check(model_sha256="n")


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="no finding has enough recordings"):
        fit_calibration("platt", np.zeros((5, 2)), np.ones((5, 2)), CODES, fitted_on=FITTED_ON)
    with pytest.raises(ConfigError, match="unknown calibration"):
        fit_calibration("magic", *_data(300), CODES, fitted_on=FITTED_ON)  # type: ignore[arg-type]


def test_a_calibrated_classifier_gives_the_calibrated_probabilities() -> None:
    base = ZeroShotClassifier(CODES, torch.eye(2), -torch.eye(2), 4.0)
    fitted = fit_calibration("platt", *_data(300), CODES, fitted_on=FITTED_ON)
    classifier = CalibratedClassifier(base, fitted)
    records = torch.randn(6, 2, generator=torch.Generator().manual_seed(1))
    wanted = fitted.apply(base.logits(records).double().numpy(), CODES)
    assert classifier.scores(records).numpy() == pytest.approx(wanted)
    assert torch.sigmoid(classifier.logits(records)).numpy() == pytest.approx(wanted)
    assert classifier.score_kind.endswith("probabilities by platt on d, folds 9 (4000 recordings)")
