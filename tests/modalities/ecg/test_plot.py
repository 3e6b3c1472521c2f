"""The printed ECG: true to the millimetre, complete, and without the patient."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from medclip.core.errors import InputError
from medclip.core.sample import Sample
from medclip.modalities.ecg.leads import STANDARD_LEADS
from medclip.modalities.ecg.plot import plot_ecg
from medclip.modalities.ecg.simulate import CODES, simulate_ecg


def texts(figure: Figure) -> list[str]:
    return [item.get_text() for item in figure.findobj(Text) if item.get_text()]


def lines(figure: Figure, name: str) -> list[Line2D]:
    return [item for item in figure.findobj(Line2D) if item.get_gid() == name]


def millimetres(figure: Figure, line: Line2D) -> np.ndarray:
    """Vertices of a line on the printed page, from the lower left corner."""
    pixels = line.get_transform().transform(line.get_xydata())
    return np.asarray(pixels / figure.dpi * 25.4)


def test_a_rectangle_of_one_millivolt_and_one_second_is_ten_by_twenty_five_millimetres() -> None:
    array = np.zeros((12, 5000), np.float32)
    array[:, 500:1000] = 1.0
    sample = simulate_ecg([], seed=0).replace(array=array)
    figure = plot_ecg(sample)
    np.testing.assert_allclose(figure.get_size_inches() * 25.4, [297, 210])
    trace = millimetres(figure, lines(figure, "II")[-1])
    high = trace[trace[:, 1] > trace[0, 1] + 5]
    assert np.ptp(trace[:, 1]) == pytest.approx(10.0, abs=1e-3)
    assert np.ptp(high[:, 0]) == pytest.approx(25.0, abs=0.1)
    assert np.ptp(trace[:, 0]) == pytest.approx(250.0, abs=0.1)


@pytest.mark.parametrize(("speed", "gain"), [(25, 10), (50, 10), (25, 20), (12.5, 5)])
def test_scale_and_calibration_pulse(speed: float, gain: float) -> None:
    sample = simulate_ecg(["LVH"], seed=0)
    figure = plot_ecg(sample, paper_speed_mm_s=speed, gain_mm_mv=gain)
    pulse = millimetres(figure, lines(figure, "calibration 0")[0])
    assert np.ptp(pulse[:, 1]) == pytest.approx(gain, abs=1e-3)
    top = pulse[pulse[:, 1] > pulse[0, 1] + gain / 2]
    assert np.ptp(top[:, 0]) == pytest.approx(0.2 * speed, abs=1e-3)
    trace = millimetres(figure, lines(figure, "V5")[0])
    column = sample.array[STANDARD_LEADS.index("V5"), 3750:5000]
    assert np.ptp(trace[:, 1]) == pytest.approx(gain * np.ptp(column), abs=1e-3)
    assert any(f"{speed:g} mm/s" in text and f"{gain:g} mm/mV" in text for text in texts(figure))


def test_baselines_and_start_lie_on_thick_grid_lines() -> None:
    figure = plot_ecg(simulate_ecg([], seed=0).replace(array=np.zeros((12, 5000), np.float32)))
    for lead in STANDARD_LEADS:
        points = millimetres(figure, lines(figure, lead)[0])
        assert points[0, 1] % 5 == pytest.approx(0, abs=1e-6) or points[0, 1] % 5 == pytest.approx(5, abs=1e-6)
    assert millimetres(figure, lines(figure, "I")[0])[0, 0] == pytest.approx(25.0)


def test_columns_follow_each_other_in_time() -> None:
    ramp = np.tile(np.linspace(0, 1, 5000, dtype=np.float32), (12, 1))
    figure = plot_ecg(simulate_ecg([], seed=0).replace(array=ramp))
    strip = millimetres(figure, lines(figure, "II")[-1])
    for first in ("I", "aVR", "V1", "V4"):
        trace = millimetres(figure, lines(figure, first)[0])
        offset = trace[0, 1] - np.interp(trace[0, 0], strip[:, 0], strip[:, 1])
        expected = np.interp(trace[:, 0], strip[:, 0], strip[:, 1]) + offset
        np.testing.assert_allclose(trace[:, 1], expected, atol=1e-3)


@pytest.mark.parametrize("layout", ["3x4", "12x1"])
def test_all_leads_are_named_and_drawn_completely(layout: str) -> None:
    sample = simulate_ecg(["PVC"], seed=2)
    figure = plot_ecg(sample, layout=layout)
    shown = texts(figure)
    for row, lead in enumerate(STANDARD_LEADS):
        assert lead in shown
        drawn = sum(len(line.get_xydata()) for line in lines(figure, lead))
        expected = 5000 if layout == "12x1" else 1251
        assert abs(drawn % 5000 - expected % 5000) <= 2, lead
        assert not any(line.get_clip_on() for line in lines(figure, lead)), row


@pytest.mark.parametrize("factor", [1.5, 2.2, -3.0])
def test_tall_waves_are_not_cut(factor: float) -> None:
    array = simulate_ecg(["LVH"], seed=2).array * np.float32(factor)
    figure = plot_ecg(simulate_ecg(["LVH"], seed=2).replace(array=array))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = np.asarray(canvas.buffer_rgba())[..., :3].max(axis=2)
    trace = millimetres(figure, lines(figure, "V4")[0])
    height_mm = figure.get_size_inches()[1] * 25.4
    for end, inwards_mm in ((np.argmax(trace[:, 1]), -1.0), (np.argmin(trace[:, 1]), 1.0)):
        x_mm, y_mm = trace[end]
        assert 0 <= y_mm <= height_mm
        column, row = round(x_mm / 25.4 * 150), len(image) - round((y_mm + inwards_mm) / 25.4 * 150)
        assert image[row - 3 : row + 4, column - 3 : column + 4].min() < 90


def test_a_wrong_unit_makes_no_endless_sheet() -> None:
    sample = simulate_ecg([], seed=2)
    figure = plot_ecg(sample.replace(array=sample.array * np.float32(1000)))
    assert figure.get_size_inches()[1] * 25.4 <= 210 + 300


def test_missing_leads_and_gaps() -> None:
    sample = simulate_ecg(["AFIB"], seed=1, electrodes_off=["V3"])
    assert texts(plot_ecg(sample)).count("not recorded") == 1
    gap = sample.array.copy()
    gap[:, 2000:2500] = np.nan
    strip = lines(plot_ecg(sample.replace(array=gap)), "II")[-1]
    assert np.isnan(np.asarray(strip.get_ydata())[2000:2500]).all()
    nothing = plot_ecg(sample.replace(array=np.full_like(sample.array, np.nan)))
    assert texts(nothing).count("not recorded") == 13


@pytest.mark.parametrize("layout", ["3x4", "12x1"])
def test_three_leads(layout: str) -> None:
    sample = simulate_ecg([], seed=1)
    three = sample.replace(array=sample.array[[1, 0, 6]], channel_names=("II", "I", "V1"))
    shown = texts(plot_ecg(three, layout=layout))
    assert shown.count("not recorded") == 5
    assert any("computed from I and II: III, aVR, aVL, aVF" in text for text in shown)
    computed = np.asarray(lines(plot_ecg(three, layout="12x1"), "III")[0].get_ydata())
    recorded = np.asarray(lines(plot_ecg(sample, layout="12x1"), "III")[0].get_ydata())
    np.testing.assert_allclose(computed, recorded, atol=1e-4)


def test_leads_without_a_place_are_mentioned_or_drawn() -> None:
    array = simulate_ecg([], seed=1).array[:3]
    other = simulate_ecg([], seed=1).replace(array=array, channel_names=("II", "X", "MLII"))
    assert any("not drawn in 3x4: X, MLII" in text for text in texts(plot_ecg(other)))
    assert lines(plot_ecg(other, layout="12x1"), "MLII")
    frank = simulate_ecg([], seed=1).replace(array=array, channel_names=("X", "Y", "Z"))
    assert len(lines(plot_ecg(frank, layout="12x1"), "Y")) == 1
    assert lines(plot_ecg(frank), "X")


@pytest.mark.parametrize(
    ("rate_hz", "duration_s"), [(100, 2), (257, 7.3), (1000, 10), (500, 15), (400, 7.335), (250, 40)]
)
@pytest.mark.parametrize("layout", ["3x4", "12x1"])
def test_other_rates_and_durations(rate_hz: float, duration_s: float, layout: str) -> None:
    sample = simulate_ecg(["SR"], seed=1, sampling_rate_hz=rate_hz, duration_s=duration_s)
    figure = plot_ecg(sample, layout=layout)
    trace = millimetres(figure, lines(figure, "II")[-1])
    assert np.ptp(trace[:, 0]) == pytest.approx(25 * min(duration_s, 15), abs=25 * 1.5 / rate_hz)
    assert trace[:, 0].max() < figure.get_size_inches()[0] * 25.4 - 5
    assert ("first 15 s of 40 s" in " ".join(texts(figure))) == (duration_s == 40)


def test_findings_and_title_fit_on_the_sheet_and_the_patient_is_not_named() -> None:
    sample = simulate_ecg(["CLBBB"], seed=77).replace(
        patient_id="SECRET-PATIENT", record_id="SECRET-RECORD", source="SECRET-FILE", report="SECRET-REPORT"
    )
    findings = [
        (f"finding number {number} with a rather long description of what was seen in it", 0.5) for number in range(8)
    ]
    figure = plot_ecg(sample, findings=findings, title="A headline " * 20)
    np.testing.assert_allclose(figure.get_size_inches() * 25.4, [297, 210])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    assert "SECRET" not in " ".join(texts(figure))
    assert b"SECRET" not in buffer.getvalue()
    renderer = FigureCanvasAgg(figure).get_renderer()
    page = figure.bbox
    boxes = [item.get_window_extent(renderer) for item in figure.findobj(Text) if item.get_text()]
    assert all(box.x0 >= 0 and box.x1 <= page.x1 and box.y0 >= 0 and box.y1 <= page.y1 for box in boxes)
    assert any("Research use only" in text for text in texts(figure))
    named = [item for item in figure.findobj(Text) if item.get_text().startswith(("finding", "A headline"))]
    spans = [item.get_window_extent(renderer) for item in named]
    assert not any(one.overlaps(two) for index, one in enumerate(spans) for two in spans[:index])


@pytest.mark.parametrize("code", CODES)
def test_every_finding_can_be_drawn(code: str) -> None:
    buffer = io.BytesIO()
    plot_ecg(simulate_ecg([code], seed=1), dpi=50).savefig(buffer, format="png")
    assert buffer.getvalue()[:4] == b"\x89PNG"


def test_it_is_reached_through_the_sample_and_needs_no_display() -> None:
    program = (
        "from medclip.modalities.ecg.simulate import simulate_ecg; import sys;"
        "figure = simulate_ecg([], seed=0).plot(layout='12x1');"
        "print(type(figure).__name__, 'matplotlib.pyplot' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["Figure", "False"]


@pytest.mark.parametrize(
    "options",
    [{"layout": "6x2"}, {"paper_speed_mm_s": 0}, {"gain_mm_mv": -10}, {"dpi": 5}, {"paper_speed_mm_s": float("nan")}],
)
def test_bad_options(options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        plot_ecg(simulate_ecg([], seed=0), **options)  # type: ignore[arg-type]


def test_not_a_waveform() -> None:
    with pytest.raises(InputError):
        plot_ecg(Sample("ecg", np.zeros((4, 4), np.float32), "r"))
