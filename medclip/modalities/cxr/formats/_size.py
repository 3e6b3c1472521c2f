"""How small a picture may be to be a radiograph."""

from __future__ import annotations

from pathlib import Path

from medclip.core.errors import FormatError

__all__ = ["SMALLEST_PX", "check_size"]

# At 14 mm a pixel a chest is 25 pixels wide: nothing can be seen in less.
SMALLEST_PX = 32


def check_size(rows: int, columns: int, path: Path) -> None:
    """Refuse a picture in which no chest can be seen.

    Raises:
        FormatError: It is smaller than 32 pixels in one direction.
    """
    if min(rows, columns) < SMALLEST_PX:
        raise FormatError(
            f"{path} is too small to be a radiograph",
            received=f"{rows} x {columns} pixels",
            allowed=f"at least {SMALLEST_PX} x {SMALLEST_PX}",
            action="export the radiograph itself, not a thumbnail of it",
        )
