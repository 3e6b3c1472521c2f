"""A folder or archive of DICOM files with one chest radiograph, or one frontal one among others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.record_name import record_name
from medclip.core.sample import Sample
from medclip.core.wanted import wanted_modality
from medclip.modalities.cxr.formats import dicom
from medclip.modalities.cxr.formats._body_part import other_body_part
from medclip.modalities.cxr.formats._view import view_attributes
from medclip.modalities.imaging.archive import unpacked
from medclip.modalities.imaging.dicom_file import open_dicom
from medclip.modalities.imaging.dicom_kind import sniffed_kind
from medclip.modalities.imaging.series_list import files_under
from medclip.modalities.imaging.study import holds_dicom_files, is_radiograph_study

__all__ = ["FORMAT", "read", "sniff"]

_HEAD_BYTES = 4096


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether radiographs and no slices are among the first files of a folder or archive.

    Where radiographs are wanted, any DICOM files will do, for the radiograph may lie behind all slices.
    """
    if wanted_modality() == "cxr":
        return holds_dicom_files(path, head)
    return is_radiograph_study(path, head)


def read(path: Path) -> Sample:
    """Read the chest radiograph of a study: the only one, else the only frontal one.

    Raises:
        FormatError: There is none or more than one, or it cannot be read.
        MissingDependencyError: The package that decodes its compression is not installed.
    """
    path = Path(path)
    with _files_of(path) as files:
        radiographs, n_others = _radiographs(files)
        chosen, note = _chosen(radiographs, n_others, path)
        with _named(chosen, path):
            sample = dicom.read(chosen)
    notes = [note, f"left out: {n_others} files that are no radiographs of the chest" if n_others else ""]
    notes = [*sample.attributes.get("notes", ()), *filter(None, notes)]
    attributes = {**sample.attributes} | ({"notes": tuple(notes)} if notes else {})
    return sample.replace(record_id=record_name(path), source=path.name, attributes=attributes)


FORMAT = Format(
    name="dicom_folder", description="DICOM radiograph in a folder, zip or tar archive", sniff=sniff, read=read
)


@contextlib.contextmanager
def _files_of(path: Path) -> Iterator[list[Path]]:
    if path.is_dir():
        yield list(files_under(path))
        return
    if not path.exists():
        raise FormatError(f"{path} does not exist", action="check the path")
    with unpacked(path) as found:
        yield list(found.files)


@contextlib.contextmanager
def _named(file: Path, path: Path) -> Iterator[None]:
    """Name what the user gave in an error: where a file was unpacked helps nobody."""
    try:
        yield
    except FormatError as error:
        what = error.what if path.is_dir() else error.what.replace(str(file), f"the radiograph in {path}")
        raise FormatError(what, received=error.received, allowed=error.allowed, action=error.action) from error


def _radiographs(files: list[Path]) -> tuple[list[Path], int]:
    """Return the radiographs of the chest, and how many other DICOM files there are."""
    radiographs, n_others = [], 0
    for file in files:
        with file.open("rb") as content:
            kind = sniffed_kind(file, content.read(_HEAD_BYTES))
        if kind is None or kind.is_directory:
            continue
        if kind.is_radiograph and not other_body_part(open_dicom(file).header, file):
            radiographs.append(file)
        else:
            n_others += 1
    return radiographs, n_others


def _chosen(radiographs: list[Path], n_others: int, path: Path) -> tuple[Path, str]:
    if len(radiographs) == 1:
        return radiographs[0], ""
    frontal = [file for file in radiographs if view_attributes(open_dicom(file).header, file)["view"] == "frontal"]
    if len(frontal) == 1:
        return frontal[0], f"the only frontal one of {len(radiographs)} radiographs was read"
    if not radiographs:
        raise FormatError(
            f"{path} holds no radiograph of the chest",
            received=f"{n_others} other DICOM files" if n_others else "no DICOM file",
            action="give the file or folder of one",
        )
    raise FormatError(
        f"{path} holds more than one radiograph",
        received=f"{len(radiographs)} radiographs, {len(frontal)} of them frontal",
        allowed="one radiograph, or one frontal one",
        action="give the file of the one that is meant",
    )
