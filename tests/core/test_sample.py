"""A sample says what its array means, or is refused."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from medclip.core.errors import InputError
from medclip.core.sample import Sample

ARRAY = np.zeros((2, 50), np.float32)


def waveform(**changes: object) -> Sample:
    """Return two channels at 100 Hz, with some fields changed."""
    fields: dict[str, object] = {"sampling_rate_hz": 100, "channel_names": ("I", "II")}
    return Sample("demo", ARRAY, "r1", **(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("array", "received"),
    [
        (np.zeros((2, 50)), "ndarray of float64"),
        (np.zeros((2, 50), np.int16), "ndarray of int16"),
        ([[0.0]], "list of unknown type"),
    ],
)
def test_only_float32_arrays(array: object, received: str) -> None:
    with pytest.raises(InputError, match=received):
        Sample("demo", array, "r1")  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [0, -500, math.nan, math.inf, None, "500"])
def test_a_waveform_needs_a_rate(rate: object) -> None:
    with pytest.raises(InputError, match=r"needs a sampling rate: received .* Hz"):
        waveform(sampling_rate_hz=rate)


@pytest.mark.parametrize("names", [None, (), ("I",), ("I", "II", "III")])
def test_a_waveform_needs_a_name_for_each_channel(names: object) -> None:
    with pytest.raises(InputError, match="one name per channel"):
        waveform(channel_names=names)


def test_a_waveform_has_two_axes() -> None:
    with pytest.raises(InputError, match=r"shape \(2, 50, 1\)"):
        Sample("demo", ARRAY[..., None], "r1", sampling_rate_hz=100, channel_names=("I", "II"))


def test_channels_must_differ_and_the_message_names_them() -> None:
    with pytest.raises(InputError, match="channels share a name: received V1"):
        waveform(channel_names=("V1", "V1"))


@pytest.mark.parametrize("spacing", [(1.0,), (1.0, 0.0), (1.0, -1.0), (1.0, math.nan), ()])
def test_an_image_needs_one_positive_distance_per_axis(spacing: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="one positive distance per array axis"):
        Sample("demo", ARRAY, "r1", spacing_mm=spacing)
    assert Sample("demo", ARRAY, "r1", spacing_mm=(0.5, 2.0)).duration_s is None


@pytest.mark.parametrize("value", [0.5, 2, -1.0, "1", None, math.inf])
def test_a_label_is_present_absent_or_not_assessed(value: object) -> None:
    with pytest.raises(InputError, match=r"label AF has no allowed value: .*allowed: 1\.0, 0\.0 or nan"):
        waveform(labels={"SR": 1.0, "AF": value})


def test_allowed_labels_are_kept() -> None:
    labels = waveform(labels={"a": 1, "b": 0.0, "c": math.nan, "d": np.float32(1)}).labels
    assert (labels["a"], labels["b"], labels["d"]) == (1, 0, 1)
    assert math.isnan(labels["c"])


def test_names_become_a_tuple_so_that_layouts_compare() -> None:
    assert waveform(channel_names=["I", "II"]).channel_names == ("I", "II")


def test_duration_and_replace() -> None:
    sample = waveform()
    assert sample.duration_s == 0.5
    assert sample.replace(sampling_rate_hz=25.0).duration_s == 2.0
    with pytest.raises(InputError):
        sample.replace(channel_names=("I",))
    assert sample.sampling_rate_hz == 100


def test_what_is_shown_names_nobody() -> None:
    sample = waveform(patient_id="P-4711", report="Mrs Doe", attributes={"age": 70}, source="doe.hea")
    assert repr(sample) == "Sample(modality='demo', shape=(2, 50), sampling_rate_hz=100, duration_s=0.5)"
    assert "4711" not in f"{sample} {sample!r}"
    with pytest.raises(InputError) as error:
        sample.replace(channel_names=("I", "I"))
    assert "4711" not in str(error.value)
    assert "doe" not in str(error.value).lower()


def test_a_sample_goes_to_another_process_whole() -> None:
    sample = waveform(report="sinus rhythm", attributes={"age": 61.0})
    copy = pickle.loads(pickle.dumps(sample))
    np.testing.assert_array_equal(copy.array, sample.array)
    assert (copy.channel_names, copy.report, copy.attributes) == (sample.channel_names, "sinus rhythm", {"age": 61.0})


VOLUME = np.zeros((2, 3, 4), np.float32)


@pytest.mark.parametrize(
    "direction",
    [
        (0, 0, 1, 0, 1, 0, 1, 0),
        (0, 0, 1, 0, 1, 0, 0, 0, 1),
        (0, 0, 2, 0, 1, 0, 1, 0, 0),
        (0, 0, math.nan, 0, 1, 0, 1, 0, 0),
    ],
)
def test_the_axes_of_a_volume_are_unit_vectors_at_right_angles(direction: tuple[float, ...]) -> None:
    assert Sample("demo", VOLUME, "r1", direction=(0, 0, 1, 0, 1, 0, 1, 0, 0)).direction
    with pytest.raises(InputError, match="direction"):
        Sample("demo", VOLUME, "r1", direction=direction)
    with pytest.raises(InputError, match="direction"):
        Sample("demo", ARRAY, "r1", direction=(0, 0, 1, 0, 1, 0, 1, 0, 0))


@pytest.mark.parametrize("region", [np.zeros((2, 3, 4), np.float32), np.zeros((2, 3), np.bool_)])
def test_a_region_lies_on_the_array(region: np.ndarray) -> None:
    assert Sample("demo", VOLUME, "r1", regions={"nodule": np.ones(VOLUME.shape, np.bool_)}).regions
    with pytest.raises(InputError, match="region of nodule"):
        Sample("demo", VOLUME, "r1", regions={"nodule": region})
