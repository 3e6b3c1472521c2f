"""Where the image files of a data set lie, whichever way its archives were unpacked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from medclip.core.dataset_files import check_relative

__all__ = ["image_paths"]


def image_paths(
    folder: Path, names: Sequence[str], patterns: Sequence[str], *, given: Sequence[str] | None = None
) -> list[str]:
    """Return the path of every image, relative to the folder of the data set.

    Args:
        folder: Folder of the data set.
        names: File name of each image, without folders.
        patterns: Globs of the folders to look in; each is listed once.
        given: Folder of each image as the data set's table has it, which is believed where the file is not found.

    Raises:
        DatasetError: A name leaves the folder.
    """
    found: dict[str, str] = {}
    for inner in (inner for pattern in patterns for inner in _folders(folder, pattern)):
        prefix = inner.relative_to(folder).as_posix()
        with os.scandir(inner) as entries:
            for entry in entries:
                found.setdefault(entry.name, entry.name if prefix == "." else f"{prefix}/{entry.name}")
    usual = given or [patterns[0]] * len(names)
    return [
        found.get(name) or check_relative(f"{where.strip('/')}/{name}", folder)
        for name, where in zip(names, usual, strict=True)
    ]


def _folders(folder: Path, pattern: str) -> list[Path]:
    if pattern == ".":
        return [folder]
    return sorted(path for path in folder.glob(pattern) if path.is_dir())
