"""Real recordings to damage, by modality and format: the files of each recording, the one to read first."""

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


def _radiographs(data: Path) -> Recordings:
    folder = data / "cxr"
    return [(folder / "dicom" / "gdcm-CR-MONO1-10-chest.dcm",), (folder / "nih_rsna_samples" / "Fake_MONOHR1.dcm",)]


def _pictures(data: Path) -> Recordings:
    """The smallest there are, in grey: every damaged copy is decoded."""
    images = sorted((data / "cxr" / "covid_chestxray" / "images").iterdir(), key=lambda path: path.stat().st_size)
    return [(path,) for path in (*images[:12], data / "cxr" / "nih_rsna_samples" / "00000001_000.png")]


RECORDINGS: Mapping[str, Callable[[Path], Recordings]] = {
    "ct/metaimage": lambda data: [(data / "ct" / "elastix" / "3DCT_lung_baseline_small.mha",)],
    "cxr/dicom": _radiographs,
    "cxr/raster": _pictures,
    "ecg/aecg_xml": _alone("hl7_aecg"),
    "ecg/dicom": _alone("dicom"),
    "ecg/hdf5": _set("sph/*.h5"),
    "ecg/mat": _set("code15/org/*.mat"),
    "ecg/muse_xml": _alone("ge_muse_xml"),
    "ecg/philips_xml": _alone("philips_xml"),
    "ecg/schiller_xml": _alone("schiller_xml"),
    "ecg/scp": _alone("scp"),
    "ecg/wfdb": _wfdb,
}
"""Adding a format to what is fuzzed is adding a line here."""

CHECKSUMMED = frozenset({"ecg/hdf5", "ecg/scp"})
"""Formats of which these recordings notice nearly every damage by a checksum."""
