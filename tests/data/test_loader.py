"""The order of batches: reproducible, continued where it stopped, and the same for one process and for several."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import loader_program
import pytest
import torch

from medclip.core.batch import Batch
from medclip.core.errors import ConfigError, DatasetError
from medclip.data.loader import BatchSampler, ResumableLoader


class NumberedRecords:
    """Batches that say nothing but which records they hold; record 6 may be damaged."""

    def __init__(self, n_records: int, *, damaged: int | None = None) -> None:
        self.n_records = n_records
        self.damaged = damaged

    def __len__(self) -> int:
        return self.n_records

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        if self.damaged in indices:
            raise DatasetError(f"record {self.damaged} is damaged")
        ids = torch.tensor(indices)
        nothing = torch.empty(0, dtype=torch.int64)
        return Batch({}, {}, ids, ids, nothing, torch.empty(len(ids), 0), tuple(map(str, indices)))


def loader(n_records: int = 23, *, n_workers: int = 0, damaged: int | None = None, **options: int) -> ResumableLoader:
    limit = options.pop("limit", None)
    sampler = BatchSampler(n_records, options.pop("batch_size", 4), shuffle=True, seed=options.pop("seed", 3))
    records = NumberedRecords(n_records, damaged=damaged)
    return ResumableLoader(records, sampler, n_workers=n_workers, n_batches_at_most=limit)  # type: ignore[arg-type]


def epochs(source: ResumableLoader, n_epochs: int) -> list[list[tuple[str, ...]]]:
    return [[batch.record_ids for batch in source] for _ in range(n_epochs)]


def test_an_epoch_takes_every_record_at_most_once() -> None:
    for epoch in epochs(loader(), 3):
        taken = [record for batch in epoch for record in batch]
        assert [len(batch) for batch in epoch] == [4] * 5
        assert len(set(taken)) == 20
    every = {record for epoch in epochs(loader(), 8) for batch in epoch for record in batch}
    assert every == {str(number) for number in range(23)}


def test_the_order_follows_from_seed_and_epoch() -> None:
    first = epochs(loader(), 3)
    assert epochs(loader(), 3) == first
    assert first[0] != first[1] != first[2]
    assert epochs(loader(seed=4), 1) != first[:1]


def test_in_order_every_record_is_taken_once() -> None:
    sampler = BatchSampler(10, 4, shuffle=False)
    assert list(sampler) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(sampler) == 3
    assert list(BatchSampler(8, 4, shuffle=False)) == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize("n_workers", [0, 2])
@pytest.mark.parametrize("n_taken", [0, 1, 4, 5, 7])
def test_a_run_is_continued_behind_the_last_batch(n_taken: int, n_workers: int) -> None:
    undisturbed = [batch for epoch in epochs(loader(), 4) for batch in epoch]
    interrupted = loader(n_workers=n_workers)
    seen = []
    while len(seen) < n_taken:
        for batch in interrupted:
            seen.append(batch.record_ids)
            if len(seen) == n_taken:
                break
    # Checkpoints hold it as plain types.
    state = json.loads(json.dumps(interrupted.state_dict()))
    continued = loader(n_workers=n_workers)
    continued.load_state_dict(state)
    while len(seen) < len(undisturbed):
        seen += [batch.record_ids for batch in continued]
    assert seen == undisturbed


def test_a_pass_that_was_left_early_is_not_resumed_unasked() -> None:
    """The trainer takes fewer batches than there are; its next epoch is a new order."""
    source = loader(limit=2)
    taken = [[batch.record_ids for batch, _ in zip(source, range(2), strict=False)] for _ in range(3)]
    whole = epochs(loader(), 3)
    assert taken == [epoch[:2] for epoch in whole]
    continued = loader(limit=2)
    continued.load_state_dict({"epoch": 0, "n_delivered": 2, "order": source.state_dict()["order"]})
    assert next(iter(continued)).record_ids == whole[1][0]


@pytest.mark.parametrize("other", [{"n_records": 24}, {"batch_size": 3}, {"seed": 9}])
def test_other_data_start_with_the_next_epoch(other: dict[str, int], caplog: pytest.LogCaptureFixture) -> None:
    source = loader()
    next(iter(source))
    changed = loader(**other)
    changed.load_state_dict(source.state_dict())
    assert "training continues with the next epoch" in caplog.text
    assert epochs(changed, 1) == epochs(loader(**other), 2)[1:]


@pytest.mark.parametrize("n_workers", [0, 2])
def test_an_error_keeps_its_class_and_its_one_line(n_workers: int) -> None:
    with pytest.raises(DatasetError, match=r"^record 6 is damaged$"):
        epochs(loader(n_workers=n_workers, damaged=6), 2)


def test_fewer_records_than_a_batch() -> None:
    with pytest.raises(
        ConfigError, match=r"received 3 records, batches of 4 on 1 process\(es\)\. Lower data.batch_size"
    ):
        BatchSampler(3, 4, shuffle=True)
    assert list(BatchSampler(3, 4, shuffle=False)) == [[0, 1, 2]]


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, list[list[int]]], list[int]]]:
    """Batches that each of two real processes draws."""
    folder = tmp_path_factory.mktemp("processes")
    environment = dict(os.environ, OMP_NUM_THREADS="1", GLOO_SOCKET_IFNAME="lo", PYTHONPATH=os.pathsep.join(sys.path))
    results = [folder / f"{rank}.json" for rank in range(2)]
    processes = [
        subprocess.Popen(
            [sys.executable, loader_program.__file__, str(rank), "2", str(folder / "meet"), str(result)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, result in enumerate(results)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    return [json.loads(Path(result).read_text()) for result in results]


def test_two_processes_share_the_batches_of_one(
    two_processes: list[tuple[dict[str, list[list[int]]], list[int]]],
) -> None:
    (first, identity), (second, other_identity) = two_processes
    alone = loader_program.draw(2 * loader_program.BATCH_SIZE, shuffle=True)
    assert len(first["shuffled"]) == len(second["shuffled"]) == len(alone) == 9
    for one, two, whole in zip(first["shuffled"], second["shuffled"], alone, strict=True):
        assert len(one) == len(two) == loader_program.BATCH_SIZE
        assert sorted(one + two) == sorted(whole)
    # A run begun on two processes may be continued on one with batches of twice the size.
    sampler = BatchSampler(loader_program.N_RECORDS, 2 * loader_program.BATCH_SIZE, shuffle=True, seed=5)
    assert identity == other_identity == sampler.identity()


def test_two_processes_take_equally_many_batches_in_order(
    two_processes: list[tuple[dict[str, list[list[int]]], list[int]]],
) -> None:
    (first, _), (second, _) = two_processes
    n_batches = len(first["in order"]) // loader_program.N_EPOCHS
    assert n_batches == len(second["in order"]) // loader_program.N_EPOCHS == 3
    pairs = zip(first["in order"][:n_batches], second["in order"][:n_batches], strict=True)
    assert sorted(record for one, two in pairs for record in one + two) == list(range(24))
