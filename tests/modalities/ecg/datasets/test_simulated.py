"""The generated data set keeps the data set contract and computes nothing before it is asked."""

from __future__ import annotations

import time
from collections import defaultdict

import numpy as np
import pytest

from medclip.core.dataset import Dataset
from medclip.core.errors import InputError, LabelError
from medclip.core.label_set import LabelSet
from medclip.core.modality import find_dataset
from medclip.core.sample import Sample


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return find_dataset("simulated")[1].open(root=None, n_patients=60, seed=4, sampling_rate_hz=100.0)


def test_it_is_found_and_keeps_the_contract(dataset: Dataset) -> None:
    assert isinstance(dataset, Dataset)
    assert (dataset.name, dataset.modality, dataset.label_sets) == ("simulated", "ecg", ("simulated",))
    assert not find_dataset("simulated")[1].needs_root
    assert len(list(dataset)) == len(dataset) == len(dataset.records) == len(list(dataset.records))


def test_samples_agree_with_the_index_and_the_label_table(dataset: Dataset) -> None:
    table = dataset.labels("simulated")
    assert table.codes == LabelSet.load("simulated").codes
    assert table.values.dtype == np.float32
    for index in (0, 7, len(dataset) - 1, -1):
        sample, info = dataset[index], dataset.records[index]
        assert isinstance(sample, Sample)
        assert (sample.record_id, sample.patient_id, sample.report) == (info.record_id, info.patient_id, info.report)
        assert sample.attributes == info.attributes
        np.testing.assert_array_equal(table.values[index], list(sample.labels.values()))
    assert [info.record_id for info in dataset.records[2:5]] == [dataset[index].record_id for index in (2, 3, 4)]


def test_folds_split_by_patient(dataset: Dataset) -> None:
    folds = defaultdict(set)
    for info in dataset.records:
        folds[info.patient_id].add(info.fold)
    assert all(len(found) == 1 for found in folds.values())
    assert {fold for found in folds.values() for fold in found} == {str(number) for number in range(1, 11)}
    assert len(folds) == 60 < len(dataset)


def test_reading_again_gives_the_same_and_another_seed_does_not(dataset: Dataset) -> None:
    again = find_dataset("simulated")[1].open(n_patients=60, seed=4, sampling_rate_hz=100.0)
    other = find_dataset("simulated")[1].open(n_patients=60, seed=5, sampling_rate_hz=100.0)
    assert np.array_equal(again[3].array, dataset[3].array)
    assert not np.array_equal(other[3].array, dataset[3].array)
    assert not {info.patient_id for info in other.records} & {info.patient_id for info in dataset.records}


def test_more_patients_leave_the_first_ones_as_they_are(dataset: Dataset) -> None:
    larger = find_dataset("simulated")[1].open(n_patients=90, seed=4, sampling_rate_hz=100.0)
    first = dataset.records[0].record_id
    assert larger.records[0].record_id == first
    assert np.array_equal(larger[0].array, dataset[0].array)


def test_opening_and_labelling_a_large_cohort_computes_no_signals() -> None:
    dataset = find_dataset("simulated")[1].open(n_patients=2000)
    start = time.perf_counter()
    signals_s = -start + (dataset[1], dataset[2], dataset[3], dataset[4], time.perf_counter())[-1]
    start = time.perf_counter()
    values = dataset.labels("simulated").values
    assert time.perf_counter() - start < len(dataset) * signals_s / 4 / 5
    assert np.nansum(values, axis=0).min() > 100


@pytest.mark.parametrize(
    "options",
    [
        {"n_patients": 0},
        {"seed": -3},
        {"sampling_rate_hz": 1.0},
        {"duration_s": 0.5},
        {"noise": "none at all"},
        {"root": "/tmp"},
    ],
)
def test_bad_options_are_refused_at_once(options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        find_dataset("simulated")[1].open(**options)


def test_unknown_label_set_and_index(dataset: Dataset) -> None:
    with pytest.raises(LabelError, match="simulated"):
        dataset.labels("ptbxl-superclass")
    with pytest.raises(IndexError):
        dataset[len(dataset)]
    with pytest.raises(IndexError):
        dataset.records[len(dataset)]
