"""What the data sets of computed tomography share: how a volume is read, and their making."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.dataset import LabelTable
from medclip.core.demographics import age_in_years
from medclip.core.sample import Sample
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex, Regions

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["age_of", "open_volumes", "read_nifti", "read_series_folder"]


def read_nifti(path: Path, *, scaling: tuple[float, float] | None = None) -> Sample:
    """Read a NIfTI file in Hounsfield units.

    Args:
        path: The file.
        scaling: Slope and intercept, if they are stated elsewhere than in the file.

    Raises:
        FormatError: It is damaged or no volume.
    """
    from medclip.modalities.ct.formats import nifti

    return nifti.read(path, scaling=scaling)


def read_series_folder(path: Path) -> Sample:
    """Read the series in a folder of DICOM files.

    Raises:
        FormatError: It holds no whole series.
    """
    from medclip.modalities.ct.formats import dicom_folder

    return dicom_folder.FORMAT.read(path)


def open_volumes(
    folder: Path,
    card: DataCard,
    index: ImageIndex,
    *,
    labels: Mapping[str, LabelTable],
    read: Callable[[Path], Sample] = read_nifti,
    regions: Regions | None = None,
) -> ImageDataset:
    """Make the data set of an index.

    Raises:
        DatasetError: There is no record, or two have the same identifier.
    """
    return ImageDataset(folder, card, "ct", index, labels=labels, read=read, regions=regions)


def age_of(text: str) -> float | None:
    """Return an age in years, also from a DICOM age such as 036Y or 018M; None if it is no such thing."""
    is_unit = text[-1:].isalpha()
    try:
        number = float(text[:-1] if is_unit else text)
    except ValueError:
        return None
    return age_in_years(number, text[-1] if is_unit else "Y")
