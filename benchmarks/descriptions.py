"""Do descriptions help? Macro AUROC of every prompt strategy on the same embeddings.

    python benchmarks/descriptions.py --root data/ptbxl --model runs/seed0/bundle runs/seed1/bundle runs/seed2/bundle \
        --fold 9 [--published CKEPE_prompt.json] [--strategies name definition] [--out descriptions.json]

Each model embeds the records once. A row of the result is one way to write prompts; its number is the mean over models
of the macro AUROC, its interval comes from resampling patients, the same for every row. Controls:

- ``shuffled``: every class gets texts drawn at random from all texts of the default prompts, whatever their class and
  side, 20 times; must come to about 0.5.
- ``wrong class``: the default prompts of another class, whole, 20 times. What is left above 0.5 is what any abnormal
  description has in common with any abnormal recording.
- ``published``: comma lists such as MERL's, each list one text and no negative sentences, as MERL scores them.
- ``negations``: scored by closeness to the denial of each finding ("No atrial fibrillation.") alone. A model that
  understands denial ranks the wrong way round, below 0.5; one that only sees the name ranks as the name does.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import medclip
from medclip.core.dataset import Dataset
from medclip.core.label_set import LabelSet
from medclip.evaluation.bootstrap import resampled_auroc
from medclip.evaluation.metrics import auroc
from medclip.evaluation.records import select_records
from medclip.prompts.builder import build_prompts
from medclip.prompts.prompt_set import PromptSet
from medclip.results.tables import format_interval, format_number, format_table
from medclip.zeroshot.ensemble import NEGATIVE_SHARE
from medclip.zeroshot.model import Model

LABEL_SETS = ("ptbxl-superclass", "ptbxl-subclass", "ptbxl-form", "ptbxl-rhythm")
STRATEGIES = ("name", "templates", "definition", "synonyms", "composed", "reports")
N_SHUFFLES = 20
Sides = Mapping[str, tuple[Sequence[str], Sequence[str]]]
"""Positive and negative texts by class; no negative ones means that the positive similarity alone is the score."""


@dataclass(frozen=True)
class Records:
    """The evaluated records of one label set: labels, patients, and embeddings ``(N, D)`` by model."""

    labels: LabelSet
    values: np.ndarray
    patients: list[str]
    embeddings: list[Tensor]


def main() -> int:
    """Print one table: a row for every way to write prompts, a column for every label set."""
    options = parse()
    dataset = medclip.open_dataset("ptbxl", root=options.root)
    models = [medclip.load(folder) for folder in options.model]
    embedded = [embed_records(model, dataset, options.fold) for model in models]
    rows: dict[str, dict[str, dict[str, object]]] = {}
    for name in LABEL_SETS:
        labels = LabelSet.load(name)
        records = records_of(dataset, labels, options.fold, embedded)
        for row, scores in all_scores(models, records, options):
            rows.setdefault(row, {})[name] = summarise(scores, records, options.seed)
    show(rows)
    if options.out is not None:
        settings = {"command": " ".join(sys.argv), "models": [model.bundle.digest for model in models]}
        options.out.write_text(json.dumps({**settings, "rows": rows}, indent=2) + "\n", encoding="utf-8")
    return 0


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, type=Path, help="PTB-XL in its own layout")
    parser.add_argument("--model", required=True, nargs="+", type=Path, help="bundles, one per seed")
    parser.add_argument("--fold", nargs="+", default=["9"], help="folds to evaluate on; default 9")
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES), help=f"default: {' '.join(STRATEGIES)}")
    parser.add_argument("--published", type=Path, help="a file of comma lists by class")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap and of shuffling; default 0")
    parser.add_argument("--out", type=Path, help="JSON file for the numbers")
    return parser.parse_args()


def embed_records(model: Model, dataset: Dataset, folds: Sequence[str]) -> dict[int, Tensor]:
    """Embed all records of some folds, by their number in the data set."""
    chosen = [index for index, info in enumerate(dataset.records) if str(info.fold) in folds]
    rows = [model.embed([dataset[index] for index in chosen[at : at + 64]]) for at in range(0, len(chosen), 64)]
    return dict(zip(chosen, torch.cat(rows), strict=True))


def records_of(
    dataset: Dataset, labels: LabelSet, folds: Sequence[str], embedded: Sequence[Mapping[int, Tensor]]
) -> Records:
    """Keep the records that are assessed in a label set."""
    table = dataset.labels(labels.name).select(labels.codes)
    chosen = select_records(dataset, table.values, folds)
    return Records(
        labels,
        table.rows(chosen).values,
        [dataset.records[index].patient_id for index in chosen],
        [torch.stack([rows[index] for index in chosen]) for rows in embedded],
    )


def all_scores(
    models: Sequence[Model], records: Records, options: argparse.Namespace
) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield each row's name and its scores by model (and by shuffle)."""
    shipped = sides_of(PromptSet.load(records.labels.name).for_labels(records.labels))
    yield "default", score(models, records, shipped)
    for strategy in options.strategies:
        prompts = sides_of(build_prompts(records.labels, strategy))
        yield strategy, score(models, records, prompts)
        if strategy == "name":
            yield "negations", score(models, records, {code: (sides[1], ()) for code, sides in prompts.items()})
    if options.published is not None:
        yield "published", score(models, records, published(options.published, records.labels))
    for control, change in (("wrong class", exchange), ("shuffled", shuffle)):
        generator = np.random.default_rng(options.seed)
        drawn = [score(models, records, change(shipped, generator)) for _ in range(N_SHUFFLES)]
        yield control, [scores for one in drawn for scores in one]


