"""An ECG on millimetre paper, as it comes out of a recorder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.errors import InputError
from medclip.core.sample import Sample
from medclip.modalities.ecg.leads import DERIVED_LEADS, STANDARD_LEADS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_ecg"]

_MM_PER_INCH = 25.4
_A4_MM = (297.0, 210.0)
_LEFT_MM = 25.0  # to the start of the traces; the calibration pulse stands before it
_RIGHT_MM = 15.0
_FOOTER_MM = 10.0
_HEADER_MM = 25.0
_HEADER_LINE_MM = 4.6
_ROW_MM = {"3x4": (30.0, 40.0), "12x1": (20.0, 40.0)}  # least and greatest
_LONGEST_S = 15.0
_LONGEST_WAVE_MM = 150.0
_PULSE_S = 0.2  # calibration: 1 mV for 200 ms (AHA/ACC/HRS recommendations part I, Circulation 115:1306, 2007)
_MINOR, _MAJOR, _INK, _GREY = "#f9d3d3", "#f0a3a3", "#101010", "#707070"
_COLUMNS = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6"))


@dataclass(frozen=True)
class _Panel:
    """One lead on the sheet: which part of it, in which row."""

    lead: str
    row: int
    start_s: float
    stop_s: float


@dataclass(frozen=True, eq=False)
class _Sheet:
    """Geometry in millimetres from the lower left corner, and what stands on it."""

    panels: tuple[_Panel, ...]
    height_mm: float
    n_rows: int
    row_mm: float
    header_mm: float
    footer_mm: float
    speed_mm_s: float
    gain_mm_mv: float
    duration_s: float

    @property
    def width_mm(self) -> float:
        return max(_A4_MM[0], _LEFT_MM + self.duration_s * self.speed_mm_s + _RIGHT_MM)

    @property
    def grid_top_mm(self) -> float:
        return self.height_mm - self.header_mm

    def baseline_mm(self, row: int) -> float:
        """Height of the zero line of a row, on a line of the 5 mm grid."""
        free_mm = self.grid_top_mm - self.footer_mm - self.n_rows * self.row_mm
        centre_mm = self.grid_top_mm - free_mm / 2 - (row + 0.5) * self.row_mm
        return self.footer_mm + 5.0 * round((centre_mm - self.footer_mm) / 5.0)

    def at_mm(self, time_s: float) -> float:
        return _LEFT_MM + time_s * self.speed_mm_s


def plot_ecg(
    sample: Sample,
    *,
    layout: str = "3x4",
    rhythm_lead: str = "II",
    paper_speed_mm_s: float = 25.0,
    gain_mm_mv: float = 10.0,
    findings: Sequence[tuple[str, float]] | None = None,
    title: str | None = None,
    dpi: float = 150.0,
) -> Figure:
    """Draw an ECG on standard paper; printed without scaling, a millimetre on it is a millimetre.

    Leads that are absent are computed from I and II if they follow from them, and labelled "not recorded" otherwise.
    Missing samples leave a gap. Tall waves run over into the next row and are never cut. The patient is not named.

    Args:
        sample: Leads in millivolts; the first 15 s are drawn.
        layout: ``3x4`` (four columns that follow each other in time, above a rhythm strip) or ``12x1``.
        rhythm_lead: Lead of the rhythm strip of ``3x4``; the first recorded one if it is absent.
        paper_speed_mm_s: 5 to 50; 25 or 50 on paper.
        gain_mm_mv: 2.5 to 40; 5, 10 or 20 on paper.
        findings: Lines of text with a score each, for the upper right corner.
        title: Headline, in place of "12-lead ECG"; it must not name the patient.
        dpi: Dots per inch when saved, 50 to 1200.

    Raises:
        InputError: An option is out of range or the sample is not a waveform.

    >>> from medclip.modalities.ecg.simulate import simulate_ecg
    >>> plot_ecg(simulate_ecg(["CLBBB"], seed=1)).get_size_inches().round(2).tolist()
    [11.69, 8.27]
    """
    from matplotlib.figure import Figure

    _check(sample, layout, paper_speed_mm_s, gain_mm_mv, dpi)
    leads = _leads_to_draw(sample)
    sheet = _lay_out(sample, leads, layout, rhythm_lead, paper_speed_mm_s, gain_mm_mv, n_findings=len(findings or ()))
    figure = Figure((sheet.width_mm / _MM_PER_INCH, sheet.height_mm / _MM_PER_INCH), dpi=dpi, facecolor="white")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0.0, sheet.width_mm), ylim=(0.0, sheet.height_mm))
    axes.set_axis_off()
    _draw_grid(axes, sheet)
    _draw_calibration(axes, sheet)
    for panel in sheet.panels:
        _draw_panel(axes, sheet, panel, sample, leads)
    _write_header(axes, sheet, sample, layout, findings or (), title)
    _write_footer(axes, sheet)
    return figure


def _check(sample: Sample, layout: str, speed_mm_s: float, gain_mm_mv: float, dpi: float) -> None:
    if sample.channel_names is None or sample.sampling_rate_hz is None or not sample.array.shape[-1]:
        raise InputError("there is no waveform to draw", received=f"array of shape {sample.array.shape}")
    if layout not in _ROW_MM:
        raise InputError("unknown layout", received=layout, allowed=sorted(_ROW_MM))
    for name, value, low, high in (
        ("paper_speed_mm_s", speed_mm_s, 5.0, 50.0),
        ("gain_mm_mv", gain_mm_mv, 2.5, 40.0),
        ("dpi", dpi, 50.0, 1200.0),
    ):
        if not low <= value <= high:
            raise InputError(f"{name} is out of range", received=value, allowed=f"{low:g} to {high:g}")


def _leads_to_draw(sample: Sample) -> dict[str, np.ndarray]:
    """The recorded leads, and the standard ones that follow from them."""
    leads = dict(zip(sample.channel_names or (), sample.array, strict=True))
    for name, recipe in DERIVED_LEADS.items():
        if name not in leads and all(part in leads for part in recipe):
            leads[name] = sum((weight * leads[part] for part, weight in recipe.items()), np.zeros(1, np.float32))
    return leads


def _lay_out(
    sample: Sample,
    leads: dict[str, np.ndarray],
    layout: str,
    rhythm_lead: str,
    speed_mm_s: float,
    gain_mm_mv: float,
    *,
    n_findings: int,
) -> _Sheet:
    duration_s = min(float(sample.duration_s or 0.0), _LONGEST_S)
    panels = _columns(leads, rhythm_lead, duration_s) if layout == "3x4" else _rows(leads, duration_s)
    header_mm = max(_HEADER_MM, 6.0 + 5.0 * np.ceil(n_findings * _HEADER_LINE_MM / 5.0))
    n_rows = 1 + max(panel.row for panel in panels)
    # Rows move together for a long list of findings, so that the sheet stays A4.
    free_mm = (_A4_MM[1] - _FOOTER_MM - float(header_mm)) / n_rows
    row_mm = min(_ROW_MM[layout][1], max(_ROW_MM[layout][0], free_mm)) * max(1.0, gain_mm_mv / 10.0)
    sheet = _Sheet(
        panels=panels,
        height_mm=max(_A4_MM[1], float(header_mm) + n_rows * row_mm + _FOOTER_MM),
        n_rows=n_rows,
        row_mm=row_mm,
        header_mm=float(header_mm),
        footer_mm=_FOOTER_MM,
        speed_mm_s=speed_mm_s,
        gain_mm_mv=gain_mm_mv,
        duration_s=duration_s,
    )
    return _with_room(sheet, leads)


def _with_room(sheet: _Sheet, leads: dict[str, np.ndarray]) -> _Sheet:
    """Lengthen the sheet where a wave would leave it; not without end, for values that are no millivolts."""
    above_mm, below_mm = 0.0, 0.0
    for panel in sheet.panels:
        known_mm = sheet.gain_mm_mv * leads.get(panel.lead, np.zeros(1))
        known_mm = known_mm[np.isfinite(known_mm)]
        above_mm = max(above_mm, sheet.baseline_mm(panel.row) + known_mm.max(initial=0.0) - sheet.height_mm)
        below_mm = max(below_mm, -sheet.baseline_mm(panel.row) - known_mm.min(initial=0.0))
    above_mm, below_mm = (min(_LONGEST_WAVE_MM, 5.0 * float(np.ceil(room / 5.0))) for room in (above_mm, below_mm))
    return replace(
        sheet,
        height_mm=sheet.height_mm + above_mm + below_mm,
        header_mm=sheet.header_mm + above_mm,
        footer_mm=sheet.footer_mm + below_mm,
    )


def _columns(leads: dict[str, np.ndarray], rhythm_lead: str, duration_s: float) -> tuple[_Panel, ...]:
    width_s = duration_s / len(_COLUMNS)
    panels = [
        _Panel(lead, row, column * width_s, (column + 1) * width_s)
        for column, names in enumerate(_COLUMNS)
        for row, lead in enumerate(names)
    ]
    strip_lead = rhythm_lead if rhythm_lead in leads else next(iter(leads))
    return (*panels, _Panel(strip_lead, 3, 0.0, duration_s))


def _rows(leads: dict[str, np.ndarray], duration_s: float) -> tuple[_Panel, ...]:
    others = tuple(name for name in leads if name not in STANDARD_LEADS)
    is_standard = any(name in leads for name in STANDARD_LEADS)
    names = (*STANDARD_LEADS, *others) if is_standard else others
    return tuple(_Panel(name, row, 0.0, duration_s) for row, name in enumerate(names))


def _draw_grid(axes: Axes, sheet: _Sheet) -> None:
    from matplotlib.collections import LineCollection

    left, right, bottom = 5.0, 5.0 * np.floor((sheet.width_mm - 5.0) / 5.0), sheet.footer_mm
    top = bottom + 5.0 * np.floor((sheet.grid_top_mm - bottom) / 5.0)
    for step_mm, colour, width in ((1.0, _MINOR, 0.35), (5.0, _MAJOR, 0.55)):
        vertical = [((x, bottom), (x, top)) for x in np.arange(left, right + 0.5, step_mm)]
        horizontal = [((left, y), (right, y)) for y in np.arange(bottom, top + 0.5, step_mm)]
        axes.add_collection(LineCollection(vertical + horizontal, colors=colour, linewidths=width, zorder=step_mm))


def _draw_calibration(axes: Axes, sheet: _Sheet) -> None:
    width_mm, height_mm = _PULSE_S * sheet.speed_mm_s, sheet.gain_mm_mv
    start_mm = _LEFT_MM - 5.0 - width_mm
    x = np.array([-2.0, 0.0, 0.0, width_mm, width_mm, width_mm + 2.0]) + start_mm
    y = np.array([0.0, 0.0, height_mm, height_mm, 0.0, 0.0])
    for row in range(sheet.n_rows):
        axes.plot(x, y + sheet.baseline_mm(row), color=_INK, linewidth=0.8, zorder=11, gid=f"calibration {row}")


def _draw_panel(axes: Axes, sheet: _Sheet, panel: _Panel, sample: Sample, leads: dict[str, np.ndarray]) -> None:
    baseline_mm, start_mm = sheet.baseline_mm(panel.row), sheet.at_mm(panel.start_s)
    name_mm = baseline_mm + min(0.34 * sheet.row_mm, 12.0)
    axes.text(start_mm + 1.5, name_mm, panel.lead, fontsize=9, fontweight="bold", color=_INK, zorder=12)
    if panel.start_s > 0:
        axes.plot([start_mm] * 2, [baseline_mm - 4, baseline_mm + 4], color=_INK, linewidth=0.8, zorder=11)
    if panel.lead not in leads or not np.isfinite(leads[panel.lead]).any():
        middle_mm = sheet.at_mm((panel.start_s + panel.stop_s) / 2)
        axes.text(middle_mm, baseline_mm + 1.0, "not recorded", fontsize=8, color=_GREY, ha="center", zorder=12)
        return
    rate_hz = float(sample.sampling_rate_hz or 0.0)
    first, last = round(panel.start_s * rate_hz), round(panel.stop_s * rate_hz)
    values_mv = leads[panel.lead][first : last + 1].astype(np.float64)
    x_mm = _LEFT_MM + (first + np.arange(len(values_mv))) / rate_hz * sheet.speed_mm_s
    y_mm = baseline_mm + values_mv * sheet.gain_mm_mv
    axes.plot(x_mm, y_mm, color=_INK, linewidth=0.85, solid_joinstyle="round", zorder=10, clip_on=False, gid=panel.lead)


def _write_header(
    axes: Axes,
    sheet: _Sheet,
    sample: Sample,
    layout: str,
    findings: Sequence[tuple[str, float]],
    title: str | None,
) -> None:
    top_mm, total_s = sheet.height_mm - 5.0, float(sample.duration_s or 0.0)
    headline = title or f"{len(sample.channel_names or ())}-lead ECG"
    drawn = f"{total_s:.3g} s" if total_s <= sheet.duration_s + 0.05 else f"first {_LONGEST_S:g} s of {total_s:.3g} s"
    lines = [
        f"{sheet.speed_mm_s:g} mm/s    {sheet.gain_mm_mv:g} mm/mV    filter: none",
        f"recorded at {sample.sampling_rate_hz:g} Hz    {drawn}",
    ]
    lines += _remarks(sheet, sample, layout)
    axes.text(10.0, top_mm, _shorten(headline, 60), fontsize=12, fontweight="bold", color=_INK, va="top", zorder=13)
    for number, line in enumerate(lines):
        axes.text(10.0, top_mm - 6.5 - number * _HEADER_LINE_MM, line, fontsize=8.5, color=_INK, va="top", zorder=13)
    for number, (text, score) in enumerate(findings):
        height_mm = top_mm - number * _HEADER_LINE_MM
        axes.text(0.55 * sheet.width_mm, height_mm, _shorten(text, 60), fontsize=8.5, color=_INK, va="top", zorder=13)
        axes.text(
            sheet.width_mm - 10.0, height_mm, f"{score:.2f}", fontsize=8.5, color=_INK, va="top", ha="right", zorder=13
        )


def _remarks(sheet: _Sheet, sample: Sample, layout: str) -> list[str]:
    """Say which leads were computed and which are not on the sheet."""
    recorded, shown = sample.channel_names or (), {panel.lead for panel in sheet.panels}
    computed = [name for name in DERIVED_LEADS if name not in recorded and {"I", "II"} <= set(recorded)]
    hidden = [name for name in recorded if name not in shown]
    remarks = [f"computed from I and II: {', '.join(computed)}"] if computed else []
    return [*remarks, f"recorded but not drawn in {layout}: {', '.join(hidden)}"] if hidden else remarks


def _write_footer(axes: Axes, sheet: _Sheet) -> None:
    axes.text(10.0, 4.0, "Research use only. Not for diagnosis.", fontsize=8, color=_INK, zorder=13)
    scale = f"{sheet.speed_mm_s:g} mm/s   {sheet.gain_mm_mv:g} mm/mV"
    axes.text(sheet.width_mm - 10.0, 4.0, scale, fontsize=8, color=_INK, ha="right", zorder=13)


def _shorten(text: str, n_characters: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= n_characters else line[: n_characters - 3] + "..."
