"""Whether the DICOM files of a folder or archive are a study of radiographs or one of volumes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from medclip.core.archives import is_archive, member_heads
from medclip.core.errors import FormatError
from medclip.modalities.imaging.dicom_file import is_dicom
from medclip.modalities.imaging.dicom_kind import DicomKind, kind_of_head
from medclip.modalities.imaging.series_list import files_under

__all__ = ["holds_dicom_files", "is_radiograph_study"]

_LOOKED_AT = 200
_HEAD_BYTES = 4096
_VOLUMES = frozenset({"CT", "MR", "PT", "NM"})


def is_radiograph_study(path: Path, head: bytes) -> bool:
    """Tell whether radiographs and no slices are among the first files of a folder or archive; never raises.

    Reports, dose reports and presentation states come with studies of either kind and decide nothing.

    Args:
        path: A folder or an archive.
        head: Its first bytes, empty for a folder.
    """
    has_radiograph = False
    for kind in _kinds(path, head):
        if kind.modality in _VOLUMES:
            return False
        has_radiograph = has_radiograph or kind.is_radiograph
    return has_radiograph


def holds_dicom_files(path: Path, head: bytes) -> bool:
    """Tell whether a DICOM file is among the first files of a folder or archive; never raises.

    Args:
        path: A folder or an archive.
        head: Its first bytes, empty for a folder.
    """
    return any(is_dicom(found) for found in _heads(path, head))


def _kinds(path: Path, head: bytes) -> Iterator[DicomKind]:
    for found in _heads(path, head):
        kind = kind_of_head(found)
        if kind is not None:
            yield kind


def _heads(path: Path, head: bytes) -> Iterator[bytes]:
    if head:
        if is_archive(head):
            yield from member_heads(path)
        return
    try:
        if path.is_dir():
            for file in itertools.islice(files_under(path), _LOOKED_AT):
                with file.open("rb") as content:
                    yield content.read(_HEAD_BYTES)
    except (FormatError, OSError):
        return
