"""``medclip map FILE... --model BUNDLE --labels LABEL_SET --out DIR``."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.cli.arguments import Parser, add_model, add_prompts, add_resampling
from medclip.cli.names import FreeNames
from medclip.core.files import output_errors, write_whole
from medclip.core.one_line import one_line
from medclip.core.record_name import record_name

if TYPE_CHECKING:
    from medclip.core.finding_map import FindingMap
    from medclip.core.label_set import LabelSet
    from medclip.core.modality import MapWriter
    from medclip.core.sample import Sample
    from medclip.zeroshot.model import Model

__all__ = ["main"]

_PICTURE = "png"
_SHOWN = 3


def main(given: Sequence[str]) -> int:
    """Write maps of findings; a file that cannot be used is reported and the others are still answered."""
    args = _parser().parse_args(given[1:])

    from medclip.core.errors import MedclipError, OutputError
    from medclip.data.access import read
    from medclip.zeroshot.findings import RESEARCH_USE
    from medclip.zeroshot.model import load

    model = load(args.model, device=args.device)
    labels = model.label_set(args.labels)
    model.prompt_set(labels, args.prompts)
    writers = _writers(labels.modality, args.format)
    # Said once, before anything is read.
    args.findings = labels.matching(args.findings) if args.findings else None
    if args.out.exists() and not args.out.is_dir():
        raise OutputError(f"{args.out} is no folder", action="choose another --out")
    n_failed, names = 0, FreeNames()
    for path in args.files:
        try:
            sample = read(path, modality=labels.modality, allow_resampling=args.allow_resampling)
            made = list(_written(model, labels, sample, path, writers, args, names))
        except MedclipError as error:
            n_failed += 1
            name = one_line(str(path))
            if sys.stderr is not None:
                message = str(error)
                print(f"medclip: {message if name in message else f'{name}: {message}'}", file=sys.stderr)
            continue
        print("\n".join([one_line(str(path)), *made, ""]))
    if n_failed < len(args.files):
        print(f"A map shows what a score rests on, which is not always where the disease is.\n{RESEARCH_USE}")
    return 2 if n_failed else 0


def _writers(modality: str, wanted: Sequence[str]) -> Mapping[str, MapWriter | None]:
    from medclip.core.errors import InputError
    from medclip.core.modality import find_modality

    known: dict[str, MapWriter | None] = {_PICTURE: None, **find_modality(modality).map_writers()}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError("maps are not written in this format", received=unknown, allowed=known)
    return {name: known[name] for name in wanted}


def _written(
    model: Model,
    labels: LabelSet,
    sample: Sample,
    path: Path,
    writers: Mapping[str, MapWriter | None],
    args: argparse.Namespace,
    names: FreeNames,
) -> Iterator[str]:
    """Write the maps of one file, all of them or none, and say of each where it is highest."""
    findings = model.diagnose(sample, labels=labels, prompts=args.prompts)
    yield from (f"  {issue.severity}: {issue.message}" for issue in findings.quality)
    yield from (f"  note: {note}" for note in findings.notes)
    chosen = args.findings or [entry.code for entry in findings.scores if entry.polarity == "abnormal"][:_SHOWN]
    maps = model.maps(sample, chosen, labels=labels, prompts=args.prompts)
    stem = names.free(record_name(path))
    with output_errors(args.out), tempfile.TemporaryDirectory() as folder:
        made = [
            (found, _write(found, sample, path, stem, name, writer, Path(folder)))
            for found in maps
            for name, writer in writers.items()
        ]
        args.out.mkdir(parents=True, exist_ok=True)
        for found, temporary in made:
            target = args.out / temporary.name
            with write_whole(target) as beside:
                shutil.copyfile(temporary, beside)
            yield f"  {found.name}: score {found.score:.2f}, {_place(found, sample)}; {one_line(str(target))}"


def _write(
    found: FindingMap, sample: Sample, path: Path, stem: str, name: str, writer: MapWriter | None, folder: Path
) -> Path:
    code = "".join(letter if letter.isalnum() else "_" for letter in found.code)
    # Formats of one ending are told apart by their names.
    format_name = f"-{name}" if name.startswith("dicom") else ""
    target = folder / f"{stem}-{code}{format_name}{'.png' if writer is None else writer.suffix}"
    if writer is None:
        sample.plot(findings=[(found.name, found.score)], heat=found.values).savefig(target, format="png")
    else:
        writer.write(found, sample, path, target)
    return target


def _place(found: FindingMap, sample: Sample) -> str:
    at = ", ".join(str(index + 1) for index in found.peak)
    of = " x ".join(map(str, sample.array.shape))
    return f"highest at {at} of {of}"


def _parser() -> Parser:
    parser = Parser(
        prog="medclip map",
        description="Show where in an image a finding is seen. Research use only.\n"
        "A file that cannot be used is reported, and the others are still answered; the exit code is then 2.",
        example="medclip map chest.dcm --model BUNDLE --labels chexpert --findings Edema --out maps",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="images: files, folders or archives")
    add_model(parser)
    parser.add_argument(
        "--labels", metavar="NAME", help="label set, see medclip data labels; default: the only one of the bundle"
    )
    add_prompts(parser)
    parser.add_argument(
        "--findings", nargs="+", metavar="CODE", help=f"codes of the label set; default: the {_SHOWN} highest scores"
    )
    parser.add_argument(
        "--format",
        nargs="+",
        default=[_PICTURE],
        metavar="NAME",
        help="png (default), and what the kind of image allows: nifti, dicom-parametric, dicom-seg. DICOM objects name "
        "the patient as their source does",
    )
    add_resampling(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the maps; made if needed")
    parser.add_argument("--device", default="cpu", help="where to compute; default: cpu")
    return parser
