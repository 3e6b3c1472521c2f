"""``medclip evaluate --model BUNDLE --dataset NAME --labels LABEL_SET --out DIR``."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medclip.cli.arguments import Parser, add_dataset, add_model, add_prompts, add_windows, count

__all__ = ["main"]


def main(given: Sequence[str]) -> int:
    """Evaluate a bundle zero-shot and write metrics, scores and tables."""
    if any(word == "--benchmark" or word.startswith("--benchmark=") for word in given):
        from medclip.cli._benchmark import main as run_benchmark

        return run_benchmark(given)
    if any(word == "--task" or word.startswith("--task=") for word in given) and not _is_zeroshot(given):
        from medclip.cli._tasks import main as run_task

        return run_task(given)
    args = _parser().parse_args(given[1:])

    from tqdm import tqdm

    from medclip.cli.options import parse_options
    from medclip.core.errors import InputError, OutputError
    from medclip.data.access import open_dataset
    from medclip.evaluation.seen_data import seen_data_warnings
    from medclip.evaluation.zeroshot import calibrate_zeroshot, evaluate_zeroshot, refuse_overlap
    from medclip.results.tables import evaluation_table, write_evaluation
    from medclip.zeroshot.model import load

    started = time.monotonic()
    if args.out.exists() and not args.overwrite:
        raise OutputError(f"{args.out} exists already", action="choose another folder, or say --overwrite")
    model = load(args.model, device=args.device)
    labels = model.label_set(args.labels)
    dataset = open_dataset(args.dataset, args.root, **parse_options(args.option))
    if args.calibrate_fold and (args.windows != "middle" or args.channels):
        raise InputError(
            "probabilities are fitted on the middle of whole records",
            action="leave out --windows and --channels, or --calibrate-fold",
        )
    for warning in seen_data_warnings(model.bundle.described["training"], dataset.name, args.fold):
        print(f"warning: {warning}", file=sys.stderr)
    if args.calibrate_fold:
        refuse_overlap(dataset, args.calibrate_fold, args.fold)
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
    command = shlex.join(["medclip", *given])
    write_evaluation(
        evaluation,
        args.out,
        command=command,
        duration_s=time.monotonic() - started,
        overwrite=args.overwrite,
        further={"calibration.json": calibrated.calibration.to_json()} if calibrated else {},
    )
    print(evaluation_table(evaluation))
    for code, reason in calibrated.calibration.left_out.items() if calibrated else ():
        print(f"{code} is not calibrated: {reason}")
    print(f"wrote {args.out}")
    return 0


def _is_zeroshot(given: Sequence[str]) -> bool:
    words = list(given)
    return "--task=zeroshot" in words or ("--task" in words and words[words.index("--task") + 1 :][:1] == ["zeroshot"])


def _parser() -> Parser:
    parser = Parser(
        prog="medclip evaluate",
        description="Measure how well zero-shot scores rank the records of a data set. Research use only.\n"
        "medclip evaluate --task retrieval --help and --task localisation --help explain two other measurements,\n"
        "medclip evaluate --benchmark NAME --help explains the benchmarks of several data sets.",
        example="medclip evaluate --model BUNDLE --dataset simulated --labels simulated --fold 10 --out results",
    )
    add_model(parser)
    add_dataset(parser)
    parser.add_argument("--task", choices=["zeroshot", "retrieval", "localisation"], help="default: zeroshot")
    parser.add_argument("--labels", required=True, metavar="NAME", help="label set, see medclip data labels")
    parser.add_argument("--fold", nargs="+", default=None, metavar="FOLD", help="folds to evaluate on; default: all")
    add_prompts(parser)
    parser.add_argument(
        "--ensemble",
        metavar="NAME",
        help="how sentences are joined: mean, centred (relative to the mean training recording), zpe (weights from the "
        "records, without labels) or chils (the label set's hierarchy); default: that of the modality",
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
    parser.add_argument("--resamples", type=count, default=1000, metavar="N", help="bootstrap resamples; default: 1000")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the bootstrap; default: 0")
    parser.add_argument("--device", default="cpu", help="where to compute; default: cpu")
    return parser
