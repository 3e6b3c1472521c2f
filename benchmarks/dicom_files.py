"""What becomes of every DICOM file of a folder: read as what, or refused why.

    python benchmarks/dicom_files.py ../shared/data > docs/dicom-files.md

Files of one folder with the same outcome are one row. Names made of unique identifiers are not printed.
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from pathlib import Path

import medclip
from medclip.core.errors import MedclipError
from medclip.core.sample import Sample
from medclip.modalities.imaging.dicom_file import is_dicom
from medclip.modalities.imaging.dicom_kind import sniffed_kind

_HEAD_BYTES = 4096
_MOST_NAMES = 4
_HEADING = """# Every DICOM file at hand

What `medclip.read` makes of every DICOM image, report and plan of the test data, first one file at a time and then by
folder: an image, or a refusal in one line. A slice of a CT series is refused alone, because a volume is a folder.
Written by `benchmarks/dicom_files.py`; tests read every file again, each in less than 5 s.

| folder | files | kind | outcome |
| --- | --- | --- | --- |"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="folder of data")
    parser.add_argument("folders", nargs="*", default=["ct", "cxr"], help="folders in it")
    arguments = parser.parse_args()
    paths = [path for folder in arguments.folders for path in sorted((arguments.root / folder).rglob("*"))]
    kinds = {path: kind for path in paths if (kind := _kind(path))}
    folders = sorted({path.parent for path in kinds})
    rows: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for path, kind in kinds.items():
        rows[_place(path.parent, arguments.root), kind, _outcome(path)].append(path.name)
    print(_HEADING)
    for (folder, kind, outcome), names in rows.items():
        print(f"| {folder} | {_names(names)} | {kind} | {outcome} |")
    for folder in folders:
        print(f"| {_place(folder, arguments.root)} | the whole folder | folder | {_outcome(folder)} |")
    n_read = sum(len(names) for (_, _, outcome), names in rows.items() if outcome.startswith("read"))
    print(f"\n{len(kinds)} files, of which {n_read} are read alone; {len(folders)} folders.")


def _place(folder: Path, root: Path) -> str:
    return str(folder.relative_to(root))


def _kind(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    kind = sniffed_kind(path, head) if is_dicom(head) else None
    return kind.description.partition(" (")[0] if kind else ""


def _outcome(path: Path) -> str:
    try:
        sample = medclip.read(path)
    except MedclipError as error:
        message = (
            str(error)
            .replace(f"{path}#", "FOLDER#")
            .replace(f"{path.name}#", "FOLDER#")
            .replace(str(path), "it")
            .replace(path.name, "it")
        )
        return f"refused: {message}".replace("|", "/")
    return f"read as {_described(sample)}"


def _described(sample: Sample) -> str:
    size = " x ".join(map(str, sample.array.shape))
    spacing = " x ".join(f"{step:.3g}" for step in sample.spacing_mm) + " mm" if sample.spacing_mm else "no spacing"
    view = [str(sample.attributes[key]) for key in ("view", "projection") if key in sample.attributes]
    notes = "; ".join(sample.attributes.get("notes", ()))
    return ", ".join([sample.modality, size, spacing, *view]) + (f". {notes[:1].upper()}{notes[1:]}" if notes else "")


def _names(names: list[str]) -> str:
    shown = [name for name in names if not re.search(r"\d+(\.\d+){4,}", name)]
    if len(shown) < len(names) or len(names) > _MOST_NAMES:
        return f"{len(names)} files" if len(names) > 1 else "1 file"
    return ", ".join(shown)


if __name__ == "__main__":
    main()
