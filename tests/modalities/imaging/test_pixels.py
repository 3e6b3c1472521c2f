"""The picture as a monitor shows it: order of steps, polarity, padding and colour."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from image_dicom_files import image, ramp, write
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from medclip.core.errors import FormatError
from medclip.modalities.imaging.dicom_file import open_dicom
from medclip.modalities.imaging.pixels import Picture, read_picture

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")


def picture(dataset: pydicom.Dataset, folder: Path) -> Picture:
    return read_picture(open_dicom(write(folder / "file", dataset)))


@pytest.mark.parametrize(
    ("photometric", "shape", "is_inverted"),
    [
        ("MONOCHROME2", None, False),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", None, True),
        # A file that says it in both ways is turned round once.
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "INVERSE", True),
    ],
)
def test_polarity(photometric: str, shape: str | None, is_inverted: bool, tmp_path: Path) -> None:
    changes = {"PresentationLUTShape": shape} if shape else {}
    dataset = image(ramp(), PhotometricInterpretation=photometric, WindowCenter=2000, WindowWidth=3000, **changes)
    expected = np.clip((ramp() - 1999.5) / 2999 + 0.5, 0, 1)
    np.testing.assert_allclose(picture(dataset, tmp_path).array, 1 - expected if is_inverted else expected, atol=1e-5)


def test_rescaling_comes_before_the_window_and_inversion_last(tmp_path: Path) -> None:
    dataset = image(ramp(), RescaleSlope="2", RescaleIntercept="-4000", WindowCenter=0, WindowWidth=2000)
    dataset.PhotometricInterpretation = "MONOCHROME1"
    expected = 1 - np.clip((ramp() * 2.0 - 4000 + 0.5) / 1999 + 0.5, 0, 1)
    np.testing.assert_allclose(picture(dataset, tmp_path).array, expected, atol=1e-5)


def test_padding_is_missing_and_does_not_stretch_the_range(tmp_path: Path) -> None:
    array = ramp(top=3000) + np.uint16(500)
    array[:5] = 0
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        shown = picture(image(array, PixelPaddingValue=0, PhotometricInterpretation=photometric), tmp_path).array
        assert np.isnan(shown[:5]).all()
        assert not np.isnan(shown[5:]).any()
        assert (shown[5:].min(), shown[5:].max()) == (0.0, 1.0)


def test_nothing_but_padding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="nothing but padding"):
        picture(image(np.zeros((40, 40), "u2"), PixelPaddingValue=0), tmp_path)


def test_grey_in_disguise_is_read_and_colour_refused(tmp_path: Path) -> None:
    grey = ramp(kind="u1", top=255)
    found = picture(image(np.stack([grey] * 3, axis=-1)), tmp_path)
    np.testing.assert_allclose(found.array, grey / 255, atol=1e-6)
    assert found.notes == ("a picture stored in colour was read as the grey picture that it is",)
    colour = np.stack([grey, grey, 255 - grey], axis=-1)
    with pytest.raises(FormatError, match="in colour, and no radiograph is"):
        picture(image(colour), tmp_path)


def test_luminance_and_chroma_are_understood(tmp_path: Path) -> None:
    grey = ramp(kind="u1", top=255)
    neutral = np.full_like(grey, 128)
    dataset = image(np.stack([grey, neutral, neutral], axis=-1), PhotometricInterpretation="YBR_FULL")
    np.testing.assert_allclose(picture(dataset, tmp_path).array, grey / 255, atol=1 / 255)
    with pytest.raises(FormatError, match="in colour"):
        picture(image(np.stack([grey, neutral, neutral + 90], axis=-1), PhotometricInterpretation="YBR_FULL"), tmp_path)


def test_a_grey_palette_is_read_and_a_coloured_one_refused(tmp_path: Path) -> None:
    array = ramp(kind="u1", top=255)
    dataset = image(array, PhotometricInterpretation="PALETTE COLOR")
    entries = (np.arange(256) ** 2).astype("<u2")
    for name in ("Red", "Green", "Blue"):
        dataset.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        dataset.add_new(f"{name}PaletteColorLookupTableData", "OW", entries.tobytes())
    np.testing.assert_allclose(picture(dataset, tmp_path).array, entries[array] / 65535, atol=1e-6)
    dataset.BluePaletteColorLookupTableData = entries[::-1].tobytes()
    with pytest.raises(FormatError, match="in colour"):
        picture(dataset, tmp_path)


@pytest.mark.parametrize("photometric", ["", "HSV"])
def test_an_unknown_polarity_is_not_guessed(photometric: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="does not say whether low values are dark"):
        picture(image(ramp(), PhotometricInterpretation=photometric), tmp_path)


def test_a_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="a clip: received 2 pictures"):
        picture(image(ramp(), NumberOfFrames=2, Rows=32), tmp_path)


@needs_data
@pytest.mark.parametrize(
    "name",
    [
        "dicom/966_fixed.dcm",
        "dicom/gdcm-CR-MONO1-10-chest.dcm",
        "nih_rsna_samples/Fake_MONOHR1.dcm",
        "nih_rsna_samples/1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm",
    ],
)
def test_real_radiographs_are_what_pydicom_shows(name: str) -> None:
    path = DATA / "cxr" / name
    reference = pydicom.dcmread(path)
    values = apply_voi_lut(apply_modality_lut(reference.pixel_array, reference), reference).astype(np.float64)
    # pydicom's windows run over the range of the stored bits.
    expected = values / ((1 << reference.BitsStored) - 1)
    if reference.PhotometricInterpretation == "MONOCHROME1":
        expected = 1 - expected
    found = read_picture(open_dicom(path))
    np.testing.assert_allclose(found.array, expected, atol=1e-4)
    assert found.notes == ()
