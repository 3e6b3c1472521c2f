"""Write a recording as a file that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from medclip.core.errors import OutputError
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats import _edf_write, _table_write, _wfdb_write

__all__ = ["write"]

_WRITERS: Mapping[str, Callable[[Sample, Path], None]] = {
    ".hea": _wfdb_write.write,
    ".edf": _edf_write.write,
    ".csv": _table_write.write_csv,
    ".npz": _table_write.write_npz,
}

# The second file that a format needs, of which another record may be the owner.
_BESIDE: Mapping[str, str] = {".hea": ".dat", ".csv": ".json", ".npz": ".json"}


def write(sample: Sample, path: Path | str, *, overwrite: bool = False) -> None:
    """Write a recording in the format that the name's ending asks for.

    ``.hea`` writes a WFDB record with its ``.dat``, ``.edf`` EDF+, and ``.csv`` and ``.npz`` a table with its layout in
    a ``.json`` beside it. Identifiers and dates are never written.

    Args:
        sample: A waveform in millivolts; a table may also hold one whose amplitude is not calibrated.
        path: Where to write.
        overwrite: Replace files that are there already.

    Raises:
        InputError: The format cannot hold this recording.
        OutputError: The ending is of no format that is written, or a file cannot be written, or is there already.
    """
    path = Path(path)
    if path.suffix not in _WRITERS:
        raise OutputError(
            "no ECG format that is written ends so", received=path.suffix or path.name, allowed=list(_WRITERS)
        )
    beside = path.with_suffix(_BESIDE[path.suffix]) if path.suffix in _BESIDE else path
    there = [file for file in (path, beside) if file.exists()]
    if there and not overwrite:
        raise OutputError(f"{there[0]} exists already", action="choose another name, or say overwrite=True")
    _WRITERS[path.suffix](sample, path)
