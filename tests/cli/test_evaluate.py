"""``medclip evaluate`` writes numbers that anybody can compute again from the scores it writes."""

from __future__ import annotations

import hashlib
import json
import re

import numpy as np
import pytest

pytest.importorskip("pyarrow")
from pyarrow import parquet
from sklearn.metrics import average_precision_score, roc_auc_score

import medclip


@pytest.fixture(scope="module")
def arguments(smoke_bundle, smoke_store):
    return ["evaluate", "--model", smoke_bundle, "--dataset", smoke_store, "--labels", "simulated"]


@pytest.fixture(scope="module")
def results(arguments, tmp_path_factory):
    from medclip.cli.__main__ import main

    out = tmp_path_factory.mktemp("results") / "deep" / "evaluation"
    given = [str(argument) for argument in (*arguments, "--out", out, "--resamples", 200, "--seed", 3)]
    assert main(given) == 0
    return out


@pytest.fixture(scope="module")
def metrics(results):
    return json.loads((results / "metrics.json").read_text())


@pytest.fixture(scope="module")
def table(results):
    return parquet.read_table(results / "scores.parquet").to_pydict()


def test_the_numbers_are_those_of_scikit_learn_on_the_written_scores(metrics, table) -> None:
    codes = [name.removeprefix("score_") for name in table if name.startswith("score_")]
    assert codes == list(medclip.LabelSet.load("simulated").codes)
    aurocs, precisions = {}, {}
    for code in codes:
        labels = np.array(table[f"label_{code}"], float)
        known = np.isfinite(labels)
        if len(set(labels[known])) == 2:
            scores = np.array(table[f"score_{code}"])
            aurocs[code] = roc_auc_score(labels[known], scores[known])
            precisions[code] = average_precision_score(labels[known], scores[known])
    assert len(aurocs) >= 8
    for code, auroc in aurocs.items():
        assert metrics["per_class"][code]["auroc"] == pytest.approx(auroc, abs=1e-12)
        assert metrics["per_class"][code]["average_precision"] == pytest.approx(precisions[code], abs=1e-12)
    assert metrics["macro_auroc"] == pytest.approx(np.mean(list(aurocs.values())), abs=1e-12)
    assert metrics["n_classes_evaluated"] == len(aurocs)
    assert set(metrics["classes_left_out"]) == set(codes) - set(aurocs)
    assert metrics["n_records"] == len(table["record_id"]) == len(set(table["record_id"]))


def test_the_labels_written_are_those_of_the_data_set(table) -> None:
    dataset = medclip.open_dataset("simulated", n_patients=60, sampling_rate_hz=100)
    rows = {info.record_id: row for info, row in zip(dataset.records, dataset.labels("simulated").values, strict=True)}
    codes = dataset.labels("simulated").codes
    for position, record in enumerate(table["record_id"]):
        written = np.array([table[f"label_{code}"][position] for code in codes], float)
        np.testing.assert_array_equal(written, rows[record])


def test_the_interval_holds_the_value_and_is_that_of_patients(metrics) -> None:
    low, high = metrics["macro_auroc_ci95"]
    assert low < metrics["macro_auroc"] < high
    assert metrics["n_patients"] == 60 < metrics["n_records"]
    assert metrics["protocol"]["n_resamples"] == 200
    assert metrics["seed"] == metrics["protocol"]["seed"] == 3


def test_the_protocol_names_model_and_prompts(metrics, smoke_bundle) -> None:
    model = medclip.load(smoke_bundle)
    prompts = medclip.PromptSet.load("simulated")
    assert metrics["prompts_sha256"] == prompts.digest() == metrics["protocol"]["prompts_sha256"]
    manifest = json.loads((smoke_bundle / "MANIFEST.json").read_text())["sha256"]
    lines = "".join(f"{checksum}  {name}\n" for name, checksum in sorted(manifest.items()))
    assert metrics["protocol"]["model_sha256"] == hashlib.sha256(lines.encode()).hexdigest() == model.bundle.digest
    assert metrics["protocol"]["label_set"] == "simulated"
    assert len(metrics["protocol_sha256"]) == 64
    assert metrics["command"].startswith("medclip evaluate --model ")
    assert metrics["command"].endswith("--resamples 200 --seed 3")
    assert metrics["duration_s"] > 0


