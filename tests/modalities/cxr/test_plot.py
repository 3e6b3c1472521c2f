"""The drawn radiograph: true to its shape, complete, and without the patient."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.text import Text

from medclip.core.errors import InputError
from medclip.core.sample import Sample
from medclip.modalities.cxr.plot import plot_radiograph


def sample(**changes: object) -> Sample:
    array = np.linspace(0, 1, 300 * 200, dtype=np.float32).reshape(300, 200)
    return Sample("cxr", array, "Secret", spacing_mm=(1.0, 1.0), patient_id="4711", source="Secret.dcm").replace(
        **changes
    )


def texts(figure: Figure) -> list[str]:
    return [item.get_text() for item in figure.findobj(Text) if item.get_text()]


def pictures(figure: Figure, name: str) -> list[AxesImage]:
    return [item for item in figure.findobj(AxesImage) if item.get_gid() == name]


def on_paper(figure: Figure, points: list[tuple[float, float]]) -> np.ndarray:
    FigureCanvasAgg(figure).draw()
    return np.asarray(figure.axes[0].transData.transform(points))


def test_findings_words_and_no_patient() -> None:
    figure = plot_radiograph(sample(attributes={"view": "frontal", "projection": "PA"}), findings=[("Effusion", 0.816)])
    words = texts(figure)
    assert {"Effusion", "0.82", "frontal, PA", "300 x 200 pixels of 1 x 1 mm"} <= set(words)
    assert "Research use only. Not for diagnosis." in words
    assert any("right is on the left" in word for word in words)
    assert not any("Secret" in word or "4711" in word for word in words)
    lateral = texts(plot_radiograph(sample(attributes={"view": "lateral"})))
    assert not any("right is on the left" in word for word in lateral)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0), (0.5, 1.0), (1.0, 0.25)])
def test_millimetres_are_alike_in_both_directions_and_the_bar_is_as_long_as_it_says(
    spacing_mm: tuple[float, float],
) -> None:
    figure = plot_radiograph(sample(spacing_mm=spacing_mm))
    corner, down, right = on_paper(figure, [(0, 0), (0, 100), (100, 0)])
    per_mm = [np.linalg.norm(down - corner) / spacing_mm[0], np.linalg.norm(right - corner) / spacing_mm[1]]
    assert per_mm[0] == pytest.approx(per_mm[1])
    bar = next(item for item in figure.findobj(Line2D) if item.get_gid() == "scale")
    label = next(word for word in texts(figure) if word.endswith(" mm") and " x " not in word)
    assert np.ptp(bar.get_xdata()) * spacing_mm[1] == pytest.approx(float(label.split()[0]))


def test_no_bar_without_spacing() -> None:
    figure = plot_radiograph(sample(spacing_mm=None))
    assert not [item for item in figure.findobj(Line2D) if item.get_gid() == "scale"]
    assert "300 x 200 pixels, spacing not stated" in texts(figure)


def test_a_map_is_clear_where_it_is_low_and_absent_where_it_is_unknown() -> None:
    heat = np.full((300, 200), np.nan, np.float32)
    heat[100:200, 50:150] = np.linspace(0, 2, 100)[:, None]
    figure = plot_radiograph(sample(), heat=heat)
    opacity = np.asarray(pictures(figure, "heat")[0].get_array())[..., 3]
    assert opacity[:100].max() == opacity[200:].max() == opacity[:, :50].max() == opacity[100].max() == 0
    assert np.all(np.diff(opacity[100:200, 70]) > 0)
    assert pictures(figure, "heat")[0].get_extent() == pictures(figure, "picture")[0].get_extent()
    assert "map from 0.00 (clear) to 2.00 (yellow)" in texts(figure)


def test_a_map_stays_at_its_place_in_a_large_picture() -> None:
    array = np.zeros((5000, 4000), np.float32)
    heat = np.zeros_like(array)
    heat[1000:1100, 3000:3100] = 1
    figure = plot_radiograph(Sample("cxr", array, "r"), heat=heat)
    opacity = np.asarray(pictures(figure, "heat")[0].get_array())[..., 3]
    left, right, bottom, top = pictures(figure, "heat")[0].get_extent()
    assert (left, right, bottom, top) == (-0.5, 3999.5, 4999.5, -0.5)
    row, column = np.argwhere(opacity > 0.1).mean(axis=0) / opacity.shape
    assert (row, column) == (pytest.approx(1050 / 5000, abs=0.002), pytest.approx(3050 / 4000, abs=0.002))


def test_regions_missing_pixels_and_long_lists_are_drawn() -> None:
    array = np.full((300, 200), np.nan, np.float32)
    array[:100] = 0.5
    region = np.zeros((300, 200), np.bool_)
    region[50:80, 50:90] = True
    findings = [(f"finding {number} " * 8, number / 100) for number in range(40)]
    figure = plot_radiograph(
        sample(array=array, regions={"nodule": region, "none": ~region & region}), findings=findings
    )
    assert figure.axes[0].collections
    assert "and 18 more" in texts(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    assert len(buffer.getvalue()) > 10_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heat": np.zeros((10, 10))}, "map does not lie on the radiograph"),
        ({"heat": np.full((300, 200), np.nan)}, "map does not lie"),
        ({"dpi": 10.0}, "dpi is out of range"),
    ],
)
def test_options_out_of_range(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plot_radiograph(sample(), **options)
    with pytest.raises(InputError, match="no radiograph to draw"):
        plot_radiograph(Sample("cxr", np.zeros((2, 3, 4), np.float32), "r"))
