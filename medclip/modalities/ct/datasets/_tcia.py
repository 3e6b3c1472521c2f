"""What collections of The Cancer Imaging Archive share: the list of series, and masks where files became slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.dataset_files import check_relative
from medclip.core.errors import DatasetError
from medclip.core.orientation import axis_order
from medclip.core.sample import Sample
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.quick_header import quick_header
from medclip.modalities.imaging.series import list_slices

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["METADATA", "Series", "list_series", "masks_on_volume"]

METADATA = "metadata.csv"


@dataclass(frozen=True)
class Series:
    """One series of a collection.

    Args:
        uid: SeriesInstanceUID.
        subject: Patient, as the collection calls it.
        path: Its folder, relative to that of the collection, with slashes.
        description: What the device called it.
        maker: Manufacturer of the device.
    """

    uid: str
    subject: str
    path: str
    description: str
    maker: str


def list_series(folder: Path, card: DataCard) -> list[Series]:
    """Return the CT series that ``metadata.csv`` lists, which the archive's own downloader writes.

    Raises:
        DatasetError: The table is missing, lacks a column, or names a file outside its folder.
    """
    names = ("Series UID", "Subject ID", "Modality", "File Location", "Series Description", "Manufacturer")
    columns = read_columns(folder / METADATA, card, names)
    return [
        Series(uid, subject, check_relative(_relative(where), folder / METADATA), description, maker)
        for uid, subject, modality, where, description, maker in zip(*columns.values(), strict=True)
        if modality == "CT"
    ]


def _relative(location: str) -> str:
    """Windows' downloader writes backslashes."""
    return location.replace("\\", "/").removeprefix("./")


def masks_on_volume(masks: Mapping[str, Mapping[str, np.ndarray]], sample: Sample, path: Path) -> dict[str, np.ndarray]:
    """Put masks that were drawn on the images of a series where these lie in the volume.

    Args:
        masks: ``{SOPInstanceUID: {code: bool (rows, columns)}}`` as the images are stored; others are passed over.
        sample: The volume.
        path: Folder of the series.

    Raises:
        DatasetError: The images do not lie across the patient, or are of another size than the volume.
    """
    slices = [one.instance_uid for one in list_slices(path)]
    drawn = {number: masks[uid] for number, uid in enumerate(slices) if uid in masks}
    regions: dict[str, np.ndarray] = {}
    if not drawn:
        return regions
    turned = _Turned.of(path)
    for number, of_code in drawn.items():
        for code, mask in of_code.items():
            placed = turned.place(mask)
            if placed.shape != sample.array.shape[1:] or len(slices) != len(sample.array):
                raise DatasetError(
                    f"the annotations of {path} do not fit its images",
                    received=f"{len(slices)} images of {placed.shape[0]} x {placed.shape[1]}",
                    allowed=" x ".join(map(str, sample.array.shape)),
                )
            regions.setdefault(code, np.zeros(sample.array.shape, np.bool_))[number] |= placed
    return regions


@dataclass(frozen=True)
class _Turned:
    """How rows and columns of an image became the second and third axis of a volume."""

    is_transposed: bool
    signs: tuple[int, int]

    @classmethod
    def of(cls, path: Path) -> _Turned:
        """Read it from the header of one image of the series."""
        file = next(file for file in sorted(path.rglob("*")) if file.is_file() and file.suffix.lower() == ".dcm")
        numbers = quick_header(file).numbers("ImageOrientationPatient", 6)
        along_row, along_column = np.array(numbers[:3]), np.array(numbers[3:])
        direction = (*np.cross(along_row, along_column), *along_column, *along_row)
        order = axis_order(direction)
        if order.axes[0] != 0:
            raise DatasetError(f"the images of {path} do not lie across the patient", action="leave this series out")
        return cls(order.axes[1] == 2, (order.signs[1], order.signs[2]))

    def place(self, mask: np.ndarray) -> np.ndarray:
        """Turn a mask of an image."""
        turned = mask.T if self.is_transposed else mask
        return turned[:: self.signs[0], :: self.signs[1]]
