"""Tables of numbers in CSV, NumPy and Parquet files, read within limits and never unpickled."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medclip.core.errors import FormatError
from medclip.modalities.ecg.formats._layout import Layout, layout_path
from medclip.modalities.ecg.formats._recording import COPY_AGAIN, bytes_of, damaged
from medclip.modalities.ecg.leads import standard_lead_name

__all__ = ["is_csv", "is_numpy", "is_numpy_archive", "is_parquet", "read_csv", "read_numpy", "read_parquet"]

_NUMPY, _ZIP, _PARQUET = b"\x93NUMPY", b"PK\x03\x04", b"PAR1"
_MEMBER_NAME_START = 30
_MOST_BYTES, _MOST_ROWS = 1 << 28, 1 << 26
_DELIMITERS = (b",", b";", b"\t")
_FIELD = re.compile(rb"\s*(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan)?\s*", re.IGNORECASE)


def is_numpy(head: bytes) -> bool:
    """Tell whether a file is a NumPy array (.npy)."""
    return head.startswith(_NUMPY)


def is_numpy_archive(head: bytes) -> bool:
    """Tell whether a file is an archive of NumPy arrays (.npz): a ZIP whose first member is one."""
    name_size = int.from_bytes(head[26:28], "little")
    return head.startswith(_ZIP) and head[_MEMBER_NAME_START : _MEMBER_NAME_START + name_size].endswith(b".npy")


def is_parquet(head: bytes) -> bool:
    """Tell whether a file is Parquet."""
    return head.startswith(_PARQUET)


def is_csv(head: bytes) -> bool:
    """Tell whether a file is a table of numbers as text: its second line is numbers and one delimiter between them.

    >>> is_csv(b"I;II\\n0.1;0.2\\n"), is_csv(b"name,born\\nDoe,1950\\n")
    (True, False)
    """
    lines = head.removeprefix(b"\xef\xbb\xbf").splitlines()
    # Without a line end behind it, the last line may be cut.
    whole = lines if len(head) < 4096 or head.endswith(b"\n") else lines[:-1]
    delimiter = _delimiter(whole[-1]) if whole else None
    return delimiter is not None and len(whole) > 1 and all(map(_FIELD.fullmatch, whole[1].split(delimiter)))


def read_numpy(path: Path, layout: Layout, *, is_archive: bool) -> np.ndarray:
    """Return the array of a .npy file, or the one of a .npz file that the layout names or that is the only one."""
    content = bytes_of(path)
    if not is_archive:
        return _array(content, path)
    with damaged(path), zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
        name = _chosen(list(sizes), layout, path)
        if sizes[name] > _MOST_BYTES:
            raise FormatError(f"{name} in {path} is too large", received=f"{sizes[name]} bytes", allowed=_MOST_BYTES)
        return _array(archive.read(f"{name}.npy"), path)


def read_csv(path: Path, layout: Layout) -> np.ndarray:
    """Return float64 numbers ``(n_rows, n_columns)``; empty fields are NaN.

    With a line of names, the columns are taken by the names of the leads, and others are left out.
    """
    content = bytes_of(path).removeprefix(b"\xef\xbb\xbf")
    first = content.splitlines()[0] if content.strip() else b""
    delimiter = _delimiter(first) or _DELIMITERS[0]
    fields = first.split(delimiter)
    has_names = not all(map(_FIELD.fullmatch, fields))
    names = [field.decode("utf-8", errors="replace").strip(' "') for field in fields] if has_names else None
    with damaged(path):
        from pyarrow import csv, float64

        table = csv.read_csv(
            io.BytesIO(content),
            read_options=csv.ReadOptions(use_threads=False, autogenerate_column_names=True, skip_rows=int(has_names)),
            parse_options=csv.ParseOptions(delimiter=delimiter.decode("ascii")),
            convert_options=csv.ConvertOptions(
                null_values=["", "nan", "NaN"], column_types={f"f{n}": float64() for n in range(len(fields))}
            ),
        )
        columns = [column.to_numpy() for column in table.columns]
    return np.stack(columns if names is None else _by_name(columns, names, layout, path), axis=1)


def read_parquet(path: Path, layout: Layout) -> np.ndarray:
    """Return numbers ``(n_rows, n_leads)`` of the columns that have the names of the leads; nulls are NaN."""
    content = bytes_of(path)
    with damaged(path):
        from pyarrow import parquet

        file = parquet.ParquetFile(io.BytesIO(content))
        metadata = file.metadata
        n_bytes = sum(metadata.row_group(row).total_byte_size for row in range(metadata.num_row_groups))
        if metadata.num_rows > _MOST_ROWS or n_bytes > _MOST_BYTES:
            raise FormatError(f"{path} is too large for an ECG", received=f"{n_bytes} bytes once unpacked")
        names = list(file.schema_arrow.names)
        wanted = _by_name(names, names, layout, path)
        columns = [file.read([name], use_threads=False).column(0).to_numpy() for name in wanted]
        if any(column.dtype.kind not in "iuf" for column in columns):
            raise FormatError(f"{path} holds something else than numbers")
        return np.stack(columns, axis=1)


def _array(content: bytes, path: Path) -> np.ndarray:
    """Load an array once what its header announces is known to be there."""
    with damaged(path):
        file = io.BytesIO(content)
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise FormatError(
                f"{path} is of an unusual version of NumPy's format", received=version, allowed=list(readers)
            )
        shape, _, dtype = readers[version](file)
        if dtype.kind not in "iuf":
            raise FormatError(f"{path} holds something else than numbers", received=dtype)
        n_bytes = math.prod(shape) * dtype.itemsize
        if n_bytes != len(content) - file.tell():
            raise FormatError(
                f"{path} is truncated or damaged",
                received=f"{len(content) - file.tell()} bytes",
                allowed=f"{n_bytes} bytes for {' x '.join(map(str, shape))} numbers",
                action=COPY_AGAIN,
            )
        array: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
        return array


def _chosen(names: Sequence[str], layout: Layout, path: Path) -> str:
    name = layout.array or (names[0] if len(names) == 1 else None)
    if name is None or name not in names:
        raise FormatError(
            f"{path} holds {'several arrays' if name is None else 'no such array'}",
            received=name,
            allowed=names,
            action=f"name one of them as array in {layout_path(path).name}",
        )
    return name


def _by_name(columns: Sequence[Any], names: Sequence[str], layout: Layout, path: Path) -> list[Any]:
    """Pick the columns of the leads in their order."""
    standard = [standard_lead_name(name) for name in names]
    missing = [name for name in layout.names if standard.count(name) != 1]
    if missing or layout.is_channels_first or len(columns) != len(names):
        raise FormatError(
            f"the columns of {path} are not what {layout_path(path).name} says",
            received=f"no column, or several, for {', '.join(missing)}" if missing else "leads in rows",
            allowed="a column for each of channel_names, with that name, and samples_by_channels",
            action="mend channel_names or orientation there",
        )
    return [columns[standard.index(name)] for name in layout.names]


def _delimiter(line: bytes) -> bytes | None:
    """Return the only delimiter in a line; None if there is none or more than one kind."""
    found = [delimiter for delimiter in _DELIMITERS if delimiter in line]
    return found[0] if len(found) == 1 else None
