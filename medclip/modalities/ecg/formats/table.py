"""Tables of numbers (CSV, NumPy, Parquet) whose layout a JSON file beside them declares."""

from __future__ import annotations

from pathlib import Path

from medclip.core._heads import read_head
from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats._layout import layout_path, read_layout, sample_of
from medclip.modalities.ecg.formats._table_files import (
    is_csv,
    is_numpy,
    is_numpy_archive,
    is_parquet,
    read_csv,
    read_numpy,
    read_parquet,
)

__all__ = ["FORMAT", "read", "sniff"]


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is a table of numbers; a text that is one column of them needs its layout beside it."""
    if is_numpy(head) or is_numpy_archive(head) or is_parquet(head) or is_csv(head):
        return True
    return path.suffix.lower() in (".csv", ".tsv", ".txt") and layout_path(path).is_file()


def read(path: Path) -> Sample:
    """Read a table into millivolts as the file ``NAME.json`` beside it says.

    That file states ``sampling_rate_hz``, ``unit`` (V, mV, uV, nV or uncalibrated), ``channel_names`` and
    ``orientation`` (channels_by_samples or samples_by_channels), and may state ``array`` (which one of a .npz file),
    ``age``, ``sex``, ``device``, ``report`` and ``patient_id``. Nothing is guessed.

    Returns:
        float32 ``(n_leads, n_samples)`` in mV with standard lead names, NaN for empty fields.

    Raises:
        FormatError: The layout is missing or contradicts the table, or the table is damaged or holds no numbers.
    """
    path = Path(path)
    head = read_head(path)
    layout = read_layout(path)
    if is_numpy(head) or is_numpy_archive(head):
        return sample_of(read_numpy(path, layout, is_archive=is_numpy_archive(head)), layout, path)
    if is_parquet(head):
        return sample_of(read_parquet(path, layout), layout, path)
    if b"\0" in head:
        raise FormatError(f"{path} is no table of numbers", allowed="CSV, NumPy or Parquet")
    return sample_of(read_csv(path, layout), layout, path)


FORMAT = Format(
    name="table",
    description="table (.csv, .npy, .npz, .parquet) with its layout in a .json beside it",
    sniff=sniff,
    read=read,
)