def sides_of(prompts: PromptSet) -> Sides:
    """Return the texts of a prompt set."""
    return {code: (entry.positive, entry.negative) for code, entry in prompts.prompts.items()}


def published(path: Path, labels: LabelSet) -> Sides:
    """Return the comma list of each class as one text; a class without a list is described by its name."""
    lists = json.loads(path.read_text(encoding="utf-8"))
    # MERL's file leaves out the underscore at the end of PTB-XL's codes.
    found = {code: lists.get(code) or lists.get(code.rstrip("_"), "") for code in labels.codes}
    return {code: ((text.lower() or labels.finding(code).name,), ()) for code, text in found.items()}


def shuffle(sides: Sides, generator: np.random.Generator) -> Sides:
    """Deal all texts anew, as many to each class and side as it had."""
    texts = [text for both in sides.values() for side in both for text in side]
    dealt = iter(generator.permutation(len(texts)).tolist())
    return {
        code: (tuple(texts[next(dealt)] for _ in one), tuple(texts[next(dealt)] for _ in other))
        for code, (one, other) in sides.items()
    }


def exchange(sides: Sides, generator: np.random.Generator) -> Sides:
    """Hand every class the prompts of another one."""
    codes = list(sides)
    order = generator.permutation(len(codes))
    # A rotation along a random order leaves no class its own prompts.
    return {codes[order[at]]: sides[codes[order[at - 1]]] for at in range(len(codes))}


def score(models: Sequence[Model], records: Records, sides: Sides) -> list[np.ndarray]:
    """Score the records with every model as the ensemble ``centred`` does, up to a constant per class."""
    return [
        (model.bundle.scale * rows @ directions(model, records.labels, sides).T).double().numpy()
        for model, rows in zip(models, records.embeddings, strict=True)
    ]


def directions(model: Model, labels: LabelSet, sides: Sides) -> Tensor:
    """Return one direction ``(C, D)`` per class."""
    texts = list(dict.fromkeys(text for code in labels.codes for side in sides[code] for text in side))
    embedded = dict(zip(texts, model.embed_texts(texts), strict=True))

    def mean(side: Sequence[str]) -> Tensor:
        if not side:
            return torch.zeros_like(embedded[texts[0]])
        return torch.nn.functional.normalize(torch.stack([embedded[text] for text in side]).mean(dim=0), dim=0)

    return torch.stack([mean(sides[code][0]) - NEGATIVE_SHARE * mean(sides[code][1]) for code in labels.codes])


def summarise(scores: Sequence[np.ndarray], records: Records, seed: int) -> dict[str, object]:
    """Mean over models of the macro AUROC, with an interval over patients."""
    each = [float(np.nanmean(auroc(table, records.values))) for table in scores]
    resampled = [
        np.nanmean(resampled_auroc(table, records.values, records.patients, n_resamples=1000, seed=seed), axis=1)
        for table in scores
    ]
    low, high = np.quantile(np.mean(resampled, axis=0), (0.025, 0.975))
    return {"macro_auroc": float(np.mean(each)), "ci95": [float(low), float(high)], "by_model": each}


def show(rows: Mapping[str, Mapping[str, Mapping[str, object]]]) -> None:
    """Print the table."""
    lines = []
    for row, columns in rows.items():
        numbers = [float(str(cell["macro_auroc"])) for cell in columns.values()]
        cells = [
            f"{format_number(float(str(cell['macro_auroc'])))} ({format_interval(tuple(cell['ci95']))})"  # type: ignore[arg-type]
            for cell in columns.values()
        ]
        lines.append((row, *cells, format_number(float(np.mean(numbers)))))
    sys.stdout.write(format_table(lines, ("prompts", *LABEL_SETS, "mean")) + "\n")


if __name__ == "__main__":
    sys.exit(main())
