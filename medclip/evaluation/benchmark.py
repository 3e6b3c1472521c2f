"""A benchmark: several tests under one or more protocols, defined by a data file of the modality it belongs to.

``benchmarks/NAME.json`` in a modality's folder names the protocols, and for each test its data set, the folders that it
may lie in, its label set, and per protocol either folds of the data set or a table that somebody has published.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medclip.core.dataset import Dataset
from medclip.core.errors import ConfigError, PromptError
from medclip.core.files import read_json
from medclip.core.input_spec import InputSpec
from medclip.core.label_set import LabelSet
from medclip.core.modality import find_dataset
from medclip.core.named_files import find_benchmark_file
from medclip.evaluation.evaluate import Evaluation
from medclip.evaluation.published import PublishedTable, PublishedTest
from medclip.evaluation.zeroshot import evaluate_zeroshot
from medclip.zeroshot.model import Model

__all__ = [
    "Benchmark",
    "BenchmarkTest",
    "Outcome",
    "ProtocolPlan",
    "check_protocols",
    "mean_auroc",
    "read_benchmark",
    "run_benchmark",
]

_SCHEMA = 1


@dataclass(frozen=True)
class ProtocolPlan:
    """How one test is done under one protocol.

    Args:
        folds: Folds of the data set; None for all, or for the records of ``table``.
        options: Options that the data set is opened with.
        table: Path of a published table in the folder of such tables, or empty.
        record_column: See ``PublishedTable``.
        record_pattern: See ``PublishedTable``.
        columns: See ``PublishedTable``.
        scaling: Scaling that replaces the model's own, or empty.
        first_s: See ``PublishedTest``.
        filled_to_s: See ``PublishedTest``.
    """

    folds: tuple[str, ...] | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    table: str = ""
    record_column: str = ""
    record_pattern: str = ""
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    scaling: str = ""
    first_s: float | None = None
    filled_to_s: float | None = None


@dataclass(frozen=True)
class BenchmarkTest:
    """One test: ``folders`` are the names that the folder of its data set may bear."""

    name: str
    dataset: str
    folders: tuple[str, ...]
    label_set: str
    protocols: Mapping[str, ProtocolPlan]


@dataclass(frozen=True)
class Benchmark:
    """Tests that belong together; ``protocols`` says in words what each protocol does."""

    name: str
    title: str
    protocols: Mapping[str, str]
    tests: tuple[BenchmarkTest, ...]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one test under one protocol gave: an evaluation, or the reason why there is none."""

    test: str
    protocol: str
    evaluation: Evaluation | None
    reason: str = ""


def read_benchmark(name: str) -> Benchmark:
    """Read a shipped benchmark by name.

    Raises:
        ConfigError: There is none of that name, or its file is malformed.
    """
    path = find_benchmark_file(name)[1]
    try:
        described = read_json(path)
        if described["schema"] != _SCHEMA:
            raise ValueError(f"schema {described['schema']}, {_SCHEMA} expected")
        tests = tuple(_test(test, described["protocols"]) for test in described["tests"])
        return Benchmark(described["name"], described["title"], described["protocols"], tests)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"the benchmark {path} cannot be used ({type(error).__name__}: {error})",
            action="compare it with the others",
        ) from error


def _test(described: Mapping[str, Any], protocols: Mapping[str, str]) -> BenchmarkTest:
    unknown = set(described["protocols"]) - set(protocols)
    if unknown:
        raise ValueError(f"{described['name']} has protocols that are not declared: {', '.join(sorted(unknown))}")
    plans = {
        name: ProtocolPlan(**{**plan, "folds": tuple(plan["folds"]) if "folds" in plan else None})
        for name, plan in described["protocols"].items()
    }
    return BenchmarkTest(
        described["name"], described["dataset"], tuple(described["folders"]), described["label_set"], plans
    )


