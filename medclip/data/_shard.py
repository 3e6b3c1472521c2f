"""One file of a packed store, mapped into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.errors import StoreError
from medclip.data.quantise import dequantise

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Layout", "Shard"]


@dataclass(frozen=True)
class Layout:
    """What a group of records has in common.

    Args:
        shape: ``(n_channels, n_samples)``.
        sampling_rate_hz: Samples per second.
        channel_names: One per channel.
    """

    shape: tuple[int, int]
    sampling_rate_hz: float
    channel_names: tuple[str, ...]


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
            columns = _columns(path)
            self._values, self._value_starts = _lists(columns["stored"], np.int16)
            self._gains, self._gain_starts = _lists(columns["gain"], np.float32)
            # A shard numbers its own layouts, because it is written before the others are known.
            self.layout = np.array(layouts, np.int64)[columns["layout"].to_numpy()]
            self.has_missing = columns["has_missing"].to_numpy(zero_copy_only=False)
            self._check(known, n_records)
        except (OSError, KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
            raise _damaged(path) from error
        starts = self._gain_starts[:-1]
        self._first_gain = self._gains[starts]
        if n_records:
            self._one_gain = np.minimum.reduceat(self._gains, starts) == np.maximum.reduceat(self._gains, starts)

    def _check(self, known: Sequence[Layout], n_records: int) -> None:
        n_channels = np.array([layout.shape[0] for layout in known], np.int64)[self.layout]
        n_values = np.array([layout.shape[0] * layout.shape[1] for layout in known], np.int64)[self.layout]
        if not (
            len(self.layout) == len(self.has_missing) == n_records
            and np.array_equal(self._value_starts, np.cumsum([0, *n_values.tolist()]))
            and np.array_equal(self._gain_starts, np.cumsum([0, *n_channels.tolist()]))
            and self._value_starts[-1] <= len(self._values)
            and self._gain_starts[-1] <= len(self._gains)
        ):
            raise ValueError("the layouts and the values do not match")

    def read_into(self, row: int, out: np.ndarray) -> None:
        """Write one record into float32 ``out`` of its layout's shape."""
        stored = self._values[self._value_starts[row] : self._value_starts[row + 1]].reshape(out.shape)
        gain: Any = self._first_gain[row]
        if not self._one_gain[row]:
            gain = self._gains[self._gain_starts[row] : self._gain_starts[row + 1]]
        dequantise(stored, gain, has_missing=bool(self.has_missing[row]), out=out)


def _columns(path: Path) -> dict[str, pyarrow.Array]:
    import pyarrow as arrow

    try:
        with arrow.memory_map(str(path)) as file:
            # The arrays keep the mapping; the file itself is closed, so that a store of any size needs no open files.
            batch = arrow.ipc.open_file(file).get_batch(0)
    except arrow.ArrowException as error:
        raise ValueError("no Arrow file") from error
    return {name: batch.column(name) for name in batch.schema.names}


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
