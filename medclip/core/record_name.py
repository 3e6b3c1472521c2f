"""The name of a recording without the ending of its file."""

from __future__ import annotations

import re
from pathlib import Path

from medclip.core._heads import split_record

__all__ = ["record_name"]

_COMPOUND = re.compile(r"\.(?:tar|nii|img|csv|tsv|json|txt|xml)\.(?:gz|bz2|xz|zst)$", re.IGNORECASE)
# Files and folders are often called by a unique identifier of DICOM, whose last part is no ending.
_NUMBER = re.compile(r"\.\d+$")


def record_name(path: Path) -> str:
    """Return the name of a file without its whole ending, and that of a folder as it is.

    >>> [record_name(Path(name)) for name in ("a/chest.nii.gz", "study.tar.xz#2", "v1.2.dcm", "1.2.840.7")]
    ['chest', 'study#2', 'v1.2', '1.2.840.7']
    """
    file, record = split_record(path)
    if file.is_dir() or _NUMBER.search(file.name):
        name = file.name
    else:
        name = _COMPOUND.sub("", file.name) if _COMPOUND.search(file.name) else file.stem
    return name + (f"#{record}" if record else "")
