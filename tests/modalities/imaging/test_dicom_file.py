"""DICOM files are opened header first, whatever their coding, and never trusted."""

from __future__ import annotations

import logging
import struct
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from image_dicom_files import image, ramp, write
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from medclip.core.errors import FormatError
from medclip.modalities.imaging import dicom_file
from medclip.modalities.imaging.dicom_file import is_dicom, open_dicom
from medclip.modalities.imaging.header_values import number_of, numbers_of, text_of

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


def head_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


@pytest.mark.parametrize("with_preamble", [True, False])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_uncompressed_coding_with_and_without_preamble(syntax: str, with_preamble: bool, tmp_path: Path) -> None:
    array = ramp(31, 20)
    path = write(tmp_path / "file", image(array, syntax=syntax, Rows=31), with_preamble=with_preamble)
    assert is_dicom(head_of(path))
    file = open_dicom(path)
    assert file.transfer_syntax == syntax
    assert number_of(file.header, "Rows", path) == 31
    assert "PixelData" not in file.header
    np.testing.assert_array_equal(file.with_pixels().pixel_array, array)


def test_pixels_are_not_left_behind_in_the_header(tmp_path: Path) -> None:
    path = write(
        tmp_path / "file", image(ramp(31, 20), SpecificCharacterSet="ISO_IR 100", SeriesDescription="Überblick")
    )
    file = open_dicom(path)
    before = set(file.header.keys())
    assert file.header.Rows == 31
    first, second = file.with_pixels(), file.with_pixels()
    first.Rows = 7
    assert set(file.header.keys()) == before
    assert (file.header.Rows, second.Rows) == (31, 31)
    assert second.SeriesDescription == "Überblick"
    assert first.file_meta.TransferSyntaxUID == file.transfer_syntax


def test_a_deflated_file_is_read_and_a_deflate_bomb_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = ramp(100, 100)
    path = write(tmp_path / "file", image(array, syntax=DeflatedExplicitVRLittleEndian))
    file = open_dicom(path)
    np.testing.assert_array_equal(file.with_pixels().pixel_array, array)
    monkeypatch.setattr(dicom_file, "MAXIMUM_INFLATED_BYTES", 10_000)
    with pytest.raises(FormatError, match="grows too large when it is inflated: received more than 10000 bytes"):
        open_dicom(path)


@pytest.mark.parametrize("syntax", [*SYNTAXES, DeflatedExplicitVRLittleEndian])
def test_a_file_cut_anywhere_is_refused_or_read_as_far_as_it_goes(syntax: str, tmp_path: Path) -> None:
    array = ramp(16, 16)
    content = write(tmp_path / "whole", image(array, syntax=syntax)).read_bytes()
    path = tmp_path / "cut"
    n_refused = 0
    for n_bytes in range(140, len(content), 23):
        path.write_bytes(content[:n_bytes])
        try:
            pixels = open_dicom(path).with_pixels()
        except FormatError:
            n_refused += 1
            continue
        # Cut off padding alone.
        np.testing.assert_array_equal(pixels.pixel_array, array)
    assert n_refused >= (len(content) - 140) // 23 - 1


def test_truncated_pixels_say_how_many_bytes_are_missing(tmp_path: Path) -> None:
    content = write(tmp_path / "whole", image(ramp(16, 16))).read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(content[:-100])
    with pytest.raises(FormatError, match="ends inside its pixel data: received 412 of 512 bytes"):
        open_dicom(path).with_pixels()


def test_truncated_fragments_are_refused(tmp_path: Path) -> None:
    dataset = image(ramp(16, 16))
    dataset.compress("1.2.840.10008.1.2.5", encoding_plugin="pydicom", generate_instance_uid=False)
    content = write(tmp_path / "whole", dataset).read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(content[:-40])
    with pytest.raises(FormatError, match="ends inside its compressed pixel data"):
        open_dicom(path).with_pixels()


