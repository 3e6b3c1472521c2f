"""Batches of prepared recordings: what each sample, prepared on its own, would be."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from memory_dataset import mixed_dataset

from medclip.core.errors import DatasetError, SignalError
from medclip.core.input_spec import InputSpec
from medclip.core.modality import find_modality
from medclip.core.waveform_spec import WaveformSpec
from medclip.data.pack import pack
from medclip.data.pairs import PairDataset, prepared_batch, usable_records
from medclip.data.store import PackedStore
from medclip.data.texts import NO_TEXT, TextTable
from medclip.modalities.report.pipeline import ReportPipeline

N_RECORDS = 23


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PackedStore:
    """Pack records of four layouts, every fourth with a gap."""
    return pack(mixed_dataset(N_RECORDS), tmp_path_factory.mktemp("packed") / "store", records_per_shard=7)


@pytest.fixture(scope="module")
def texts(store: PackedStore) -> TextTable:
    return TextTable.build(store.column("report"), ReportPipeline(translate_to=None, normalise=False))


def spec(**changes: object) -> WaveformSpec:
    """Return a specification that every record of the store meets, by deriving, padding and resampling."""
    default = find_modality("ecg").default_input_spec()
    assert isinstance(default, WaveformSpec)
    usual = {"sampling_rate_hz": 100.0, "duration_s": 4.0, "minimum_duration_s": 1.0, "minimum_channels": 1}
    return dataclasses.replace(default, **(usual | changes))  # type: ignore[arg-type]


SPECS = [
    spec(),
    spec(scaling="zscore"),
    spec(scaling="minmax", sampling_rate_hz=125.0),
    spec(duration_s=11.0, channel_names=("aVF", "V1", "I", "II")),
]


@pytest.mark.parametrize("chosen", SPECS)
def test_a_batch_is_what_each_sample_is_on_its_own(store: PackedStore, texts: TextTable, chosen: InputSpec) -> None:
    records = np.arange(1, N_RECORDS)
    dataset = PairDataset(store, records, chosen, texts)
    asked = [21, 0, 3, 3, 8, 1, 14]
    batch = dataset.__getitems__(asked)
    assert batch.record_ids == tuple(f"r{index + 1}" for index in asked)
    for row, index in enumerate(asked):
        alone = chosen.prepare(store[index + 1])
        np.testing.assert_array_equal(batch.inputs["ecg"][row].numpy(), alone.values)
        np.testing.assert_array_equal(batch.masks["ecg"][row].numpy(), alone.mask)
    assert batch.inputs["ecg"].shape == (len(asked), *chosen.shape)
    assert not batch.inputs["ecg"].isnan().any()


def test_reports_of_a_batch(store: PackedStore, texts: TextTable) -> None:
    dataset = PairDataset(store, np.arange(N_RECORDS), spec(), texts)
    asked = [4, 0, 5, 3, 9]
    batch = dataset.__getitems__(asked)
    for row, record in enumerate(asked):
        report = store.records[record].report
        text_id = int(batch.text_ids[row])
        assert (text_id == NO_TEXT) == (report is None)
        own = {texts.texts[int(i)] for i in batch.statement_ids[batch.statement_of[row]]}
        assert own == {texts.texts[i] for i in texts.statements_of(record).tolist()}
        if report is not None:
            assert texts.texts[text_id] == report.lower()
    assert int(batch.pair_ids[1]) == int(batch.pair_ids[3]) == texts.pair_ids[0]
    assert len(set(batch.pair_ids.tolist())) == 4
    assert batch.statement_ids.tolist() == sorted(set(batch.statement_ids.tolist()))
    assert batch.statement_of.any(dim=0).all()


def test_one_record_and_none(store: PackedStore, texts: TextTable) -> None:
    dataset = PairDataset(store, np.array([6]), spec(), texts)
    assert dataset[0].record_ids == ("r6",)
    empty = dataset.__getitems__([])
    assert len(empty) == 0
    assert empty.inputs["ecg"].shape == (0, 12, 400)


@pytest.mark.parametrize("n_kept", [0, 1, 4, 1000])
def test_what_is_kept_in_memory_is_the_same(
    store: PackedStore, texts: TextTable, monkeypatch: pytest.MonkeyPatch, n_kept: int
) -> None:
    chosen = spec(duration_s=100.0, sampling_rate_hz=250.0)
    plain = PairDataset(store, np.arange(N_RECORDS), chosen, texts)
    keeping = PairDataset(store, np.arange(N_RECORDS), chosen, texts, keep_mb=-(-n_kept * 1_200_000 // (1 << 20)))
    n_read = []

    def counting(store: PackedStore, records: np.ndarray, spec: InputSpec) -> tuple[np.ndarray, np.ndarray]:
        n_read.append(len(records))
        return prepared_batch(store, records, spec)

    asked = [[0, 1, 2], [2, 1, 5, 5], [0, 5, 1]]
    expected = [plain.__getitems__(indices) for indices in asked]
    monkeypatch.setattr("medclip.data.pairs.prepared_batch", counting)
    for indices, batch in zip(asked, expected, strict=True):
        found = keeping.__getitems__(indices)
        np.testing.assert_array_equal(found.inputs["ecg"].numpy(), batch.inputs["ecg"].numpy())
        np.testing.assert_array_equal(found.masks["ecg"].numpy(), batch.masks["ecg"].numpy())
        # What a training does with its batch must not reach the next one.
        found.inputs["ecg"].zero_()
    assert sum(n_read) == {0: 10, 1: 8, 4: 4, 1000: 4}[n_kept]


def test_a_specification_of_another_modality(store: PackedStore) -> None:
    other = dataclasses.replace(spec(), modality="eeg")
    with pytest.raises(SignalError, match="takes another kind of data: received ecg; allowed: eeg"):
        prepared_batch(store, np.array([0]), other)


def test_usable_records(store: PackedStore, caplog: pytest.LogCaptureFixture) -> None:
    """The records are those for which ``prepare`` does not raise, each tried on its own."""
    for chosen in (spec(minimum_duration_s=4.0), spec(minimum_channels=8), spec(minimum_channels=12), spec()):
        caplog.clear()
        expected, refused = [], 0
        for record in range(N_RECORDS):
            try:
                chosen.prepare(store[record])
                expected.append(record)
            except SignalError:
                refused += 1
        assert usable_records(store, np.arange(N_RECORDS), chosen).tolist() == expected
        assert ("left out" in caplog.text) == bool(refused)
        for message in caplog.messages:
            assert f"of {N_RECORDS} records of memory left out: the recording" in message


def test_records_without_any_sample_left_are_not_usable(tmp_path: Path) -> None:
    dataset = mixed_dataset(6)
    gaps = dataset.samples[5].replace(array=np.full((12, 500), np.nan, np.float32))
    store = pack(dataclasses.replace(dataset, samples=[*dataset.samples[:5], gaps]), tmp_path / "store")
    assert usable_records(store, np.arange(6), spec()).tolist() == [0, 1, 2, 3, 4]


def test_nothing_usable_is_an_error(store: PackedStore) -> None:
    with pytest.raises(DatasetError, match="no record of memory meets the input specification: received the recording"):
        usable_records(store, np.arange(N_RECORDS), spec(minimum_duration_s=60.0))
    with pytest.raises(DatasetError, match="no record selected"):
        usable_records(store, np.arange(0), spec())
