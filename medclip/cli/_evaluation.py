"""What all tasks of ``medclip evaluate`` share: options, and the model and data set that they name."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.cli.arguments import Parser, add_dataset, add_model, count

if TYPE_CHECKING:
    from medclip.core.dataset import Dataset
    from medclip.zeroshot.model import Model

__all__ = ["TASKS", "add_evaluation", "add_labels", "load_model", "open_named", "task_of"]

TASKS = {
    "zeroshot": "how well scores rank the records",
    "retrieval": "whether recordings and their reports find each other",
    "localisation": "whether maps of findings point into annotated regions",
}
"""Names of the tasks, the first by default, and what each measures."""


def task_of(given: list[str]) -> str:
    """Return the task that a command line names.

    Raises:
        InputError: There is no such task, or none is named.
    """
    from medclip.core.errors import InputError

    parser = Parser(prog="medclip evaluate", add_help=False)
    parser.add_argument("--task", default=next(iter(TASKS)))
    task: str = parser.parse_known_args(given)[0].task
    if task not in TASKS:
        raise InputError("unknown task", received=task, allowed=TASKS, action="try medclip evaluate --help")
    return task


def add_evaluation(parser: Parser, *, option: str) -> None:
    """Add what is evaluated on what, and where the numbers go; ``option`` is an example of one of a data set."""
    add_model(parser)
    add_dataset(parser)
    parser.add_argument("--fold", nargs="+", default=None, metavar="FOLD", help="folds to evaluate on; default: all")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="new folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="replace the results that DIR holds")
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help=f"option of the data set, e.g. {option}"
    )
    parser.add_argument("--resamples", type=count, default=1000, metavar="N", help="bootstrap resamples; default: 1000")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the bootstrap; default: 0")
    parser.add_argument("--device", default="cpu", help="where to compute; default: cpu")


def add_labels(parser: Parser) -> None:
    """Add the label set."""
    parser.add_argument(
        "--labels", metavar="NAME", help="label set, see medclip data labels; default: the only one of the bundle"
    )


def load_model(args: argparse.Namespace) -> Model:
    """Load the bundle, once there is room for what it will be asked.

    Raises:
        OutputError: The output folder exists.
        BundleError: The bundle cannot be loaded.
    """
    from medclip.core.errors import OutputError
    from medclip.zeroshot.model import load

    if args.out.exists() and not args.overwrite:
        raise OutputError(f"{args.out} exists already", action="choose another folder, or say --overwrite")
    return load(args.model, device=args.device)


def open_named(args: argparse.Namespace, model: Model) -> Dataset:
    """Open the data set, and warn of what the model has seen of it.

    Raises:
        DatasetError: It is unknown, or lacks its folder or a file in it.
        ConfigError: It has no such option.
    """
    from medclip.cli.options import parse_options
    from medclip.data.access import open_dataset
    from medclip.evaluation.seen_data import seen_data_warnings

    dataset = open_dataset(args.dataset, args.root, **parse_options(args.option))
    for warning in seen_data_warnings(model.bundle.described["training"], dataset.name, args.fold):
        print(f"warning: {warning}", file=sys.stderr)
    return dataset
