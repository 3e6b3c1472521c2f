"""``medclip evaluate --task retrieval`` and ``--task localisation``."""

from __future__ import annotations

import math
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medclip.cli.arguments import Parser, add_dataset, add_model, add_prompts, count

__all__ = ["TASKS", "main"]

TASKS = ("zeroshot", "retrieval", "localisation")


def main(given: Sequence[str]) -> int:
    """Evaluate one task and write its numbers and its table."""
    args = _parser().parse_args(given[1:])

    from tqdm import tqdm

    from medclip.cli.options import parse_options
    from medclip.core.errors import OutputError
    from medclip.data.access import open_dataset
    from medclip.evaluation.seen_data import seen_data_warnings
    from medclip.zeroshot.model import load

    started = time.monotonic()
    if args.out.exists() and not args.overwrite:
        raise OutputError(f"{args.out} exists already", action="choose another folder, or say --overwrite")
    model = load(args.model, device=args.device)
    labels = model.label_set(args.labels) if args.task == "localisation" else None
    dataset = open_dataset(args.dataset, args.root, **parse_options(args.option))
    for warning in seen_data_warnings(model.bundle.described["training"], dataset.name, args.fold):
        print(f"warning: {warning}", file=sys.stderr)
    shared: dict[str, Any] = {"folds": args.fold, "n_resamples": args.resamples, "seed": args.seed}
    with tqdm(desc=f"{args.task} on {dataset.name}", unit=" records", disable=None) as bar:
        if labels is None:
            from medclip.evaluation.report_retrieval import evaluate_retrieval
            from medclip.results.places import retrieval_table

            found = evaluate_retrieval(
                model, dataset, skip_unreadable=args.skip_unreadable, progress=bar.update, **shared
            )
            tables = retrieval_table(found), retrieval_table(found, markdown=True)
            described = found.to_dict()
        else:
            from medclip.evaluation.localisation import evaluate_localisation
            from medclip.results.places import localisation_table

            pointed = evaluate_localisation(
                model,
                dataset,
                labels,
                findings=args.findings,
                prompts=args.prompts,
                ensemble=args.ensemble,
                progress=bar.update,
                **shared,
            )
            tables = localisation_table(pointed), localisation_table(pointed, markdown=True)
            described = pointed.to_dict()
    run = {"task": args.task, "command": shlex.join(["medclip", *given]), "duration_s": time.monotonic() - started}
    _write(args.out, described | run, tables, overwrite=args.overwrite)
    print(tables[0])
    print(f"wrote {args.out}")
    return 0


def _write(out: Path, described: dict[str, Any], tables: tuple[str, str], *, overwrite: bool) -> None:
    from medclip.core.files import new_folder, write_json
    from medclip.evaluation.protocol import software

    with new_folder(out, overwrite=overwrite) as folder:
        write_json(folder / "metrics.json", _plain(described | software()))
        for name, text in zip(("table.txt", "table.md"), tables, strict=True):
            (folder / name).write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    """JSON knows no NaN: what is undefined is None."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _parser() -> Parser:
    parser = Parser(
        prog="medclip evaluate --task",
        description="Measure retrieval (do recordings and their reports find each other?) or localisation (do maps of "
        "findings\npoint into annotated regions?). Research use only.",
        example="medclip evaluate --task localisation --model BUNDLE --dataset NAME --labels NAME --out results",
    )
    parser.add_argument("--task", required=True, choices=TASKS[1:])
    add_model(parser)
    add_dataset(parser)
    parser.add_argument("--labels", metavar="NAME", help="localisation: label set; default: the only one of the bundle")
    parser.add_argument(
        "--findings", nargs="+", metavar="CODE", help="localisation: findings; default: all with regions"
    )
    parser.add_argument("--fold", nargs="+", default=None, metavar="FOLD", help="folds to evaluate on; default: all")
    add_prompts(parser)
    parser.add_argument("--ensemble", metavar="NAME", help="how sentences are joined, see medclip evaluate --help")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="new folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="replace the results that DIR holds")
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="retrieval: leave out records that cannot be used"
    )
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="option of the data set, e.g. size_px=128"
    )
    parser.add_argument("--resamples", type=count, default=1000, metavar="N", help="bootstrap resamples; default: 1000")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the bootstrap; default: 0")
    parser.add_argument("--device", default="cpu", help="where to compute; default: cpu")
    return parser
