"""Images and volumes in a packed store: each of its own shape, with its geometry, exact where it can be."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pytest
from memory_dataset import mixed_dataset
from picture_datasets import SPEC, VOLUME_SPEC, in_memory, radiographs, volumes

from medclip.core.errors import ConfigError, SignalError, StoreError
from medclip.core.sample import Sample
from medclip.core.waveform_spec import WaveformSpec
from medclip.data import _rows
from medclip.data._shard import Shard
from medclip.data.pack import pack
from medclip.data.pairs import PairDataset, prepared_batch, usable_records
from medclip.data.quantise import dequantise_image, quantise_image
from medclip.data.store import STORE_FILE, PackedStore
from medclip.data.texts import TextTable
from medclip.modalities.report.pipeline import ReportPipeline

RADIOGRAPH_STEP = 1 / 65535


def texts_of(store: PackedStore) -> TextTable:
    return TextTable.build(store.column("report"), ReportPipeline(translate_to=None, normalise=False))


@pytest.mark.parametrize("steps", [255, 65535])
def test_pixels_of_8_and_16_bits_come_back_equal(steps: int) -> None:
    # As a reader computes them.
    values = np.arange(steps + 1).astype(np.float32) / np.float32(steps)
    np.testing.assert_array_equal(dequantise_image(*quantise_image(values), has_missing=False), values)


def test_hounsfield_units_come_back_equal_and_gaps_stay() -> None:
    values = np.arange(-32767, 32768, dtype=np.float32).reshape(5, 3, -1)
    np.testing.assert_array_equal(dequantise_image(*quantise_image(values), has_missing=False), values)
    values[2, 1, 3] = np.nan
    np.testing.assert_array_equal(dequantise_image(*quantise_image(values)), values)
    empty = np.full((3, 2), np.inf, np.float32)
    assert np.isnan(dequantise_image(*quantise_image(empty))).all()


@pytest.mark.parametrize(
    ("low", "high", "bound"),
    [
        (0.0, 1.0, RADIOGRAPH_STEP / 2),
        (0.4, 0.41, RADIOGRAPH_STEP / 2),
        (-1024.5, 3071.3, 4096 / 65534 / 2),
        (-3.0, 2.5, 5.5 / 65534 / 2),
        (999.1, 1000.2, 2.0**-14),
        (-1e30, 1e30, 2e30 / 65534 / 2),
        (-1e-30, 2e-30, 1e-30),
    ],
)
@pytest.mark.parametrize("has_missing", [False, True])
def test_the_error_is_at_most_half_a_step(low: float, high: float, bound: float, has_missing: bool) -> None:
    values = np.random.default_rng(0).uniform(low, high, (50, 60)).astype(np.float32)
    if has_missing:
        values[3, 4:9] = np.nan
        bound *= 65535 / 65534
    restored = dequantise_image(*quantise_image(values), has_missing=has_missing)
    np.testing.assert_array_equal(np.isnan(restored), np.isnan(values))
    error = np.nanmax(np.abs(restored.astype(np.float64) - values))
    # float32 itself rounds by one part in 2^24, twice.
    assert error <= bound + 2 * max(abs(low), abs(high)) * 2.0**-24


@pytest.mark.parametrize("batch_bytes", [1, 10_000, 64 << 20])
@pytest.mark.parametrize("make", [radiographs, volumes])
def test_records_of_any_shape_come_back(
    make: Any, batch_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_rows, "_BATCH_BYTES", batch_bytes)
    dataset = make()
    store = pack(dataset, tmp_path / "store", records_per_shard=4)
    for number, (sample, original) in enumerate(zip(store, dataset.samples, strict=True)):
        if make is volumes:
            np.testing.assert_array_equal(sample.array, original.array)
        else:
            np.testing.assert_allclose(sample.array, original.array, atol=RADIOGRAPH_STEP / 2 * 1.0001, rtol=0)
        for name in ("spacing_mm", "origin_mm", "direction", "record_id", "patient_id", "report", "modality"):
            assert getattr(sample, name) == getattr(original, name)
        assert sample.sampling_rate_hz is None
        assert store.has_missing[number] == np.isnan(original.array).any()
        described, values = store.without_pixels(number)
        assert described.array.shape == original.array.shape
        assert described.spacing_mm == original.spacing_mm
        assert values.low == np.nanmin(original.array)
        assert values.high == np.nanmax(original.array)
        assert values.n_missing == np.isnan(original.array).sum()
    # As many sizes as records, and one layout.
    assert len(store.layouts) == 1
    store.verify()


def test_a_store_of_images_is_written_the_same_twice_and_knows_its_geometry(tmp_path: Path) -> None:
    dataset = radiographs()
    digest = pack(dataset, tmp_path / "one", records_per_shard=4).digest()
    assert pack(dataset, tmp_path / "two", records_per_shard=4).digest() == digest
    dataset.samples[0] = dataset.samples[0].replace(spacing_mm=(0.2, 0.2))  # type: ignore[index]
    assert pack(dataset, tmp_path / "three", records_per_shard=4).digest() != digest


def test_large_images_make_small_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medclip.data.pack._SHARD_BYTES", 3 * 2 * 40 * 75)
    store = pack(radiographs(), tmp_path / "store")
    assert [entry["n_records"] for entry in store.description["shards"]] == [3, 3, 3]


def test_images_are_read_one_by_one(tmp_path: Path) -> None:
    store = pack(radiographs(), tmp_path / "store")
    with pytest.raises(StoreError, match=r"holds images\. Read them one by one"):
        store.read([0, 1])
    waveforms = pack(mixed_dataset(), tmp_path / "waveforms")
    with pytest.raises(StoreError, match="holds no images"):
        waveforms.without_pixels(0)


def test_waveforms_and_images_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rows, "_BATCH_BYTES", 1)
    samples = [mixed_dataset().samples[0], radiographs().samples[0]]
    with pytest.raises(StoreError, match="holds waveforms and images"):
        pack(in_memory(samples), tmp_path / "store")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreError, match="neither a waveform, an image nor a volume"):
        pack(in_memory([Sample("demo", np.zeros(9, np.float32), "r0", "p")]), tmp_path / "store")


def test_a_shape_that_does_not_fit_its_pixels_is_damage(tmp_path: Path) -> None:
    store = pack(radiographs(), tmp_path / "store")
    path = store.folder / "shard-00000.arrow"
    with arrow.OSFile(str(path)) as file:
        table = arrow.ipc.open_file(file).read_all()
    shapes = table.column("shape").to_pylist()
    shapes[3][0] += 1
    place = table.schema.get_field_index("shape")
    table = table.set_column(place, "shape", arrow.array(shapes, arrow.list_(arrow.int32())))
    with arrow.OSFile(str(path), "wb") as sink, arrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(StoreError, match=r"shard-00000.arrow is missing or damaged"):
        PackedStore(store.folder)[0]


def test_what_a_specification_refuses_is_known_without_reading_a_pixel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = radiographs()
    expected = []
    for number, sample in enumerate(dataset.samples):
        try:
            SPEC.prepare(sample)
        except SignalError:
            continue
        expected.append(number)
    assert expected == [0, 1, 3, 5, 6, 7, 8]
    store = pack(dataset, tmp_path / "store", records_per_shard=4)

    def forbidden(*arguments: Any) -> None:
        raise AssertionError("a pixel was read")

    monkeypatch.setattr(Shard, "read_into", forbidden)
    with caplog.at_level(logging.WARNING):
        assert usable_records(store, np.arange(9), SPEC).tolist() == expected
    assert "1 of 9 records of pictures left out: the image shows nothing" in caplog.text
    assert "1 of 9 records of pictures left out: the image is too small" in caplog.text


@pytest.mark.parametrize("keep_mb", [0, 1])
@pytest.mark.parametrize(("make", "spec"), [(radiographs, SPEC), (volumes, VOLUME_SPEC)])
def test_batches_hold_what_the_specification_makes_of_each(make: Any, spec: Any, keep_mb: int, tmp_path: Path) -> None:
    store = pack(make(), tmp_path / "store", records_per_shard=4)
    records = usable_records(store, np.arange(len(store)), spec)
    pairs = PairDataset(store, records, spec, texts_of(store), keep_mb=keep_mb)
    for _ in range(2):
        batch = pairs.__getitems__([2, 0, 1, 0])
        expected = [spec.prepare(store[int(records[index])]) for index in (2, 0, 1, 0)]
        np.testing.assert_array_equal(batch.inputs["demo"].numpy(), np.stack([one.values for one in expected]))
        np.testing.assert_array_equal(batch.masks["demo"].numpy(), np.stack([one.mask for one in expected]))


@pytest.mark.parametrize(("make", "spec"), [(radiographs, SPEC), (volumes, VOLUME_SPEC)])
def test_prepared_inputs_can_be_packed_instead(make: Any, spec: Any, tmp_path: Path) -> None:
    dataset = make()
    store = pack(dataset, tmp_path / "store", spec=spec, records_per_shard=3)
    expected = {}
    for sample in dataset.samples:
        try:
            expected[sample.record_id] = spec.prepare(sample)
        except SignalError:
            continue
    assert store.record_ids == list(expected)
    assert len(store) == len(store.records) == len(dataset) - len(store.description["refused"])
    order = np.array([3, 0, 2, 1, 0])
    values, mask = prepared_batch(store, order, spec)
    wanted = [expected[store.record_ids[index]] for index in order]
    np.testing.assert_array_equal(mask, np.stack([one.mask for one in wanted]))
    full = np.stack([one.values for one in wanted])
    np.testing.assert_allclose(values, full, atol=(full.max() - full.min()) / 65534, rtol=0)
    hidden = np.broadcast_to(~mask[:, None], values.shape)
    assert hidden.any()
    np.testing.assert_array_equal(values[hidden], full[hidden])
    np.testing.assert_array_equal(usable_records(store, np.arange(len(store)), spec), np.arange(len(store)))
    assert PairDataset(store, np.arange(len(store)), spec, texts_of(store))[1].inputs["demo"].shape == (1, *spec.shape)


def test_prepared_inputs_pass_for_nothing_else(tmp_path: Path) -> None:
    dataset = radiographs()
    store = pack(dataset, tmp_path / "store", spec=SPEC)
    assert [entry["record_id"] for entry in store.description["refused"]] == ["r2", "r4"]
    other = dataclasses.replace(SPEC, fit="crop")
    with pytest.raises(StoreError, match="prepared by another input specification"):
        prepared_batch(store, np.array([0]), other)
    with pytest.raises(StoreError, match="holds inputs that were prepared for training, not recordings"):
        store[0]
    assert pack(dataset, store.folder, spec=SPEC).digest() == store.digest()
    for spec in (other, None):
        with pytest.raises(OSError, match="holds a store of other data"):
            pack(dataset, store.folder, spec=spec)
    described = json.loads((store.folder / STORE_FILE).read_text())
    assert described["input_spec"] == SPEC.to_dict()


def test_what_cannot_be_packed_prepared(tmp_path: Path) -> None:
    waveform = WaveformSpec("ecg", 100, 5, ("I", "II"))
    with pytest.raises(ConfigError, match=r"only images can be packed as prepared inputs: received .* kind waveform"):
        pack(mixed_dataset(), tmp_path / "store", spec=waveform)
    with pytest.raises(StoreError, match="no record of pictures meets the input specification: received the image is"):
        pack(radiographs(), tmp_path / "store", spec=dataclasses.replace(SPEC, minimum_size_px=500))
    assert list(tmp_path.iterdir()) == []
