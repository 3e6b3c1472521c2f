"""``medclip demo`` from nothing to a table and a picture; here with the smallest recipe, whose scores mean nothing."""

from __future__ import annotations

import json

import pytest


@pytest.mark.slow
def test_the_demo_trains_evaluates_draws_and_can_be_repeated(start, tmp_path) -> None:
    from matplotlib.image import imread

    out = tmp_path / "demo"
    done = start("demo", "--out", out, "--recipe", "smoke/ecg", timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    metrics = json.loads((out / "evaluation" / "metrics.json").read_text())
    assert f"{metrics['macro_auroc']:.3f}" in done.stdout
    assert metrics["protocol"]["folds"] == ["10"]
    assert f"the unseen patient with most findings: {out / 'unseen_patient.png'}" in done.stdout
    assert imread(out / "unseen_patient.png").shape[0] > 500
    done = start("demo", "--out", out, "--recipe", "smoke/ecg")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"medclip: {out} exists already")


@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_the_work_of_somebody_else_is_kept(options, run, tmp_path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    code, out, err = run("demo", "--out", tmp_path, *options)
    assert (code, out) == (2, "")
    assert "exists already" in err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("name", "options", "words"), [("file", [], "exists already"), ("new", ["--recipe", "none"], "no such recipe")]
)
def test_what_cannot_be_done_leaves_nothing(name, options, words, run, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    code, out, err = run("demo", "--out", tmp_path / name, *options)
    assert (code, out) == (2, "")
    assert words in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
