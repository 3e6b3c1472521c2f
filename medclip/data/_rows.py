"""One record as a packed store keeps it, and the Arrow file of many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.errors import ConfigError, StoreError
from medclip.core.files import write_whole
from medclip.core.image_steps import ValueRange
from medclip.core.input_spec import InputSpec, RestorableSpec
from medclip.core.sample import Sample
from medclip.data._image_rows import ImageFacts, image_columns
from medclip.data._shard import Layout
from medclip.data.quantise import quantise, quantise_image

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Row", "check_packable", "row_of", "write_rows"]

# Rows are held in memory until they come to this, so that a shard of volumes needs no more than one of waveforms.
_BATCH_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class Row:
    """One record, quantised.

    Args:
        layout: What it shares with others.
        stored: Its values as int16.
        gain: Their gains.
        has_missing: Whether any is missing.
        facts: What is kept beside the pixels of an image.
    """

    layout: Layout
    stored: np.ndarray
    gain: np.ndarray
    has_missing: bool
    facts: ImageFacts | None = None


def check_packable(spec: InputSpec | None) -> None:
    """Check that inputs of a specification can be packed ready for use.

    Raises:
        ConfigError: They cannot.
    """
    if spec is not None and not isinstance(spec, RestorableSpec):
        raise ConfigError(
            "only images can be packed as prepared inputs",
            received=f"an input specification of kind {spec.kind}",
            action="pack the recordings themselves, and keep prepared inputs in memory",
        )


def row_of(sample: Sample, spec: InputSpec | None) -> Row:
    """Quantise a record, or with a specification what it makes of it.

    Raises:
        StoreError: The record is empty, or of no kind that can be stored.
        SignalError: The specification refuses it.
    """
    if sample.array.size == 0:
        raise StoreError(f"record {sample.record_id} is empty", received=f"array of shape {sample.array.shape}")
    if spec is not None:
        return _prepared_row(sample, spec)
    if sample.sampling_rate_hz is not None and sample.channel_names is not None:
        stored, gain = quantise(sample.array)
        layout = Layout(sample.array.shape, float(sample.sampling_rate_hz), sample.channel_names)
        return Row(layout, stored, gain, not np.isfinite(sample.array).all())
    if sample.array.ndim not in (2, 3):
        raise StoreError(
            f"record {sample.record_id} is neither a waveform, an image nor a volume",
            received=f"array of shape {sample.array.shape}",
        )
    stored, image_gain, shift = quantise_image(sample.array)
    facts = ImageFacts.of(sample, shift)
    return Row(Layout(None), stored, np.array([image_gain], np.float32), facts.values.n_missing > 0, facts)


def _prepared_row(sample: Sample, spec: InputSpec) -> Row:
    prepared = spec.prepare(sample)
    is_seen = np.broadcast_to(prepared.mask, prepared.values.shape)
    stored, gain, shift = quantise_image(np.where(is_seen, prepared.values, np.float32(np.nan)))
    hidden = prepared.values[~is_seen]
    facts = ImageFacts(
        *(spec.shape, (), (), (), shift),
        values=ValueRange(float(prepared.values.min()), float(prepared.values.max()), hidden.size),
        padding=float(hidden[0]) if hidden.size else 0.0,
    )
    return Row(Layout(spec.shape), stored, np.array([gain], np.float32), hidden.size > 0, facts)


def write_rows(path: Path, rows: Iterable[Row]) -> list[Layout]:
    """Write an Arrow file and return the layouts that its rows refer to by number.

    Raises:
        StoreError: Some rows are images and others are not.
    """
    import pyarrow as arrow

    layouts: dict[Layout, int] = {}
    batches = (_record_batch(held, layouts) for held in _held(rows))
    first = next(batches)
    with (
        write_whole(path) as temporary,
        arrow.OSFile(str(temporary), "wb") as sink,
        arrow.ipc.new_file(sink, first.schema) as writer,
    ):
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)
    return list(layouts)


def _held(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Part rows into lists that fit into memory; there is always a first one."""
    held: list[Row] = []
    n_bytes, is_first = 0, True
    for row in rows:
        held.append(row)
        n_bytes += row.stored.nbytes
        if n_bytes >= _BATCH_BYTES:
            yield held
            held, n_bytes, is_first = [], 0, False
    if held or is_first:
        yield held


def _record_batch(rows: Sequence[Row], layouts: dict[Layout, int]) -> pyarrow.RecordBatch:
    import pyarrow as arrow

    facts = [row.facts for row in rows if row.facts is not None]
    if len(facts) not in (0, len(rows)) or (layouts and facts and any(layout.channel_names for layout in layouts)):
        raise StoreError("a data set holds waveforms and images", action="make two data sets of it")
    columns = {
        "stored": _list_column([row.stored.ravel() for row in rows], arrow.int16()),
        "gain": _list_column([row.gain for row in rows], arrow.float32()),
        "layout": arrow.array([layouts.setdefault(row.layout, len(layouts)) for row in rows], arrow.int32()),
        "has_missing": arrow.array([row.has_missing for row in rows], arrow.bool_()),
    }
    return arrow.record_batch(columns | (image_columns(facts) if facts else {}))


def _list_column(rows: Sequence[np.ndarray], kind: pyarrow.DataType) -> pyarrow.Array:
    import pyarrow as arrow

    offsets = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64)
    values = np.concatenate(rows) if rows else np.empty(0, kind.to_pandas_dtype())
    return arrow.LargeListArray.from_arrays(arrow.array(offsets), arrow.array(values, kind))