def test_an_empty_element_of_no_known_kind_is_one_line(tmp_path: Path) -> None:
    """pydicom decodes it while the header is copied; found by fuzzing."""
    data = image(ramp(4, 5))
    data.ReferringPhysicianName = ""
    path = write(tmp_path / "x.dcm", data)
    content = path.read_bytes()
    at = content.index(b"\x08\x00\x90\x00PN\x00\x00")
    path.write_bytes(content[: at + 4] + b"RN" + content[at + 6 :])
    with pytest.raises(FormatError, match=r"x\.dcm is damaged: its header cannot be decoded"):
        open_dicom(path).with_pixels()


def test_too_large_missing_and_foreign_files(tmp_path: Path) -> None:
    path = write(tmp_path / "file", image(ramp(16, 16)))
    with pytest.raises(FormatError, match="too large: received"):
        open_dicom(path, maximum_bytes=100)
    with pytest.raises(FormatError, match="does not exist"):
        open_dicom(tmp_path / "missing")
    with pytest.raises(FormatError, match="cannot be read"):
        open_dicom(tmp_path)
    (tmp_path / "text").write_bytes(b"Dear colleague, " * 100)
    with pytest.raises(FormatError, match="no DICOM file"):
        open_dicom(tmp_path / "text")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x08",
        b"\x08\x00",
        b"\x08\x00\x05\x00CS",
        b"GIF89a" + bytes(200),
        b"\x08\x00\x05\x00\xff\xff\xff\x7f" + bytes(100),
        struct.pack("<HHI", 8, 5, 3) + b"abc" + bytes(50),
        struct.pack("<HHI", 8, 0x60, 2) + b"CR" + struct.pack("<HHI", 8, 5, 2) + b"  " + bytes(50),
        np.random.default_rng(1).bytes(4096),
        bytes(4096),
    ],
)
def test_what_begins_otherwise_is_no_dicom(head: bytes) -> None:
    assert not is_dicom(head)


def test_neither_errors_nor_logs_quote_the_header(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A name where a number belongs, a birth date that is none, and an element of an unknown kind."""
    dataset = image(ramp(16, 16), PatientName="Secretname^Anna", PatientBirthDate="19700101")
    content = write(tmp_path / "file", dataset).read_bytes()
    path = tmp_path / "broken"
    path.write_bytes(content.replace(b"19700101", b"Secret!!").replace(b"CHEST ", b"Secre\xff"))
    with pydicom.config.disable_value_validation():
        changed = pydicom.dcmread(path)
        changed.add_new("RescaleSlope", "LO", "Secretslope")
        changed["RescaleSlope"].VR = "LO"
        changed.save_as(path)
    with warnings.catch_warnings(record=True) as seen, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        file = open_dicom(path)
        assert text_of(file.header, "PatientBirthDate", path)
        with pytest.raises(FormatError) as caught:
            numbers_of(file.header, "RescaleSlope", path)
    assert "Rescale Slope" in str(caught.value)
    assert "Secret" not in f"{caught.value}{caplog.text}{[str(warning.message) for warning in seen]}"


def test_numbers_are_there_and_finite_or_refused(tmp_path: Path) -> None:
    dataset = image(ramp(16, 16), RescaleSlope="2.5", RescaleIntercept="", WindowCenter=["1", "2"])
    path = write(tmp_path / "file", dataset)
    header = open_dicom(path).header
    assert number_of(header, "RescaleSlope", path) == 2.5
    assert number_of(header, "RescaleIntercept", path, default=0.0) == 0.0
    assert numbers_of(header, "WindowCenter", path) == (1.0, 2.0)
    assert numbers_of(header, "WindowWidth", path) == ()
    with pytest.raises(FormatError, match="states no Window Width"):
        number_of(header, "WindowWidth", path)
    header.add_new("WindowWidth", "FD", float("inf"))
    with pytest.raises(FormatError, match="no usable number"):
        number_of(header, "WindowWidth", path)
