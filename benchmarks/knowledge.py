"""Time the knowledge store: build, load HPO, DOID and MONDO, search.

    python benchmarks/knowledge.py KNOWLEDGE_FOLDER [--store URL]

``KNOWLEDGE_FOLDER`` holds ``hpo/hp.json.gz``, ``doid/doid.obo.gz`` and ``mondo/MONDO*.json.zst``. Wall and CPU seconds
of this process are printed: on a shared machine they differ, and PostgreSQL works in other processes. What must hold:
build under 5 s, load under 60 s, search under 20 ms.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medclip.knowledge.source import read_source
from medclip.knowledge.store import open_store

FILES = ("hpo/hp.json.gz", "doid/doid.obo.gz", "mondo/MONDO*.json.zst")
QUERIES = (
    "atrial fibrillation",
    "left bundle branch block",
    "pulmonary nodule",
    "heart",
    "abnormality of the heart",
    "T wave inversion in leads V1 to V3",
    "enlarged cardiac silhouette with pleural effusion",
)
N_REPEATS = 15


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--store", help="default: a SQLite file in a temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(args.folder, args.store or str(Path(folder) / "knowledge.sqlite"))


def measure(folder: Path, address: str) -> None:
    """Build, load and search one store."""
    store, *seconds = timed(lambda: open_store(address))
    report("build", *seconds)
    total = [0.0, 0.0]
    for pattern in FILES:
        path = next(iter(sorted(folder.glob(pattern))))
        _, *seconds = timed(lambda path=path: store.add(read_source(path)))
        total = [one + more for one, more in zip(total, seconds, strict=True)]
        report(f"load {path.name}", *seconds)
    report("load all", *total)
    print(f"{sum(one.n_concepts for one in store.status().sources)} concepts")
    for query in QUERIES:
        runs = [timed(lambda query=query: store.search(query)) for _ in range(N_REPEATS)]
        wall, cpu = (statistics.median(run[index] for run in runs) for index in (1, 2))
        print(f"search {wall * 1e3:6.1f} ms wall {cpu * 1e3:6.1f} ms CPU  {query}: {runs[0][0][0].concept.term}")


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result, wall seconds and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def report(what: str, wall: float, cpu: float) -> None:
    """Print one line."""
    print(f"{what:<45} {wall:6.2f} s wall {cpu:6.2f} s CPU")


if __name__ == "__main__":
    main()
