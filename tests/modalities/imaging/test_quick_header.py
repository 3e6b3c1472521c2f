"""Quick headers beside pydicom, on every DICOM file there is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from ct_files import ct_dataset, positions, save, stored
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from medclip.core.errors import FormatError
from medclip.modalities.imaging.dicom_file import is_dicom
from medclip.modalities.imaging.quick_header import PLAIN, QuickHeader, quick_header

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"


def reference(path: Path) -> dict[str, tuple[Any, ...]]:
    """Return the same values, decoded by pydicom."""
    dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    values: dict[str, tuple[Any, ...]] = {}
    for keyword in PLAIN - {"TransferSyntaxUID", "ModalityLUTSequence"}:
        found = dataset.get(keyword)
        several = found if isinstance(found, (list, pydicom.multival.MultiValue)) else [found]
        texts = [str(value).strip(" \0") for value in several if value is not None]
        if any(texts):
            values[keyword] = tuple(texts)
    return values


def comparable(values: Any) -> dict[str, tuple[Any, ...]]:
    """Return numbers as numbers, and padding without its sign, which is applied where it is used."""
    result = {}
    for keyword, several in values.items():
        try:
            numbers = tuple(round(float(value), 9) for value in several)
        except ValueError:
            result[keyword] = tuple(map(str, several))
            continue
        result[keyword] = tuple(number % 65536 for number in numbers) if "Padding" in keyword else numbers
    return result


def real_files() -> list[Path]:
    folders = [DATA / "ct", DATA / "cxr", SHIPPED]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in files if path.suffix not in (".zst", ".xz", ".gz", ".csv", ".json")]


@pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
def test_values_are_those_of_pydicom_on_all_files() -> None:
    n_compared = n_refused = 0
    for path in real_files():
        with path.open("rb") as file:
            if not is_dicom(file.read(4096)):
                continue
        try:
            ours = quick_header(path)
        except FormatError:
            n_refused += 1
            continue
        assert comparable(ours.values | {"ModalityLUTSequence": ()}) == comparable(
            reference(path) | {"ModalityLUTSequence": ()}
        ), path
        n_compared += 1
    assert n_compared > 100
    assert n_refused < 10


def nested(depth: int, *, is_open: bool) -> Sequence:
    """Sequences in sequences, with a stated length or without one."""
    item = Dataset()
    item.PatientName = "Nobody"
    item.Rows = 9
    if depth:
        item.ReferencedImageSequence = nested(depth - 1, is_open=is_open)
        item["ReferencedImageSequence"].is_undefined_length = is_open
    sequence = Sequence([item, item])
    item.is_undefined_length_sequence_item = is_open
    return sequence


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("is_implicit", [False, True])
def test_elements_inside_sequences_are_not_taken_for_those_of_the_image(
    tmp_path: Path, is_implicit: bool, is_open: bool
) -> None:
    dataset = ct_dataset(stored(1)[0], positions(1)[0])
    dataset.ReferencedImageSequence = nested(3, is_open=is_open)
    dataset["ReferencedImageSequence"].is_undefined_length = is_open
    path = save(dataset, tmp_path / "1.dcm", is_implicit=is_implicit)
    header = quick_header(path)
    assert header.number("Rows") == 12
    assert header.pixel_offset is not None
    assert comparable(header.values) == comparable(reference(path))
    raw = np.fromfile(path, "<u2", 120, offset=header.pixel_offset).reshape(12, 10)
    np.testing.assert_array_equal(raw, stored(1)[0])


def test_a_header_larger_than_the_first_read_is_read_all_the_same(tmp_path: Path) -> None:
    dataset = ct_dataset(stored(1)[0], positions(1)[0])
    dataset.add_new(0x00091001, "OB", bytes(100_000))
    assert quick_header(save(dataset, tmp_path / "1.dcm")).number("Columns") == 10


def test_truncated_pixels_are_noticed_without_reading_them(tmp_path: Path) -> None:
    path = save(ct_dataset(stored(1)[0], positions(1)[0]), tmp_path / "1.dcm")
    assert not quick_header(path).is_truncated
    path.write_bytes(path.read_bytes()[:-10])
    assert quick_header(path).is_truncated


@pytest.mark.parametrize("n_bytes", [140, 300, 605])
def test_a_header_that_ends_too_early_is_refused(tmp_path: Path, n_bytes: int) -> None:
    path = save(ct_dataset(stored(1)[0], positions(1)[0]), tmp_path / "1.dcm")
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(FormatError, match=r"truncated|damaged"):
        quick_header(path)


@pytest.mark.parametrize(
    ("values", "n_values"), [(("x", "1"), 2), (("nan", "1"), 2), (("inf", "1"), 2), (("1",), 2), (("1", "2", "3"), 2)]
)
def test_numbers_that_are_none_are_refused(values: tuple[str, ...], n_values: int) -> None:
    header = QuickHeader(Path("1.dcm"), {"PixelSpacing": values}, "1.2", None, 0, False, False)
    with pytest.raises(FormatError, match=r"PixelSpacing of 1.dcm"):
        header.numbers("PixelSpacing", n_values)


def test_an_absent_number_is_its_default_or_refused() -> None:
    header = QuickHeader(Path("1.dcm"), {}, "1.2", None, 0, False, False)
    assert header.number("NumberOfFrames", 1.0) == 1.0
    assert header.numbers("PixelSpacing", 2) == ()
    with pytest.raises(FormatError, match="states no Rows"):
        header.number("Rows")
