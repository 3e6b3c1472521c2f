"""HDF5 files of SPH and CODE-15."""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from refusals import check_mutations, message_of, mutations
from wfdb_files import random_walk

import medclip
from medclip.core.errors import FormatError, MissingDependencyError
from medclip.modalities.ecg.formats.hdf5 import FORMAT, read
from medclip.modalities.ecg.leads import STANDARD_LEADS

REAL = Path(os.environ.get("MEDCLIP_TEST_DATA", "missing"), "ecg_sets/sph")
SIGNAL = (random_walk(1, 12, 500) / 1000).astype(np.float16)
TRACINGS = random_walk(2, 36, 64).reshape(3, 12, 64).transpose(0, 2, 1).astype(np.float32) / 100


def saved(folder: Path, name: str = "a.h5", **datasets: Any) -> Path:
    path = folder / name
    with h5py.File(path, "w") as file:
        for key, values in datasets.items():
            file.create_dataset(key, data=values)
    return path


@pytest.mark.skipif(not REAL.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
def test_real_records_of_sph() -> None:
    paths = sorted(REAL.glob("*.h5"))
    assert len(paths) == 10
    for path in paths:
        sample = medclip.read(path)
        with h5py.File(path) as file:
            np.testing.assert_array_equal(sample.array, file["ecg"][()].astype(np.float32))
        assert (sample.sampling_rate_hz, sample.channel_names) == (500, STANDARD_LEADS)
        # The limb leads obey Einthoven's law within the steps of float16.
        lead = dict(zip(STANDARD_LEADS, sample.array, strict=True))
        assert np.abs(lead["III"] - lead["II"] + lead["I"]).max() < 0.02


def test_a_record_of_sph(tmp_path: Path) -> None:
    path = saved(tmp_path, ecg=SIGNAL)
    assert FORMAT.sniff(path, path.read_bytes()[:4096])
    np.testing.assert_array_equal(read(path).array, SIGNAL.astype(np.float32))
    with pytest.raises(FormatError, match="holds one record: received 7"):
        medclip.read(f"{path}#7")


def test_one_tracing_of_code15_is_named(tmp_path: Path) -> None:
    tracings = TRACINGS.copy()
    tracings[1, :10] = tracings[1, 60:] = 0
    tracings[2] = 0
    path = saved(tmp_path, "exams.hdf5", tracings=tracings, exam_id=[11, 4711, 0])
    sample = medclip.read(f"{path}#4711")
    np.testing.assert_array_equal(sample.array, tracings[1, 10:60].T)
    assert sample.record_id == "4711"
    assert sample.sampling_rate_hz == 400
    assert sample.attributes == {"amplitude_is_calibrated": False}
    np.testing.assert_array_equal(medclip.read(f"{path}#11").array, tracings[0].T)
    with pytest.raises(FormatError, match=r"holds 3 records\. Name one of them, for example exams.hdf5#11"):
        medclip.read(path)
    with pytest.raises(FormatError, match="holds no such record: received 12; allowed: 11, 4711, 0"):
        medclip.read(f"{path}#12")
    with pytest.raises(FormatError, match="is empty"):
        medclip.read(f"{path}#0")


def test_without_identifiers_the_rows_are_counted(tmp_path: Path) -> None:
    path = saved(tmp_path, tracings=TRACINGS)
    np.testing.assert_array_equal(medclip.read(f"{path}#2").array, TRACINGS[2].T)
    single = saved(tmp_path, "single.h5", tracings=TRACINGS[:1])
    np.testing.assert_array_equal(medclip.read(single).array, TRACINGS[0].T)


@pytest.mark.parametrize(
    ("datasets", "words"),
    [
        ({"signal": SIGNAL}, "of an unknown structure: received 1 names"),
        ({"ecg": SIGNAL[:11]}, "unusable size: received 11 x 500"),
        ({"ecg": SIGNAL.T}, "unusable size: received 500 x 12"),
        ({"ecg": SIGNAL[:, :0]}, "unusable size"),
        ({"ecg": 5.0}, "a single number"),
        ({"ecg": [b"Secret"]}, "not numbers"),
        ({"tracings": TRACINGS[..., :8]}, "unusable size: received 3 x 64 x 8"),
        ({"tracings": TRACINGS, "exam_id": [1, 2]}, "does not name its tracings one by one"),
        ({"tracings": TRACINGS[:0]}, "does not name its tracings"),
    ],
)
def test_structures_that_make_no_sense(tmp_path: Path, datasets: dict[str, Any], words: str) -> None:
    assert words in message_of(FORMAT, saved(tmp_path, **datasets))


def test_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    other, path = saved(tmp_path, "other.h5", ecg=SIGNAL), tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["ecg"] = h5py.ExternalLink(other, "ecg")
    assert "unknown structure" in message_of(FORMAT, path)
    (tmp_path / "raw").write_bytes(bytes(24_000))
    with h5py.File(path, "w") as file:
        file.create_dataset("ecg", (12, 500), "f4", external=[(tmp_path / "raw", 0, 24_000)])
    assert "unknown structure" in message_of(FORMAT, path)


def test_missing_empty_cut_and_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    assert "cannot be read" in message_of(FORMAT, path)
    for content, words in ((b"", "is empty"), (b"\x89PNG\r\n\x1a\n" + bytes(900), "truncated or damaged")):
        path.write_bytes(content)
        assert words in message_of(FORMAT, path)
        assert not FORMAT.sniff(path, content)
    content = saved(tmp_path, ecg=SIGNAL).read_bytes()
    for n_bytes in range(1, len(content), len(content) // 30):
        path.write_bytes(content[:n_bytes])
        message_of(FORMAT, path)


def test_without_h5py_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real_import = saved(tmp_path, ecg=SIGNAL), builtins.__import__

    def refuse(name: str, *rest: Any, **options: Any) -> Any:
        if name == "h5py":
            raise ImportError("no h5py")
        return real_import(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingDependencyError, match="pip install h5py"):
        read(path)


def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    content = saved(tmp_path, ecg=SIGNAL[:, :50]).read_bytes()
    assert check_mutations(FORMAT, tmp_path / "a.h5", mutations(content, count=120)) > 30
