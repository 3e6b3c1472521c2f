"""Modality LUT, rescaling, windows and VOI LUT, beside pydicom's and beside the formulas of the standard."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from image_dicom_files import image, ramp, write
from pydicom import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut, apply_windowing

from medclip.core.errors import FormatError
from medclip.modalities.imaging.dicom_file import DicomFile, open_dicom
from medclip.modalities.imaging.grey_values import apply_window, modality_values, padding_of, shown_values
from medclip.modalities.imaging.stored_values import stored_values

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")


def table(entries: np.ndarray, first: int, bits: int, *, as_bytes: bool = True, signed: bool = False) -> Dataset:
    item = Dataset()
    descriptor = [len(entries) % 65536, first, bits]
    item.add_new("LUTDescriptor", "SS" if signed else "US", descriptor)
    if as_bytes:
        item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    else:
        item.add_new("LUTData", "US", [int(entry) for entry in entries])
    return item


def opened(dataset: Dataset, folder: Path) -> DicomFile:
    return open_dicom(write(folder / "file", dataset))


def shown(dataset: Dataset, folder: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    file = opened(dataset, folder)
    values = modality_values(stored_values(file).array, file.header, file.path)
    return shown_values(values, np.ones(values.shape, np.bool_), file)


@pytest.mark.parametrize(("slope", "intercept"), [("1", "-1024"), ("0.6835937", "13.25"), ("-2", "0"), ("1e-3", "5")])
def test_rescaling_is_pydicoms(slope: str, intercept: str, tmp_path: Path) -> None:
    dataset = image(ramp(), RescaleSlope=slope, RescaleIntercept=intercept)
    file = opened(dataset, tmp_path)
    values = modality_values(ramp(), file.header, file.path)
    np.testing.assert_allclose(values, apply_modality_lut(ramp(), dataset), rtol=1e-6, atol=1e-4)
    assert values.dtype == np.float32


def test_a_slope_alone_counts_and_a_slope_of_zero_is_refused(tmp_path: Path) -> None:
    file = opened(image(ramp(), RescaleSlope="2"), tmp_path)
    np.testing.assert_array_equal(modality_values(ramp(), file.header, file.path), 2.0 * ramp())
    file = opened(image(ramp(), RescaleSlope="0", RescaleIntercept="1"), tmp_path)
    with pytest.raises(FormatError, match=r"Rescale Slope in .* is 0"):
        modality_values(ramp(), file.header, file.path)


@pytest.mark.parametrize("as_bytes", [True, False])
@pytest.mark.parametrize("first", [0, 100, -50])
def test_a_modality_table_replaces_and_clips(first: int, as_bytes: bool, tmp_path: Path) -> None:
    entries = np.random.default_rng(0).integers(0, 65536, 1000)
    array = np.arange(-200, 1400, dtype="i2").reshape(40, 40)
    dataset = image(array, ModalityLUTSequence=[table(entries, first, 16, as_bytes=as_bytes, signed=True)])
    file = opened(dataset, tmp_path)
    expected = entries[np.clip(array.astype(int) - first, 0, 999)]
    np.testing.assert_array_equal(modality_values(array, file.header, file.path), expected)
    np.testing.assert_array_equal(apply_modality_lut(array, dataset), expected)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(2048, 4096), (1000.5, 300), (40, 2), (-500, 1500), (9000, 10)])
def test_windows_are_pydicoms(function: str, center: float, width: float, tmp_path: Path) -> None:
    dataset = image(
        ramp(), RescaleSlope="1", RescaleIntercept="-1024", WindowCenter=center, WindowWidth=width, BitsStored=12
    )
    dataset.HighBit, dataset.VOILUTFunction = 11, function
    expected = apply_windowing(apply_modality_lut(ramp(), dataset), dataset)
    low, high = -1024.0, 4095 - 1024.0
    scaled, notes = shown(dataset, tmp_path)
    np.testing.assert_allclose(scaled[0], (expected - low) / (high - low), atol=2e-4)
    assert notes == ()


def test_the_window_of_width_one_is_a_step() -> None:
    np.testing.assert_array_equal(apply_window(np.array([9.0, 9.5, 10.0]), 10.0, 1.0), [0.0, 0.0, 1.0])


def test_a_window_far_from_zero_keeps_its_precision() -> None:
    values = np.array([60000.0, 60050.0, 60100.0], np.float32)
    np.testing.assert_allclose(apply_window(values, 60050, 100, function="LINEAR_EXACT"), [0, 0.5, 1], atol=1e-6)


def test_of_several_windows_the_first_counts_and_the_others_are_mentioned(tmp_path: Path) -> None:
    several = image(ramp(), WindowCenter=[1000, 50], WindowWidth=[200, 10])
    single = image(ramp(), WindowCenter=1000, WindowWidth=200)
    scaled, notes = shown(several, tmp_path)
    np.testing.assert_array_equal(scaled, shown(single, tmp_path)[0])
    assert notes == ("the first of 2 windows was used",)


def test_an_unusable_window_is_not_used_and_an_unknown_function_refused(tmp_path: Path) -> None:
    scaled, notes = shown(image(ramp(), WindowCenter=0, WindowWidth=0), tmp_path)
    assert (scaled.min(), scaled.max()) == (0.0, 1.0)
    assert "no usable width" in notes[0]
    with pytest.raises(FormatError, match="unknown shape: allowed: LINEAR, LINEAR_EXACT, SIGMOID"):
        shown(image(ramp(), WindowCenter=1, WindowWidth=2, VOILUTFunction="CUBIC"), tmp_path)


@pytest.mark.parametrize("as_bytes", [True, False])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_a_voi_table_goes_before_windows_and_is_pydicoms(bits: int, as_bytes: bool, tmp_path: Path) -> None:
    entries = (((1 << bits) - 1) * np.sqrt(np.linspace(0, 1, 3000))).astype("u2")
    dataset = image(
        ramp(), WindowCenter=5, WindowWidth=5, VOILUTSequence=[table(entries, 500, bits, as_bytes=as_bytes)]
    )
    scaled, notes = shown(dataset, tmp_path)
    np.testing.assert_allclose(scaled[0], apply_voi_lut(ramp(), dataset) / ((1 << bits) - 1), atol=1e-6)
    assert notes == ()


def test_an_8_bit_table_of_many_entries_is_not_wrapped(tmp_path: Path) -> None:
    """pydicom 3.0 wraps the place in such a table at 256."""
    entries = np.linspace(0, 255, 4096).astype("u2")
    dataset = image(ramp(), VOILUTSequence=[table(entries, 0, 8)])
    scaled, _ = shown(dataset, tmp_path)
    np.testing.assert_allclose(scaled[0], entries[ramp()] / 255, atol=1e-6)
    assert np.all(np.diff(scaled.ravel()) >= 0)


def test_a_table_that_states_too_many_bits_is_scaled_by_those_it_uses(tmp_path: Path) -> None:
    dataset = image(ramp(), VOILUTSequence=[table(np.arange(4096), 0, 16)])
    scaled, notes = shown(dataset, tmp_path)
    assert scaled.max() == 1.0
    assert notes == ("the VOI LUT states 16 bits and uses 12; it was scaled by these",)


def test_a_table_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    item = table(np.arange(100), 0, 12)
    item.LUTDescriptor = [200, 0, 12]
    with pytest.raises(FormatError, match="cut off: received 100 of 200 entries"):
        shown(image(ramp(), VOILUTSequence=[item]), tmp_path)


def test_without_a_window_8_bits_stay_and_more_are_stretched(tmp_path: Path) -> None:
    array = ramp(kind="u1", top=200)
    scaled, notes = shown(image(array), tmp_path)
    np.testing.assert_allclose(scaled[0], array / 255, atol=1e-6)
    assert notes == ()
    scaled, notes = shown(image(ramp(top=1000) + np.uint16(50)), tmp_path)
    assert (scaled.min(), scaled.max()) == (0.0, 1.0)
    assert "no window" in notes[0]


@pytest.mark.parametrize(("value", "limit", "n_expected"), [(-2000, None, 1), (63536, None, 1), (0, -2000, 6)])
def test_padding_is_found_whatever_its_sign_is_written_as(
    value: int, limit: int | None, n_expected: int, tmp_path: Path
) -> None:
    array = np.array([[-2000, -1500, -1000, -500], [-1, 0, 1, 2000]], "i2")
    dataset = image(array)
    dataset.add_new("PixelPaddingValue", "US" if value > 32767 else "SS", value)
    if limit is not None:
        dataset.add_new("PixelPaddingRangeLimit", "SS", limit)
    file = opened(dataset, tmp_path)
    padding = padding_of(stored_values(file), file)
    assert padding is not None
    assert int(padding.sum()) == n_expected
    assert padding[0, 0, 0]


@needs_data
def test_a_real_modality_table_is_pydicoms() -> None:
    path = DATA / "ct" / "edge_dicom" / "pydicom-data" / "mlut_18.dcm"
    file, reference = open_dicom(path), pydicom.dcmread(path)
    assert "ModalityLUTSequence" in reference
    values = modality_values(stored_values(file).array[0], file.header, path)
    np.testing.assert_array_equal(values, apply_modality_lut(reference.pixel_array, reference))
