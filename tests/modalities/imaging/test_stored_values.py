"""Stored values, compared with what was written, with pydicom and with GDCM through SimpleITK."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from image_dicom_files import image, ramp, write
from PIL import Image
from pydicom.encaps import encapsulate

from medclip.core.errors import FormatError, MissingDependencyError
from medclip.modalities.imaging import stored_values as module
from medclip.modalities.imaging.codestream import codestream_of
from medclip.modalities.imaging.dicom_file import open_dicom
from medclip.modalities.imaging.stored_values import stored_values

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
EDGE = DATA / "ct" / "edge_dicom"


IMPLICIT, BIG_ENDIAN, RLE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.5"
# The standard has no RLE of 32 bits.
CODINGS = [(kind, syntax) for syntax in (IMPLICIT, BIG_ENDIAN, RLE) for kind in ("u1", "i1", "u2", "i2")]


@pytest.mark.parametrize(("kind", "syntax"), [*CODINGS, ("u4", IMPLICIT), ("u4", BIG_ENDIAN)])
def test_values_come_back_as_they_were_written(kind: str, syntax: str, tmp_path: Path) -> None:
    limits = np.iinfo(kind)
    array = np.random.default_rng(0).integers(limits.min, limits.max, (13, 31), dtype=kind, endpoint=True)
    dataset = image(array, syntax="1.2.840.10008.1.2.1" if syntax.endswith(".5") else syntax)
    if syntax.endswith(".5"):
        dataset.compress(syntax, encoding_plugin="pydicom", generate_instance_uid=False)
    stored = stored_values(open_dicom(write(tmp_path / "file", dataset)))
    np.testing.assert_array_equal(stored.array, array[None])
    assert (stored.form.lowest, stored.form.highest) == (limits.min, limits.max)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize(("stored_bits", "high_bit"), [(12, 11), (10, 9), (12, 15), (10, 12)])
def test_overlays_in_other_bits_are_masked(is_signed: bool, stored_bits: int, high_bit: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    low = -(1 << stored_bits - 1) if is_signed else 0
    values = rng.integers(low, low + (1 << stored_bits), (20, 30))
    placed = (values & ((1 << stored_bits) - 1)) << (high_bit + 1 - stored_bits)
    noise = rng.integers(0, 1 << 16, values.shape) & ~(((1 << stored_bits) - 1) << (high_bit + 1 - stored_bits))
    array = (placed | noise & 0xFFFF).astype("u2")
    dataset = image(array, BitsStored=stored_bits, HighBit=high_bit, PixelRepresentation=int(is_signed))
    stored = stored_values(open_dicom(write(tmp_path / "file", dataset)))
    np.testing.assert_array_equal(stored.array[0], values)


def test_some_of_many_frames(tmp_path: Path) -> None:
    array = ramp(4 * 10, 8)
    dataset = image(array, NumberOfFrames=4, Rows=10)
    stored = stored_values(open_dicom(write(tmp_path / "file", dataset)), range(1, 3))
    np.testing.assert_array_equal(stored.array, array.reshape(4, 10, 8)[1:3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Rows": 65}, "fewer pixels than its header says: received 6144 bytes; allowed: 6240 bytes"),
        ({"NumberOfFrames": 2}, "fewer pixels"),
        ({"Rows": 0}, "without pixels"),
        ({"BitsAllocated": 12}, "stored in a way"),
        ({"BitsStored": 17}, "stored in a way"),
        ({"HighBit": 3}, "contradict"),
        ({"SamplesPerPixel": 4}, "unknown kind"),
        ({"Rows": 65535, "Columns": 65535}, "more pixels than fit in memory"),
        ({"Rows": None}, "states no Rows"),
        ({"NumberOfFrames": "1.5"}, "count|number"),
    ],
)
def test_contradictory_headers_are_refused_before_anything_is_decoded(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pydicom.config.disable_value_validation():
        path = write(tmp_path / "file", image(ramp(), **changes))
    with pytest.raises(FormatError, match=message):
        stored_values(open_dicom(path))


def test_unknown_codings_and_missing_plug_ins_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = image(ramp())
    dataset.PixelData = encapsulate([bytes(98) + b"\xff\xd9"])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"
    path = write(tmp_path / "file", dataset)
    with pytest.raises(FormatError, match="none of the coding"):
        stored_values(open_dicom(path))
    # A head of JPEG 2000 with the right size.
    head = bytes.fromhex("ff4fff51002900000000003000000040") + bytes(24) + bytes.fromhex("00010f0101")
    assert codestream_of(head) is not None
    dataset.PixelData = encapsulate([head + bytes(60) + b"\xff\xd9"])
    dataset["PixelData"].is_undefined_length = True
    write(path, dataset)
    with pytest.raises(FormatError, match="coded in a way that is not read: received MPEG2"):
        stored_values(open_dicom(path))
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.90"
    write(path, dataset)
    with pytest.raises(FormatError, match="pixel data cannot be decoded"):
        stored_values(open_dicom(path))
    monkeypatch.setitem(module._PLUGINS, "1.2.840.10008.1.2.4.90", (("absent",), "pylibjpeg-openjpeg"))
    with pytest.raises(MissingDependencyError, match=r"JPEG 2000.*pylibjpeg-openjpeg.*medclip-toolkit\[imaging\]"):
        stored_values(open_dicom(path))


def test_a_compressed_picture_of_another_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    dataset = image(ramp())
    dataset.compress("1.2.840.10008.1.2.4.90", encoding_plugin="pylibjpeg", generate_instance_uid=False)
    dataset.Rows = 32
    with pytest.raises(FormatError, match="not the one that its header announces: received 64 x 48 pixels"):
        stored_values(open_dicom(write(tmp_path / "file", dataset)))


@pytest.mark.parametrize("form", ["JPEG", "JPEG2000"])
def test_a_compressed_picture_without_its_end_is_refused(form: str, tmp_path: Path) -> None:
    """Codecs fill what is missing with grey and say so to nobody but a terminal."""
    buffer = io.BytesIO()
    Image.fromarray(ramp(kind="u1", top=255)).save(buffer, form)
    dataset = image(ramp(kind="u1", top=255))
    dataset.file_meta.TransferSyntaxUID = f"1.2.840.10008.1.2.4.{'50' if form == 'JPEG' else '90'}"
    for n_missing in (0, 40):
        content = buffer.getvalue()
        dataset.PixelData = encapsulate([content[: len(content) - n_missing]])
        dataset["PixelData"].is_undefined_length = True
        file = open_dicom(write(tmp_path / "file", dataset))
        if not n_missing:
            assert stored_values(file).array.shape == (1, 64, 48)
            continue
        with pytest.raises(FormatError, match="has no end"):
            stored_values(file)


def test_broken_run_lengths_are_one_line(tmp_path: Path) -> None:
    dataset = image(ramp())
    dataset.compress("1.2.840.10008.1.2.5", encoding_plugin="pydicom", generate_instance_uid=False)
    content = write(tmp_path / "whole", dataset).read_bytes()
    start, path = open_dicom(tmp_path / "whole").pixel_offset or 0, tmp_path / "file"
    rng, n_refused = np.random.default_rng(3), 0
    for _ in range(60):
        changed = bytearray(content)
        for place in rng.integers(start, len(content), 8):
            changed[place] = int(rng.integers(256))
        path.write_bytes(changed)
        try:
            stored_values(open_dicom(path))
        except FormatError:
            n_refused += 1
    assert n_refused > 20


@pytest.mark.parametrize("header_is_signed", [False, True])
@pytest.mark.parametrize("stream_is_signed", [False, True])
def test_jpeg_2000_that_disagrees_about_sign(header_is_signed: bool, stream_is_signed: bool, tmp_path: Path) -> None:
    """Values are signed if the stream or the header says so, in 13 bits as in 16."""
    values = np.linspace(-2000, 2000, 64 * 48).reshape(64, 48).astype("i2")
    if not stream_is_signed:
        values = values + 2048 if not header_is_signed else values
    array = values if stream_is_signed else (values.astype("i4") & 0x1FFF).astype("u2")
    dataset = image(array, BitsStored=13, HighBit=12)
    dataset.compress("1.2.840.10008.1.2.4.90", encoding_plugin="pylibjpeg", generate_instance_uid=False)
    dataset.PixelRepresentation = int(header_is_signed)
    stored = stored_values(open_dicom(write(tmp_path / "file", dataset)))
    np.testing.assert_array_equal(stored.array[0], values)
    assert bool(stored.notes) is (header_is_signed != stream_is_signed)


@pytest.mark.parametrize("wrong", [b"1.2.840.10008.1.2.9", b"1.2.840.10008.1.1\x00\x00", b"1.3.840.10008.1.2.1"])
def test_what_names_no_transfer_syntax_is_one_line(wrong: bytes, tmp_path: Path) -> None:
    """Unknown, the class of another service, and private; found by fuzzing."""
    path = write(tmp_path / "file", image(ramp(4, 5)))
    content = path.read_bytes()
    assert content.count(b"1.2.840.10008.1.2.1\x00") == 1
    path.write_bytes(content.replace(b"1.2.840.10008.1.2.1\x00", wrong + b"\x00"))
    with pytest.raises(FormatError, match="coded in a way that is not read: received an unknown transfer syntax"):
        stored_values(open_dicom(path))


def test_baseline_jpeg_is_not_left_to_gdcm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GDCM ends the process on some damaged pictures, which no reader can catch."""
    dataset, stream = image(ramp(64, 48, kind="u1", top=255)), io.BytesIO()
    Image.fromarray(dataset.pixel_array).save(stream, "JPEG", quality=90)
    dataset.PixelData = encapsulate([stream.getvalue()])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50"

    def refuse(*_: object) -> None:
        raise AssertionError("GDCM was asked")

    monkeypatch.setattr("pydicom.pixels.decoders.gdcm._decode_frame", refuse)
    assert module._decoder_of(open_dicom(write(tmp_path / "file", dataset)))[1] == "pillow"
    assert stored_values(open_dicom(tmp_path / "file")).array.shape == (1, 64, 48)


