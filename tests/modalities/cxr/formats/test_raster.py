"""Radiographs as PNG, JPEG and TIFF of every mode."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from image_dicom_files import ramp
from PIL import Image
from refusals import check_mutations, message_of, mutations

import medclip
from medclip.core.sample import Sample
from medclip.modalities.cxr.formats.raster import FORMAT
from medclip.testing.format import check_format

GREY = ramp(kind="u1", top=255)


def saved(picture: Image.Image, path: Path, **options: object) -> Sample:
    picture.save(path, **options)
    return medclip.read(path)


def test_it_keeps_the_contract_of_formats(tmp_path: Path) -> None:
    examples = [tmp_path / name for name in ("a.png", "b.jpg", "c.tif")]
    for path in examples:
        Image.fromarray(GREY).save(path)
    check_format(FORMAT, examples=examples)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_lossless_modes_give_the_same_grey(mode: str, suffix: str, tmp_path: Path) -> None:
    sample = saved(Image.fromarray(GREY).convert(mode), tmp_path / f"chest.{suffix}")
    np.testing.assert_allclose(sample.array, GREY / 255, atol=1e-6)
    assert sample.attributes == {"view": "unknown"}
    assert sample.spacing_mm is None
    assert sample.patient_id is None
    assert (sample.record_id, sample.source) == ("chest", f"chest.{suffix}")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits(suffix: str, tmp_path: Path) -> None:
    array = ramp(top=65535)
    np.testing.assert_allclose(saved(Image.fromarray(array), tmp_path / f"c.{suffix}").array, array / 65535, atol=1e-6)


def test_12_bits_in_16_are_scaled_by_what_they_use(tmp_path: Path) -> None:
    sample = saved(Image.fromarray(ramp(top=4095)), tmp_path / "c.png")
    np.testing.assert_allclose(sample.array, ramp(top=4095) / 4095, atol=1e-6)
    assert sample.attributes["notes"] == ("16 bits of which 12 are used; it was scaled by these",)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(mode: str, options: dict[str, object], tmp_path: Path) -> None:
    sample = saved(Image.fromarray(GREY).convert(mode), tmp_path / "c.jpg", quality=95, **options)
    np.testing.assert_allclose(sample.array, GREY / 255, atol=0.02)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_orientation_is_undone(orientation: int, tmp_path: Path) -> None:
    """EXIF 2.32, orientation: where row 0 and column 0 of the file are in the scene."""
    scene = GREY
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: np.rot90(a),
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: np.rot90(a, -1),
    }
    picture = Image.fromarray(np.ascontiguousarray(undo[orientation](scene)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    sample = saved(picture, tmp_path / "c.png", exif=exif)
    np.testing.assert_allclose(sample.array, scene / 255, atol=1e-6)
    assert ("notes" in sample.attributes) is (orientation > 1)


def test_transparent_parts_are_missing(tmp_path: Path) -> None:
    alpha = np.full_like(GREY, 255)
    alpha[:10] = 0
    for name, bands in (("la", [GREY, alpha]), ("rgba", [GREY, GREY, GREY, alpha])):
        picture = Image.merge(name.upper(), [Image.fromarray(band) for band in bands])
        sample = saved(picture, tmp_path / f"{name}.png")
        assert np.isnan(sample.array[:10]).all()
        np.testing.assert_allclose(sample.array[10:], GREY[10:] / 255, atol=1e-6)
        assert sample.attributes["notes"] == ("transparent parts were left out",)


def test_coloured_marks_become_grey_and_pictures_in_colour_are_refused(tmp_path: Path) -> None:
    picture = np.stack([GREY] * 3, axis=-1)
    picture[5:8, 5:15] = (255, 0, 0)
    sample = saved(Image.fromarray(picture), tmp_path / "marks.png")
    assert sample.attributes["notes"] == ("coloured marks on a grey picture were made grey",)
    assert sample.array[6, 6] == pytest.approx(0.299, abs=1e-3)
    picture[:20] = (90, 120, 200)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    message = message_of(FORMAT, tmp_path / "photo.png")
    assert "in colour, and no radiograph is: received 31 % of its pixels in colour" in message
    assert "Export the radiograph itself" in message


def png_that_claims(columns: int, rows: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    content = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("columns", "rows"), [(60_000, 60_000), (11_000, 10_000), (2**31 - 1, 40)])
def test_a_decompression_bomb_is_refused_unseen(columns: int, rows: int, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_that_claims(columns, rows))
    message = message_of(FORMAT, path)
    assert "more pixels than any radiograph has" in message
    assert "up to 100000000 pixels" in message


@pytest.mark.parametrize("size", [(1, 1), (31, 500)])
def test_small_pictures_are_refused(size: tuple[int, int], tmp_path: Path) -> None:
    Image.fromarray(ramp(*size, kind="u1", top=255)).save(tmp_path / "c.png")
    assert f"too small to be a radiograph: received {size[0]} x {size[1]}" in message_of(FORMAT, tmp_path / "c.png")


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_truncated_jpeg_is_refused(options: dict[str, object], tmp_path: Path) -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG", **options)
    path = tmp_path / "c.jpg"
    path.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    assert "truncated or damaged" in message_of(FORMAT, path)


def test_several_pictures_and_floating_point_are_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(GREY), Image.fromarray(GREY)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    assert "several pictures: received 2" in message_of(FORMAT, tmp_path / "pages.tif")
    Image.fromarray(GREY.astype("f4")).save(tmp_path / "float.tif")
    assert "floating point" in message_of(FORMAT, tmp_path / "float.tif")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_broken_files_end_in_one_line(form: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, form)
    assert check_mutations(FORMAT, tmp_path / "broken", mutations(buffer.getvalue(), count=60)) > 5
