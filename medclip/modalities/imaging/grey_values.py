"""From stored values to what a monitor shows: modality LUT or rescaling, then window or VOI LUT (DICOM PS3.3 C.11)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.imaging.header_values import decoding, items_of, number_of, numbers_of, text_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from medclip.modalities.imaging.dicom_file import DicomFile
    from medclip.modalities.imaging.stored_values import PixelFormat, StoredValues

__all__ = ["LookupTable", "apply_window", "modality_values", "padding_of", "shown_values"]

WINDOW_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


class LookupTable(NamedTuple):
    """A table by which values are replaced.

    Args:
        entries: float32, the values after it.
        first: The value that the first entry replaces; smaller ones become the first entry, larger ones the last.
        bits: Bits per entry.
    """

    entries: np.ndarray
    first: int
    bits: int

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Replace values; those between two whole numbers are rounded first."""
        places = np.rint(values).astype(np.int64) - self.first
        return np.asarray(self.entries[np.clip(places, 0, len(self.entries) - 1)], np.float32)


def padding_of(stored: StoredValues, file: DicomFile) -> np.ndarray | None:
    """Return where a file says that there is no picture, True there; None if it says nothing of the kind.

    Raises:
        FormatError: The padding value is no number.
    """
    value = next(iter(numbers_of(file.header, "PixelPaddingValue", file.path)), None)
    if value is None:
        return None
    limit = next(iter(numbers_of(file.header, "PixelPaddingRangeLimit", file.path)), value)
    low, high = sorted(_stored_number(number, stored.form) for number in (value, limit))
    return np.asarray((stored.array >= low) & (stored.array <= high))


def _stored_number(value: float, form: PixelFormat) -> int:
    """Return a number as it is stored: writers give negative padding as unsigned and the other way round.

    >>> from medclip.modalities.imaging.stored_values import PixelFormat
    >>> _stored_number(63536, PixelFormat(1, 1, 1, 1, 16, 16, 15, True, "MONOCHROME2"))
    -2000
    """
    number = int(value)
    if form.lowest <= number <= form.highest:
        return number
    wrapped = number % (1 << form.bits_allocated)
    return wrapped - (1 << form.bits_allocated) if form.is_signed and wrapped > form.highest else wrapped


def modality_values(array: np.ndarray, header: Dataset, path: Path) -> np.ndarray:
    """Turn stored values into those that the device means, such as Hounsfield units: float32.

    Args:
        array: Stored values of any shape.
        header: Where the modality LUT or the rescaling is stated; without any, the values stay as they are.
        path: The file, for error messages.

    Raises:
        FormatError: The table or the rescaling is unusable.
    """
    tables = items_of(header, "ModalityLUTSequence", path)
    if tables:
        return _lookup_table(tables[0], header, path).apply(array)
    slope = number_of(header, "RescaleSlope", path, default=1.0)
    if slope == 0:
        raise FormatError(f"the Rescale Slope in {path} is 0", action="export the file again from its source")
    intercept = number_of(header, "RescaleIntercept", path, default=0.0)
    if slope == 1 and array.dtype.itemsize <= 2 and intercept == np.float32(intercept):
        # Whole numbers of 16 bits are exact in single precision.
        return np.asarray(np.add(array, np.float32(intercept), dtype=np.float32))
    # In double precision, because slopes of 16-bit values are written with many digits.
    return np.asarray(array * slope + intercept, np.float32)


def shown_values(values: np.ndarray, known: np.ndarray, file: DicomFile) -> tuple[np.ndarray, tuple[str, ...]]:
    """Scale values to [0, 1] as the file asks for: its VOI LUT, else its first window, else the range of its values.

    Args:
        values: float32, after ``modality_values``.
        known: bool of the same shape, False where there is no picture.
        file: The file.

    Returns:
        float32 in [0, 1] and notes about what the file does not say or says wrongly.

    Raises:
        FormatError: What the file asks for cannot be decoded.
    """
    header, path = file.header, file.path
    tables = items_of(header, "VOILUTSequence", path)
    if tables:
        return _by_table(values, _lookup_table(tables[0], header, path))
    centers, widths = (numbers_of(header, keyword, path) for keyword in ("WindowCenter", "WindowWidth"))
    if not (centers and widths):
        return _by_range(values, known, file)
    function = text_of(header, "VOILUTFunction", path).upper() or "LINEAR"
    if function not in WINDOW_FUNCTIONS:
        raise FormatError(f"{path} asks for a window of an unknown shape", allowed=WINDOW_FUNCTIONS)
    if widths[0] < (1 if function == "LINEAR" else np.finfo(np.float32).tiny):
        scaled, notes = _by_range(values, known, file)
        return scaled, (f"the stated window has no usable width ({widths[0]:g}) and was not used", *notes)
    notes = (
        (f"the first of {len(widths)} windows was used",) if len(set(zip(centers, widths, strict=False))) > 1 else ()
    )
    return apply_window(values, centers[0], widths[0], function=function), notes


