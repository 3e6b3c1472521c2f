"""Time medclip's reader of every ECG format beside the reference libraries', interleaved, and compare the samples.

    OMP_NUM_THREADS=1 python benchmarks/read_formats.py FOLDER [--rounds 30]

FOLDER is the folder of real files that the tests take from MEDCLIP_TEST_DATA. EDF, CSV and NPZ are written from the
SCP-ECG file first, for lack of real ones. Every file is read once by each reader before the clock starts; medians of
the processor's time are printed. A format without a reference has none in the package index. References
give samples alone; medclip also gives lead names, the patient's age and sex, the device and its statements.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import edfio
import h5py
import numpy as np
import pydicom
import pyedflib
import sierraecg
import wfdb
from scipy.io import loadmat

import medclip
from medclip.core.errors import MedclipError
from medclip.modalities.ecg.export import write

Reader = Callable[[Path], np.ndarray]
_LARGEST_DIFFERENCE_MV = 5.1e-3
"""One step of a Philips device: sierraecg rounds negative halves of derived leads the other way."""


class Case(NamedTuple):
    """A format, one file of it, how many real files there are, and who else reads it."""

    name: str
    path: Path
    files: tuple[Path, ...]
    others: Mapping[str, Reader]


def main() -> int:
    """Print a row for each reader; 1 if any two disagree, or a file that should be read is refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=30, help="readings of each file by each reader (default: 30)")
    options = parser.parse_args()
    if not (options.folder / "ecg_formats").is_dir():
        sys.stderr.write(f"there is no {options.folder / 'ecg_formats'}\n")
        return 2
    sys.stdout.write(
        f"{'format':18}{'files':>6}{'read':>6}  {'shape':12}{'reader':18}{'time':>9}{'records/s':>11}{'ratio':>7}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        return max([_report(case, options.rounds) for case in _cases(options.folder, Path(folder))])


def _cases(data: Path, written: Path) -> list[Case]:
    devices, sets = data / "ecg_formats", data / "ecg_sets"
    scp = devices / "scp/ECGToolkit_Example.scp"
    sample = medclip.read(scp)
    for suffix in ("edf", "csv", "npz"):
        write(sample, written / f"{suffix}.{suffix}")

    def real(folder: Path, pattern: str) -> tuple[Path, ...]:
        return tuple(sorted(folder.glob(pattern)))

    muse, philips = real(devices / "ge_muse_xml", "*.xml"), real(devices / "philips_xml", "*.*")
    aecg, schiller = real(devices / "hl7_aecg", "*.xml"), real(devices / "schiller_xml", "*.xml")
    cinc, cpsc = real(sets / "cinc2021", "*.hea"), real(sets / "cpsc2018", "*.mat")
    code, sph = real(sets / "code15/org", "*.mat"), real(sets / "sph", "*.h5")
    dicom = real(devices / "dicom", "*.dcm")
    ours = {"medclip": lambda path: medclip.read(path).array}
    return [
        Case("WFDB (.mat, 16 bit)", cinc[0], cinc, ours | {"wfdb.rdrecord": _by_wfdb}),
        Case("DICOM", dicom[0], dicom, ours | {"pydicom": _by_pydicom}),
        Case("Philips XML 1.04", philips[1], philips, ours | {"sierraecg": _by_sierraecg}),
        Case("GE MUSE XML", muse[0], muse, ours),
        Case("HL7 aECG", aecg[0], aecg, ours),
        Case("Schiller XML", schiller[0], schiller, ours),
        Case("SCP-ECG", scp, (scp,), ours),
        Case("MATLAB, CPSC2018", cpsc[0], cpsc, ours | {"scipy.io.loadmat": _by_scipy}),
        Case("MATLAB, CODE-15", code[0], code, ours),
        Case("HDF5, SPH", sph[0], sph, ours | {"h5py": _by_h5py}),
        Case("EDF+ (written)", written / "edf.edf", (), ours | {"edfio": _by_edfio, "pyedflib": _by_pyedflib}),
        Case("CSV (written)", written / "csv.csv", (), ours | {"numpy.loadtxt": _by_loadtxt}),
        Case("NPZ (written)", written / "npz.npz", (), ours | {"numpy.load": _by_load}),
    ]


def _report(case: Case, rounds: int) -> int:
    arrays = {reader: read(case.path) for reader, read in case.others.items()}
    first = arrays["medclip"]
    seconds: dict[str, list[float]] = {reader: [] for reader in case.others}
    for _ in range(rounds):
        for reader, read in case.others.items():
            start = time.process_time()
            read(case.path)
            seconds[reader].append(time.process_time() - start)
    n_read = sum(_is_read(path) for path in case.files)
    medians = {reader: statistics.median(taken) for reader, taken in seconds.items()}
    for reader, median in medians.items():
        known = f"{len(case.files):6}{n_read:6}" if reader == "medclip" else " " * 12
        sys.stdout.write(
            f"{case.name if reader == 'medclip' else '':18}{known}  {' x '.join(map(str, first.shape)):12}{reader:18}"
            f"{median * 1e3:6.2f} ms{1 / median:11.0f}{median / medians['medclip']:7.1f}\n"
        )
    differing = [name for name, array in arrays.items() if not _agree(first, array)]
    sys.stdout.write("".join(f"{case.name}: {name} disagrees with medclip\n" for name in differing))
    return 1 if differing else 0


def _agree(array: np.ndarray, other: np.ndarray) -> bool:
    """Compare samples; medclip leaves out the calibration mark with which a Philips recording ends."""
    return np.allclose(array, other[:, : array.shape[1]], atol=_LARGEST_DIFFERENCE_MV, equal_nan=True)


def _is_read(path: Path) -> bool:
    try:
        medclip.read(path)
    except MedclipError as error:
        sys.stdout.write(f"refused: {error}\n")
        return False
    return True


def _by_wfdb(path: Path) -> np.ndarray:
    return wfdb.rdrecord(str(path.with_suffix(""))).p_signal.T


def _by_pydicom(path: Path) -> np.ndarray:
    return pydicom.dcmread(path).waveform_array(0).T / 1e3


def _by_sierraecg(path: Path) -> np.ndarray:
    leads = sierraecg.read_file(str(path)).leads
    return np.stack([lead.samples for lead in leads]) * 5e-3


def _by_edfio(path: Path) -> np.ndarray:
    return np.stack([signal.data for signal in edfio.read_edf(path).signals]) / 1e3


def _by_pyedflib(path: Path) -> np.ndarray:
    with pyedflib.EdfReader(str(path)) as file:
        return np.stack([file.readSignal(number) for number in range(12)]) / 1e3


def _by_loadtxt(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32).T


def _by_load(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as archive:
        return next(iter(archive.values()))


def _by_scipy(path: Path) -> np.ndarray:
    return loadmat(path)["ECG"][0, 0]["data"]


def _by_h5py(path: Path) -> np.ndarray:
    with h5py.File(path, "r") as file:
        return file["ecg"][()].astype(np.float32)


if __name__ == "__main__":
    sys.exit(main())
