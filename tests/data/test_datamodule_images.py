"""Pairs of images and reports: the recipe's changes of any specification, and prepared inputs on disk."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from picture_datasets import SPEC, VOLUME_SPEC, radiographs, volumes

from medclip.core.errors import ConfigError
from medclip.core.input_spec import InputSpec
from medclip.data import datamodule
from medclip.data.datamodule import PairDataModule
from medclip.data.store import PackedStore


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDCLIP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def module(monkeypatch: pytest.MonkeyPatch, make: Any, default: InputSpec, **options: Any) -> PairDataModule:
    modality = types.SimpleNamespace(default_input_spec=lambda: default)
    monkeypatch.setattr(datamodule, "find_dataset", lambda name: (modality, types.SimpleNamespace(name="pictures")))
    monkeypatch.setattr(datamodule, "open_dataset", lambda name, root, **options: make())
    made = PairDataModule("pictures", **({"batch_size": 2, "val_folds": ["2"]} | options))
    made.prepare_data()
    made.setup("fit")
    return made


@pytest.mark.parametrize(
    ("make", "default", "changes"),
    [(radiographs, SPEC, {"height": 24, "scaling": "none"}), (volumes, VOLUME_SPEC, {"shape_dhw": [8, 12, 10]})],
)
@pytest.mark.parametrize("options", [{}, {"pack_prepared": True}, {"keep_in_memory_mb": 1}])
def test_batches_follow_the_recipe(
    make: Any,
    default: InputSpec,
    changes: dict[str, Any],
    options: dict[str, Any],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = module(monkeypatch, make, default, spec=changes, **options)
    assert made.spec != default
    samples = {sample.record_id: sample for sample in make()}
    n_seen = 0
    for batch in made.predict_dataloader():
        for row, record in enumerate(batch.record_ids):
            alone = made.spec.prepare(samples[record])
            # What is stored in 16 bits is resampled and scaled.
            step = (alone.values.max() - alone.values.min()) / 65534
            np.testing.assert_allclose(batch.inputs["demo"][row].numpy(), alone.values, atol=20 * step)
            np.testing.assert_array_equal(batch.masks["demo"][row].numpy(), alone.mask)
            n_seen += 1
    assert n_seen == made.n_records()["predict"] > 3
    assert len(next(iter(made.train_dataloader()))) == 2


def test_prepared_inputs_of_another_specification_need_another_store(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = [
        module(monkeypatch, radiographs, SPEC, pack_prepared=is_prepared, spec={"height": height})._store().folder
        for is_prepared, height in ((True, 32), (True, 32), (True, 24), (False, 24), (False, 32))
    ]
    assert stores[0] == stores[1]
    assert len(set(stores)) == 3
    assert PackedStore(stores[0]).input_spec is not None
    assert PackedStore(stores[4]).input_spec is None
    for is_prepared in (True, False):
        with pytest.raises(ConfigError, match="prepared by another input specification"):
            module(monkeypatch, radiographs, SPEC, pack_prepared=is_prepared, spec={"height": 40}, store=str(stores[0]))
    made = module(monkeypatch, radiographs, SPEC, store=str(stores[0]))
    assert made.n_records()["train"] > 0


def test_a_field_that_the_specification_lacks(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown field of .*: received sampling_rate_hz; .*fit"):
        module(monkeypatch, radiographs, SPEC, spec={"sampling_rate_hz": 100.0})


def test_findings_of_another_kind_of_data_are_not_named() -> None:
    with pytest.raises(ConfigError, match="named_findings is for another kind of data: ptbxl-superclass: received ecg"):
        PairDataModule("simulated_cxr", named_findings="ptbxl-superclass")
    assert PairDataModule("simulated_cxr", named_findings="chexpert").named_findings is not None
