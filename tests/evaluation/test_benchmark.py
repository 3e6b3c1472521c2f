"""Definitions of benchmarks: what is shipped can be run, and what is malformed is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medclip.core.errors import ConfigError
from medclip.core.label_set import LabelSet
from medclip.core.modality import find_dataset
from medclip.core.named_files import benchmark_names, find_benchmark_file
from medclip.evaluation import benchmark as module
from medclip.evaluation.benchmark import check_protocols, read_benchmark

SMALL: dict[str, Any] = {
    "schema": 1,
    "name": "small",
    "title": "a small benchmark",
    "protocols": {"clean": "as it is"},
    "tests": [
        {
            "name": "one",
            "dataset": "simulated",
            "folders": ["one"],
            "label_set": "simulated",
            "protocols": {"clean": {"folds": ["1"]}},
        }
    ],
}


def read(path: Path, monkeypatch: pytest.MonkeyPatch, described: object) -> module.Benchmark:
    """Read a definition that is not shipped."""
    (path / "small.json").write_text(json.dumps(described), encoding="utf-8")
    monkeypatch.setattr(module, "find_benchmark_file", lambda name: ("simulated", path / f"{name}.json"))
    return read_benchmark("small")


@pytest.mark.parametrize("name", benchmark_names())
def test_every_shipped_benchmark_can_be_run(name: str) -> None:
    benchmark = read_benchmark(name)
    assert benchmark.name == name
    for test in benchmark.tests:
        modality, _ = find_dataset(test.dataset)
        assert modality.name == find_benchmark_file(name)[0] == LabelSet.load(test.label_set).modality
        for plan in test.protocols.values():
            assert bool(plan.table) != bool(plan.folds)
            assert bool(plan.table) == bool(plan.record_column)


def test_a_definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = read(tmp_path, monkeypatch, SMALL)
    (test,) = benchmark.tests
    assert (test.name, test.folders, test.protocols["clean"].folds) == ("one", ("one",), ("1",))
    check_protocols(benchmark, ["clean"], None)
    for unknown in ([], ["other"]):
        with pytest.raises(ConfigError, match="small has no such protocol"):
            check_protocols(benchmark, unknown, None)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"tests": [{"name": "one"}]},
        {"tests": [SMALL["tests"][0] | {"protocols": {"other": {}}}]},
        {"tests": [SMALL["tests"][0] | {"protocols": {"clean": {"fold": ["1"]}}}]},
        {"tests": 3},
        {"protocols": None},
    ],
)
def test_malformed_definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"the benchmark .*small.json cannot be used") as error:
        read(tmp_path, monkeypatch, SMALL | change)
    assert "\n" not in str(error.value)
