"""Evaluations: the folder written, recomputed from its own scores, and every way of not writing it."""

from __future__ import annotations

import dataclasses
import json
import resource
import sys

import numpy as np
import pyarrow.parquet
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from medclip.core.dataset import LabelTable
from medclip.core.errors import ConfigError, InputError, LabelError, MissingDependencyError, OutputError
from medclip.evaluation.bootstrap import bootstrap_auroc
from medclip.evaluation.evaluate import Evaluation, evaluate_scores
from medclip.evaluation.protocol import EvaluationProtocol, data_digest

TABLES = {"table.txt": "plain\n", "table.md": "# marked\n"}
CODES = ("AFIB", "PACE", "1AVB", "SR|x")
FILES = ["metrics.json", "scores.parquet", "table.md", "table.txt"]


def simulate(n_records: int = 61) -> tuple[np.ndarray, LabelTable, list[str], list[str]]:
    """Four classes, the second without a positive, some labels missing, two records for some patients."""
    generator = np.random.default_rng(n_records)
    values = (generator.random((n_records, 4)) < 0.4).astype(np.float32)
    scores = (generator.normal(size=values.shape) + values).round(1).astype(np.float32)
    values[:, 1] = 0.0
    values[generator.random(values.shape) < 0.1] = np.nan
    records = [f"record{row:03d}" for row in range(n_records)]
    return scores, LabelTable(CODES, values), records, [f"PATIENT-{row // 2}" for row in range(n_records)]


def evaluate(n_records: int = 61, **changes) -> Evaluation:
    """Evaluate the simulated scores under a protocol that describes them."""
    scores, labels, records, patients = simulate(n_records)
    described = {
        "dataset": "demo",
        "dataset_version": "1.0",
        "label_set": "demo-all",
        "folds": ("9",),
        "n_records": n_records,
        "data_sha256": data_digest(records, labels),
        "model": "demo model",
        "model_sha256": None,
        "score_kind": "cosine",
        "prompts_sha256": "c" * 64,
        "n_resamples": 50,
        "seed": 7,
    }
    protocol = EvaluationProtocol(**described | changes)
    names = {"AFIB": "atrial fibrillation"}
    return evaluate_scores(scores, labels, patient_ids=patients, record_ids=records, protocol=protocol, names=names)


def refuse(token: str) -> None:
    raise AssertionError(f"{token} is not JSON")


def read_metrics(folder) -> dict:
    """Read strictly: NaN and Infinity are not JSON."""
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"), parse_constant=refuse)