def test_scores_are_the_logits_of_single_diagnoses(table, smoke_bundle) -> None:
    model, dataset = medclip.load(smoke_bundle), medclip.open_dataset("simulated", n_patients=60, sampling_rate_hz=100)
    position = {info.record_id: index for index, info in enumerate(dataset.records)}
    for row in (0, len(table["record_id"]) - 1):
        findings = model.diagnose(dataset[position[table["record_id"][row]]], labels="simulated")
        for entry in findings:
            # The store keeps whole microvolts or finer; the answer may differ by that much.
            assert 1 / (1 + np.exp(-table[f"score_{entry.code}"][row])) == pytest.approx(entry.score, abs=2e-3)


def test_the_readable_table_says_the_same(results, metrics) -> None:
    text = (results / "table.txt").read_text()
    low, high = metrics["macro_auroc_ci95"]
    macro = next(line for line in text.splitlines() if line.startswith("macro"))
    assert f"{metrics['macro_auroc']:.3f}" in macro
    assert f"{low:.3f} to {high:.3f}" in macro
    for code, measured in metrics["per_class"].items():
        if code not in metrics["classes_left_out"]:
            line = next(line for line in text.splitlines() if line.split()[:1] == [code])
            assert f"{measured['auroc']:.3f}" in line
    assert "For research use only" in text
    assert sorted(path.name for path in results.iterdir()) == [
        *("metrics.json", "scores.parquet", "table.md", "table.txt")
    ]


def test_a_second_run_gives_the_same_numbers_and_prints_the_table(run, arguments, results, metrics, tmp_path) -> None:
    out = tmp_path / "again"
    code, printed, err = run(*arguments, "--out", out, "--resamples", 200, "--seed", 3)
    assert code == 0
    # All folds are evaluated, those that the bundle was trained on too.
    assert "warning: the model was trained on" in err
    assert (results / "table.txt").read_text().strip() in printed
    again = json.loads((out / "metrics.json").read_text())
    varying = {"command", "duration_s"}
    assert {k: v for k, v in again.items() if k not in varying} == {
        k: v for k, v in metrics.items() if k not in varying
    }


def test_folds_choose_the_records(run, arguments, tmp_path) -> None:
    code, _, err = run(*arguments, "--out", tmp_path / "a", "--fold", 1, 2, "--resamples", 10)
    assert code == 0, err
    written = json.loads((tmp_path / "a" / "metrics.json").read_text())
    dataset = medclip.open_dataset("simulated", n_patients=60, sampling_rate_hz=100)
    assert written["n_records"] == sum(info.fold in ("1", "2") for info in dataset.records)
    assert written["protocol"]["folds"] == ["1", "2"]


