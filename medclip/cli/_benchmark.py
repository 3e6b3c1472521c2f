"""``medclip evaluate --benchmark NAME --model BUNDLE --root DIR --out DIR``."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medclip.cli.arguments import Parser, add_model, count

if TYPE_CHECKING:
    from medclip.evaluation.benchmark import Benchmark, Outcome

__all__ = ["main"]


def main(given: Sequence[str]) -> int:
    """Run a benchmark and write every evaluation and a summary."""
    args = _parser().parse_args(given[1:])

    from tqdm import tqdm

    from medclip.core.errors import OutputError
    from medclip.core.files import write_json
    from medclip.evaluation.benchmark import read_benchmark, run_benchmark
    from medclip.evaluation.seen_data import seen_data_warnings
    from medclip.results.tables import write_evaluation
    from medclip.zeroshot.model import load

    benchmark = read_benchmark(args.benchmark)
    protocols = args.protocol or [name for name in benchmark.protocols if _can_run(benchmark, name, args.tables)]
    if args.out.exists() and any(args.out.iterdir()) and not args.overwrite:
        raise OutputError(f"{args.out} exists already", action="choose another folder, or say --overwrite")
    model = load(args.model, device=args.device)
    command, started = shlex.join(["medclip", *given]), time.monotonic()

    def keep(outcome: Outcome) -> None:
        if outcome.evaluation is not None:
            folder = args.out / outcome.test / outcome.protocol
            write_evaluation(outcome.evaluation, folder, command=command, overwrite=args.overwrite)
            tested = outcome.evaluation.protocol
            for warning in seen_data_warnings(model.bundle.described["training"], tested.dataset, tested.folds):
                print(f"warning: {outcome.test}: {warning}", file=sys.stderr)

    with tqdm(desc=f"scoring {benchmark.name}", unit=" records", disable=None) as bar:
        outcomes = run_benchmark(
            benchmark,
            model,
            args.root,
            protocols=protocols,
            tables=args.tables,
            ensemble=args.ensemble,
            skip_unreadable=args.skip_unreadable,
            n_resamples=args.resamples,
            seed=args.seed,
            on_outcome=keep,
            progress=bar.update,
        )
    summary = _summary(benchmark, outcomes, protocols)
    write_json(args.out / "benchmark.json", summary | {"command": command, "duration_s": time.monotonic() - started})
    print(_table(benchmark, outcomes, protocols))
    print(f"wrote {args.out}")
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="medclip evaluate --benchmark NAME",
        description="Run the tests of a benchmark whose data sets are there, each under one or more protocols side by "
        "side, and name those that are not. Research use only.",
        example="medclip evaluate --benchmark NAME --model BUNDLE --root data --out results",
    )
    # It stands in the name of the program already.
    parser.add_argument("--benchmark", required=True, help=argparse.SUPPRESS)
    add_model(parser)
    parser.add_argument("--root", required=True, type=Path, help="folder that holds the folders of the data sets")
    parser.add_argument(
        "--protocol", action="append", metavar="NAME", help="may be repeated; default: all that can run"
    )
    parser.add_argument(
        "--tables", type=Path, metavar="DIR", help="folder of the tables that a protocol's authors published"
    )
    parser.add_argument("--ensemble", metavar="NAME", help="how sentences are joined, see medclip evaluate --help")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="new folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="replace the results that DIR holds")
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out records that cannot be used")
    parser.add_argument("--resamples", type=count, default=1000, metavar="N", help="bootstrap resamples; default: 1000")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the bootstrap; default: 0")
    parser.add_argument("--device", default="cpu", help="where to compute; default: cpu")
    return parser


def _can_run(benchmark: Benchmark, protocol: str, tables: Path | None) -> bool:
    plans = [test.protocols[protocol] for test in benchmark.tests if protocol in test.protocols]
    return tables is not None or not any(plan.table for plan in plans)


def _summary(benchmark: Benchmark, outcomes: Sequence[Outcome], protocols: Sequence[str]) -> dict[str, Any]:
    from medclip.evaluation.benchmark import mean_auroc

    means = {name: mean_auroc(outcomes, name) for name in protocols}
    return {
        "benchmark": benchmark.name,
        "protocols": {name: benchmark.protocols[name] for name in protocols},
        "tests": [
            {"test": outcome.test, "protocol": outcome.protocol}
            | ({"not_run": outcome.reason} if outcome.evaluation is None else _numbers(outcome))
            for outcome in outcomes
        ],
        "mean_macro_auroc": {name: {"mean": mean if n else None, "n_tests": n} for name, (mean, n) in means.items()},
        "n_tests": len(benchmark.tests),
    }


def _numbers(outcome: Outcome) -> dict[str, Any]:
    described = outcome.evaluation.to_dict() if outcome.evaluation is not None else {}
    return {name: value for name, value in described.items() if name not in ("per_class", "protocol")}


def _table(benchmark: Benchmark, outcomes: Sequence[Outcome], protocols: Sequence[str]) -> str:
    from medclip.evaluation.benchmark import mean_auroc
    from medclip.results.tables import RESEARCH_USE_ONLY, format_interval, format_number, format_table

    found = {(outcome.test, outcome.protocol): outcome for outcome in outcomes}
    rows = []
    for test in benchmark.tests:
        row = [test.name]
        for protocol in protocols:
            evaluation = found[test.name, protocol].evaluation
            numbers = ("not run", "", "")
            if evaluation is not None:
                auroc, interval = format_number(evaluation.macro_auroc), format_interval(evaluation.macro_auroc_ci)
                numbers = (auroc, interval, str(evaluation.n_records))
            row += numbers
        rows.append(row)
    means = [mean_auroc(outcomes, protocol) for protocol in protocols]
    rows.append(["mean", *(cell for mean, n in means for cell in (format_number(mean), f"of {n} tests", ""))])
    heads = ["test", *(head for name in protocols for head in (f"{name} AUROC", "interval", "records"))]
    lines = [benchmark.title, "", format_table(rows, heads, alignment="l" + "rlr" * len(protocols)), ""]
    lines += [f"{name}: {benchmark.protocols[name]}" for name in protocols]
    reasons = {f"{o.test}: not run: {o.reason}": None for o in outcomes if o.evaluation is None}
    return "\n".join([*lines, *reasons, RESEARCH_USE_ONLY])
