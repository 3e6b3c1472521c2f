"""``medclip baselines`` compares on the same records."""

from __future__ import annotations

import json

import numpy as np
import pytest

import medclip


@pytest.fixture
def arguments(smoke_bundle, smoke_store):
    return ["baselines", "--model", smoke_bundle, "--dataset", smoke_store, "--labels", "simulated"]


def test_three_methods_on_the_same_records(run, arguments, tmp_path) -> None:
    folds = ("--train-fold", 1, 2, 3, 4, 5, "--fold", 6, 7, 8, 9, 10, "--epochs", 1)
    code, out, err = run(*arguments, *folds, "--out", tmp_path / "b.json")
    assert code == 0, err
    written = json.loads((tmp_path / "b.json").read_text())
    dataset = medclip.open_dataset("simulated", n_patients=60, sampling_rate_hz=100)
    halves = np.array([int(info.fold or 0) <= 5 for info in dataset.records])
    assert (written["n_train"], written["n_test"]) == (halves.sum(), (~halves).sum())
    ours, *others = written["rows"]
    assert ours["method"].startswith("zero-shot")
    assert len(others) == 2
    for row in others:
        # Rounding apart, the difference of the means is the mean of the differences.
        assert row["zero_shot_minus_this"] == pytest.approx(ours["macro_auroc"] - row["macro_auroc"], abs=1e-9)
        low, high = row["difference_ci95"]
        assert low <= row["zero_shot_minus_this"] <= high
        assert f"{row['macro_auroc']:.3f}" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--train-fold", 1, 2, "--fold", 2], "both trained on and evaluated"),
        (["--train-fold", 11, "--fold", 2], "no such fold: received 11"),
        (["--train-fold", 1, "--fold", 2, "--epochs", 0], "at least 1"),
        (["--train-fold", 1, "--fold", 2, "--out", "taken.json"], "taken.json exists already"),
    ],
)
def test_what_does_not_fit(options, words, run, arguments, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.json").write_text("{}")
    code, out, err = run(*arguments, *options)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert (tmp_path / "taken.json").read_text() == "{}"
