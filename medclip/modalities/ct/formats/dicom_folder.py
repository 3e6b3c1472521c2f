"""CT series as a folder or an archive of DICOM files; ``FOLDER#2`` is the second of several series."""

from __future__ import annotations

import itertools
from pathlib import Path

from medclip.core.archives import is_archive
from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.repair import is_resampling_allowed
from medclip.core.sample import Sample
from medclip.modalities.imaging.archive import holds_dicom
from medclip.modalities.imaging.dicom_file import is_dicom
from medclip.modalities.imaging.series import read_series
from medclip.modalities.imaging.series_list import files_under
from medclip.modalities.imaging.stack import REPAIRS
from medclip.modalities.imaging.study import is_radiograph_study

__all__ = ["FORMAT", "read", "sniff"]

_LOOKED_AT = 200
_HEAD_BYTES = 4096


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether there is a DICOM file among the first of a folder or archive, and it is no study of radiographs."""
    if is_radiograph_study(path, head):
        return False
    if head:
        return is_archive(head) and holds_dicom(path)
    try:
        return path.is_dir() and any(_is_dicom(file) for file in itertools.islice(files_under(path), _LOOKED_AT))
    except (FormatError, OSError):
        return False


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return is_dicom(file.read(_HEAD_BYTES))


def read(path: Path) -> Sample:
    """Read the CT series in a folder or archive into Hounsfield units.

    Raises:
        FormatError: There is none or more than one, or it is not one whole, even volume; see ``read_series``.
        MissingDependencyError: The package that decodes its compression is not installed.
    """
    return read_series(Path(path), repairs=REPAIRS if is_resampling_allowed() else ())


FORMAT = Format(name="dicom_folder", description="DICOM CT series (folder, zip or tar archive)", sniff=sniff, read=read)
