"""The generated data set keeps the data set contract, and its images are what it says."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from medclip.core.dataset import Dataset
from medclip.core.errors import InputError, LabelError
from medclip.core.label_set import LabelSet
from medclip.modalities.ct.datasets.simulated_ct import DATASET


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return DATASET.open(n_patients=60, seed=4, shape=(24, 40, 40))


def test_it_keeps_the_contract(dataset: Dataset) -> None:
    assert isinstance(dataset, Dataset)
    assert (dataset.name, dataset.modality, dataset.label_sets) == ("simulated_ct", "ct", ("simulated-ct",))
    assert not DATASET.needs_root
    assert len(dataset) == len(dataset.records) == len(list(dataset.records)) > 60


def test_samples_agree_with_the_index_and_the_label_table(dataset: Dataset) -> None:
    table = dataset.labels("simulated-ct")
    assert table.codes == LabelSet.load("simulated-ct").codes
    assert table.values.dtype == np.float32
    for index in (0, 7, len(dataset) - 1, -1):
        sample, info = dataset[index], dataset.records[index]
        assert (sample.record_id, sample.patient_id, sample.report) == (info.record_id, info.patient_id, info.report)
        assert sample.attributes == info.attributes
        np.testing.assert_array_equal(table.values[index], [sample.labels[code] for code in table.codes])
        assert set(sample.regions) <= {code for code, value in sample.labels.items() if value == 1}
    assert [info.record_id for info in dataset.records[2:4]] == [dataset[index].record_id for index in (2, 3)]


def test_folds_split_by_patient(dataset: Dataset) -> None:
    folds = defaultdict(set)
    for info in dataset.records:
        folds[info.patient_id].add(info.fold)
    assert all(len(found) == 1 for found in folds.values())
    assert {fold for found in folds.values() for fold in found} == {str(number) for number in range(1, 11)}


def test_reading_again_gives_the_same_and_another_seed_does_not(dataset: Dataset) -> None:
    again = DATASET.open(n_patients=90, seed=4, shape=(24, 40, 40))
    other = DATASET.open(n_patients=60, seed=5, shape=(24, 40, 40))
    assert np.array_equal(again[3].array, dataset[3].array)
    assert not np.array_equal(other[3].array, dataset[3].array)
    assert not {info.patient_id for info in other.records} & {info.patient_id for info in dataset.records}


@pytest.mark.parametrize(
    "options",
    [
        {"n_patients": 0},
        {"seed": -3},
        {"noise": "none at all"},
        {"root": "/tmp"},
        {"shape": (4, 40, 40)},
        {"shape": (40, 40)},
        {"shape": (24.5, 40, 40)},
    ],
)
def test_bad_options_are_refused_at_once(options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        DATASET.open(**options)


def test_unknown_label_set_and_index(dataset: Dataset) -> None:
    with pytest.raises(LabelError, match="simulated-ct"):
        dataset.labels("ptbxl-superclass")
    with pytest.raises(IndexError):
        dataset[len(dataset)]
