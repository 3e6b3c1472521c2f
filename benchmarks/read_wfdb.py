"""Time medclip's WFDB reader beside ``wfdb.rdsamp`` on the records of a folder, in random order, interleaved.

python benchmarks/read_wfdb.py FOLDER [--records 300] [--seed 0]

The folder is searched for ``.hea`` files, e.g. ``records500`` of PTB-XL. Every record is read once by each reader
before the clock starts, so that both find it in the page cache, and the samples of both are compared.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import wfdb

from medclip.modalities.ecg.formats.wfdb import read


def main() -> int:
    """Print the median time of each reader and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=300, help="number of records (default: 300)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice and order (default: 0)")
    options = parser.parse_args()
    headers = sorted(options.folder.rglob("*.hea"))
    if not headers:
        sys.stderr.write(f"no .hea file below {options.folder}\n")
        return 2
    headers = random.Random(options.seed).sample(headers, min(options.records, len(headers)))
    n_different = sum(not _agree(header) for header in headers)
    own_s, other_s = [], []
    for header in headers:
        own_s.append(_seconds(read, header))
        other_s.append(_seconds(wfdb.rdsamp, str(header.with_suffix(""))))
    own, other = statistics.median(own_s), statistics.median(other_s)
    sys.stdout.write(
        f"{len(headers)} records, {n_different} with different samples\n"
        f"medclip      {own * 1e6:8.0f} us a record (median)  {1 / own:8.0f} records/s\n"
        f"wfdb.rdsamp  {other * 1e6:8.0f} us a record (median)  {1 / other:8.0f} records/s\n"
        f"ratio        {other / own:8.1f}\n"
    )
    return 0 if n_different == 0 else 1


def _agree(header: Path) -> bool:
    samples, _ = wfdb.rdsamp(str(header.with_suffix("")))
    return np.array_equal(read(header).array, samples.T.astype(np.float32), equal_nan=True)


def _seconds(reader: Callable[..., object], argument: object) -> float:
    start = time.perf_counter()
    reader(argument)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
