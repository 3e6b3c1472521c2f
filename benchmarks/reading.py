"""Time ``wfdb.rdsamp`` beside medclip's reader, packed store and training loader, and compare their samples.

    OMP_NUM_THREADS=1 python benchmarks/reading.py FOLDER [--records 300] [--batches 20] [--seed 0]

FOLDER holds PTB-XL in its own layout; it is packed into a temporary folder first. Records are drawn at random, and all
ways of reading take turns in random order, ten records or one batch each, so that all meet the same state of the
machine. Every file is read once before the clock starts. Ratios of medians are the thing to read: a shared machine's
seconds vary. Other work on the processor hits long calls more than short ones; so the ratio of processor time, which
does not count it, stands beside that of the clock, and the smaller of the two has to meet the target.
"""

from __future__ import annotations

import argparse
import csv
import functools
import gc
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import wfdb
from torch.utils.data import DataLoader, Dataset

from medclip.data.access import open_dataset
from medclip.data.datamodule import PairDataModule
from medclip.data.pack import pack
from medclip.modalities.ecg.formats.wfdb import read

AT_A_TIME = 10
BATCH_SIZE = 64
Times = tuple[float, float]
"""Seconds by the clock and of the processor."""

TARGETS = {"medclip's WFDB reader": 20, "packed store": 100, "training loader": 50}


class WfdbRecords(Dataset[torch.Tensor]):
    """What a training without medclip would write: one ``wfdb.rdsamp`` a record."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(rdsamp(self.paths[index]))


def main() -> int:
    """Print medians and ratios; the exit code is 0 if all samples are equal and every target is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=300, help="records read one by one (default: 300)")
    parser.add_argument("--batches", type=int, default=20, help="batches of each loader (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="seed of choice and order (default: 0)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    order = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        paths = read_paths(options.folder)
        store = Path(folder) / "store"
        pack(open_dataset("ptbxl", options.folder), store)
        n_different, single = time_records(paths, store, options.records, order)
        n_unequal, batched = time_loaders(paths, store, options.batches, order)
    print(f"one record at a time, {options.records} records, {n_different} with different samples")
    met = report(single, AT_A_TIME)
    print(f"batches of {BATCH_SIZE}, {options.batches} of each, {n_unequal} records with different samples")
    return 0 if report(batched, BATCH_SIZE) and met and not n_different + n_unequal else 1


def read_paths(folder: Path) -> dict[str, str]:
    """Return the path of each 500 Hz record, without suffix, by its id."""
    with (folder / "ptbxl_database.csv").open(newline="", encoding="utf-8") as file:
        return {row["ecg_id"]: str(folder / row["filename_hr"]) for row in csv.DictReader(file)}


def rdsamp(path: str) -> np.ndarray:
    """Return float32 ``(n_leads, n_samples)`` in millivolts."""
    samples, _ = wfdb.rdsamp(path)
    return np.ascontiguousarray(samples.T, np.float32)


def time_records(
    paths: Mapping[str, str], folder: Path, n_records: int, order: random.Random
) -> tuple[int, dict[str, list[Times]]]:
    """Read records one at a time in each way."""
    store: Any = open_dataset(str(folder))
    chosen = order.sample(range(len(store)), min(n_records, len(store)) // AT_A_TIME * AT_A_TIME)
    found = {index: paths[store.record_ids[index]] for index in chosen}
    headers = {index: Path(f"{path}.hea") for index, path in found.items()}
    n_different = 0
    for index, path in found.items():
        expected = rdsamp(path)
        values = [read(headers[index]).array, store[index].array, store.read([index])[0].values[0]]
        n_different += not all(np.array_equal(expected, each, equal_nan=True) for each in values)
    ways: dict[str, Callable[[int], object]] = {
        "wfdb.rdsamp": lambda index: wfdb.rdsamp(found[index]),
        "medclip's WFDB reader": lambda index: read(headers[index]),
        "packed store": lambda index: store.read([index]),
    }
    times: dict[str, list[Times]] = {name: [] for name in ways}
    for start in range(0, len(chosen), AT_A_TIME):
        members = chosen[start : start + AT_A_TIME]
        for name in order.sample(list(ways), len(ways)):
            times[name].append(times_of(functools.partial(read_all, ways[name], members)))
    return n_different, times


def read_all(way: Callable[[int], object], members: Sequence[int]) -> None:
    """Read some records, one after the other."""
    for index in members:
        way(index)


def time_loaders(
    paths: Mapping[str, str], folder: Path, n_batches: int, order: random.Random
) -> tuple[int, dict[str, list[Times]]]:
    """Take batches from a plain loader over ``wfdb.rdsamp`` and from the loader that medclip trains with."""
    module = PairDataModule("ptbxl", store=str(folder), batch_size=BATCH_SIZE, validation_share=0.0)
    module.prepare_data()
    module.setup("fit")
    ours = module.train_dataloader()
    theirs = DataLoader(WfdbRecords(list(paths.values())), batch_size=BATCH_SIZE, shuffle=True, drop_last=True)
    n_different = count_different(next(iter(ours)), paths)
    iterators = {"DataLoader, wfdb.rdsamp": endless(theirs), "training loader": endless(ours)}
    times: dict[str, list[Times]] = {name: [] for name in iterators}
    for name in order.sample(list(iterators) * n_batches, 2 * n_batches):
        times[name].append(times_of(functools.partial(next, iterators[name])))
    return n_different, times


def endless(loader: Any) -> Iterator[Any]:
    """Take one epoch after the other."""
    while True:
        yield from loader


def count_different(batch: Any, paths: Mapping[str, str]) -> int:
    """Count the records of a batch whose samples are not those of ``wfdb.rdsamp``."""
    values = batch.inputs["ecg"].numpy()
    rows = zip(batch.record_ids, values, strict=True)
    return sum(not np.array_equal(rdsamp(paths[record]), row) for record, row in rows)


def times_of(way: Callable[[], object]) -> Times:
    """Time one call, without what the garbage collector has left from another way of reading."""
    gc.collect(0)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    way()
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


def report(times: Mapping[str, list[Times]], n_records: int) -> bool:
    """Print the medians and how many times the first way's records per second; tell whether the targets are met."""
    medians = {name: np.median(np.array(taken), axis=0) / n_records for name, taken in times.items()}
    first = next(iter(medians.values()))
    met = True
    for name, median in medians.items():
        ratio = first / median
        line = f"  {name:<24} {1e6 * median[0]:9.1f} us {1 / median[0]:9.0f} records/s  x {ratio[0]:6.1f}"
        line += f"  processor: {1e6 * median[1]:9.1f} us  x {ratio[1]:6.1f}"
        target = TARGETS.get(name, 0)
        print(line + (f"  target {target}" if target else ""))
        met &= bool(ratio.min() >= target)
    return met


if __name__ == "__main__":
    sys.exit(main())
