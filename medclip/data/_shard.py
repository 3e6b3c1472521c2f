"""One file of a packed store, mapped into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.errors import StoreError
from medclip.data._image_rows import ImageRows
from medclip.data.quantise import dequantise, dequantise_image

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Layout", "Shard"]


@dataclass(frozen=True)
class Layout:
    """What a group of records has in common.

    Args:
        shape: ``(n_channels, n_samples)`` of waveforms, the whole shape of prepared inputs; None for images, each of
            which has its own.
        sampling_rate_hz: Samples per second of waveforms.
        channel_names: One per channel of waveforms.
    """

    shape: tuple[int, ...] | None
    sampling_rate_hz: float | None = None
    channel_names: tuple[str, ...] | None = None


class Shard:
    """Records of one Arrow file; its buffers are seen as NumPy arrays without copying.

    Args:
        path: The file.
        layouts: The layouts that its records refer to, by their numbers in the whole store.
        known: All layouts of the store.
        n_records: How many records the store says it holds.

    Raises:
        StoreError: It is missing, damaged, or not what the store says.
    """

    def __init__(self, path: Path, layouts: Sequence[int], known: Sequence[Layout], n_records: int) -> None:
        try:
            batches = _batches(path)
            lists = [_lists(batch.column("stored"), np.int16) for batch in batches]
            self._values = [values for values, _ in lists]
            self._starts = np.concatenate([starts[:-1] for _, starts in lists])
            self._stops = np.concatenate([starts[1:] for _, starts in lists])
            self._batch_of = np.repeat(np.arange(len(lists)), [len(starts) - 1 for _, starts in lists])
            columns = _small_columns(batches)
            self._gains, self._gain_starts = _lists(columns["gain"], np.float32)
            # A shard numbers its own layouts, because it is written before the others are known.
            self.layout = np.array(layouts, np.int64)[columns["layout"].to_numpy()]
            self.has_missing = columns["has_missing"].to_numpy(zero_copy_only=False)
            self.images = ImageRows(columns) if "shape" in columns else None
            self._check(known, n_records)
        except (OSError, KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
            raise _damaged(path) from error
        starts = self._gain_starts[:-1]
        self._first_gain = self._gains[starts]
        if n_records:
            self._one_gain = np.minimum.reduceat(self._gains, starts) == np.maximum.reduceat(self._gains, starts)

    def _check(self, known: Sequence[Layout], n_records: int) -> None:
        shapes = [layout.shape for layout in known]
        if self.images is not None:
            n_gains, n_values = np.ones(n_records, np.int64), self.images.n_values
            stated = [shapes[layout] or shape for layout, shape in zip(self.layout, self.images.shapes, strict=True)]
            is_sound = stated == self.images.shapes
        else:
            n_gains = np.array([(shape or (0,))[0] for shape in shapes], np.int64)[self.layout]
            n_values = np.array([np.prod(shape or (0,)) for shape in shapes], np.int64)[self.layout]
            is_sound = True
        ends = np.array([len(values) for values in self._values], np.int64)[self._batch_of]
        if not (
            is_sound
            and len(self.layout) == len(self.has_missing) == len(self._starts) == n_records
            and np.array_equal(self._stops - self._starts, n_values)
            and (self._starts >= 0).all()
            and (self._stops <= ends).all()
            and np.array_equal(self._gain_starts, np.cumsum([0, *n_gains.tolist()]))
            and self._gain_starts[-1] <= len(self._gains)
        ):
            raise ValueError("the layouts and the values do not match")

    def read_into(self, row: int, out: np.ndarray) -> None:
        """Write one record into float32 ``out`` of its shape."""
        values = self._values[self._batch_of[row]]
        stored = values[self._starts[row] : self._stops[row]].reshape(out.shape)
        has_missing = bool(self.has_missing[row])
        if self.images is not None:
            gain, shift = float(self._first_gain[row]), float(self.images.shift[row])
            dequantise_image(stored, gain, shift, has_missing=has_missing, out=out)
            return
        gains: Any = self._first_gain[row]
        if not self._one_gain[row]:
            gains = self._gains[self._gain_starts[row] : self._gain_starts[row + 1]]
        dequantise(stored, gains, has_missing=has_missing, out=out)


def _batches(path: Path) -> list[pyarrow.RecordBatch]:
    import pyarrow as arrow

    try:
        with arrow.memory_map(str(path)) as file:
            # The arrays keep the mapping; the file itself is closed, so that a store of any size needs no open files.
            opened = arrow.ipc.open_file(file)
            return [opened.get_batch(number) for number in range(opened.num_record_batches)]
    except arrow.ArrowException as error:
        raise ValueError("no Arrow file") from error


def _small_columns(batches: Sequence[pyarrow.RecordBatch]) -> dict[str, pyarrow.Array]:
    """Join all columns but that of the signals, which is large and stays where it is."""
    import pyarrow as arrow

    names = [name for name in batches[0].schema.names if name != "stored"]
    if len(batches) == 1:
        return {name: batches[0].column(name) for name in names}
    return {name: arrow.concat_arrays([batch.column(name) for batch in batches]) for name in names}


def _lists(column: pyarrow.Array, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a column of lists, end to end, and where each list starts."""
    values = column.values.to_numpy()
    if values.dtype != dtype:
        raise TypeError(f"{values.dtype} values")
    return values, column.offsets.to_numpy()


def _damaged(path: Path) -> StoreError:
    return StoreError(
        f"{path} is missing or damaged", action="see what medclip data verify says; remove the store and pack again"
    )
