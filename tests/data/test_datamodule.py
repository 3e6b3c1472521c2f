"""The pairs that training sees: folds, patients on one side, records with a report, and settings that contradict."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from memory_dataset import mixed_dataset
from ptbxl_folder import write_ptbxl

from medclip.core.errors import ConfigError, DatasetError, InputError, MedclipError
from medclip.core.splits import patient_split
from medclip.data.access import open_dataset
from medclip.data.datamodule import PairDataModule
from medclip.data.pack import pack
from medclip.data.store import PackedStore

N_PATIENTS = 40
OPTIONS = {"n_patients": N_PATIENTS, "sampling_rate_hz": 100, "duration_s": 5, "noise": "none"}
SPEC = {"sampling_rate_hz": 100.0, "duration_s": 5.0}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PackedStore:
    """Pack simulated patients; one in five has two records."""
    return pack(open_dataset("simulated", **OPTIONS), tmp_path_factory.mktemp("packed") / "store")


def module(store: PackedStore, **options: object) -> PairDataModule:
    options = {"batch_size": 4, "spec": SPEC, "store": str(store.folder)} | options
    made = PairDataModule("simulated", **options)  # type: ignore[arg-type]
    made.prepare_data()
    made.setup("fit")
    return made


def members(made: PairDataModule) -> dict[str, set[str]]:
    """Return the record ids of each part, as its loader delivers them in order."""
    parts = {"val": made.val_dataloader(), "predict": made.predict_dataloader()}
    if made.test_folds:
        parts["test"] = made.test_dataloader()
    return {
        name: {record for batch in loader for record in batch.record_ids}  # type: ignore[union-attr]
        for name, loader in parts.items()
    }


def in_folds(store: PackedStore, *folds: str) -> set[str]:
    return {info.record_id for info in store.records if info.fold in folds}


def test_official_folds(store: PackedStore) -> None:
    made = module(store, train_folds=[1, "2", 3], val_folds=[9], test_folds=[10])
    assert members(made) == {
        "val": in_folds(store, "9"),
        "test": in_folds(store, "10"),
        "predict": in_folds(store, "10"),
    }
    assert made.n_records()["train"] == len(in_folds(store, "1", "2", "3"))
    trained = {record for _ in range(20) for batch in made.train_dataloader() for record in batch.record_ids}
    assert trained <= in_folds(store, "1", "2", "3")


def test_all_other_folds_are_for_training(store: PackedStore) -> None:
    made = module(store, val_folds=[9], test_folds=[10])
    rest = in_folds(store, *map(str, range(1, 9)))
    assert made.n_records() == {
        "train": len(rest),
        "val": len(in_folds(store, "9")),
        "test": len(in_folds(store, "10")),
        "predict": len(in_folds(store, "10")),
    }


def test_a_share_of_the_patients_is_set_aside(store: PackedStore) -> None:
    made = module(store, test_folds=[10], validation_share=0.3, seed=4)
    shares = {"train": 0.7, "validation": 0.3}
    aside = {
        info.record_id
        for info in store.records
        if patient_split(info.patient_id, 4, fractions=shares) == "validation" and info.fold != "10"
    }
    assert members(made)["val"] == aside
    assert 0 < len(aside) < len(store) / 2
    train = made._parts["train"].records
    patients = np.array(store.column("patient_id"))
    validated = {info.patient_id for info in store.records if info.record_id in aside}
    assert validated.isdisjoint(patients[train].tolist())
    assert members(module(store, test_folds=[10], validation_share=0.3, seed=5))["val"] != aside


def test_no_validation_if_none_is_wanted(store: PackedStore) -> None:
    made = module(store, validation_share=0.0)
    assert made.val_dataloader() == []
    assert made.n_records()["train"] == made.n_records()["predict"] == len(store)
    with pytest.raises(ConfigError, match=r"no records for test\. Name test_folds in the recipe"):
        made.test_dataloader()


class Leaky:
    """The simulated data set, but every record has a fold of its own, so that a patient is in two."""

    def __init__(self) -> None:
        self._dataset = open_dataset("simulated", **OPTIONS)
        self.records = [
            dataclasses.replace(info, fold=str(number % 2)) for number, info in enumerate(self._dataset.records)
        ]

    def __getattr__(self, name: str) -> object:
        return getattr(self._dataset, name)

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> object:
        return self._dataset[index]


@pytest.mark.parametrize("folds", [{"val_folds": ["1"]}, {"test_folds": ["1"]}])
def test_a_patient_on_two_sides_is_an_error(tmp_path: Path, folds: dict[str, list[str]]) -> None:
    leaky = pack(Leaky(), tmp_path / "store")  # type: ignore[arg-type]
    by_fold = [{info.patient_id for info in leaky.records if info.fold == fold} for fold in "01"]
    n_shared = len(by_fold[0] & by_fold[1])
    assert n_shared > 0
    with pytest.raises(DatasetError, match=rf"^{n_shared} patients of simulated have records for both train and"):
        module(leaky, **folds, validation_share=0.0)


def test_only_records_with_a_report_are_trained_on(tmp_path: Path) -> None:
    rows = [{"report": "" if number % 3 == 0 else f"sinus rhythm {number}"} for number in range(12)]
    root = write_ptbxl(tmp_path / "ptbxl", rows)
    made = PairDataModule(
        "ptbxl",
        root=str(root),
        dataset_options={"sampling_rate_hz": 100},
        store=str(tmp_path / "store"),
        spec={"sampling_rate_hz": 100.0},
        batch_size=2,
        validation_share=0.0,
    )
    made.prepare_data()
    made.setup("fit")
    assert made.n_records() == {"train": 8, "val": 0, "test": 0, "predict": 12}
    assert all((batch.text_ids >= 0).all() for batch in made.train_dataloader())
    assert sorted(made.training_texts()) == sorted(row["report"] for row in rows if row["report"])


def test_batches_are_prepared_by_the_specification(store: PackedStore) -> None:
    made = module(store, spec={**SPEC, "scaling": "zscore"}, keep_in_memory_mb=1, validation_share=0.0)
    for _ in range(2):
        for batch in made.train_dataloader():
            for record, values in zip(batch.record_ids, batch.inputs["ecg"].numpy(), strict=True):
                sample = store[store.record_ids.index(record)]
                np.testing.assert_array_equal(values, made.spec.prepare(sample).values)


def test_a_store_is_made_once_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDCLIP_CACHE", str(tmp_path))
    options = {"batch_size": 2, "spec": SPEC, "dataset_options": {**OPTIONS, "n_patients": 4}}
    for name in ("simulated", "Simulated"):
        made = PairDataModule(name, **options)  # type: ignore[arg-type]
        made.prepare_data()
        made.setup("fit")
    (first,) = (tmp_path / "stores").iterdir()
    assert first.name.startswith("simulated-")
    assert made.store_digest == PackedStore(first).digest()
    PairDataModule("simulated", **options | {"dataset_options": {**OPTIONS, "n_patients": 5}}).prepare_data()  # type: ignore[arg-type]
    assert len(os.listdir(tmp_path / "stores")) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 1}, "batches of at least 2: received 1"),
        ({"validation_share": 1.0}, "validation_share is out of range: received 1.0"),
        ({"n_workers": -1}, "n_workers is negative: received -1"),
        ({"keep_in_memory_mb": -1}, "keep_in_memory_mb is negative"),
        ({"seed": -1}, "seed is negative"),
        ({"train_folds": [1, 2], "val_folds": ["2"]}, "a fold serves two purposes: received 2"),
        ({"val_folds": [3], "test_folds": [3]}, "a fold serves two purposes: received 3"),
        ({"test_folds": [11]}, r"simulated has no such fold: received 11; allowed: 1, 10, 2"),
        ({"train_folds": []}, r"no records for train\. Name train_folds in the recipe"),
        ({"spec": {"rate": 100}}, "unknown field of the input specification: received rate"),
        ({"spec": {"duration_s": 100.0, "minimum_duration_s": 100.0}}, "no record of simulated meets the input"),
        ({"batch_size": 4096}, "fewer training records than one batch: received"),
        ({"statements_per_epoch": 0}, "statements_per_epoch is out of range: received 0; allowed: 1 or more"),
    ],
)
def test_wrong_settings_are_one_clear_line(store: PackedStore, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        module(store, **options).train_dataloader()
    assert "\n" not in str(raised.value)


def test_a_store_of_another_data_set(tmp_path: Path) -> None:
    other = pack(mixed_dataset(), tmp_path / "store")
    with pytest.raises(ConfigError, match="holds another data set: received memory; allowed: simulated"):
        module(other)


@pytest.mark.parametrize(
    ("name", "options"),
    [("ptb-x", {}), ("ptbxl", {}), ("ptbxl", {"root": "/nowhere"}), ("simulated", {"dataset_options": {"n": 3}})],
)
def test_a_data_set_that_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, object]
) -> None:
    monkeypatch.setenv("MEDCLIP_CACHE", str(tmp_path))
    with pytest.raises(MedclipError):
        PairDataModule(name, **options).prepare_data()  # type: ignore[arg-type]
    assert list(tmp_path.rglob("*")) == []


def drawn_statements(made: PairDataModule, n_epochs: int = 1) -> list[dict[str, frozenset[int]]]:
    """Return for each epoch which statements of each record took part."""
    found = []
    loader = made.train_dataloader()
    for _ in range(n_epochs):
        epoch = {}
        for batch in loader:
            assert batch.statement_of is not None
            assert batch.statement_ids is not None
            for record, own in zip(batch.record_ids, batch.statement_of.numpy(), strict=True):
                epoch[record] = frozenset(batch.statement_ids.numpy()[own].tolist())
        found.append(epoch)
    return found


@pytest.mark.parametrize("n_workers", [0, 2])
def test_statements_are_drawn_anew_each_epoch(store: PackedStore, n_workers: int) -> None:
    options = {"val_folds": [9], "test_folds": [10], "n_workers": n_workers}
    everything = module(store, **options)
    rows = {store.record_ids[record]: everything.texts.statements_of(record) for record in range(len(store))}
    assert max(map(len, rows.values())) > 3
    n_epochs = 2 if n_workers else 6
    epochs = drawn_statements(module(store, statements_per_epoch=2, **options), n_epochs)
    for epoch in epochs:
        for record, drawn in epoch.items():
            assert len(drawn) == min(2, len(set(rows[record].tolist())))
            assert drawn <= set(rows[record].tolist())
    assert any(epochs[0][record] != epochs[1][record] for record in epochs[0].keys() & epochs[1].keys())
    assert drawn_statements(module(store, statements_per_epoch=2, **options), n_epochs) == epochs
    others = drawn_statements(module(store, statements_per_epoch=2, seed=5, **options), 1)[0]
    both = others.keys() & epochs[0].keys()
    assert any(others[record] != epochs[0][record] for record in both)


def test_a_run_that_is_continued_draws_the_same_statements(store: PackedStore) -> None:
    options = {"val_folds": [9], "test_folds": [10], "statements_per_epoch": 1}
    whole = drawn_statements(module(store, **options), 2)
    stopped = module(store, **options)
    loader = stopped.train_dataloader()
    for _ in loader:
        pass
    for number, _ in enumerate(loader):
        if number == 1:
            break
    continued = module(store, **options)
    continued.load_state_dict(stopped.state_dict())
    rest = drawn_statements(continued)[0]
    assert 0 < len(rest) < len(whole[1])
    assert rest == {record: whole[1][record] for record in rest}


def test_validation_takes_every_statement(store: PackedStore) -> None:
    made = module(store, val_folds=[9], test_folds=[10], statements_per_epoch=1)
    for batch in made.val_dataloader():  # type: ignore[union-attr]
        assert batch.statement_of is not None
        for record, own in zip(batch.record_ids, batch.statement_of.numpy(), strict=True):
            assert own.sum() == len(set(made.texts.statements_of(list(store.record_ids).index(record)).tolist()))
