"""CT series as a folder or an archive of DICOM files; ``FOLDER#2`` is the second of several series."""

from __future__ import annotations

from pathlib import Path

from medclip.core.modality import Format
from medclip.core.repair import is_resampling_allowed
from medclip.core.sample import Sample
from medclip.modalities.imaging.series import read_series
from medclip.modalities.imaging.stack import REPAIRS
from medclip.modalities.imaging.study import holds_dicom_files, is_radiograph_study

__all__ = ["FORMAT", "read", "sniff"]


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether there is a DICOM file among the first of a folder or archive, and it is no study of radiographs."""
    return not is_radiograph_study(path, head) and holds_dicom_files(path, head)


def read(path: Path) -> Sample:
    """Read the CT series in a folder or archive into Hounsfield units.

    Raises:
        FormatError: There is none or more than one, or it is not one whole, even volume; see ``read_series``.
        MissingDependencyError: The package that decodes its compression is not installed.
    """
    return read_series(Path(path), repairs=REPAIRS if is_resampling_allowed() else ())


FORMAT = Format(name="dicom_folder", description="DICOM CT series (folder, zip or tar archive)", sniff=sniff, read=read)
