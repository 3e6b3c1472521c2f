"""Tables: aligned, valid Markdown, and complete about what an evaluation says."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pyarrow.parquet
import pytest

from medclip.core.dataset import LabelTable
from medclip.core.errors import InputError, OutputError
from medclip.evaluation.evaluate import Evaluation, evaluate_scores
from medclip.evaluation.protocol import EvaluationProtocol, data_digest
from medclip.results.tables import evaluation_table, format_interval, format_number, format_table, write_evaluation

ROWS = [("AFIB", "Vorhofflimmern, häufig", 7), ("SR", "sinus|rhythm\nregular", 1234)]


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """60 records, one class with 30 positives, one with 5, one with none."""
    generator = np.random.default_rng(0)
    values = np.zeros((60, 3), np.float32)
    values[:30, 0] = values[:5, 1] = 1.0
    labels = LabelTable(("MI", "STTC", "PACE"), values)
    records = [f"record{row}" for row in range(60)]
    protocol = EvaluationProtocol(
        dataset="demo",
        dataset_version="1.0",
        label_set="demo-all",
        folds=("9",),
        n_records=60,
        data_sha256=data_digest(records, labels),
        model="demo model",
        model_sha256=None,
        score_kind="cosine",
        n_resamples=30,
    )
    return evaluate_scores(
        generator.normal(size=values.shape) + values,
        labels,
        patient_ids=[f"PATIENT-{row}" for row in range(60)],
        record_ids=records,
        protocol=protocol,
        names={"MI": "myocardial infarction"},
    )


def test_plain_table_is_aligned():
    assert format_table(ROWS, ("code", "name", "n+"), alignment="llr").splitlines() == [
        "code  name                      n+",
        "----  ----------------------  ----",
        "AFIB  Vorhofflimmern, häufig     7",
        "SR    sinus|rhythm regular    1234",
    ]


def test_markdown_table_is_aligned_and_escaped():
    assert format_table(ROWS, ("c", "name", "n+"), alignment="llr", markdown=True).splitlines() == [
        "| c    | name                   |   n+ |",
        "| ---- | ---------------------- | ---: |",
        "| AFIB | Vorhofflimmern, häufig |    7 |",
        "| SR   | sinus\\|rhythm regular  | 1234 |",
    ]


def test_table_without_rows_has_heads():
    assert format_table([], ("a", "b")) == "a  b\n-  -"
    assert format_table([], ("a", "b"), markdown=True) == "| a   | b   |\n| --- | --- |"


@pytest.mark.parametrize(("rows", "alignment"), [([("a",)], ""), ([("a", "b")], "l"), ([("a", "b")], "lx")])
def test_ragged_tables_are_refused(rows, alignment):
    with pytest.raises(InputError, match="one cell"):
        format_table(rows, ("a", "b"), alignment=alignment)


def test_undefined_numbers_are_dashes():
    assert (format_number(float("nan")), format_interval((float("nan"), float("nan")))) == ("-", "-")
    assert format_interval((0.12345, 1.0), digits=2) == "0.12 to 1.00"


def test_evaluation_table_shows_each_class_once_and_says_what_is_missing(evaluation):
    text = evaluation_table(evaluation)
    lines = text.splitlines()
    assert "demo model on demo 1.0, demo-all, folds 9, all records: 60 records of 60 patients" in lines[0]
    [row] = [line for line in lines if line.startswith("MI ")]
    result = evaluation.classes[0]
    assert "myocardial infarction" in row
    assert row.split()[3:6] == ["30", "30", f"{result.auroc:.3f}"]
    assert f"{result.auroc_ci[0]:.3f} to {result.auroc_ci[1]:.3f}" in row
    assert f"{evaluation.macro_auroc:.3f}" in next(line for line in lines if line.startswith("macro"))
    assert "Left out: PACE (no positive among 60 assessed records)." in text
    assert "research use only" in text
    assert not any(line.startswith("PACE") for line in lines)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_intervals_of_rare_classes_carry_a_mark(evaluation):
    marked = [
        line.split()[0]
        for line in evaluation_table(evaluation).splitlines()
        if line.rstrip("0123456789. ").endswith("*")
    ]
    assert marked == ["STTC"]


def test_interval_head_names_its_coverage(evaluation):
    narrow = dataclasses.replace(evaluation, protocol=dataclasses.replace(evaluation.protocol, confidence=0.9))
    assert "90 % interval" in evaluation_table(narrow)


def test_markdown_evaluation_is_one_table(evaluation):
    rows = [line for line in evaluation_table(evaluation, markdown=True).splitlines() if line.startswith("|")]
    assert len(rows) == 5
    assert {row.count("|") for row in rows} == {8}


def test_written_evaluation_holds_both_tables(evaluation, tmp_path):
    write_evaluation(evaluation, tmp_path / "out", command="medclip evaluate", duration_s=2.0)
    assert (tmp_path / "out" / "table.txt").read_text(encoding="utf-8") == evaluation_table(evaluation)
    assert (tmp_path / "out" / "table.md").read_text(encoding="utf-8") == evaluation_table(evaluation, markdown=True)
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["duration_s"] == 2.0
    with pytest.raises(OutputError, match="exists"):
        write_evaluation(evaluation, tmp_path / "out")
    write_evaluation(evaluation, tmp_path / "out", include_patient_ids=True, overwrite=True)
    table = pyarrow.parquet.read_table(tmp_path / "out" / "scores.parquet")
    assert table["patient_id"][7].as_py() == "PATIENT-7"
