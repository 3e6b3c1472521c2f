"""``medclip zeroshot FILE... --model BUNDLE --labels LABEL_SET``."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medclip.cli.arguments import Parser, add_model, add_prompts, add_resampling, add_windows
from medclip.cli.names import FreeNames
from medclip.core.one_line import one_line
from medclip.core.record_name import record_name

if TYPE_CHECKING:
    from medclip.zeroshot.findings import Findings

__all__ = ["main"]


def main(given: Sequence[str]) -> int:
    """Score recordings from raw files; a file that cannot be used is reported and the others still answered."""
    args = _parser().parse_args(given[1:])

    from medclip.core.errors import MedclipError
    from medclip.data.access import read
    from medclip.zeroshot.calibration import Calibration
    from medclip.zeroshot.model import load

    pictures = _Pictures(args.plot) if args.plot else None
    model = load(args.model, device=args.device)
    labels = model.label_set(args.labels)
    # What is wrong with the prompts is wrong for every file: say it once.
    prompts = model.prompt_set(labels, args.prompts)
    classifier = model.classifier(labels, prompts, ensemble=args.ensemble)
    calibration = Calibration.read(args.calibration) if args.calibration else None
    if calibration is not None:
        model.calibrated(classifier, calibration, labels, prompts)
    diagnose = functools.partial(
        model.diagnose,
        labels=labels,
        prompts=prompts,
        ensemble=args.ensemble,
        calibration=calibration,
        windows=args.windows,
    )
    n_failed = 0
    for path in args.files:
        try:
            findings = diagnose(read(path, modality=labels.modality, allow_resampling=args.allow_resampling))
            picture = pictures.draw(findings, path) if pictures else None
        except MedclipError as error:
            n_failed += 1
            _complain(path, str(error))
            continue
        _show(path, findings, picture, as_json=args.json)
    return 2 if n_failed else 0


def _parser() -> Parser:
    parser = Parser(
        prog="medclip zeroshot",
        description="Score every finding of a label set for recordings from files. Research use only.\n"
        "A file that cannot be used is reported, and the others are still answered; the exit code is then 2.",
        example="medclip zeroshot recording.hea --model runs/demo/bundle --labels simulated",
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="recordings, of any format that medclip reads"
    )
    add_model(parser)
    parser.add_argument(
        "--labels", metavar="NAME", help="label set, see medclip data labels; default: the only one of the bundle"
    )
    add_prompts(parser)
    parser.add_argument("--ensemble", metavar="NAME", help="mean, centred, positive or chils; default: the bundle's")
    parser.add_argument("--calibration", type=Path, metavar="FILE", help="calibration.json of medclip evaluate")
    add_windows(parser, default="mean")
    add_resampling(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object per file, each on a line of its own")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw each recording with its findings into DIR")
    parser.add_argument("--device", default="cpu", help="where to compute; default: cpu")
    return parser


def _complain(path: Path, message: str) -> None:
    name = one_line(str(path))
    if sys.stderr is not None:
        print(f"medclip: {message if name in message else f'{name}: {message}'}", file=sys.stderr)


def _show(path: Path, findings: Findings, picture: Path | None, *, as_json: bool) -> None:
    if as_json:
        answer: dict[str, Any] = {"file": str(path)} | findings.to_dict()
        # In ASCII, so that it is JSON on every terminal and for every file name.
        print(json.dumps(answer | ({"plot": str(picture)} if picture else {})))
        return
    print(f"{one_line(str(path))}\n{findings}")
    if picture:
        print(f"drawn: {one_line(str(picture))}")
    print()


class _Pictures:
    """Draws into one folder; recordings that share a name do not overwrite each other.

    Args:
        folder: Made when the first picture is; pictures of an earlier run are replaced.

    Raises:
        OutputError: It is no folder.
    """

    def __init__(self, folder: Path) -> None:
        from medclip.core.errors import OutputError

        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder} is no folder", action="choose another --plot")
        self._folder = folder
        self._names = FreeNames()

    def draw(self, findings: Findings, path: Path) -> Path:
        from medclip.core.files import write_whole

        figure = findings.plot()
        target = self._folder / f"{self._names.free(record_name(path))}.png"
        with write_whole(target) as temporary:
            figure.savefig(temporary, format="png")
        return target