def apply_window(values: np.ndarray, center: float, width: float, *, function: str = "LINEAR") -> np.ndarray:
    """Scale values to [0, 1] by a window (DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Args:
        values: In the window's units, such as Hounsfield units.
        center: Middle of the window.
        width: Its width, at least 1 for ``LINEAR``, > 0 else.
        function: ``LINEAR``, ``LINEAR_EXACT`` or ``SIGMOID``.

    >>> apply_window(np.array([-160.0, 40.0, 240.0]), 40, 400, function="LINEAR_EXACT")
    array([0. , 0.5, 1. ], dtype=float32)
    """
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            return np.asarray(
                1.0 / (1.0 + np.exp(-4.0 * (values - np.float32(center)) / np.float32(width))), np.float32
            )
    if function == "LINEAR":
        center, width = center - 0.5, width - 1.0
    if width == 0:
        return np.asarray(values > center, np.float32)
    scaled = np.subtract(values, center, dtype=np.float32)
    scaled /= np.float32(width)
    scaled += np.float32(0.5)
    return np.asarray(np.clip(scaled, 0.0, 1.0, out=scaled))


def _by_table(values: np.ndarray, table: LookupTable) -> tuple[np.ndarray, tuple[str, ...]]:
    highest = float(table.entries.max())
    used_bits = max(1, math.ceil(math.log2(highest + 1)))
    notes: tuple[str, ...] = ()
    if used_bits < table.bits:
        notes = (f"the VOI LUT states {table.bits} bits and uses {used_bits}; it was scaled by these",)
    # Some writers state 16 bits for tables of 12: by the stated bits the picture would be black.
    return np.asarray(table.apply(values) / np.float32((1 << used_bits) - 1)), notes


def _by_range(values: np.ndarray, known: np.ndarray, file: DicomFile) -> tuple[np.ndarray, tuple[str, ...]]:
    is_narrow = number_of(file.header, "BitsStored", file.path, default=16) <= 8
    if is_narrow and values.min() >= 0 and values.max() <= 255:
        return np.asarray(values / np.float32(255)), ()
    seen = values if known.all() else values[known]
    if not seen.size:
        raise FormatError(f"{file.path} holds nothing but padding", action="export the file again from its source")
    low, high = float(seen.min()), float(seen.max())
    notes = ("the file states no window: its smallest and largest value were made black and white",)
    scaled = np.subtract(values, low, dtype=np.float32)
    scaled /= np.float32(max(high - low, 1e-6))
    # Only padding may lie beyond the range.
    return scaled if seen is values else np.clip(scaled, 0.0, 1.0, out=scaled), notes


def _lookup_table(item: Dataset, header: Dataset, path: Path) -> LookupTable:
    """Read a modality or VOI LUT; its first value is signed if the pixels are."""
    descriptor = numbers_of(item, "LUTDescriptor", path)
    if len(descriptor) != 3 or not 1 <= descriptor[2] <= 16:
        raise FormatError(f"a lookup table in {path} is not described", received=descriptor)
    n_entries, first, bits = int(descriptor[0]) or 1 << 16, int(descriptor[1]), int(descriptor[2])
    with decoding(path, "its lookup table"):
        content = item.get("LUTData")
        is_little_endian = header.original_encoding[1]
        if isinstance(content, bytes):
            # Tables of 8 bits come with one byte an entry or with two.
            width = 1 if len(content) in (n_entries, n_entries + n_entries % 2) and bits <= 8 else 2
            entries = np.frombuffer(content, f"{'<' if is_little_endian else '>'}u{width}")
        else:
            entries = np.atleast_1d(np.asarray(content, np.float64)) if content is not None else np.empty(0)
    if len(entries) < n_entries:
        raise FormatError(
            f"a lookup table in {path} is cut off",
            received=f"{len(entries)} of {n_entries} entries",
            action="copy the file again from its source",
        )
    if first >= 1 << 15 and number_of(header, "PixelRepresentation", path, default=0) == 1:
        first -= 1 << 16
    return LookupTable(entries[:n_entries].astype(np.float32), first, bits)
