"""``medclip evaluate --model BUNDLE --dataset NAME --labels LABEL_SET --out DIR``."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from medclip.cli.arguments import Parser

__all__ = ["main"]


def main(given: Sequence[str]) -> int:
    """Evaluate a bundle zero-shot and write metrics, scores and tables."""
    if any(word == "--benchmark" or word.startswith("--benchmark=") for word in given):
        from medclip.cli._benchmark import main as run_benchmark

        return run_benchmark(given)
    parser = Parser(
        prog="medclip evaluate",
        description="Measure how well zero-shot scores rank the records of a data set. Research use only. "
        "medclip evaluate --benchmark NAME --help explains the benchmarks of several data sets.",
    )
    parser.add_argument("--model", required=True, type=Path, help="bundle that medclip fit saved")
    parser.add_argument("--dataset", required=True, help="data set by name, or the folder of a packed store")
    parser.add_argument("--root", type=Path, help="folder of the data set")
    parser.add_argument("--labels", required=True, help="label set")
    parser.add_argument("--fold", nargs="+", default=None, metavar="FOLD", help="folds to evaluate on; default: all")
    parser.add_argument("--prompts", help="prompt set by name or JSON file; default: the one of the label set")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="new folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="replace the results that DIR holds")
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave out records that cannot be used, and count them"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="option of the data set, e.g. sampling_rate_hz=100",
    )
    parser.add_argument("--resamples", type=int, default=1000, help="bootstrap resamples; default 1000")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap; default 0")
    parser.add_argument("--device", default="cpu", help="where to compute; default cpu")
    args = parser.parse_args(given[1:])

    from tqdm import tqdm

    from medclip.cli.options import parse_options
    from medclip.core.errors import OutputError
    from medclip.core.label_set import LabelSet
    from medclip.data.access import open_dataset
    from medclip.evaluation.zeroshot import evaluate_zeroshot
    from medclip.results.tables import evaluation_table, write_evaluation
    from medclip.zeroshot.model import load

    started = time.monotonic()
    if args.out.exists() and not args.overwrite:
        raise OutputError(f"{args.out} exists already", action="choose another folder, or say --overwrite")
    model = load(args.model, device=args.device)
    labels = LabelSet.load(args.labels)
    dataset = open_dataset(args.dataset, args.root, **parse_options(args.option))
    with tqdm(desc=f"scoring {dataset.name}", unit=" records", disable=None) as bar:
        evaluation = evaluate_zeroshot(
            model,
            dataset,
            labels,
            folds=args.fold,
            prompts=args.prompts,
            skip_unreadable=args.skip_unreadable,
            n_resamples=args.resamples,
            seed=args.seed,
            progress=bar.update,
        )
    command = shlex.join(["medclip", *given])
    write_evaluation(
        evaluation, args.out, command=command, duration_s=time.monotonic() - started, overwrite=args.overwrite
    )
    print(evaluation_table(evaluation))
    print(f"wrote {args.out}")
    return 0
