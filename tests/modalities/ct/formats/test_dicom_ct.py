"""DICOM files, folders and archives as formats: what is claimed, by whom, and read through the public function."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ct_files import ct_dataset, positions, save, stored, write_series

import medclip
from medclip.core.errors import FormatError
from medclip.core.modality import find_modality
from medclip.core.sniff import sniff

ULTRASOUND, RT_DOSE, SR = (
    "1.2.840.10008.5.1.4.1.1.3.1",
    "1.2.840.10008.5.1.4.1.1.481.2",
    "1.2.840.10008.5.1.4.1.1.88.33",
)


@pytest.fixture
def series(tmp_path: Path) -> Path:
    write_series(tmp_path / "ct", stored(5), positions(5))
    return tmp_path / "ct"


def module_of(path: Path) -> str:
    return sniff(path).read.__module__.removeprefix("medclip.modalities.")


def test_the_modality_offers_its_formats_and_reads_a_folder(series: Path) -> None:
    modality = find_modality("ct")
    assert set(modality.formats()) == {"dicom", "dicom_folder", "metaimage", "nifti", "nrrd"}
    assert module_of(series) == "ct.formats.dicom_folder"
    sample = medclip.read(series)
    assert sample.modality == "ct"
    prepared = modality.default_input_spec()
    assert prepared.modality == "ct"


def test_folders_and_archives_are_claimed_by_what_is_in_them(tmp_path: Path, series: Path) -> None:
    shutil.make_archive(str(tmp_path / "zipped"), "zip", series)
    shutil.make_archive(str(tmp_path / "tarred"), "xztar", series)
    for name in ("zipped.zip", "tarred.tar.xz"):
        assert module_of(tmp_path / name) == "ct.formats.dicom_folder"
        assert medclip.read(tmp_path / name).array.shape == (5, 12, 10)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no DICOM")
    with zipfile.ZipFile(tmp_path / "texts.zip", "w") as archive:
        archive.writestr("a.txt", "no DICOM")
    with tarfile.open(tmp_path / "texts.tar", "w") as tarred:
        tarred.add(tmp_path / "texts" / "a.txt", "a.txt")
    for name in ("texts", "texts.zip", "texts.tar"):
        with pytest.raises(FormatError, match=r"an archive without an image|is a folder and not one recording"):
            sniff(tmp_path / name)


def test_a_single_slice_asks_for_its_folder(series: Path) -> None:
    path = next(series.iterdir())
    assert module_of(path) == "ct.formats.dicom"
    with pytest.raises(FormatError, match=r"is a single slice of a CT.*Give the folder or archive"):
        medclip.read(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SOPClassUID": RT_DOSE, "Modality": "RTDOSE"}, "is a radiotherapy dose, and no CT volume"),
        ({"SOPClassUID": SR, "Modality": "SR", "PixelData": None}, "is a structured report, and no CT volume"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "is a localizer, and no CT volume"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "is a projection or rendering of a volume"),
        ({"PixelData": None}, "is a CT header without an image"),
    ],
)
def test_what_is_no_volume_is_refused_by_its_name(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = save(ct_dataset(stored(1)[0], (0, 0, 0), **changes), tmp_path / "1.dcm")
    assert module_of(path) == "ct.formats.dicom"
    with pytest.raises(FormatError, match=message):
        medclip.read(path)


def test_pictures_and_radiographs_are_left_to_their_reader(tmp_path: Path) -> None:
    for name, changes in {
        "us": {"SOPClassUID": ULTRASOUND, "Modality": "US"},
        "dx": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1", "Modality": "DX"},
    }.items():
        path = save(ct_dataset(stored(1)[0], (0, 0, 0), **changes), tmp_path / f"{name}.dcm")
        assert module_of(path).startswith("cxr.")


def test_pictures_of_one_pixel_are_no_volume(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", np.full((5, 1, 1), 24, np.uint16), positions(5))
    with pytest.raises(FormatError, match="unusable size"):
        medclip.read(tmp_path / "ct")


def test_damaged_files_are_refused_in_one_line(tmp_path: Path, series: Path) -> None:
    content = next(series.iterdir()).read_bytes()
    state = np.random.default_rng(0)
    for number in range(40):
        broken = bytearray(content[: int(state.integers(300, len(content)))])
        for place in state.integers(132, len(broken), 5):
            broken[place] = int(state.integers(256))
        folder = tmp_path / f"broken{number}"
        shutil.copytree(series, folder)
        (folder / "image001.dcm").write_bytes(bytes(broken))
        # Read, where a byte was changed that nobody needs, or refused; nothing else may happen.
        try:
            message, shape = "", medclip.read(folder).array.shape[1:]
        except FormatError as error:
            message, shape = str(error), (12, 10)
        assert "\n" not in message
        assert shape == (12, 10)
