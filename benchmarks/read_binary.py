"""Time medclip's readers of binary formats beside the reference libraries', interleaved, and compare the samples.

python benchmarks/read_binary.py FOLDER [--rounds 30]

FOLDER holds ``ecg_formats/scp``, ``ecg_sets/cpsc2018`` and ``ecg_sets/sph`` with real files. EDF and CSV are written
from the SCP-ECG file first. Every file is read once by each reader before the clock starts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import edfio
import h5py
import numpy as np
import pyedflib
from scipy.io import loadmat

import medclip
from medclip.modalities.ecg.export import write

Reader = Callable[[Path], np.ndarray]


def main() -> int:
    """Print the median time of each reader; 1 if any two disagree by more than a step of 16 bits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=30, help="readings of each file by each reader (default: 30)")
    options = parser.parse_args()
    scp = options.folder / "ecg_formats/scp/ECGToolkit_Example.scp"
    if not scp.is_file():
        sys.stderr.write(f"there is no {scp}\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        edf, csv = Path(folder, "a.edf"), Path(folder, "a.csv")
        write(medclip.read(scp), edf)
        write(medclip.read(scp), csv)
        cases: list[tuple[str, Path, dict[str, Reader]]] = [
            ("SCP-ECG", scp, {}),
            ("EDF+", edf, {"edfio": _by_edfio, "pyedflib": _by_pyedflib}),
            ("CSV", csv, {"numpy.loadtxt": _by_loadtxt}),
            ("CPSC2018", min((options.folder / "ecg_sets/cpsc2018").glob("*.mat")), {"scipy.io.loadmat": _by_scipy}),
            ("SPH", min((options.folder / "ecg_sets/sph").glob("*.h5")), {"h5py": _by_h5py}),
        ]
        return max([_report(name, path, others, options.rounds) for name, path, others in cases])


def _report(name: str, path: Path, others: dict[str, Reader], rounds: int) -> int:
    readers: dict[str, Reader] = {"medclip": lambda path: medclip.read(path).array, **others}
    arrays = [read(path) for read in readers.values()]
    is_same = all(np.allclose(arrays[0], array, atol=1e-4) for array in arrays[1:])
    seconds: dict[str, list[float]] = {reader: [] for reader in readers}
    for _ in range(rounds):
        for reader, read in readers.items():
            start = time.perf_counter()
            read(path)
            seconds[reader].append(time.perf_counter() - start)
    shape = " x ".join(map(str, arrays[0].shape))
    for reader, taken in seconds.items():
        median = statistics.median(taken)
        sys.stdout.write(f"{name:9} {shape:9} {reader:17} {median * 1e3:8.2f} ms  {1 / median:7.0f} records/s\n")
    sys.stdout.write("" if is_same else f"{name}: the readers disagree\n")
    return 0 if is_same else 1


def _by_edfio(path: Path) -> np.ndarray:
    return np.stack([signal.data for signal in edfio.read_edf(path).signals]) / 1e3


def _by_pyedflib(path: Path) -> np.ndarray:
    with pyedflib.EdfReader(str(path)) as file:
        return np.stack([file.readSignal(number) for number in range(12)]) / 1e3


def _by_loadtxt(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32).T


def _by_scipy(path: Path) -> np.ndarray:
    return loadmat(path)["ECG"][0, 0]["data"]


def _by_h5py(path: Path) -> np.ndarray:
    with h5py.File(path, "r") as file:
        return file["ecg"][()].astype(np.float32)


if __name__ == "__main__":
    sys.exit(main())
