"""``medclip demo``: from nothing to a zero-shot diagnosis of patients that the model has no labels for."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.cli.arguments import Parser

if TYPE_CHECKING:
    from medclip.core.dataset import Dataset
    from medclip.core.label_set import LabelSet
    from medclip.zeroshot.model import Model

__all__ = ["main"]

_DATASET = "simulated"
_UNSEEN_FOLD = "10"
_MARK = ".medclip-demo"


def main(given: Sequence[str]) -> int:
    """Train on simulated recordings and their reports, then diagnose simulated patients that were held out."""
    parser = Parser(
        prog="medclip demo",
        description="Train on simulated recordings and their reports, then diagnose simulated patients that the model\n"
        "has not seen and has no labels for. Needs no data and no network.",
        example="medclip demo --out runs/demo",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/demo"),
        metavar="DIR",
        help="new folder for everything; default: runs/demo",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier demo in DIR")
    parser.add_argument("--recipe", metavar="RECIPE", help="recipe on simulated recordings; default: the demo's own")
    args = parser.parse_args(given[1:])

    from medclip.cli import evaluate, train
    from medclip.core.label_set import LabelSet
    from medclip.core.modality import find_dataset
    from medclip.core.recipes import find_recipe
    from medclip.zeroshot.model import load

    started = time.monotonic()
    modality = find_dataset(_DATASET)[0].name
    recipe = find_recipe(args.recipe or f"{modality}/demo")
    _prepare(args.out, overwrite=args.overwrite)
    store = args.out / "store"
    train.main(
        ["fit", "--config", str(recipe), "--trainer.default_root_dir", str(args.out), "--data.store", str(store)]
    )
    bundle, results = args.out / "bundle", args.out / "evaluation"
    chosen = ["--dataset", str(store), "--labels", _DATASET, "--fold", _UNSEEN_FOLD]
    evaluate.main(["evaluate", "--model", str(bundle), *chosen, "--out", str(results)])
    model, labels = load(bundle), LabelSet.load(_DATASET)
    picture = _draw_one(model, labels, store, args.out)
    print(f"the unseen patient with most findings: {picture}")
    print(f"done in {time.monotonic() - started:.0f} s")
    return 0


def _prepare(folder: Path, *, overwrite: bool) -> None:
    """Make the folder; replace only what an earlier demo left."""
    from medclip.core.errors import OutputError
    from medclip.core.files import output_errors

    with output_errors(folder):
        if folder.exists() and (folder.is_file() or any(folder.iterdir())):
            if not (overwrite and (folder / _MARK).is_file()):
                raise OutputError(
                    f"{folder} exists already", action="choose another --out, or say --overwrite to replace a demo"
                )
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARK).touch()


def _draw_one(model: Model, labels: LabelSet, store: Path, folder: Path) -> Path:
    """Diagnose and draw the unseen record with most abnormal findings, the first of several."""
    from medclip.core.files import write_whole
    from medclip.data.store import PackedStore

    dataset: Dataset = PackedStore(store)
    table = dataset.labels(labels.name)
    abnormal = [column for column, finding in enumerate(labels.findings) if finding.polarity == "abnormal"]
    unseen = [position for position, info in enumerate(dataset.records) if info.fold == _UNSEEN_FOLD]
    index = max(unseen, key=lambda position: (table.values[position, abnormal] == 1.0).sum())
    findings = model.diagnose(dataset[index], labels=labels)
    print(findings)
    target = folder / "unseen_patient.png"
    figure = findings.plot()
    with write_whole(target) as temporary:
        figure.savefig(temporary, format="png")
    return target
