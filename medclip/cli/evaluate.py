"""``medclip evaluate --model BUNDLE --dataset NAME --out DIR``: the task by default, and the way to the others."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from medclip.cli._evaluation import TASKS, add_evaluation, add_labels, load_model, open_named, task_of
from medclip.cli.arguments import Parser, add_prompts, add_windows

if TYPE_CHECKING:
    from medclip.core.dataset import Dataset
    from medclip.core.label_set import LabelSet
    from medclip.evaluation.evaluate import Evaluation
    from medclip.zeroshot.calibrated import CalibratedClassifier
    from medclip.zeroshot.model import Model

__all__ = ["main"]


def main(given: Sequence[str]) -> int:
    """Evaluate a bundle and write metrics, scores and tables."""
    if any(word == "--benchmark" or word.startswith("--benchmark=") for word in given):
        from medclip.cli._benchmark import main as run_benchmark

        return run_benchmark(given)
    task = task_of(list(given[1:]))
    if task == "zeroshot":
        return _zeroshot(given)
    from medclip.cli._tasks import main as run_task

    return run_task(given, task)


def _zeroshot(given: Sequence[str]) -> int:
    args = _parser().parse_args(given[1:])

    from medclip.evaluation.zeroshot import refuse_overlap
    from medclip.results.tables import evaluation_table, write_evaluation

    started = time.monotonic()
    _check_calibration(args)
    model = load_model(args)
    labels = model.label_set(args.labels)
    dataset = open_named(args, model)
    if args.calibrate_fold:
        refuse_overlap(dataset, args.calibrate_fold, args.fold)
    evaluation, calibrated = _scored(args, model, dataset, labels)
    write_evaluation(
        evaluation,
        args.out,
        command=shlex.join(["medclip", *given]),
        duration_s=time.monotonic() - started,
        overwrite=args.overwrite,
        further={"calibration.json": calibrated.calibration.to_json()} if calibrated else {},
    )
    print(evaluation_table(evaluation))
    for code, reason in calibrated.calibration.left_out.items() if calibrated else ():
        print(f"{code} is not calibrated: {reason}")
    print(f"wrote {args.out}")
    return 0


def _check_calibration(args: argparse.Namespace) -> None:
    from medclip.core.errors import InputError

    if args.calibrate_fold and (args.windows != "middle" or args.channels):
        raise InputError(
            "probabilities are fitted on the middle of whole records",
            action="leave out --windows and --channels, or --calibrate-fold",
        )


def _scored(
    args: argparse.Namespace, model: Model, dataset: Dataset, labels: LabelSet
) -> tuple[Evaluation, CalibratedClassifier | None]:
    """Score the records, with probabilities if there are folds to fit them on."""
    from tqdm import tqdm

    from medclip.evaluation.zeroshot import calibrate_zeroshot, evaluate_zeroshot

    unit = " records" if args.windows in ("middle", "first") else " windows"
    with tqdm(desc=f"scoring {dataset.name}", unit=unit, disable=None) as bar:
        shared: dict[str, Any] = {
            "prompts": args.prompts,
            "ensemble": args.ensemble,
            "skip_unreadable": args.skip_unreadable,
            "progress": bar.update,
        }
        calibrated = None
        if args.calibrate_fold:
            calibrated = calibrate_zeroshot(
                model, dataset, labels, folds=args.calibrate_fold, method=args.calibration, **shared
            )
        evaluation = evaluate_zeroshot(
            model,
            dataset,
            labels,
            folds=args.fold,
            classifier=calibrated,
            windows=args.windows,
            channels=args.channels,
            n_resamples=args.resamples,
            seed=args.seed,
            **shared,
        )
    return evaluation, calibrated


def _parser() -> Parser:
    others = "\n".join(f"  medclip evaluate --task {name} --help: {what}" for name, what in list(TASKS.items())[1:])
    parser = Parser(
        prog="medclip evaluate",
        description="Measure how well zero-shot scores rank the records of a data set. Research use only.\n"
        f"Other measurements have options of their own:\n{others}\n"
        "  medclip evaluate --benchmark NAME --help: the benchmarks of several data sets",
        example="medclip evaluate --model BUNDLE --dataset simulated --labels simulated --fold 10 --out results",
    )
    parser.add_argument("--task", choices=list(TASKS), help="what is measured; default: zeroshot, explained here")
    add_evaluation(parser, option="sampling_rate_hz=100")
    add_labels(parser)
    add_prompts(parser)
    parser.add_argument(
        "--ensemble",
        metavar="NAME",
        help="how sentences are joined: mean, centred (relative to the mean training recording), positive (the same "
        "without negative sentences), zpe (weights from the records, without labels) or chils (the label set's "
        "hierarchy); default: the bundle's",
    )
    parser.add_argument(
        "--calibrate-fold",
        nargs="+",
        metavar="FOLD",
        help="fit probabilities on these folds, which are not evaluated on; DIR/calibration.json keeps them",
    )
    parser.add_argument(
        "--calibration", choices=["temperature", "platt", "isotonic"], default="platt", help="how; default: platt"
    )
    add_windows(parser, default="middle")
    parser.add_argument(
        "--channels",
        nargs="+",
        metavar="NAME",
        help="judge only these channels of each record, as if nothing else were recorded",
    )
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave out records that cannot be used, and count them"
    )
    return parser
