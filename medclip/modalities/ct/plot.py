"""A chest CT in three planes, in lung and mediastinal windows, or as a montage of axial slices.

Everything is shown in the radiological convention: the patient's right is on the left of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.errors import InputError
from medclip.core.sample import Sample
from medclip.modalities.imaging.heat_scale import draw_heat_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["WINDOWS", "plot_ct"]

WINDOWS = {"lung": (-600.0, 1500.0), "mediastinum": (40.0, 400.0)}
"""Centre and width in Hounsfield units, as radiologists set them."""

_A4_INCH = (11.69, 8.27)
_LAYOUTS = ("planes", "montage")
_PLANES = ("axial", "coronal", "sagittal")
_MONTAGE = (3, 5)
_INK, _PAPER, _REGION, _HEAT = "#e8e8e8", "#000000", "#40e0ff", "inferno"
_MOST_OPAQUE = 0.65
_SCALE = (0.03, 0.912, 0.25, 0.009)
_MOST_FINDINGS = 12
_CONVENTION = "The patient's right is on the left of the picture."
_RESEARCH = "Research use only. Not for diagnosis."


def plot_ct(
    sample: Sample,
    *,
    layout: str = "planes",
    at: Sequence[int] | None = None,
    findings: Sequence[tuple[str, float]] | None = None,
    heat: np.ndarray | None = None,
    title: str | None = None,
    dpi: float = 150.0,
) -> Figure:
    """Draw a chest CT. Annotated regions are outlined. The patient is not named.

    Args:
        sample: Volume in Hounsfield units with canonical axes.
        layout: ``planes`` (axial, coronal and sagittal in two windows) or ``montage`` (axial slices, lung window).
        at: Indices along the three axes where the planes cross; the maximum of ``heat``, or the middle.
        findings: Lines of text with a score each.
        heat: Map in the sample's voxels, laid over the pictures from transparent (its minimum) to opaque (its maximum);
            NaN is not drawn.
        title: Headline, in place of "Chest CT"; it must not name the patient.
        dpi: Dots per inch when saved, 50 to 1200.

    Raises:
        InputError: An option is out of range or the sample is not a volume.
    """
    from matplotlib.figure import Figure

    _check(sample, layout, at, heat, dpi)
    drawing = _Drawing(sample, heat, _crossing(sample, at, heat))
    figure = Figure(_A4_INCH, dpi=dpi, facecolor=_PAPER)
    if layout == "planes":
        _draw_planes(figure, drawing)
    else:
        _draw_montage(figure, drawing)
    if heat is not None:
        draw_heat_scale(figure, _SCALE, heat, colours=_HEAT, most_opaque=_MOST_OPAQUE, ink=_INK)
    _write(figure, drawing, findings or (), title)
    return figure


def _check(sample: Sample, layout: str, at: Sequence[int] | None, heat: np.ndarray | None, dpi: float) -> None:
    shape = sample.array.shape
    if len(shape) != 3 or sample.spacing_mm is None:
        raise InputError("there is no volume to draw", received=f"array of shape {shape}")
    if layout not in _LAYOUTS:
        raise InputError("unknown layout", received=layout, allowed=_LAYOUTS)
    if heat is not None and (heat.shape != shape or not np.isfinite(heat).any()):
        raise InputError("the map does not lie on the volume", received=heat.shape, allowed=f"finite values, {shape}")
    if at is not None and (len(at) != 3 or not all(0 <= index < size for index, size in zip(at, shape, strict=True))):
        raise InputError("the planes cross outside the volume", received=at, allowed=f"three indices below {shape}")
    if not 50.0 <= dpi <= 1200.0:
        raise InputError("dpi is out of range", received=dpi, allowed="50 to 1200")


def _crossing(sample: Sample, at: Sequence[int] | None, heat: np.ndarray | None) -> tuple[int, int, int]:
    if at is not None:
        first, second, third = (int(index) for index in at)
    elif heat is not None:
        first, second, third = (int(index) for index in np.unravel_index(np.nanargmax(heat), heat.shape))
    else:
        first, second, third = (size // 2 for size in sample.array.shape)
    return first, second, third


@dataclass(frozen=True, eq=False)
class _Drawing:
    """A volume, what is laid over it, and where it is cut."""

    sample: Sample
    heat: np.ndarray | None
    at: tuple[int, int, int]

    @property
    def heat_range(self) -> tuple[float, float]:
        """Lowest and highest value of the map."""
        if self.heat is None:
            return 0.0, 1.0
        return float(np.nanmin(self.heat)), float(np.nanmax(self.heat))

    def plane(self, volume: np.ndarray, axis: int, index: int) -> np.ndarray:
        """One slice as it is shown: right on the left, front above or on the left, head above."""
        image = np.take(volume, index, axis)
        return np.asarray(image if axis == 0 else image[::-1])

    def size_mm(self, axis: int) -> tuple[float, float]:
        """Width and height of a slice."""
        sizes = np.multiply(self.sample.array.shape, self.sample.spacing_mm or ())
        height, width = np.delete(sizes, axis)
        return float(width), float(height)

    def draw(self, axes: Axes, axis: int, index: int, window: str) -> None:
        """Draw one slice with what is laid over it."""
        width_mm, height_mm = self.size_mm(axis)
        # Row 0 above.
        shared: dict[str, Any] = {"extent": (0.0, width_mm, height_mm, 0.0), "aspect": "equal"}
        centre, width = WINDOWS[window]
        image = self.plane(self.sample.array, axis, index)
        axes.imshow(image, cmap="gray", vmin=centre - width / 2, vmax=centre + width / 2, **shared)
        if self.heat is not None:
            self._draw_heat(axes, self.plane(self.heat, axis, index), shared)
        for region in self.sample.regions.values():
            mask = self.plane(region, axis, index)
            if mask.any():
                rows = (np.arange(mask.shape[0]) + 0.5) * height_mm / mask.shape[0]
                columns = (np.arange(mask.shape[1]) + 0.5) * width_mm / mask.shape[1]
                # A region of the width of a whole slice has no outline inside it.
                axes.contour(columns, rows, mask.astype(float), levels=[0.5], colors=_REGION, linewidths=0.8)
        axes.set_axis_off()

    def _draw_heat(self, axes: Axes, heat: np.ndarray, shared: dict[str, Any]) -> None:
        low, high = self.heat_range
        share = (np.nan_to_num(heat, nan=low) - low) / max(high - low, 1e-12)
        axes.imshow(heat, cmap=_HEAT, vmin=low, vmax=high, alpha=_MOST_OPAQUE * share, **shared)


def _draw_planes(figure: Figure, drawing: _Drawing) -> None:
    ends = {"axial": ("R", "L"), "coronal": ("R", "L"), "sagittal": ("front", "back")}
    for row, window in enumerate(WINDOWS):
        for axis, plane in enumerate(_PLANES):
            axes = figure.add_axes((0.03 + 0.32 * axis, 0.475 - 0.42 * row, 0.30, 0.385), gid=f"{plane} {window}")
            drawing.draw(axes, axis, drawing.at[axis], window)
            caption = f"{plane}, {window} window"
            axes.set_title(caption, fontsize=8, color=_INK, pad=2)
            for x, side in zip((0.02, 0.98), ends[plane], strict=True):
                align = "left" if x < 0.5 else "right"
                axes.text(x, 0.5, side, color=_INK, fontsize=8, ha=align, transform=axes.transAxes)


def _draw_montage(figure: Figure, drawing: _Drawing) -> None:
    """Axial slices at even distances from head to foot, as they are hung in a reading room."""
    n_rows, n_columns = _MONTAGE
    n_slices = drawing.sample.array.shape[0]
    n_shown = min(n_slices, n_rows * n_columns)
    indices = np.linspace(n_slices - 1, 0, n_shown).round().astype(int)
    for place, index in enumerate(indices):
        row, column = divmod(place, n_columns)
        left, bottom = 0.02 + 0.194 * column, 0.62 - 0.28 * row
        axes = figure.add_axes((left, bottom, 0.185, 0.26), gid=f"slice {index}")
        drawing.draw(axes, 0, int(index), "lung")
        axes.set_title(f"slice {index + 1} of {n_slices} from the feet", fontsize=6, color=_INK, pad=1)


def _write(figure: Figure, drawing: _Drawing, findings: Sequence[tuple[str, float]], title: str | None) -> None:
    spacing = " x ".join(f"{step:.3g}" for step in drawing.sample.spacing_mm or ())
    shape = " x ".join(map(str, drawing.sample.array.shape))
    windows = ", ".join(f"{name} {centre:g}/{width:g} HU" for name, (centre, width) in WINDOWS.items())
    figure.text(0.03, 0.968, _shorten(title or "Chest CT", 60), color=_INK, fontsize=12, fontweight="bold")
    lines = [f"{shape} voxels of {spacing} mm"]
    if drawing.heat is not None:
        low, high = drawing.heat_range
        lines.append(f"map from {low:.3g} (transparent) to {high:.3g}, highest at slice {drawing.at[0] + 1}")
    for number, line in enumerate(lines):
        figure.text(0.03, 0.949 - 0.020 * number, line, color=_INK, fontsize=8)
    for number, (text, score) in enumerate(findings[:_MOST_FINDINGS]):
        column, row = divmod(number, 4)
        x, y = 0.40 + 0.20 * column, 0.975 - 0.021 * row
        figure.text(x, y, _shorten(text, 26), color=_INK, fontsize=7)
        figure.text(x + 0.185, y, f"{score:.2f}", color=_INK, fontsize=7, ha="right")
    if len(findings) > _MOST_FINDINGS:
        figure.text(0.985, 0.90, f"and {len(findings) - _MOST_FINDINGS} more", color=_INK, fontsize=7, ha="right")
    figure.text(0.03, 0.015, _RESEARCH, color=_INK, fontsize=8)
    figure.text(0.5, 0.015, f"windows (centre/width): {windows}", color=_INK, fontsize=8, ha="center")
    figure.text(0.97, 0.015, _CONVENTION, color=_INK, fontsize=8, ha="right")


def _shorten(text: str, n_characters: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= n_characters else line[: n_characters - 3] + "..."
