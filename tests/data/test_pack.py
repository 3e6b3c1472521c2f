"""Packing: resumable after a kill at any point, done once for several processes, and nothing is left after an error."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import packing_program
import pytest
from memory_dataset import MemoryDataset, mixed_dataset
from ptbxl_folder import write_ptbxl

import medclip.data.pack as packing
from medclip.core.errors import DatasetError, FormatError, InputError, MedclipError, OutputError, StoreError
from medclip.core.sample import Sample
from medclip.data.pack import pack
from medclip.data.store import PackedStore
from medclip.modalities.ecg.datasets.ptbxl import open_ptbxl

N_RECORDS = 11
TIMEOUT_S = 300  # a start takes a second, and on a busy machine much more


@pytest.fixture(scope="module")
def ptbxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write eleven generated records in PTB-XL's layout."""
    return write_ptbxl(tmp_path_factory.mktemp("ptbxl"), [{"report": f"befund {n}"} for n in range(N_RECORDS)])


@pytest.fixture(scope="module")
def undisturbed(ptbxl: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Pack them in one go; return all files."""
    folder = tmp_path_factory.mktemp("undisturbed") / "store"
    pack(open_ptbxl(ptbxl, sampling_rate_hz=100), folder, records_per_shard=packing_program.RECORDS_PER_SHARD)
    return content(folder)


def content(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, hidden ones too."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if not path.is_dir()}


def start(root: Path, store: Path, point: str, seconds_per_record: float = 0.0) -> subprocess.Popen[str]:
    """Pack in another process."""
    arguments = [packing_program.__file__, str(root), str(store), point, str(seconds_per_record)]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    return subprocess.Popen([sys.executable, *arguments], env=environment, stderr=subprocess.PIPE, text=True)


def test_files_of_a_store(undisturbed: dict[str, bytes]) -> None:
    labels = [f"labels/ptbxl-{name}.parquet" for name in ("all", "form", "rhythm", "subclass", "superclass")]
    shards = [f"shard-{number:05d}.arrow" for number in range(3)]
    assert sorted(undisturbed) == ["index.parquet", *labels, *shards, "store.json"]


def test_the_number_of_processes_changes_nothing(ptbxl: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    dataset = open_ptbxl(ptbxl, sampling_rate_hz=100)
    pack(dataset, tmp_path / "store", records_per_shard=packing_program.RECORDS_PER_SHARD, n_processes=2)
    assert content(tmp_path / "store") == undisturbed


def test_unreadable_records_are_left_out_by_other_processes_too(ptbxl: Path, tmp_path: Path) -> None:
    shutil.copytree(ptbxl, tmp_path / "ptbxl")
    next(iter(sorted((tmp_path / "ptbxl").rglob("00005_lr.dat")))).unlink()
    dataset = open_ptbxl(tmp_path / "ptbxl", sampling_rate_hz=100)
    with pytest.raises(FormatError, match=r"00005_lr\.dat"):
        pack(dataset, tmp_path / "refused", n_processes=2)
    assert not (tmp_path / "refused").exists()
    one, two = (pack(dataset, tmp_path / str(n), n_processes=n, skip_unreadable=True) for n in (1, 2))
    assert one.description["skipped"] == two.description["skipped"]
    assert len(one.description["skipped"]) == 1


def test_the_size_of_shards_changes_no_content(tmp_path: Path) -> None:
    dataset = mixed_dataset()
    stores = [pack(dataset, tmp_path / str(size), records_per_shard=size) for size in (1, 5, 13, 1000)]
    for index in range(len(dataset)):
        for store in stores:
            np.testing.assert_array_equal(store[index].array, stores[0][index].array)


@pytest.mark.parametrize("point", packing_program.POINTS)
def test_a_killed_run_is_continued_to_the_same_bytes(
    ptbxl: Path, undisturbed: dict[str, bytes], tmp_path: Path, point: str
) -> None:
    folder = tmp_path / "store"
    process = start(ptbxl, folder, point)
    _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == (0 if point == "never" else -signal.SIGKILL), errors
    if point != "never":
        assert not folder.exists()
        with pytest.raises(StoreError, match="to continue" if point != "first record" else "Check the path"):
            PackedStore(folder)
    dataset = CountingPtbxl(ptbxl)
    pack(dataset, folder, records_per_shard=packing_program.RECORDS_PER_SHARD)
    assert content(folder) == undisturbed
    assert list(tmp_path.iterdir()) == [folder]
    # One record is read beforehand to see that it is the same data set.
    n_finished = {"first record": 0, "record in a shard": 4, "arrow file": 0, "shard": 4}.get(point, N_RECORDS)
    assert dataset.n_read == 1 + N_RECORDS - n_finished


class CountingPtbxl:
    """PTB-XL that counts how often a record was read."""

    def __init__(self, root: Path) -> None:
        self._dataset = open_ptbxl(root, sampling_rate_hz=100)
        self.n_read = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._dataset, name)

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> object:
        self.n_read += 1
        return self._dataset[index]


@pytest.mark.slow  # it waits for another process to be in the middle
def test_a_run_killed_from_outside_is_continued(ptbxl: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "store"
    process = start(ptbxl, folder, "never", 0.3)
    note = tmp_path / ".store.unfinished/shard-00000.json"
    deadline = time.monotonic() + TIMEOUT_S
    while not note.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=TIMEOUT_S)
    assert note.exists()
    assert not folder.exists()
    pack(open_ptbxl(ptbxl, sampling_rate_hz=100), folder, records_per_shard=packing_program.RECORDS_PER_SHARD)
    assert content(folder) == undisturbed


def test_two_processes_make_one_store(ptbxl: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "store"
    processes = [start(ptbxl, folder, "never", 0.1) for _ in range(2)]
    messages = []
    for process in processes:
        messages.append(process.communicate(timeout=TIMEOUT_S)[1])
        assert process.returncode == 0, messages
    assert content(folder) == undisturbed
    assert list(tmp_path.iterdir()) == [folder]


def test_another_plan_starts_anew(ptbxl: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    """What lies unfinished of another data set, or was damaged, is written again."""
    folder = tmp_path / "store"
    process = start(ptbxl, folder, "index")
    process.communicate(timeout=TIMEOUT_S)
    work = tmp_path / ".store.unfinished"
    damaged = work / "shard-00001.arrow"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    dataset = CountingPtbxl(ptbxl)
    pack(dataset, folder, records_per_shard=packing_program.RECORDS_PER_SHARD)
    assert dataset.n_read == 1 + 4
    assert content(folder) == undisturbed

    start(ptbxl, tmp_path / "other", "shard").communicate(timeout=TIMEOUT_S)
    store = pack(mixed_dataset(), tmp_path / "other")
    store.verify()
    assert store.name == "memory"
    assert store.record_ids == [f"r{number}" for number in range(13)]


def test_a_finished_store_is_returned_as_it_is(tmp_path: Path) -> None:
    dataset = mixed_dataset()
    pack(dataset, tmp_path / "store")
    before = content(tmp_path / "store")
    dataset.n_read = 0
    assert len(pack(dataset, tmp_path / "store", records_per_shard=2)) == 13
    assert dataset.n_read == 1
    assert content(tmp_path / "store") == before


def changed_datasets() -> Iterator[MemoryDataset]:
    """Data sets that differ from ``mixed_dataset()`` in one thing each."""
    dataset = mixed_dataset()
    first, *others = dataset.samples
    yield dataclasses.replace(dataset, samples=dataset.samples[:-1], values=dataset.values[:-1])
    yield dataclasses.replace(dataset, version="2")
    yield dataclasses.replace(dataset, values=np.zeros_like(dataset.values))
    for changes in (
        {"report": "another"},
        {"patient_id": "another"},
        {"attributes": {"age": 3}},
        {"sampling_rate_hz": 400.0},
        {"array": -first.array},
    ):
        yield dataclasses.replace(dataset, samples=[first.replace(**changes), *others])


@pytest.mark.parametrize("changed", changed_datasets())
def test_a_store_of_other_data_is_not_taken_for_this(tmp_path: Path, changed: MemoryDataset) -> None:
    pack(mixed_dataset(), tmp_path / "store")
    before = content(tmp_path / "store")
    with pytest.raises(OutputError, match="holds a store of other data"):
        pack(changed, tmp_path / "store")
    assert content(tmp_path / "store") == before
    assert os.listdir(tmp_path) == ["store"]


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store/thesis.txt").write_text("precious")
    (tmp_path / "file").write_text("precious")
    for name in ("store", "file"):
        with pytest.raises(OutputError, match=r"exists and is no packed store\. Choose another output folder"):
            pack(mixed_dataset(), tmp_path / name)
    assert content(tmp_path) == {"store/thesis.txt": b"precious", "file": b"precious"}


def test_an_empty_folder_may_exist(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    assert len(pack(mixed_dataset(), tmp_path / "store")) == 13
    assert os.listdir(tmp_path) == ["store"]


def test_the_current_folder_may_be_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(StoreError, match=r"^\. holds no packed store"):
        PackedStore(".")
    pack(mixed_dataset(), ".")
    assert len(PackedStore(tmp_path / "here")) == 13


def test_an_unreadable_record(tmp_path: Path) -> None:
    dataset = mixed_dataset(damaged=(0, 7, 12))
    with pytest.raises(FormatError, match="record r0 is truncated"):
        pack(dataset, tmp_path / "store", records_per_shard=4)
    with pytest.raises(FormatError, match="record r7 is truncated"):
        pack(mixed_dataset(damaged=(7,)), tmp_path / "store", records_per_shard=4)
    assert list(tmp_path.iterdir()) == []

    store = pack(dataset, tmp_path / "store", records_per_shard=4, skip_unreadable=True)
    kept = [number for number in range(13) if number not in (0, 7, 12)]
    assert store.record_ids == [f"r{number}" for number in kept]
    assert [info.record_id for info in store.records] == store.record_ids
    np.testing.assert_array_equal(store.labels("letters").values, dataset.values[kept])
    complete = pack(mixed_dataset(), tmp_path / "complete")
    for position, number in enumerate(kept):
        np.testing.assert_array_equal(store[position].array, complete[number].array)
    skipped = store.description["skipped"]
    assert [entry["record_id"] for entry in skipped] == ["r0", "r7", "r12"]
    assert skipped[1]["reason"] == "record r7 is truncated"

    assert len(pack(dataset, tmp_path / "store", skip_unreadable=True)) == 10


def test_a_store_that_lacks_records_is_not_taken_for_a_complete_one(tmp_path: Path) -> None:
    dataset = mixed_dataset(damaged=(7, 12))
    pack(dataset, tmp_path / "store", skip_unreadable=True)
    with pytest.raises(OutputError, match=r"lacks records that could not be read: received 11 of 13 records"):
        pack(dataset, tmp_path / "store")


def test_a_whole_shard_may_be_unreadable(tmp_path: Path) -> None:
    dataset = mixed_dataset(damaged=(0, 1, 2, 3, 8, 9))
    store = pack(dataset, tmp_path / "store", records_per_shard=2, skip_unreadable=True)
    kept = [4, 5, 6, 7, 10, 11, 12]
    assert store.record_ids == [f"r{number}" for number in kept]
    assert [store[position].record_id for position in range(7)] == store.record_ids
    np.testing.assert_array_equal(store[6].array, dataset.samples[12].array)
    assert len(store.has_missing) == len(store.layout_of) == 7


class RefusedDataset(MemoryDataset):
    """Its files cannot be read, by the operating system's word."""

    def __getitem__(self, index: int) -> Sample:
        raise PermissionError(13, "Permission denied", "/somewhere/r0.dat")


def test_data_sets_that_cannot_be_packed(tmp_path: Path) -> None:
    dataset = mixed_dataset()
    nothing = dataclasses.replace(dataset, samples=[], values=dataset.values[:0])
    with pytest.raises(StoreError, match="memory has no records to pack"):
        pack(nothing, tmp_path / "store")
    with pytest.raises(StoreError, match="none of the 2 records of memory can be read; the first: record r0"):
        pack(mixed_dataset(2, damaged=(0, 1)), tmp_path / "store", skip_unreadable=True)
    with pytest.raises(DatasetError, match=r"record r0 of memory cannot be read \(Permission denied\)"):
        pack(RefusedDataset(dataset.samples, dataset.values), tmp_path / "store")
    with pytest.raises(InputError, match="records_per_shard is out of range"):
        pack(dataset, tmp_path / "store", records_per_shard=0)
    empty = dataset.samples[0].replace(array=np.empty((12, 0), np.float32))
    with pytest.raises(StoreError, match="record r0 is empty"):
        pack(dataclasses.replace(dataset, samples=[empty, *dataset.samples[1:]]), tmp_path / "store")
    image = dataset.samples[0].replace(sampling_rate_hz=None, channel_names=None)
    with pytest.raises(StoreError, match="a data set holds waveforms and images"):
        pack(dataclasses.replace(dataset, samples=[image, *dataset.samples[1:]]), tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def growing_dataset() -> MemoryDataset:
    """The first record is small, so that the room looks sufficient; eleven more are of a megabyte each."""
    dataset = mixed_dataset(12)
    large = np.random.default_rng(0).normal(size=(12, 43_690)).astype(np.float32)
    samples = [sample.replace(array=large[: len(sample.array)]) for sample in dataset.samples]
    return dataclasses.replace(dataset, samples=[dataset.samples[0], *samples[1:]])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 6 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("records_per_shard", [1, 4, 12])
def test_a_disk_that_fills_up(small_disk: Path, records_per_shard: int) -> None:
    with pytest.raises(OutputError) as raised:
        pack(growing_dataset(), small_disk / "store", records_per_shard=records_per_shard)
    message = str(raised.value)
    assert "the disk is full while writing" in message
    assert "nothing was kept" in message
    assert "\n" not in message
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_is_too_small_from_the_start(small_disk: Path) -> None:
    dataset = growing_dataset()
    turned = dataclasses.replace(dataset, samples=dataset.samples[::-1])
    with pytest.raises(OutputError, match=r"not enough room to pack memory into .*: received 6 MB free"):
        pack(turned, small_disk / "store")
    assert turned.n_read == 1
    assert list(small_disk.iterdir()) == []


def test_a_file_that_may_not_grow(ptbxl: Path, tmp_path: Path) -> None:
    """A limit on the size of files ends a write in the middle on any machine, as a full disk does."""
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "from medclip.cli.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["data", "pack", "ptbxl", "--root", str(ptbxl), "--out", str(tmp_path / "store")]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path), HOME=str(tmp_path.parent))
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"medclip: cannot write {tmp_path}")
    assert "File too large" in last
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_the_index_is_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing, "write_index", fail)
    with pytest.raises(MedclipError, match="the disk is full"):
        pack(mixed_dataset(), tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def test_progress(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    pack(mixed_dataset(), tmp_path / "store", records_per_shard=5, progress=lambda *state: seen.append(state))
    assert seen == [(number, 13) for number in range(1, 14)]
