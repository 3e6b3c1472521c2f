"""Fields of volume files whose header is text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from medclip.core.errors import FormatError

__all__ = ["beside", "numbers_of"]


def numbers_of(fields: Mapping[str, str], key: str, path: Path) -> tuple[float, ...]:
    """Return the numbers of a field.

    Raises:
        FormatError: It is absent or holds anything but finite numbers.
    """
    try:
        numbers = tuple(float(word) for word in fields.get(key, "").split())
    except ValueError:
        numbers = ()
    if not numbers or not all(math.isfinite(number) for number in numbers):
        raise FormatError(f"{path} states no usable {key}", action="convert the image again from its DICOM series")
    return numbers


def beside(path: Path, name: str) -> Path:
    """Return the file of voxels that a header names, which must lie in the header's own folder.

    Raises:
        FormatError: It names another folder, several files or a pattern, or leads elsewhere through a link.
    """
    detached = path.with_name(name) if name and name == Path(name).name and "\\" not in name else None
    if detached is None or name.upper().startswith("LIST") or "%" in name or len(name.split()) > 1:
        raise FormatError(
            f"{path} names its voxels in a way that is not read",
            allowed="one file in the same folder",
            action="convert the image into one file",
        )
    if detached.exists() and detached.resolve().parent != path.resolve().parent:
        raise FormatError(f"{path} names voxels that lie in another folder", action="copy both into one folder")
    return detached
