"""``medclip baselines``: a zero-shot model beside a supervised network and an untrained encoder."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medclip.cli.arguments import Parser, add_dataset, add_model, add_prompts, count

if TYPE_CHECKING:
    import numpy as np

    from medclip.core.dataset import LabelTable

__all__ = ["main"]


def main(given: Sequence[str]) -> int:
    """Evaluate a bundle and two baselines on the same records and print their differences with intervals."""
    args = _parser().parse_args(given[1:])

    from medclip.core.errors import InputError, OutputError
    from medclip.data.access import open_dataset
    from medclip.evaluation.baselines import prepared_records, random_encoder_probe, supervised_network
    from medclip.evaluation.records import select_records
    from medclip.evaluation.zeroshot import evaluate_zeroshot
    from medclip.training.memory import keep_freed_memory
    from medclip.zeroshot.model import load

    if set(args.train_fold) & set(args.fold):
        raise InputError("a fold is both trained on and evaluated", received=args.train_fold, allowed="other folds")
    if args.out is not None and args.out.exists():
        raise OutputError(f"{args.out} exists already", action="choose another file")
    keep_freed_memory()
    model = load(args.model)
    labels = model.label_set(args.labels)
    dataset = open_dataset(args.dataset, args.root)
    table = dataset.labels(labels.name).select(labels.codes)
    train = select_records(dataset, table.values, args.train_fold)
    test = select_records(dataset, table.values, args.fold)
    spec = model.input_specs[dataset.modality]
    inputs = prepared_records(dataset, train, spec), prepared_records(dataset, test, spec)
    encoder = model.bundle.described["towers"][dataset.modality]["encoder"]
    known = table.rows(train).values
    patients = [dataset.records[record].patient_id for record in train]
    ours = evaluate_zeroshot(model, dataset, labels, folds=args.fold, prompts=args.prompts, seed=args.seed)
    scores = {
        f"zero-shot, {model.bundle.name}": ours.scores,
        "supervised network, same encoder": supervised_network(
            encoder, inputs[0], known, inputs[1], n_epochs=args.epochs, seed=args.seed
        ),
        "linear probe, untrained encoder": random_encoder_probe(
            encoder, inputs[0], known, inputs[1], patient_ids=patients, seed=args.seed
        ),
    }
    rows = _compare(scores, table.rows(test), [dataset.records[record].patient_id for record in test], args.seed)
    _report(rows, args, shlex.join(["medclip", *given]), n_train=len(train), n_test=len(test))
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="medclip baselines",
        description="Evaluate a bundle and two baselines on the same records: a network of the same kind trained with\n"
        "labels, and a linear probe of an untrained one. Prints their differences with intervals.",
        example="medclip baselines --model BUNDLE --dataset STORE --labels simulated --train-fold 1 2 3 --fold 10",
    )
    add_model(parser)
    add_dataset(parser)
    parser.add_argument("--labels", required=True, metavar="NAME", help="label set, see medclip data labels")
    parser.add_argument(
        "--train-fold", nargs="+", required=True, metavar="FOLD", help="folds whose labels are trained on"
    )
    parser.add_argument("--fold", nargs="+", required=True, metavar="FOLD", help="folds to evaluate on")
    add_prompts(parser)
    parser.add_argument(
        "--epochs", type=count, default=16, metavar="N", help="epochs of the supervised network; default: 16"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, order and bootstrap; default: 0")
    parser.add_argument("--out", type=Path, metavar="FILE", help="new JSON file for the numbers")
    return parser


def _compare(scores: dict[str, np.ndarray], labels: LabelTable, patients: list[str], seed: int) -> list[dict[str, Any]]:
    """Macro AUROC of each method over the classes that all can score, and ours minus theirs."""
    import numpy as np

    from medclip.evaluation.bootstrap import bootstrap_auroc, bootstrap_difference

    usable = np.all([np.isfinite(table).all(axis=0) for table in scores.values()], axis=0)
    values = labels.values[:, usable]
    first = next(iter(scores.values()))[:, usable]
    rows: list[dict[str, Any]] = []
    for name, table in scores.items():
        result = bootstrap_auroc(table[:, usable], values, patients, seed=seed)
        row = {"method": name, "macro_auroc": result.macro, "macro_auroc_ci95": list(result.macro_ci)}
        if rows:
            difference = bootstrap_difference(first, table[:, usable], values, patients, seed=seed)
            row |= {"zero_shot_minus_this": difference.macro, "difference_ci95": list(difference.macro_ci)}
        rows.append(row)
    return rows


def _report(rows: list[dict[str, Any]], args: Any, command: str, *, n_train: int, n_test: int) -> None:
    from medclip.core.files import write_json
    from medclip.results.tables import format_interval, format_number, format_table
    from medclip.zeroshot.findings import RESEARCH_USE

    shown = [
        (
            row["method"],
            format_number(row["macro_auroc"]),
            format_interval(tuple(row["macro_auroc_ci95"])),
            format_number(row["zero_shot_minus_this"]) if "zero_shot_minus_this" in row else "",
            format_interval(tuple(row["difference_ci95"])) if "difference_ci95" in row else "",
        )
        for row in rows
    ]
    print(f"{args.labels}: {n_train} records with labels for the baselines, {n_test} evaluated")
    print(format_table(shown, ("method", "macro AUROC", "95 % interval", "zero-shot minus this", "95 % interval")))
    print(RESEARCH_USE)
    if args.out is not None:
        write_json(
            args.out, {"command": command, "seed": args.seed, "n_train": n_train, "n_test": n_test, "rows": rows}
        )
