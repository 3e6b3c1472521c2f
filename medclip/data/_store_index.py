"""What a packed store knows of its records, read when it is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.dataset import RecordInfo, RecordSequence
from medclip.core.errors import StoreError

if TYPE_CHECKING:
    import pyarrow

__all__ = ["StoredRecords", "read_table"]


def read_table(path: Path, *, n_rows: int) -> pyarrow.Table:
    """Read a table of a store.

    Raises:
        StoreError: It is missing, damaged, or has another number of rows.
    """
    import pyarrow as arrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except (OSError, arrow.ArrowException) as error:
        raise StoreError(f"{path} is missing or damaged", action="remove the store and pack again") from error
    if table.num_rows != n_rows:
        raise StoreError(
            f"{path} belongs to another store",
            received=f"{table.num_rows} rows",
            allowed=f"{n_rows} rows",
            action="remove the store and pack again",
        )
    return table


class StoredRecords(RecordSequence):
    """Rows of the index, made into objects only when asked for.

    Args:
        table: The index.
    """

    def __init__(self, table: pyarrow.Table) -> None:
        self._length: int = table.num_rows
        names = ("record_id", "patient_id", "report", "fold", "attributes")
        self._columns = [table.column(name).combine_chunks() for name in names]

    def __len__(self) -> int:
        return self._length

    def at(self, index: int) -> RecordInfo:
        """Return what is known of one record."""
        record_id, patient_id, report, fold, attributes = [column[index].as_py() for column in self._columns]
        return RecordInfo(record_id, patient_id, report, fold, json.loads(attributes))
