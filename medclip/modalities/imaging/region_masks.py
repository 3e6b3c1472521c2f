"""Masks on an image's grid from what annotators drew: boxes, run lengths, outlines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medclip.core.errors import DatasetError

__all__ = ["Box", "BoxRegions", "box_mask", "outline_mask", "parse_box", "run_length_mask"]


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the published image, with pixel (0, 0) covering 0 to 1 in both directions.

    Args:
        left: First column, inclusive.
        top: First row, inclusive.
        right: End of the last column, greater than ``left``.
        bottom: End of the last row, greater than ``top``.
    """

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class BoxRegions:
    """The regions of radiographs that boxes were drawn on.

    Args:
        boxes: By record and code.
    """

    boxes: Mapping[str, Mapping[str, Sequence[Box]]]

    def __call__(self, record_id: str, shape: tuple[int, int]) -> dict[str, np.ndarray]:
        """Return a mask for every code with boxes on this record, whose published image has that shape.

        Raises:
            DatasetError: A box lies outside the image.
        """
        height, width = shape
        drawn = self.boxes.get(record_id, {})
        outside = [box for boxes in drawn.values() for box in boxes if box.left >= width or box.top >= height]
        if outside:
            raise DatasetError(
                f"a box of record {record_id} lies outside its image",
                received=f"column {outside[0].left:g}, row {outside[0].top:g}",
                allowed=f"{width} x {height} pixels",
                action="use the images in their published size",
            )
        return {code: box_mask(shape, boxes) for code, boxes in drawn.items()}


def parse_box(numbers: Sequence[str], *, where: str, is_extent: bool) -> Box:
    """Read a box from a table's cells.

    Args:
        numbers: ``x, y, width, height``, or ``x_min, y_min, x_max, y_max``.
        where: Which table and record, for the error message.
        is_extent: Whether the last two numbers are width and height.

    Raises:
        DatasetError: A number is missing or the box is empty or left of or above the image.
    """
    try:
        x, y, third, fourth = map(float, numbers)
        box = Box(x, y, x + third, y + fourth) if is_extent else Box(x, y, third, fourth)
        is_usable = all(map(math.isfinite, (x, y, third, fourth))) and box.right > box.left and box.bottom > box.top
    except ValueError:
        is_usable = False
    if not is_usable or box.right <= 0 or box.bottom <= 0:
        raise DatasetError(
            f"{where} has a malformed box",
            received=", ".join(numbers),
            allowed="four numbers that enclose a part of the image",
            action="copy the table again from its source",
        )
    return box


def box_mask(shape: tuple[int, int], boxes: Iterable[Box]) -> np.ndarray:
    """Return the pixels of an image ``(height, width)`` whose centres lie inside at least one of the boxes."""
    mask = np.zeros(shape, np.bool_)
    for box in boxes:
        rows, columns = _between(box.top, box.bottom, shape[0]), _between(box.left, box.right, shape[1])
        mask[rows, columns] = True
    return mask


def _between(first: float, end: float, length: int) -> slice:
    """Pixels with centres between two borders; a box thinner than a pixel takes the one that it lies in."""
    start = max(math.ceil(first - 0.5), 0)
    stop = min(math.ceil(end - 0.5), length)
    if stop <= start:
        start = min(max(int(first), 0), length - 1)
        stop = start + 1
    return slice(start, stop)


def run_length_mask(runs: str, shape: tuple[int, int], *, where: str) -> np.ndarray:
    """Decode pairs of an offset from the end of the last run and a length, counted down the columns from 0.

    Args:
        runs: Whole numbers between blanks.
        shape: ``(height, width)`` of the published image.
        where: Which table and record, for the error message.

    Raises:
        DatasetError: The numbers are no such pairs or leave the image.
    """
    try:
        numbers = np.array(runs.split(), np.int64).reshape(-1, 2)
    except ValueError:
        numbers = np.full((1, 2), -1)
    ends = np.cumsum(numbers.ravel())
    if (numbers < 0).any() or len(numbers) == 0 or ends[-1] > shape[0] * shape[1]:
        raise DatasetError(
            f"{where} has a malformed mask",
            received=runs[:60],
            allowed=f"pairs of offset and length inside {shape[0]} x {shape[1]} pixels",
            action="copy the table again from its source",
        )
    flat = np.zeros(shape[0] * shape[1], np.bool_)
    for start, end in ends.reshape(-1, 2):
        flat[start:end] = True
    return flat.reshape(shape[1], shape[0]).T


def outline_mask(shape: tuple[int, int], points: np.ndarray) -> np.ndarray:
    """Return the pixels of an image that lie inside an outline, without those on it.

    Args:
        shape: ``(height, width)``.
        points: ``(n, 2)`` column and row of pixels, whole numbers, in order along the outline.
    """
    mask = np.zeros(shape, np.bool_)
    columns, rows = points[:, 0], points[:, 1]
    next_columns, next_rows = np.roll(columns, -1), np.roll(rows, -1)
    for row in range(max(int(rows.min()), 0), min(int(rows.max()), shape[0] - 1) + 1):
        crosses = (rows <= row) != (next_rows <= row)
        share = (row - rows[crosses]) / (next_rows[crosses] - rows[crosses])
        crossings = np.sort(columns[crosses] + share * (next_columns[crosses] - columns[crosses]))
        for start, end in zip(crossings[::2], crossings[1::2], strict=True):
            mask[row, max(math.ceil(start), 0) : max(math.floor(end) + 1, 0)] = True
    is_on_image = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    mask[rows[is_on_image], columns[is_on_image]] = False
    return mask
