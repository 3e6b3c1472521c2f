"""Real recordings to damage, by format: the files of each recording, the one to read first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

Recordings = list[tuple[Path, ...]]

# Words in the files that name patients, people and places, which no message may repeat.
SECRETS = ("Clark", "John", "River City", "ZZDEMO", "ADULT", "Klinikum", "Notfall", "Example 01", "2241428", "SBJ-123")


def _alone(folder: str) -> Callable[[Path], Recordings]:
    return lambda data: [(path,) for path in sorted((data / "ecg_formats" / folder).iterdir())]


def _wfdb(data: Path) -> Recordings:
    headers = sorted((data / "ecg_sets" / "cinc2021").rglob("*.hea"))[::12]
    return [(header, header.with_suffix(".mat")) for header in headers]


def _set(pattern: str) -> Callable[[Path], Recordings]:
    return lambda data: [(path,) for path in sorted((data / "ecg_sets").glob(pattern))]


RECORDINGS: Mapping[str, Callable[[Path], Recordings]] = {
    "aecg_xml": _alone("hl7_aecg"),
    "dicom": _alone("dicom"),
    "hdf5": _set("sph/*.h5"),
    "mat": _set("code15/org/*.mat"),
    "muse_xml": _alone("ge_muse_xml"),
    "philips_xml": _alone("philips_xml"),
    "schiller_xml": _alone("schiller_xml"),
    "scp": _alone("scp"),
    "wfdb": _wfdb,
}
"""Adding a format to what is fuzzed is adding a line here."""

CHECKSUMMED = frozenset({"hdf5", "scp"})
"""Formats of which these recordings notice nearly every damage by a checksum."""
