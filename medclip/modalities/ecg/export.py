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


def write(sample: Sample, path: Path | str) -> None:
    """Write a recording in the format that the name's ending asks for.

    ``.hea`` writes a WFDB record with its ``.dat``, ``.edf`` EDF+, and ``.csv`` and ``.npz`` a table with its layout in
    a ``.json`` beside it. Identifiers and dates are never written.

    Args:
        sample: A waveform in millivolts; a table may also hold one whose amplitude is not calibrated.
        path: Where to write; files of that name are replaced.

    Raises:
        InputError: The format cannot hold this recording.
        OutputError: The ending is of no format that is written, or a file cannot be written.
    """
    path = Path(path)
    if path.suffix not in _WRITERS:
        raise OutputError(
            "no ECG format that is written ends so", received=path.suffix or path.name, allowed=list(_WRITERS)
        )
    _WRITERS[path.suffix](sample, path)
