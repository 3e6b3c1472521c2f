"""``medclip zeroshot FILE... --model BUNDLE --labels LABEL_SET``."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medclip.cli.arguments import Parser

if TYPE_CHECKING:
    from medclip.zeroshot.findings import Findings

__all__ = ["main"]


def main(given: Sequence[str]) -> int:
    """Score recordings from raw files; a file that cannot be used is reported and the others still answered."""
    parser = Parser(
        prog="medclip zeroshot",
        description="Score every finding of a label set for recordings from files. Research use only.",
    )
    parser.add_argument("files", nargs="+", type=Path, help="recordings, of any format that medclip reads")
    parser.add_argument("--model", required=True, type=Path, help="bundle that medclip fit saved")
    parser.add_argument("--labels", required=True, help="label set, for example one of: medclip data labels")
    parser.add_argument("--prompts", help="prompt set by name or JSON file; default: the one of the label set")
    parser.add_argument("--ensemble", metavar="NAME", help="mean or chils; default: that of the modality")
    parser.add_argument("--calibration", type=Path, metavar="FILE", help="calibration.json of medclip evaluate")
    parser.add_argument("--json", action="store_true", help="print one JSON object per file instead of tables")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw each recording with its findings into DIR")
    parser.add_argument("--device", default="cpu", help="where to compute; default cpu")
    args = parser.parse_args(given[1:])

    from medclip.core.errors import MedclipError
    from medclip.core.label_set import LabelSet
    from medclip.data.access import read
    from medclip.zeroshot.calibration import Calibration
    from medclip.zeroshot.model import load

    labels = LabelSet.load(args.labels)
    model = load(args.model, device=args.device)
    classifier = model.classifier(labels, args.prompts, ensemble=args.ensemble)
    calibration = Calibration.read(args.calibration) if args.calibration else None
    if calibration is not None:
        model.calibrated(classifier, calibration, labels, args.prompts)
    diagnose = functools.partial(
        model.diagnose, labels=labels, prompts=args.prompts, ensemble=args.ensemble, calibration=calibration
    )
    n_failed = 0
    for path in args.files:
        try:
            findings = diagnose(read(path))
            picture = _draw(findings, path, args.plot) if args.plot else None
        except MedclipError as error:
            n_failed += 1
            print(f"medclip: {path}: {error}", file=sys.stderr)
            continue
        _show(path, findings, picture, as_json=args.json)
    return 2 if n_failed else 0


def _show(path: Path, findings: Findings, picture: Path | None, *, as_json: bool) -> None:
    if as_json:
        answer: dict[str, Any] = {"file": str(path)} | findings.to_dict()
        print(json.dumps(answer | ({"plot": str(picture)} if picture else {}), ensure_ascii=False))
        return
    print(f"{path}\n{findings}")
    if picture:
        print(f"drawn: {picture}")
    print()


def _draw(findings: Findings, path: Path, folder: Path) -> Path:
    from medclip.core.files import write_whole

    target = folder / f"{path.stem}.png"
    figure = findings.plot()
    with write_whole(target) as temporary:
        figure.savefig(temporary, format="png")
    return target
