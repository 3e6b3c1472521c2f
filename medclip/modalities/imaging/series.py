"""CT series: from a DICOM file, folder or archive to one volume in Hounsfield units, or a reason why not."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core._heads import split_record
from medclip.core.errors import FormatError
from medclip.core.record_name import record_name
from medclip.core.sample import Sample
from medclip.modalities.imaging.body_part import other_part_named
from medclip.modalities.imaging.decoding import decoded
from medclip.modalities.imaging.dicom_file import open_dicom
from medclip.modalities.imaging.geometry import Grid, canonical
from medclip.modalities.imaging.privacy import attributes_of, patient_id_of
from medclip.modalities.imaging.series_list import Contents, Series, contents_of, is_kernel, kernel_of
from medclip.modalities.imaging.slices import Slice, slices_of
from medclip.modalities.imaging.stack import arrange, check, check_repairs, same_places, straighten

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["SliceFile", "list_slices", "read_series", "source_headers"]

_MOST_VOXELS = 1 << 30
_ORIENTATION_WITHIN, _SPACING_SHARE = 1e-3, 1e-3


@dataclass(frozen=True)
class SliceFile:
    """Where one slice of a volume came from.

    Args:
        instance_uid: SOPInstanceUID of its file, to join annotations; it identifies a recording: do not publish it.
        frame: Which of the file's images it is.
    """

    instance_uid: str
    frame: int


def source_headers(path: Path) -> list[Dataset]:
    """Return the headers of the files that ``read_series(path)`` reads, for objects that have to refer to them.

    They name the patient.

    Raises:
        FormatError: As ``read_series`` raises for the same path, but for pixels, which are not decoded.
    """
    given = Path(path)
    path, chosen = split_record(given)
    with _about(given), contents_of(_place_of(path)) as contents:
        headers = _chosen(contents, path, chosen).headers
        return [open_dicom(header.path).header for header in headers]


def read_series(path: Path, *, repairs: Collection[str] = ()) -> Sample:
    """Read the CT series of a DICOM file, folder or archive; ``FOLDER#2`` is the second of several.

    Args:
        path: A folder, an archive (zip, tar, compressed or not), a multi-frame file or a DICOMDIR.
        repairs: What may be mended by resampling: ``tilt`` (a tilted gantry) and ``gaps`` (uneven or missing slices).
            What was mended stands in the attribute ``notes``; ``shape_before_resampling`` is that of what was stored.

    Returns:
        float32 ``(depth, height, width)`` in Hounsfield units, at least -1024, with axes foot to head, front to back
        and the patient's right to left.

    Raises:
        ConfigError: A repair is unknown.
        FormatError: There is no series or more than one, or it is not one whole, even volume in Hounsfield units.
        MissingDependencyError: The package that decodes its compression is not installed.
    """
    check_repairs(repairs)
    given = Path(path)
    path, chosen = split_record(given)
    with _about(given), contents_of(_place_of(path)) as contents:
        series = _chosen(contents, path, chosen)
        images, notes = _distinct(_alike(_images_of(series, contents)))
        volume, grid, mended = _assembled(images, repairs)
        stored = np.broadcast_to(np.uint8(0), (len(images), *images[0].shape))
        stored_shape = canonical(stored, grid)[0].shape
        view, grid = canonical(volume, grid)
        notes = [*([f"left out: {contents.left_out_words}"] if contents.left_out else []), *notes, *mended]
        header = open_dicom(images[0].header.path)
        return Sample(
            modality="ct",
            array=np.ascontiguousarray(view),
            record_id=record_name(given),
            patient_id=patient_id_of(header.header, header.path),
            spacing_mm=grid.spacing_mm,
            origin_mm=grid.origin_mm,
            direction=grid.direction,
            attributes=attributes_of(header.header, header.path)
            | _attributes(images, notes)
            | ({"shape_before_resampling": stored_shape} if stored_shape != view.shape else {}),
            source=path.name,
        )


def list_slices(path: Path) -> tuple[SliceFile, ...]:
    """Return where each slice of ``read_series(path)`` came from, along the axis that the slices make up.

    That is axis 0, foot to head, of an axial series. To join annotations that name files.

    Raises:
        FormatError: As ``read_series`` raises for the same path, but for pixels, which are not decoded.
    """
    given = Path(path)
    path, chosen = split_record(given)
    with _about(given), contents_of(_place_of(path)) as contents:
        images = _alike(_images_of(_chosen(contents, path, chosen), contents))
        stack = arrange(
            np.array([one.position_mm for one in images]), np.array(images[0].orientation), _spacing(images)
        )
        # The view tells whether canonical axes run along the slices or against them.
        numbers = np.arange(len(images))[:, None, None]
        order = canonical(numbers, stack.grid)[0].ravel()
        ordered = [images[stack.order[number]] for number in order]
        return tuple(SliceFile(one.header.text("SOPInstanceUID"), one.frame) for one in ordered)


@contextlib.contextmanager
def _about(given: Path) -> Iterator[None]:
    """Begin every message with what is being read as the caller wrote it, be it the folder of thousands."""
    try:
        yield
    except FormatError as error:
        file, what = split_record(given)[0], error.what
        if what.startswith(tuple(f"{given}{end}" for end in (" ", ":", os.sep))):
            raise
        named = next((name for name in (str(file), file.name) if what.startswith(f"{name} ")), None)
        what = f"{given}: {what}" if named is None else f"{given}{what.removeprefix(named)}"
        raise FormatError(what, received=error.received, allowed=error.allowed, action=error.action) from error


def _place_of(path: Path) -> Path:
    """A DICOMDIR stands for its folder."""
    if not path.exists():
        raise FormatError(f"{path} does not exist", action="check the path")
    return path.parent if path.name.upper() == "DICOMDIR" and path.is_file() else path


def _chosen(contents: Contents, path: Path, chosen: str | None) -> Series:
    """Return the one series there is, or the one that was asked for."""
    n_series, others = len(contents.series), contents.left_out_words
    if not n_series:
        damaged = f"{len(contents.damaged)} damaged, " if contents.damaged else ""
        raise FormatError(
            f"{path} holds no CT series",
            received=damaged + (others or "no DICOM image"),
            action="give the folder of the CT series",
        )
    if chosen is None and n_series == 1:
        return contents.series[0]
    listed = "; ".join(f"#{number} {one.description}" for number, one in enumerate(contents.series, 1))
    if chosen is None:
        raise FormatError(f"{path} holds {n_series} CT series", received=listed, action=f"name one, as {path}#1")
    if not (chosen.isdecimal() and 1 <= int(chosen) <= n_series):
        raise FormatError("there is no such CT series", received=f"#{chosen}", allowed=listed)
    return contents.series[int(chosen) - 1]


def _images_of(series: Series, contents: Contents) -> list[Slice]:
    """Return all images of a series; a damaged file in the folder may be one of them, and is not passed over."""
    truncated = {
        header.path.name: f"{header.path.name} is truncated" for header in series.headers if header.is_truncated
    }
    damaged = {**contents.damaged, **truncated}
    if damaged:
        raise FormatError(
            f"{len(damaged)} of the DICOM files {'is' if len(damaged) == 1 else 'are'} truncated or damaged",
            received=next(iter(damaged.values())),
            action="copy the series again from its source",
        )
    images = [image for header in series.headers for image in slices_of(header)]
    if len(images) == 1:
        raise FormatError(
            f"{images[0].header.path.name} is a single slice of a CT",
            allowed="a whole series",
            action="give the folder or archive with all its slices",
        )
    return images


def _spacing(images: Sequence[Slice]) -> tuple[float, float]:
    row_mm, column_mm = images[0].pixel_spacing_mm
    return row_mm, column_mm


def _alike(images: list[Slice]) -> list[Slice]:
    """Refuse images that cannot lie in one stack."""
    orientations = np.array([one.orientation for one in images])
    spacings = np.array([one.pixel_spacing_mm for one in images])
    shapes = sorted({one.shape for one in images})
    for what, differs, received in (
        ("different orientations", np.ptp(orientations, axis=0).max() > _ORIENTATION_WITHIN, "as of axial and coronal"),
        (
            "different distances between pixels",
            (np.ptp(spacings, axis=0) / spacings[0]).max() > _SPACING_SHARE,
            ", ".join(f"{value:g} mm" for value in sorted(set(spacings[:, 0]))),
        ),
        ("different sizes", len(shapes) > 1, ", ".join(f"{rows} x {columns}" for rows, columns in shapes)),
    ):
        if differs:
            raise FormatError(
                f"the series mixes images of {what}", received=received, action="give the images of one reconstruction"
            )
    n_voxels = len(images) * shapes[0][0] * shapes[0][1]
    if min(shapes[0]) < 2 or n_voxels > _MOST_VOXELS:
        raise FormatError(
            "the series has an unusable size", received=f"{n_voxels} voxels", allowed=f"1 to {_MOST_VOXELS}"
        )
    return images


def _distinct(images: list[Slice]) -> tuple[list[Slice], list[str]]:
    """Drop copies of an image; two different ones at one place are refused."""
    groups = same_places(np.array([one.position_mm for one in images]), np.array(images[0].orientation))
    kept, n_copies = [], 0
    for group in groups:
        first, *others = (images[index] for index in group)
        kept.append(first)
        n_copies += len(others)
        if others and not all(np.array_equal(_hounsfield(first), _hounsfield(other)) for other in others):
            n_places = sum(len(members) > 1 for members in groups)
            raise FormatError(
                "the series holds several different images at one place, as of several phases or reconstructions",
                received=f"{n_places} of {len(groups)} places, up to {max(map(len, groups))} images each",
                action="give the images of one phase or reconstruction",
            )
    return kept, [f"{n_copies} copies of images were dropped"] if n_copies else []


def _hounsfield(image: Slice) -> np.ndarray:
    volume, _ = decoded([image])
    return np.asarray(volume[0])


def _assembled(images: list[Slice], repairs: Collection[str]) -> tuple[np.ndarray, Grid, list[str]]:
    """Decode a stack in order, and mend it as far as that was asked for and is needed."""
    positions = np.array([one.position_mm for one in images])
    stack = arrange(positions, np.array(images[0].orientation), _spacing(images))
    check(stack, repairs)
    volume, said = decoded([images[index] for index in stack.order])
    notes = list(said)
    if stack.is_straight and stack.is_even:
        return volume, stack.grid, notes
    if not stack.is_straight:
        notes.append(f"resampled: a tilt of {stack.tilt_deg:.1f} degrees was straightened")
    if not stack.is_even:
        notes.append("resampled: uneven gaps between slices were made even")
    return (*straighten(volume, stack), notes)


def _attributes(images: Sequence[Slice], notes: Sequence[str]) -> dict[str, Any]:
    """Return what the series states of itself; nothing of it names anybody."""
    header = images[0].header
    attributes: dict[str, Any] = {}
    thickness_mm = header.numbers("SliceThickness")
    if thickness_mm and thickness_mm[0] > 0:
        attributes["slice_thickness_mm"] = thickness_mm[0]
    if is_kernel(kernel_of(header)):
        attributes["reconstruction_kernel"] = kernel_of(header)
    other_part = other_part_named(header.text("BodyPartExamined"))
    if other_part:
        attributes["body_part"] = other_part
    if header.text("ContrastBolusAgent"):
        attributes["has_contrast_agent"] = True
    if notes:
        attributes["notes"] = tuple(notes)
    return attributes