def listing(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folder_holds_four_files_and_strict_json(tmp_path):
    evaluate().write(tmp_path / "new" / "out", tables=TABLES, command="medclip evaluate ...", duration_s=1.5)
    assert listing(tmp_path / "new") == ["out"]
    assert listing(tmp_path / "new" / "out") == FILES
    metrics = read_metrics(tmp_path / "new" / "out")
    assert metrics["n_records"] == 61
    assert metrics["n_patients"] == 31
    assert metrics["n_classes_evaluated"] == 3
    assert list(metrics["classes_left_out"]) == ["PACE"]
    assert metrics["per_class"]["PACE"]["auroc"] is None
    assert metrics["per_class"]["PACE"]["ci95"] == [None, None]
    assert metrics["per_class"]["PACE"]["n_resamples_undefined"] == 50
    assert metrics["prompts_sha256"] == "c" * 64
    assert (metrics["seed"], metrics["command"], metrics["duration_s"]) == (7, "medclip evaluate ...", 1.5)
    assert {"medclip_version", "git_commit", "protocol", "protocol_sha256", "test_sha256"} <= set(metrics)
    assert EvaluationProtocol(**metrics["protocol"]).digest() == metrics["protocol_sha256"]
    assert (tmp_path / "new" / "out" / "table.md").read_text() == "# marked\n"


def test_metrics_can_be_recomputed_from_the_scores_file(tmp_path):
    evaluate().write(tmp_path / "out", tables=TABLES)
    metrics = read_metrics(tmp_path / "out")
    table = pyarrow.parquet.read_table(tmp_path / "out" / "scores.parquet")
    assert table.schema.metadata[b"protocol_sha256"].decode() == metrics["protocol_sha256"]
    aurocs, precisions = [], []
    for code, reported in metrics["per_class"].items():
        labels = table[f"label_{code}"].to_pandas().to_numpy()
        scores = table[f"score_{code}"].to_numpy()
        known = ~np.isnan(labels)
        assert table[f"label_{code}"].null_count == reported["n_not_assessed"] == (~known).sum()
        assert reported["n_positive"] == (labels == 1).sum()
        assert reported["n_negative"] == (labels == 0).sum()
        if code != "PACE":
            aurocs.append(roc_auc_score(labels[known], scores[known]))
            precisions.append(average_precision_score(labels[known], scores[known]))
            assert reported["auroc"] == pytest.approx(aurocs[-1], abs=1e-12)
            assert reported["average_precision"] == pytest.approx(precisions[-1], abs=1e-12)
    assert metrics["macro_auroc"] == pytest.approx(np.mean(aurocs), abs=1e-12)
    assert metrics["macro_average_precision"] == pytest.approx(np.mean(precisions), abs=1e-12)


def test_intervals_are_those_of_the_bootstrap_named_in_the_protocol():
    scores, labels, _, patients = simulate()
    expected = bootstrap_auroc(scores, labels.values, patients, n_resamples=33, confidence=0.8, seed=3)
    metrics = evaluate(n_resamples=33, confidence=0.8, seed=3).to_dict()
    assert metrics["macro_auroc_ci80"] == list(expected.macro_ci)
    assert metrics["per_class"]["1AVB"]["ci80"] == list(expected.per_class_ci[2])


def test_same_input_gives_the_same_numbers():
    assert evaluate().to_dict() == evaluate().to_dict()
    assert evaluate(seed=8).to_dict()["macro_auroc_ci95"] != evaluate().to_dict()["macro_auroc_ci95"]


def test_patients_are_written_and_shown_only_on_request(tmp_path):
    evaluation = evaluate()
    evaluation.write(tmp_path / "out", tables=TABLES)
    # The columns are compressed, so searching the bytes would find nothing in any case.
    plain = pyarrow.parquet.read_table(tmp_path / "out" / "scores.parquet")
    assert plain.column_names[:3] == ["record_id", "score_AFIB", "label_AFIB"]
    assert "PATIENT-" not in str(plain.to_pydict())
    for name in ("metrics.json", "table.txt", "table.md"):
        assert "PATIENT-" not in (tmp_path / "out" / name).read_text(encoding="utf-8")
    assert "PATIENT-" not in repr(evaluation)
    evaluation.write(tmp_path / "with", tables=TABLES, include_patient_ids=True)
    table = pyarrow.parquet.read_table(tmp_path / "with" / "scores.parquet")
    assert table["patient_id"][2].as_py() == "PATIENT-1"


def test_existing_folder_is_refused_and_untouched(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    with pytest.raises(OutputError, match="exists"):
        evaluate().write(target, tables=TABLES)
    assert listing(target) == []
    assert listing(tmp_path) == ["out"]


def test_earlier_evaluation_is_replaced_on_request(tmp_path):
    target = tmp_path / "out"
    evaluate().write(target, tables=TABLES)
    evaluate(n_records=40).write(target, tables={}, overwrite=True)
    assert read_metrics(target)["n_records"] == 40
    assert listing(target) == ["metrics.json", "scores.parquet"]
    assert listing(tmp_path) == ["out"]


def test_folder_with_anything_else_is_never_overwritten(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "thesis.docx").write_text("years of work")
    with pytest.raises(OutputError, match="something else"):
        evaluate().write(target, tables=TABLES, overwrite=True)
    assert (target / "thesis.docx").read_text() == "years of work"
    assert listing(tmp_path) == ["out"]


def test_file_and_link_are_never_overwritten(tmp_path):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(OutputError, match="something else"):
            evaluate().write(tmp_path / name, tables=TABLES, overwrite=True)
    assert (tmp_path / "file").read_text() == "kept"
    assert (tmp_path / "link").is_symlink()


def test_present_folder_by_its_short_name(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    with pytest.raises(OutputError, match="exists"):
        evaluate().write(".", tables=TABLES)
    evaluate().write("../beside", tables=TABLES)
    assert listing(tmp_path / "beside") == FILES


def test_parent_that_is_a_file_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputError, match="cannot be written") as error:
        evaluate().write(tmp_path / "file" / "out", tables=TABLES)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("limit", [0, 300, 4000])
def test_full_disk_leaves_nothing_behind(tmp_path, limit):
    evaluation = evaluate(n_records=2000)
    (tmp_path / "out").mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OutputError, match="the disk is full"):
            evaluation.write(tmp_path / "out", tables=TABLES, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert listing(tmp_path) == ["out"]
    assert listing(tmp_path / "out") == []


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_interruption_leaves_nothing_behind(tmp_path, monkeypatch, failure):
    evaluation = evaluate()

    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(pyarrow.parquet, "write_table", fail)
    with pytest.raises(failure):
        evaluation.write(tmp_path / "out", tables=TABLES)
    assert listing(tmp_path) == []


def test_folder_that_appears_meanwhile_is_kept(tmp_path, monkeypatch):
    write_table = pyarrow.parquet.write_table

    def somebody_is_faster(*arguments: object, **options: object) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "metrics.json").write_text("theirs")
        write_table(*arguments, **options)

    monkeypatch.setattr(pyarrow.parquet, "write_table", somebody_is_faster)
    with pytest.raises(OutputError, match="exists"):
        evaluate().write(tmp_path / "out", tables=TABLES)
    assert (tmp_path / "out" / "metrics.json").read_text() == "theirs"
    assert listing(tmp_path) == ["out"]


def test_missing_pyarrow_is_named(tmp_path, monkeypatch):
    evaluation = evaluate()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match="pip install pyarrow"):
        evaluation.write(tmp_path / "out", tables=TABLES)
    assert listing(tmp_path) == []


def test_protocol_of_other_data_is_refused():
    with pytest.raises(ConfigError, match="data_sha256"):
        evaluate(data_sha256="0" * 64)
    scores, labels, records, patients = simulate()
    protocol = dataclasses.replace(evaluate().protocol, n_records=60)
    with pytest.raises(ConfigError, match="60 in the protocol, 61 evaluated"):
        evaluate_scores(scores, labels, patient_ids=patients, record_ids=records, protocol=protocol)


def test_unusable_scores_and_labels_are_refused():
    scores, labels, records, patients = simulate()
    protocol = evaluate().protocol
    ids = {"patient_ids": patients, "record_ids": records}
    with pytest.raises(InputError, match="61 nan and 0 infinite of 244"):
        evaluate_scores(np.where([True, False, False, False], np.nan, scores), labels, protocol=protocol, **ids)
    empty = LabelTable(labels.codes, np.zeros_like(labels.values))
    protocol = dataclasses.replace(protocol, data_sha256=data_digest(records, empty))
    with pytest.raises(LabelError, match="no class has both"):
        evaluate_scores(scores, empty, protocol=protocol, **ids)
