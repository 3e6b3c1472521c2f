"""A chest radiograph with its findings beside it, as on a monitor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.errors import InputError
from medclip.core.sample import Sample
from medclip.modalities.imaging.heat_scale import draw_heat_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_radiograph"]

_A4_INCH = (11.69, 8.27)
_PICTURE = (0.03, 0.08, 0.62, 0.84)  # left, bottom, width and height on the sheet
_TEXT_LEFT, _TEXT_RIGHT = 0.68, 0.97
_INK, _PAPER, _REGION, _HEAT = "#e8e8e8", "#000000", "#40e0ff", "inferno"
_MOST_OPAQUE = 0.55
_SCALE = (0.68, 0.806, 0.29, 0.014)
_MOST_FINDINGS = 22
_SCALES_MM = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_LONGEST_SCALE = 0.35  # of the picture's width
_LARGEST_PX = 2048  # a sheet of A4 at 150 dots per inch shows less
_RESEARCH = "Research use only. Not for diagnosis."
_SIDES = "By convention the patient's right is on the left; no reader can check it."
_VIEWS = {"frontal": "frontal", "lateral": "lateral", "unknown": "view not stated"}


def plot_radiograph(
    sample: Sample,
    *,
    findings: Sequence[tuple[str, float]] | None = None,
    heat: np.ndarray | None = None,
    title: str | None = None,
    dpi: float = 150.0,
) -> Figure:
    """Draw a radiograph with square pixels of the patient. Annotated regions are outlined. The patient is not named.

    Args:
        sample: ``(height, width)`` in [0, 1] with dark air.
        findings: Lines of text with a score each.
        heat: Map in the sample's pixels, laid over the picture from transparent (its minimum) to opaque (its maximum);
            NaN, where the model saw nothing, is not drawn.
        title: Headline, in place of "Chest radiograph"; it must not name the patient.
        dpi: Dots per inch when saved, 50 to 1200.

    Raises:
        InputError: An option is out of range or the sample is not a picture.

    >>> chest = Sample("cxr", np.zeros((400, 300), np.float32), "r1", spacing_mm=(1.0, 1.0))
    >>> plot_radiograph(chest).get_size_inches().tolist()
    [11.69, 8.27]
    """
    from matplotlib.figure import Figure

    _check(sample, heat, dpi)
    figure = Figure(_A4_INCH, dpi=dpi, facecolor=_PAPER)
    axes = figure.add_axes(_PICTURE)
    axes.set_axis_off()
    _draw_picture(axes, sample, heat)
    _draw_scale(axes, sample)
    if heat is not None:
        draw_heat_scale(figure, _SCALE, heat, colours=_HEAT, most_opaque=_MOST_OPAQUE, ink=_INK)
    _write(figure, sample, heat, findings or (), title)
    return figure


def _check(sample: Sample, heat: np.ndarray | None, dpi: float) -> None:
    shape = sample.array.shape
    if len(shape) != 2 or sample.sampling_rate_hz is not None or not sample.array.size:
        raise InputError("there is no radiograph to draw", received=f"array of shape {shape}")
    if heat is not None and (heat.shape != shape or not np.isfinite(heat).any()):
        raise InputError(
            "the map does not lie on the radiograph", received=heat.shape, allowed=f"finite values, {shape}"
        )
    if not 50.0 <= dpi <= 1200.0:
        raise InputError("dpi is out of range", received=dpi, allowed="50 to 1200")


def _draw_picture(axes: Axes, sample: Sample, heat: np.ndarray | None) -> None:
    row_mm, column_mm = sample.spacing_mm or (1.0, 1.0)
    rows, columns = sample.array.shape
    step = -(-max(rows, columns) // _LARGEST_PX)
    # Pixel centres lie on whole numbers, for arrays and maps alike.
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    axes.imshow(
        np.nan_to_num(sample.array[::step, ::step]),
        cmap="gray",
        vmin=0.0,
        vmax=1.0,
        extent=extent,
        aspect=row_mm / column_mm,
        gid="picture",
    )
    for code in sample.regions:
        if sample.regions[code].any():
            axes.contour(sample.regions[code], levels=[0.5], colors=_REGION, linewidths=0.9)
    if heat is not None:
        axes.imshow(_coloured(heat[::step, ::step]), extent=extent, aspect=row_mm / column_mm, gid="heat")


def _coloured(heat: np.ndarray) -> np.ndarray:
    """Colours with an opacity that grows with the value; what is not known is transparent."""
    from matplotlib import colormaps

    low, high = float(np.nanmin(heat)), float(np.nanmax(heat))
    scaled = np.clip((np.nan_to_num(heat, nan=low) - low) / max(high - low, 1e-12), 0.0, 1.0)
    colours = np.asarray(colormaps[_HEAT](scaled), np.float32)
    colours[..., 3] = np.where(np.isfinite(heat), _MOST_OPAQUE * scaled, 0.0)
    return colours


def _draw_scale(axes: Axes, sample: Sample) -> None:
    """A bar of a round length; none where the size of a pixel is unknown."""
    from matplotlib.patheffects import withStroke

    if sample.spacing_mm is None:
        return
    rows, columns = sample.array.shape
    fitting = [mm for mm in _SCALES_MM if mm <= _LONGEST_SCALE * columns * sample.spacing_mm[1]]
    if not fitting:
        return
    length_px, row = fitting[-1] / sample.spacing_mm[1], 0.97 * rows
    start = 0.03 * columns
    # Dark around it, because the picture below may be as bright as the bar.
    edge = [withStroke(linewidth=3.5, foreground=_PAPER)]
    ends, height = [start, start + length_px], [row, row]
    axes.plot(ends, height, color=_INK, linewidth=2.0, gid="scale", solid_capstyle="butt", path_effects=edge)
    label = f"{fitting[-1]} mm"
    axes.text(start, row - 0.012 * rows, label, color=_INK, fontsize=8, va="bottom", path_effects=edge)


def _write(
    figure: Figure,
    sample: Sample,
    heat: np.ndarray | None,
    findings: Sequence[tuple[str, float]],
    title: str | None,
) -> None:
    figure.text(_TEXT_LEFT, 0.93, _shorten(title or "Chest radiograph", 40), color=_INK, fontsize=13, weight="bold")
    for number, line in enumerate(_description(sample, heat)):
        figure.text(_TEXT_LEFT, 0.895 - 0.025 * number, line, color=_INK, fontsize=8.5)
    for number, (text, score) in enumerate(findings[:_MOST_FINDINGS]):
        height = 0.76 - 0.029 * number
        figure.text(_TEXT_LEFT, height, _shorten(text, 38), color=_INK, fontsize=9)
        figure.text(_TEXT_RIGHT, height, f"{score:.2f}", color=_INK, fontsize=9, ha="right")
    if len(findings) > _MOST_FINDINGS:
        more = f"and {len(findings) - _MOST_FINDINGS} more"
        figure.text(_TEXT_LEFT, 0.76 - 0.029 * _MOST_FINDINGS, more, color=_INK, fontsize=9)
    figure.text(_PICTURE[0], 0.03, _RESEARCH, color=_INK, fontsize=8)
    if sample.attributes.get("view") != "lateral":
        figure.text(_TEXT_RIGHT, 0.03, _SIDES, color=_INK, fontsize=8, ha="right")


def _description(sample: Sample, heat: np.ndarray | None) -> list[str]:
    view = _VIEWS.get(str(sample.attributes.get("view")), _VIEWS["unknown"])
    projection = sample.attributes.get("projection")
    rows, columns = sample.array.shape
    size = f"{rows} x {columns} pixels"
    if sample.spacing_mm:
        size += f" of {sample.spacing_mm[0]:.3g} x {sample.spacing_mm[1]:.3g} mm"
    else:
        size += ", spacing not stated"
    lines = [f"{view}, {projection}" if projection else view, size]
    if heat is not None:
        lines.append(f"map from {np.nanmin(heat):.2f} (clear) to {np.nanmax(heat):.2f} (yellow)")
    return lines


def _shorten(text: str, n_characters: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= n_characters else line[: n_characters - 3] + "..."
