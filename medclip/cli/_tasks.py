"""``medclip evaluate --task retrieval`` and ``--task localisation``."""

from __future__ import annotations

import argparse
import math
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from medclip.cli._evaluation import TASKS, add_evaluation, add_labels, load_model, open_named
from medclip.cli.arguments import Parser, add_prompts

if TYPE_CHECKING:
    from medclip.zeroshot.model import Model

__all__ = ["main"]


class _Found(NamedTuple):
    """What a task measured: plain types, and the table for a terminal and for Markdown."""

    described: dict[str, Any]
    tables: tuple[str, str]


_EXAMPLES = {
    "retrieval": "medclip evaluate --task retrieval --model BUNDLE --dataset NAME --fold test --out results",
    "localisation": "medclip evaluate --task localisation --model BUNDLE --dataset NAME --labels NAME --out results",
}


def main(given: Sequence[str], task: str) -> int:
    """Evaluate one task and write its numbers and its table."""
    args = _parser(task).parse_args(given[1:])
    started = time.monotonic()
    found = _MEASURES[task](args, load_model(args))
    run = {"task": task, "command": shlex.join(["medclip", *given]), "duration_s": time.monotonic() - started}
    _write(args.out, found.described | run, found.tables, overwrite=args.overwrite)
    print(found.tables[0])
    print(f"wrote {args.out}")
    return 0


def _retrieval(args: argparse.Namespace, model: Model) -> _Found:
    from tqdm import tqdm

    from medclip.evaluation.report_retrieval import evaluate_retrieval
    from medclip.results.places import retrieval_table

    dataset = open_named(args, model)
    with tqdm(desc=f"retrieval on {dataset.name}", unit=" records", disable=None) as bar:
        found = evaluate_retrieval(
            model,
            dataset,
            folds=args.fold,
            n_resamples=args.resamples,
            seed=args.seed,
            skip_unreadable=args.skip_unreadable,
            progress=bar.update,
        )
    return _Found(found.to_dict(), (retrieval_table(found), retrieval_table(found, markdown=True)))


def _localisation(args: argparse.Namespace, model: Model) -> _Found:
    from tqdm import tqdm

    from medclip.evaluation.localisation import evaluate_localisation
    from medclip.results.places import localisation_table

    labels = model.label_set(args.labels)
    findings = labels.matching(args.findings) if args.findings else None
    dataset = open_named(args, model)
    with tqdm(desc=f"localisation on {dataset.name}", unit=" records", disable=None) as bar:
        found = evaluate_localisation(
            model,
            dataset,
            labels,
            folds=args.fold,
            findings=findings,
            prompts=args.prompts,
            ensemble=args.ensemble,
            n_resamples=args.resamples,
            seed=args.seed,
            progress=bar.update,
        )
    return _Found(found.to_dict(), (localisation_table(found), localisation_table(found, markdown=True)))


_MEASURES: Mapping[str, Callable[[argparse.Namespace, Model], _Found]] = {
    "retrieval": _retrieval,
    "localisation": _localisation,
}


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


def _parser(task: str) -> Parser:
    parser = Parser(
        prog=f"medclip evaluate --task {task}",
        description=f"Measure {TASKS[task]}. Research use only.",
        example=_EXAMPLES[task],
    )
    # It stands in the name of the program already.
    parser.add_argument("--task", choices=[task], help=argparse.SUPPRESS)
    add_evaluation(parser, option="size=128")
    if task == "retrieval":
        parser.add_argument("--skip-unreadable", action="store_true", help="leave out records that cannot be used")
        return parser
    add_labels(parser)
    parser.add_argument("--findings", nargs="+", metavar="CODE", help="findings; default: all with regions")
    add_prompts(parser)
    parser.add_argument("--ensemble", metavar="NAME", help="how sentences are joined, see medclip evaluate --help")
    return parser