def test_an_output_folder_that_exists_is_kept(run, arguments, results, tmp_path) -> None:
    before = {path.name: path.read_bytes() for path in results.iterdir()}
    code, _, err = run(*arguments, "--out", results)
    assert code == 2
    assert "exists already" in err
    assert {path.name: path.read_bytes() for path in results.iterdir()} == before
    other = tmp_path / "work"
    other.mkdir()
    (other / "thesis.txt").write_text("years")
    code, _, err = run(*arguments, "--out", other, "--overwrite", "--resamples", 10)
    assert code == 2
    assert "something else than an evaluation" in err
    assert [path.name for path in tmp_path.iterdir()] == ["work"]
    assert (other / "thesis.txt").read_text() == "years"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fold", "11"], "has no such fold: received 11; allowed: 1, 10, 2"),
        (["--labels", "ptbxl-form"], "ptbxl-form"),
        (["--labels", "none"], "received none; allowed: .*ptbxl-all"),
        (["--dataset", "ptb-x"], "unknown data set: received ptb-x; allowed: .*ptbxl, .*simulated"),
        (["--dataset", "ptbxl"], "needs its folder.*medclip data download ptbxl"),
        (["--dataset", "ptbxl", "--root", "/nowhere"], "/nowhere"),
        (["--dataset", "simulated", "--option", "rate"], "malformed: received rate; allowed: NAME=VALUE"),
        (["--dataset", "simulated", "--option", "rate=1"], "has no such option: received rate; allowed: n_patients"),
        (["--resamples", "0"], "at least 1"),
        (["--resamples", "many"], "received many; allowed: a whole number"),
        (["--device", "cuda:99"], "received cuda:99; allowed: cpu"),
    ],
)
def test_what_does_not_fit_ends_in_one_line_and_leaves_nothing(options, words, run, arguments, tmp_path) -> None:
    code, out, err = run(*arguments, "--out", tmp_path / "out", *options)
    assert (code, out) == (2, "")
    assert re.search(words, err), err
    assert err.count("medclip: ") == 1
    assert err.splitlines()[-1].startswith("medclip: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "usage", "offered", "not_offered"),
    [
        ((), "medclip evaluate [-h] [--task {zero", ("--labels", "--windows", "--calibration"), ("--findings",)),
        (("--task", "zeroshot"), "medclip evaluate [-h] [--task {zero", ("--labels",), ("--findings",)),
        (
            ("--task", "retrieval"),
            "medclip evaluate --task retrieval [-h] --model",
            ("--skip-unreadable",),
            ("--labels", "--findings", "--prompts", "--windows", "--task {"),
        ),
        (
            ("--task=localisation",),
            "medclip evaluate --task localisation [-h] --model",
            ("--labels", "--findings", "--prompts"),
            ("--skip-unreadable", "--windows", "--task {"),
        ),
        (("--benchmark", "x"), "medclip evaluate --benchmark NAME [-h] --model", ("--protocol",), ("--labels",)),
    ],
)
def test_help_is_that_of_the_task(given, usage, offered, not_offered, run) -> None:
    code, out, _ = run("evaluate", *given, "--help")
    assert code == 0
    shown = " ".join(out.split())
    assert shown.startswith(f"usage: {usage}")
    options = shown.partition(" options: ")[2].partition("example:")[0]
    for option in offered:
        assert option in options
        # No task needs a label set where the bundle has one only.
        assert f"[{option}" in shown
    for option in not_offered:
        assert option not in options


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--task", "localization"), "unknown task: received localization; allowed: zeroshot, retrieval, localisation"),
        (("--task",), r"--task: expected one argument. Try medclip evaluate --help"),
        (("--task", "retrieval"), r"required: --model, --dataset, --out. Try medclip evaluate --task retrieval --help"),
        ((), r"required: --model, --dataset, --out. Try medclip evaluate --help"),
        (
            ("--task", "retrieval", "--model", "m", "--dataset", "d", "--out", "o", "--labels", "l"),
            "unrecognized arguments: --labels l. Try medclip evaluate --task retrieval --help",
        ),
        (("--tas", "retrieval"), r"Try medclip evaluate --task retrieval --help"),
    ],
)
def test_errors_are_those_of_the_task(given, words, run) -> None:
    code, out, err = run("evaluate", *given)
    assert (code, out) == (2, "")
    assert re.search(words, err), err
    assert err.count("\n") == 1


def test_without_labels_the_bundle_is_asked_which_there_are(run, smoke_bundle, smoke_store, tmp_path) -> None:
    given = ("evaluate", "--model", smoke_bundle, "--dataset", smoke_store, "--out", tmp_path / "out")
    code, out, err = run(*given)
    assert (code, out) == (2, "")
    assert "this bundle has prompts for several label sets" in err
    assert not (tmp_path / "out").exists()


def test_a_data_set_whose_table_lacks_a_column(run, smoke_bundle, tmp_path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "ptbxl_database.csv").write_text("ecg_id,patient_id\n1,1\n")
    (root / "scp_statements.csv").write_text(",description\nNORM,normal\n")
    given = ["--model", smoke_bundle, "--dataset", "ptbxl", "--root", root, "--labels", "ptbxl-superclass"]
    code, out, err = run("evaluate", *given, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "column" in err
    assert not (tmp_path / "out").exists()
