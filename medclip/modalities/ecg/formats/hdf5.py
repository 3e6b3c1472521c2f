"""HDF5 files of two public data sets: SPH, one record in a file, and CODE-15 and CODE-test, thousands in one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core._heads import split_record
from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats._recording import COPY_AGAIN, as_voltages, check_readable, damaged, needed
from medclip.modalities.ecg.leads import STANDARD_LEADS

if TYPE_CHECKING:
    import h5py

__all__ = ["FORMAT", "read", "sniff"]

_MARK = b"\x89HDF\r\n\x1a\n"
_SPH_NAME, _CODE_NAME, _CODE_IDS = "ecg", "tracings", "exam_id"
# Neither states what follows: the descriptions of the data sets do (Liu et al., Scientific Data 2022; Ribeiro et al.,
# Nature Communications 2020). Both have the leads in the order of a printed ECG.
_SPH_RATE_HZ, _CODE_RATE_HZ = 500.0, 400.0
_MOST_SAMPLES, _MOST_TRACINGS, _MOST_CHUNK_BYTES = 1 << 20, 10_000_000, 1 << 28
_MAXIMUM_BYTES = 1 << 37
_KNOWN = "a data set ecg (12, n) of SPH, or tracings (n, 4096, 12) of CODE-15"


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is HDF5 by its signature."""
    return head.startswith(_MARK)


def read(path: Path) -> Sample:
    """Read one record of an SPH, CODE-15 or CODE-test file.

    Of several tracings in a file one is named as ``FILE#EXAM_ID``, or ``FILE#ROW`` counted from 0 if the file holds no
    ``exam_id``. The zeros that CODE-15 fills short tracings up with at both ends are left out. Its amplitude is not
    calibrated, which the attribute ``amplitude_is_calibrated`` then says.

    Returns:
        float32 ``(12, n_samples)``, in mV for SPH.

    Raises:
        FormatError: The file is of another structure or damaged, or does not hold the record, or holds several and
            none is named.
        MissingDependencyError: ``h5py`` is not installed.
    """
    file_path, record = split_record(Path(path))
    check_readable(file_path, maximum_bytes=_MAXIMUM_BYTES)
    with needed("HDF5", "h5py"):
        import h5py
    with damaged(file_path), h5py.File(file_path, "r") as file:
        tracings = _dataset(file, _CODE_NAME)
        if tracings is not None:
            return _read_code(file, tracings, record, file_path)
        signal = _dataset(file, _SPH_NAME)
        if signal is None:
            raise FormatError(
                f"{file_path} is an HDF5 file of an unknown structure", received=f"{len(file)} names", allowed=_KNOWN
            )
        return _read_sph(signal, record, file_path)


FORMAT = Format(name="hdf5", description="HDF5 file of SPH or CODE-15 (.h5, .hdf5)", sniff=sniff, read=read)


def _dataset(file: h5py.File, name: str) -> h5py.Dataset | None:
    """Return a data set that lies in the file itself; links to other files are not followed."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        return None
    found = file[name]
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        return None
    chunk_bytes = np.prod(found.chunks or (1,), dtype=np.float64) * found.dtype.itemsize
    if found.dtype.kind not in "iuf" or chunk_bytes > _MOST_CHUNK_BYTES:
        raise FormatError(f"{name} in an HDF5 file is not numbers in parts of a usable size", allowed=_KNOWN)
    return found


def _read_sph(signal: h5py.Dataset, record: str | None, path: Path) -> Sample:
    if record is not None:
        raise FormatError(f"{path} holds one record", received=record, action="leave out # and what follows it")
    if signal.ndim != 2 or signal.shape[0] != len(STANDARD_LEADS) or not 0 < signal.shape[1] <= _MOST_SAMPLES:
        raise _wrong_shape(signal, path)
    return _sample(as_voltages(signal[()], path), _SPH_RATE_HZ, path.stem, {}, path)


def _read_code(file: h5py.File, tracings: h5py.Dataset, record: str | None, path: Path) -> Sample:
    shape = tracings.shape
    if len(shape) != 3 or shape[2] != len(STANDARD_LEADS) or not 0 < shape[1] <= _MOST_SAMPLES:
        raise _wrong_shape(tracings, path)
    ids = _identifiers(_dataset(file, _CODE_IDS), shape[0], path)
    if record is None and shape[0] > 1:
        raise FormatError(
            f"{path} holds {shape[0]} records",
            action=f"name one of them, for example {path.name}#{ids[0]}",
        )
    rows = np.flatnonzero(ids == (str(ids[0]) if record is None else record))
    if len(rows) != 1:
        raise FormatError(
            f"{path} holds {'no such record' if len(rows) == 0 else 'several records of that name'}",
            received=record,
            allowed=ids,
        )
    tracing = as_voltages(tracings[int(rows[0])], path).T
    recorded = np.flatnonzero((tracing != 0).any(axis=0))
    if len(recorded) == 0:
        raise FormatError(f"the record {ids[rows[0]]} in {path} is empty", received="zeros alone")
    tracing = np.ascontiguousarray(tracing[:, recorded[0] : recorded[-1] + 1])
    return _sample(tracing, _CODE_RATE_HZ, str(ids[rows[0]]), {"amplitude_is_calibrated": False}, path)


def _identifiers(stated: h5py.Dataset | None, n_tracings: int, path: Path) -> np.ndarray:
    """Return the names of the tracings as texts: their identifiers, or else their rows."""
    n_stated = n_tracings if stated is None else stated.shape[0] if stated.ndim == 1 else -1
    if not 0 < n_tracings == n_stated <= _MOST_TRACINGS:
        raise FormatError(
            f"{path} does not name its tracings one by one",
            received=f"{n_stated} names for {n_tracings} tracings",
            action=COPY_AGAIN,
        )
    return np.arange(n_tracings).astype(str) if stated is None else stated[()].astype(np.int64).astype(str)


def _sample(array: np.ndarray, rate_hz: float, record_id: str, attributes: dict[str, Any], path: Path) -> Sample:
    return Sample(
        modality="ecg",
        array=array,
        record_id=record_id,
        sampling_rate_hz=rate_hz,
        channel_names=STANDARD_LEADS,
        attributes=attributes,
        source=path.name,
    )


def _wrong_shape(dataset: h5py.Dataset, path: Path) -> FormatError:
    return FormatError(
        f"{path} holds an array of an unusable size",
        received=" x ".join(map(str, dataset.shape)) or "a single number",
        allowed=_KNOWN,
        action=COPY_AGAIN,
    )
