"""Single DICOM files that are no radiograph and no ECG: a multi-frame CT is read, and all else refused by its name."""

from __future__ import annotations

from pathlib import Path

from medclip.core._heads import split_record
from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.repair import is_resampling_allowed
from medclip.core.sample import Sample
from medclip.modalities.imaging.dicom_file import open_dicom
from medclip.modalities.imaging.dicom_kind import kind_of, sniffed_kind
from medclip.modalities.imaging.quick_header import quick_header
from medclip.modalities.imaging.series import read_series
from medclip.modalities.imaging.series_list import left_out_kind
from medclip.modalities.imaging.stack import REPAIRS

__all__ = ["FORMAT", "read", "sniff"]


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is a DICOM object that the volume reader answers for."""
    kind = sniffed_kind(path, head)
    return kind is not None and kind.reader == "volume"


def read(path: Path) -> Sample:
    """Read a multi-frame CT into Hounsfield units; of a DICOMDIR, the series in its folder.

    Raises:
        FormatError: It is anything else, such as a single slice or a dose report, or is damaged.
        MissingDependencyError: The package that decodes its compression is not installed.
    """
    path = Path(path)
    file = split_record(path)[0]
    kind = kind_of(open_dicom(file).header, file)
    if not kind.is_directory:
        other = left_out_kind(quick_header(file))
        if other:
            described = f"a {other}" if kind.description == "a CT" else kind.description
            # A file whose class of object is stated in its meta information alone.
            described = "a CT header without an image" if described == "a CT" else described
            raise FormatError(f"{file} is {described}, and no CT volume", action="give the folder of the CT series")
    return read_series(path, repairs=REPAIRS if is_resampling_allowed() else ())


FORMAT = Format(name="dicom", description="DICOM CT (multi-frame file; a series is a folder)", sniff=sniff, read=read)
