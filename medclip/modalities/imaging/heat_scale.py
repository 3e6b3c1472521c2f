"""The scale beside a map: its colours from the lowest to the highest value, with a mark where it is 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_heat_scale"]

_N_COLOURS = 256
_FONT_SIZE = 6.5
_CLOSE = 0.12  # of the scale: two numbers so close lie over each other


def draw_heat_scale(
    figure: Figure,
    place: tuple[float, float, float, float],
    heat: np.ndarray,
    *,
    colours: str,
    most_opaque: float,
    ink: str,
) -> None:
    """Draw the scale of a map; of a map of one value there is none.

    Args:
        figure: The sheet, dark.
        place: Left, bottom, width and height on it; numbers stand below.
        heat: The map; NaN is not known.
        colours: Name of matplotlib's colour map.
        most_opaque: Opacity of the highest value, in (0, 1]; the lowest is transparent.
        ink: Colour of lines and numbers.
    """
    from matplotlib import colormaps

    low, high = float(np.nanmin(heat)), float(np.nanmax(heat))
    if not low < high:
        return
    shares = np.linspace(0.0, 1.0, _N_COLOURS)
    picture = np.asarray(colormaps[colours](shares))
    picture[:, 3] = most_opaque * shares
    axes = figure.add_axes(place, gid="heat scale", facecolor="none")
    axes.imshow(picture[None], extent=(low, high, 0.0, 1.0), aspect="auto")
    marks = {low: f"{low:.3g}", high: f"{high:.3g}"}
    if low <= 0.0 <= high:
        # The limit between what speaks for a finding and what speaks against it outranks the ends.
        marks = {end: number if abs(end) > _CLOSE * (high - low) else "" for end, number in marks.items()} | {0.0: "0"}
        axes.axvline(0.0, color=ink, linewidth=1.0, gid="zero")
    axes.set_xticks(list(marks), list(marks.values()), color=ink, fontsize=_FONT_SIZE)
    axes.set_yticks([])
    axes.tick_params(color=ink, length=2.0, pad=1.0)
    for line in axes.spines.values():
        line.set(color=ink, linewidth=0.5)
