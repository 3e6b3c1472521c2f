"""The scale beside a map has a mark where the map is 0, at its place between the ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from medclip.core.sample import Sample

SAMPLES = {
    "radiograph": Sample("cxr", np.zeros((40, 30), np.float32), "r"),
    "volume": Sample(
        *("ct", np.full((4, 10, 12), -500, np.float32), "r"),
        spacing_mm=(1.0, 1.0, 1.0),
        direction=(0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0),
    ),
}
KINDS = pytest.mark.parametrize("kind", SAMPLES)


def scale_of(kind: str, low: float, high: float) -> tuple[Any, Any]:
    sample = SAMPLES[kind]
    heat = np.full(sample.array.size, np.nan, np.float32)
    heat[: sample.array.size // 2] = np.linspace(low, high, sample.array.size // 2)
    figure = sample.plot(heat=heat.reshape(sample.array.shape))
    return figure, next((axes for axes in figure.axes if axes.get_gid() == "heat scale"), None)


def numbers(axes: Any) -> dict[float, str]:
    return {
        round(float(place), 3): label.get_text()
        for place, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    }


@KINDS
def test_zero_is_marked_at_its_place(kind: str) -> None:
    figure, axes = scale_of(kind, -3.0, 1.0)
    assert numbers(axes) == {-3.0: "-3", 1.0: "1", 0.0: "0"}
    (mark,) = (line for line in axes.lines if line.get_gid() == "zero")
    figure.canvas.draw()
    left, right = axes.get_window_extent().x0, axes.get_window_extent().x1
    drawn = mark.get_window_extent().x0
    assert (drawn - left) / (right - left) == pytest.approx(0.75, abs=0.01)
    opacity = np.asarray(axes.images[0].get_array())[0, :, 3]
    assert opacity[0] == 0
    assert (np.diff(opacity) > 0).all()


@KINDS
def test_a_number_too_close_to_zero_gives_way(kind: str) -> None:
    assert numbers(scale_of(kind, -3.0, 0.1)[1]) == {-3.0: "-3", 0.1: "", 0.0: "0"}


@KINDS
def test_there_is_no_mark_off_the_scale_and_no_scale_of_one_value(kind: str) -> None:
    axes = scale_of(kind, 1.0, 2.0)[1]
    assert numbers(axes) == {1.0: "1", 2.0: "2"}
    assert axes.get_xlim() == (1.0, 2.0)
    assert not axes.lines
    assert scale_of(kind, 2.0, 2.0)[1] is None
