"""Moving a batch moves every tensor in it and nothing else."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from lightning.fabric.utilities.apply_func import move_data_to_device

from medclip.core.batch import Batch


def a_batch() -> Batch:
    """Return three records of two modalities."""
    return Batch(
        inputs={"one": torch.ones(3, 2, 5), "two": torch.ones(3, 4)},
        masks={"one": torch.ones(3, 5, dtype=torch.bool), "two": torch.ones(3, 4, dtype=torch.bool)},
        text_ids=torch.tensor([0, 1, -1]),
        pair_ids=torch.tensor([7, 7, 8]),
        statement_ids=torch.tensor([2, 3]),
        statement_of=torch.zeros(3, 2, dtype=torch.bool),
        record_ids=("a", "b", "c"),
        present={"two": torch.tensor([True, False, True])},
    )


def tensors(batch: Batch) -> dict[str, torch.Tensor]:
    """Return every tensor by the name of its field."""
    found = {}
    for entry in fields(batch):
        value = getattr(batch, entry.name)
        members = value.items() if isinstance(value, dict) else [("", value)]
        found |= {f"{entry.name}.{name}": tensor for name, tensor in members if torch.is_tensor(tensor)}
    return found


@pytest.mark.parametrize("move", [Batch.to, move_data_to_device])
def test_to_moves_every_tensor(move: object) -> None:
    batch = a_batch()
    moved = move(batch, torch.device("meta"))  # type: ignore[operator]
    assert isinstance(moved, Batch)
    assert len(tensors(moved)) == 9
    assert {tensor.device.type for tensor in tensors(moved).values()} == {"meta"}
    assert {tensor.device.type for tensor in tensors(batch).values()} == {"cpu"}
    assert {name: (t.shape, t.dtype) for name, t in tensors(moved).items()} == {
        name: (t.shape, t.dtype) for name, t in tensors(batch).items()
    }
    assert moved.record_ids == ("a", "b", "c")
    assert len(moved) == 3


def test_to_takes_the_options_of_a_tensor() -> None:
    copy = a_batch().to("cpu", copy=True, non_blocking=True)
    assert all(torch.equal(tensor, tensors(copy)[name]) for name, tensor in tensors(a_batch()).items())


def test_pinning_reaches_every_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Page-locked memory needs a GPU; what is tested without one is that every tensor is asked."""
    asked = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: asked.append(tensor) or tensor)
    a_batch().pin_memory()
    assert len(asked) == 9


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_pinned_memory_on_a_gpu() -> None:
    pinned = a_batch().pin_memory()
    assert all(tensor.is_pinned() for tensor in tensors(pinned).values())
    moved = pinned.to("cuda", non_blocking=True)
    assert all(tensor.is_cuda for tensor in tensors(moved).values())


def test_without_optional_parts() -> None:
    assert replace(a_batch(), present={}).to("meta").present == {}