@pytest.mark.parametrize(("syntax", "kind"), [("80", "u1"), ("80", "u2"), ("90", "u1"), ("90", "i2")])
def test_lossless_codings_are_lossless(syntax: str, kind: str, tmp_path: Path) -> None:
    array = ramp(kind=kind, top=255 if kind == "u1" else 4095)
    dataset = image(array)
    dataset.compress(
        f"1.2.840.10008.1.2.4.{syntax}",
        encoding_plugin="pyjpegls" if syntax == "80" else "pylibjpeg",
        generate_instance_uid=False,
    )
    np.testing.assert_array_equal(stored_values(open_dicom(write(tmp_path / "file", dataset))).array[0], array)


def compressed_files() -> list[Path]:
    names = ["pydicom", "pydicom-data", "wg04-ct", "pylibjpeg-data"]
    found = [path for name in names for path in sorted((EDGE / name).glob("*.dcm"))]
    return [*found, *sorted((DATA / "cxr" / "nih_rsna_samples").glob("*.dcm"))]


def difference_from_gdcm(path: Path, array: np.ndarray) -> float:
    """SimpleITK rescales and turns MONOCHROME1 round; both are undone."""
    values = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))).astype(np.float64)
    header = pydicom.dcmread(path, stop_before_pixels=True)
    values -= float(header.get("RescaleIntercept", 0) or 0)
    values /= float(header.get("RescaleSlope", 1) or 1)
    if header.PhotometricInterpretation == "MONOCHROME1":
        values = ((1 << header.BitsStored) - 1) - values
    return float(np.abs(array - values).max())


@needs_data
def test_real_compressed_files_are_what_gdcm_decodes() -> None:
    """Every lossless and lossy coding of the shared files; one has a wrong sign flag and is wrong in GDCM."""
    seen: set[str] = set()
    for path in compressed_files():
        try:
            file = open_dicom(path)
            is_picture = file.has_pixels and file.header.get("PhotometricInterpretation", "").startswith("MONOCHROME")
            if not is_picture or file.header.Modality in ("MR", "RTDOSE", "SEG") or "Supplemental" in path.name:
                continue
        except (FormatError, AttributeError):
            continue
        stored = stored_values(file)
        seen.add(file.transfer_syntax.removeprefix("1.2.840.10008.1.2"))
        if stored.notes:
            assert path.name == "TOSHIBA_J2K_SIZ1_PixRep0.dcm"
            # Padding of -2048 that GDCM and pydicom give as 63488.
            assert stored.array.min() == -2048
            assert difference_from_gdcm(path, stored.array) == 65536
            continue
        assert difference_from_gdcm(path, stored.array) < 1e-6, path.name
    assert {".4.50", ".4.51", ".4.57", ".4.70", ".4.81", ".4.90", ".4.91", ".5", ".1", ".1.99"} <= seen
