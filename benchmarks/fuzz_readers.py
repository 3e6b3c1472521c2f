"""Give each reader damaged copies of real files and print what came of it.

python benchmarks/fuzz_readers.py DATA [--formats NAME ...] [--n 20000] [--seed 0]

DATA is the folder of real files that the tests take from MEDCLIP_TEST_DATA. A failure is anything but a sample or one
of medclip's errors in one clear line, and whatever takes longer than 5 s or more than 1 GB. Its number and the seed
repeat it: see ``damage`` in tests/fuzz/fuzz_reader.py.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fuzz"))

from fuzz_reader import fuzz_reader
from fuzz_recordings import RECORDINGS, SECRETS

from medclip.core.modality import find_modality


def main() -> int:
    """Print a row for each format, then the failures; leave with 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--formats", nargs="+", choices=sorted(RECORDINGS), default=sorted(RECORDINGS))
    parser.add_argument("--n", type=int, default=20000, help="damaged copies of each format (default: 20000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the damage (default: 0)")
    options = parser.parse_args()
    failures = []
    sys.stdout.write(f"{'format':18}{'files':>7}{'copies':>8}{'read':>8}{'refused':>9}{'failed':>8}")
    sys.stdout.write(f"{'slowest':>10}{'memory':>10}{'all':>9}   seed {options.seed}\n")
    for name in options.formats:
        recordings, start = RECORDINGS[name](options.data), time.perf_counter()
        modality, _, form = name.partition("/")
        with tempfile.TemporaryDirectory(dir=_folder_in_memory()) as folder:
            result = fuzz_reader(
                find_modality(modality).formats()[form],
                recordings,
                options.n,
                options.seed,
                folder=Path(folder),
                secrets=SECRETS,
            )
        failures += [f"{name} {failure}" for failure in result.failures]
        sys.stdout.write(
            f"{name:18}{len(recordings):7}{options.n:8}{result.n_samples:8}{result.n_refusals:9}"
            f"{len(result.failures):8}{result.slowest_s:8.2f} s{result.largest_bytes / 1e6:7.0f} MB"
            f"{time.perf_counter() - start:7.0f} s\n"
        )
        sys.stdout.flush()
    sys.stdout.write("".join(f"{failure}\n" for failure in failures[:100]))
    return 1 if failures else 0


def _folder_in_memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    sys.exit(main())