def run_benchmark(
    benchmark: Benchmark,
    model: Model,
    root: Path,
    *,
    protocols: Sequence[str],
    tables: Path | None = None,
    ensemble: str | None = None,
    skip_unreadable: bool = False,
    n_resamples: int = 1000,
    seed: int = 0,
    on_outcome: Callable[[Outcome], object] | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[Outcome]:
    """Run every test whose data set is there, and say why each of the others was not run.

    Args:
        benchmark: What to run.
        model: The model.
        root: Folder that holds the folders of the data sets.
        protocols: Names of protocols.
        tables: Folder of published tables, for the protocols that need them.
        ensemble: How sentences are joined; the modality's default if None.
        skip_unreadable: Leave out records that cannot be decoded or prepared.
        n_resamples: Resamples of the patient bootstrap.
        seed: Of the bootstrap.
        on_outcome: Called after each test.
        progress: Called with the number of records just scored.

    Raises:
        ConfigError: There is no such protocol, or it needs tables and none are given.
        DatasetError: A data set is there and damaged, or a published table does not belong to it.
    """
    check_protocols(benchmark, protocols, tables)
    if not root.is_dir():
        raise ConfigError(
            f"there is no folder {root}", action="give the folder that holds the folders of the data sets"
        )
    options = {
        "ensemble": ensemble,
        "skip_unreadable": skip_unreadable,
        "n_resamples": n_resamples,
        "seed": seed,
        "progress": progress,
    }
    outcomes = []
    for test in benchmark.tests:
        folder = next((root / name for name in test.folders if (root / name).is_dir()), None)
        for protocol in protocols:
            if folder is None:
                outcome = Outcome(test.name, protocol, None, f"no folder {' or '.join(test.folders)} in {root}")
            elif protocol not in test.protocols:
                outcome = Outcome(test.name, protocol, None, "the protocol does not define it")
            else:
                outcome = _run(test, protocol, model, folder, tables, options)
            outcomes.append(outcome)
            if on_outcome is not None:
                on_outcome(outcome)
    return outcomes


def check_protocols(benchmark: Benchmark, protocols: Sequence[str], tables: Path | None) -> None:
    """Raise ``ConfigError`` unless these protocols can be run with these tables."""
    unknown = [name for name in protocols if name not in benchmark.protocols]
    if unknown or not protocols:
        raise ConfigError(
            f"benchmark {benchmark.name} has no such protocol", received=unknown, allowed=list(benchmark.protocols)
        )
    needing = [
        name for name in protocols if any(t.protocols[name].table for t in benchmark.tests if name in t.protocols)
    ]
    if needing and tables is None:
        raise ConfigError(
            f"protocol {needing[0]} needs the tables that its authors published",
            action="give the folder that holds them with --tables",
        )


def _run(
    test: BenchmarkTest,
    protocol: str,
    model: Model,
    folder: Path,
    tables: Path | None,
    options: Mapping[str, Any],
) -> Outcome:
    plan, labels = test.protocols[protocol], LabelSet.load(test.label_set)
    try:
        model.prompt_set(labels)
    except PromptError as error:
        return Outcome(test.name, protocol, None, f"no prompts for {test.label_set} ({error.what})")
    dataset: Dataset = find_dataset(test.dataset)[1].open(folder, **plan.options)
    if plan.table and tables is not None:
        table = PublishedTable(tables / plan.table, plan.record_column, plan.record_pattern, plan.columns)
        dataset = PublishedTest(
            dataset,
            table,
            label_set=test.label_set,
            protocol=protocol,
            first_s=plan.first_s,
            filled_to_s=plan.filled_to_s,
        )
    spec = _spec(model.input_specs[dataset.modality], plan.scaling)
    evaluation = evaluate_zeroshot(model, dataset, labels, folds=plan.folds, spec=spec, **options)
    return Outcome(test.name, protocol, evaluation)


def _spec(own: InputSpec, scaling: str) -> InputSpec:
    if not scaling:
        return own
    if not dataclasses.is_dataclass(own) or not hasattr(own, "scaling"):
        raise ConfigError("the protocol scales what this model does not scale", received=scaling)
    changed: Any = dataclasses.replace(own, scaling=scaling)
    return changed


def mean_auroc(outcomes: Sequence[Outcome], protocol: str) -> tuple[float, int]:
    """Return the mean of the macro AUROCs under a protocol, nan if there are none, and how many tests it is of."""
    found = [o.evaluation.macro_auroc for o in outcomes if o.protocol == protocol and o.evaluation is not None]
    return (math.fsum(found) / len(found) if found else math.nan), len(found)
